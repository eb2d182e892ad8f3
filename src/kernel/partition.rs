//! Partitions of the trail and the outbox: making them ahead, and the statistics of their parents.

use crate::pg::lock::{Lock, Purpose};
use crate::pg::run_as::as_owner;
use crate::pg::statement::{Mode, Statement, argument, statement};
use pgrx::prelude::*;
use wo_rules::schema::TABLES;

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
