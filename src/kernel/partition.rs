//! Partitions of the trail and the outbox: making them ahead, and the statistics of their parents.

use crate::pg::lock::{Lock, Purpose};
use crate::pg::run_as::{as_bootstrap_superuser, as_owner};
use crate::pg::statement::{Mode, Statement, argument, statement, text};
use pgrx::prelude::*;
use wo_rules::schema::{Column, TABLES, Table};

statement!(MAKE, "select wo.make_partitions()", []);
// The names of partitions are in the order of their months.
statement!(
    IS_MADE,
    "select pg_catalog.count(*) = 2 from (
        select pg_catalog.max(pg_catalog.right(partition.relname, 7)) as newest
        from pg_catalog.pg_inherits as link
        join pg_catalog.pg_class as partition on partition.oid = link.inhrelid
        where link.inhparent in (pg_catalog.to_regclass('wo.audit_entry'), pg_catalog.to_regclass('wo.event'))
        group by link.inhparent
     ) as made
     where made.newest >= pg_catalog.to_char(pg_catalog.now() at time zone 'UTC' + interval '12 months', 'YYYY_MM')",
    []
);

statement!(
    NOT_ANALYZED,
    "select parent.relname::pg_catalog.text
     from pg_catalog.pg_stat_all_tables as parent
     where parent.schemaname = 'wo' and parent.relname = any ($1)
        and (parent.last_analyze is null
            or parent.last_analyze < pg_catalog.clock_timestamp() - interval '1 day')
     order by parent.relname",
    [TEXTARRAYOID]
);

// The rows of pg_statistic without values of the registered tables' columns and of their partitions. Those with
// values, of ANALYZE before the column had the target 0, are deleted.
statement!(
    DELETE_VALUES,
    "delete from pg_catalog.pg_statistic as collected
     using pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) as fixed (relation text, attribute text),
        pg_catalog.pg_attribute as attribute
     where (attribute.attrelid = pg_catalog.to_regclass('wo.' || fixed.relation)
            or attribute.attrelid in (
                select partition.inhrelid from pg_catalog.pg_inherits as partition
                where partition.inhparent = pg_catalog.to_regclass('wo.' || fixed.relation)))
        and attribute.attname = fixed.attribute and attribute.attstattarget = 0
        and collected.starelid = attribute.attrelid and collected.staattnum = attribute.attnum
        and (collected.stakind1, collected.stakind2, collected.stakind3, collected.stakind4, collected.stakind5)
            is distinct from (0::int2, 0::int2, 0::int2, 0::int2, 0::int2)",
    [TEXTOID]
);
statement!(
    ADD_FIGURES,
    "insert into pg_catalog.pg_statistic (starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct,
        stakind1, stakind2, stakind3, stakind4, stakind5, staop1, staop2, staop3, staop4, staop5,
        stacoll1, stacoll2, stacoll3, stacoll4, stacoll5)
     select attribute.attrelid, attribute.attnum, held.relkind = 'p', fixed.null_fraction, fixed.width, fixed.distinct,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
     from pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)
        as fixed (relation text, attribute text, null_fraction float4, width int4, \"distinct\" float4)
     join pg_catalog.pg_class as held on held.oid = pg_catalog.to_regclass('wo.' || fixed.relation)
        or held.oid in (
            select partition.inhrelid from pg_catalog.pg_inherits as partition
            where partition.inhparent = pg_catalog.to_regclass('wo.' || fixed.relation))
     join pg_catalog.pg_attribute as attribute on attribute.attrelid = held.oid and attribute.attname = fixed.attribute
        and attribute.attstattarget = 0
     where not exists (
        select from pg_catalog.pg_statistic as known
        where known.starelid = attribute.attrelid and known.staattnum = attribute.attnum
            and known.stainherit = (held.relkind = 'p')
     )",
    [TEXTOID]
);

/// Gives the planner fixed figures of the columns that hold data of tenants, and deletes what `ANALYZE` collected of
/// them before: see [`wo_rules::schema`]. Only the owner of the tables may call it.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn fix_statistics() {
    let of_column = |table: &Table, column: &Column| {
        let fixed = table.statistics(column)?;
        Some(serde_json::json!({
            "relation": table.name,
            "attribute": column.name,
            "null_fraction": fixed.null_fraction,
            "width": fixed.width,
            "distinct": fixed.distinct,
        }))
    };
    let all: Vec<serde_json::Value> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().filter_map(|column| of_column(table, column)))
        .collect();
    let all = serde_json::Value::from(all).to_string();
    as_bootstrap_superuser(|| {
        for each in [&DELETE_VALUES, &ADD_FIGURES] {
            each.with(|statement| statement.run(Mode::Write, &[text(&all)], |_| ()));
        }
    });
}

/// Has the partitions made by one process at a time, until the transaction ends. Only the owner of the
/// tables may call it.
#[pg_extern(schema = "wo_private")]
fn lock_partitions() {
    Lock::new(Purpose::Partitions, &[]).until_end();
}

/// Makes the partitions of the next twelve months that are not there yet. Gives how many; where none is
/// missing, nothing but the catalogue is looked at.
pub fn make_ahead() -> i32 {
    let is_made =
        IS_MADE.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.required(0, 1)));
    if is_made {
        return 0;
    }
    MAKE.with(|statement| statement.run(Mode::Write, &[], |rows| rows.required(0, 1)))
}

/// Analyzes the partitioned tables that were not analyzed for a day, and gives how many they are. Autovacuum
/// analyzes partitions alone; without statistics of the whole table the planner guesses how many rows a
/// query of several months gives. A table that is locked is left for the next time.
pub fn analyze_parents() -> i32 {
    let partitioned = TABLES.iter().filter(|table| table.partitioned_by.is_some());
    let names: Vec<&str> = partitioned.map(|table| table.name).collect();
    let due: Vec<String> = NOT_ANALYZED.with(|statement| {
        statement.run(Mode::Latest, &[argument(names)], |rows| {
            (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
        })
    });
    for table in &due {
        let analyze = format!("analyze (skip_locked) wo.{table}");
        as_owner(|| Statement::new(analyze, &[]).run_unkept());
    }
    i32::try_from(due.len()).unwrap_or(i32::MAX)
}
