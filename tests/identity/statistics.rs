//! What the planner knows of the tables: nothing that tells a tenant of the others' rows.

use crate::identity::harness::closed;
use postgres::Client;
use wo_cluster_tests::Cluster;
use wo_rules::schema::{Column, TABLES, Table, Tenancy, Type};

/// A value of that type in SQL: `n` distinguishes them. NULL where no operator of the type is leakproof, so that
/// the planner does not use statistics for a reader under row security.
fn value(column: &Column, n: &str) -> Option<String> {
    let value = match column.data_type.base() {
        Type::Text if closed(column).is_some() => {
            let values = closed(column).unwrap_or_default();
            format!("(array['{}'])[1 + ({n})::integer % {}]", values.join("', '"), values.len())
        }
        Type::Text => format!("'value-' || {n}"),
        Type::Uuid => format!("('00000000-0000-7000-8000-' || lpad(({n})::text, 12, '0'))::uuid"),
        Type::TimestampTz => {
            format!("date_trunc('month', now()) + interval '1 day' + ({n}) * interval '1 second'")
        }
        Type::Date => format!("date '2030-01-01' + ({n})::integer"),
        Type::Bigint | Type::Integer | Type::Smallint => format!("1000 + ({n})"),
        Type::Bytea => format!("sha256((({n})::text)::bytea)"),
        _ => return None,
    };
    Some(format!("({value})::{}", column.data_type.name()))
}

/// What stands in a row beside the columns that [`value`] gives.
fn filler(column: &Column) -> &'static str {
    match column.data_type.base() {
        Type::Boolean => "false",
        Type::Json | Type::Jsonb => "'{}'",
        Type::TextArray | Type::DateArray => "'{}'",
        Type::Numeric => "1",
        Type::Interval => "interval '1 hour'",
        _ => "null",
    }
}

fn readable() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().filter(|table| {
        table.tenancy == Tenancy::Tenant && table.select.iter().any(|role| role.name() == "wo_user")
    })
}

fn explained(
    client: &mut Client,
    table: &str,
    column: &str,
    operator: &str,
    value: &str,
) -> String {
    let value: String = client.query_one(&format!("select ({value})::text"), &[]).unwrap().get(0);
    let sql = format!("explain select * from wo.{table} where \"{column}\" {operator} '{value}'");
    let lines = client.query(&sql, &[]).unwrap();
    let lines: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
    lines.join("\n").replace(&value, "…")
}

/// Planner statistics are of whole tables, and every role may EXPLAIN: with the most common values of a column a
/// tenant would read from an estimate how many rows another tenant has of a project, a person, a title.
#[test]
fn an_estimate_is_the_same_for_a_value_that_another_tenant_has_a_thousand_times() {
    let database = Cluster::shared().database();
    database.login("curious", &["wo_user"]);
    let mut root = database.superuser();
    root.batch_execute(
        "do $$
        declare
            one record;
        begin
            for one in
                select format('alter table %s drop constraint if exists %I cascade', conrelid::regclass, conname) as sql
                from pg_constraint
                where connamespace = 'wo'::regnamespace and conrelid <> 0 and coninhcount = 0 and contype in ('c', 'f', 'p', 'u')
                order by contype = 'p'
            loop
                execute one.sql;
            end loop;
            for one in
                select format('drop index if exists %s', indexrelid::regclass) as sql from pg_index
                join pg_class on pg_class.oid = indexrelid
                where relnamespace = 'wo'::regnamespace and indisunique and not relispartition
            loop
                execute one.sql;
            end loop;
        end $$",
    )
    .unwrap();
    for table in readable() {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let of = |n: &str| {
            let values: Vec<String> = table
                .columns
                .iter()
                .map(|column| value(column, n).unwrap_or_else(|| filler(column).to_owned()))
                .collect();
            values.join(", ")
        };
        root.batch_execute(&format!(
            "alter table wo.{0} disable trigger all;
             insert into wo.{0} ({1}) select {2} from generate_series(1, 1000);
             insert into wo.{0} ({1}) select {3} from generate_series(1, 1000) as made (n)",
            table.name,
            columns.join(", "),
            of("7"),
            of("made.n"),
        ))
        .unwrap_or_else(|error| panic!("{}: {error:?}", table.name));
    }
    // Without its triggers a table is refused.
    root.batch_execute("select wo_private.enforce(); analyze").unwrap();
    let mut client = database.connect("curious");
    let (mut asked, mut differing) = (0, Vec::new());
    for table in readable() {
        for column in table.columns {
            let (Some(there), Some(absent)) = (value(column, "7"), value(column, "5000")) else {
                continue;
            };
            for operator in ["=", "<", ">="] {
                let mut estimate =
                    |value: &str| explained(&mut client, table.name, column.name, operator, value);
                asked += 1;
                let (there, absent) = (estimate(&there), estimate(&absent));
                if there != absent {
                    let name = format!("{}.{} {operator}", table.name, column.name);
                    differing.push(format!("{name}\n{there}\n{absent}"));
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
    assert!(differing.is_empty(), "{} of {asked}: {}", differing.len(), differing.join("\n"));
}

/// Partitions have statistics of their own, by which the planner estimates a query of their parent. A partition that
/// is made later must be like those that were there.
#[test]
fn no_values_are_collected_of_a_partition_that_is_made_later() {
    let database = Cluster::shared().partitioned_database();
    let mut root = database.superuser();
    root.batch_execute("select wo.make_partitions(14); analyze").unwrap();
    let mut seen = 0;
    for row in root
        .query(
            "select held.relname::text, coalesce(parent.relname, held.relname)::text, attname::text,
                coalesce(attstattarget, -1) = 0, coalesce(stakind1, 0) = 0, coalesce(stadistinct <> 0, false)
             from pg_class as held
             left join pg_inherits on inhrelid = held.oid
             left join pg_class as parent on parent.oid = inhparent
             join pg_attribute on attrelid = held.oid and attnum > 0 and not attisdropped
             left join pg_statistic on starelid = held.oid and staattnum = attnum and stainherit = (held.relkind = 'p')
             where held.relnamespace = 'wo'::regnamespace and held.relkind in ('r', 'p')",
            &[],
        )
        .unwrap()
    {
        let [held, parent, column]: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        let table = wo_rules::schema::table(&parent).unwrap();
        let registered = table.column(&column).unwrap();
        if table.statistics(registered).is_some() {
            seen += 1;
            let found: (bool, bool, bool) = (row.get(3), row.get(4), row.get(5));
            assert_eq!(found, (true, true, true), "{held}.{column}");
        }
    }
    assert!(seen > 700, "{seen}");
}

/// What was collected before a column had the target 0 stays in the catalogue unless it is deleted, and a column
/// whose figures were lost (a restore, an upgrade of the server) takes the wrong index.
#[test]
fn enforce_deletes_what_was_collected_and_restores_the_figures() {
    let database = Cluster::shared().database();
    let mut root = database.superuser();
    let figures = |root: &mut Client| -> Vec<String> {
        let sql = "select concat_ws(' ', starelid::regclass, staattnum, stainherit, stanullfrac, stawidth, stadistinct, stakind1)
            from pg_statistic where starelid in ('wo.tenant'::regclass, 'wo.event'::regclass)
            and stakind1 = 0 order by 1";
        root.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let before = figures(&mut root);
    assert!(before.len() > 10, "{before:?}");
    root.batch_execute(
        "select wo.create_tenant('known-' || n, 'x') from generate_series(1, 30) as made (n);
         alter table wo.tenant alter column slug set statistics 100, alter column name set statistics 100;
         analyze wo.tenant;
         delete from pg_statistic where starelid = 'wo.event'::regclass",
    )
    .unwrap();
    let values = "select count(*) from pg_stats where schemaname = 'wo' and tablename = 'tenant' and attname in ('slug', 'name')
        and (most_common_vals is not null or histogram_bounds is not null)";
    assert_eq!(root.query_one(values, &[]).unwrap().get::<_, i64>(0), 2);
    root.batch_execute("select wo_private.enforce()").unwrap();
    assert_eq!(root.query_one(values, &[]).unwrap().get::<_, i64>(0), 0);
    assert_eq!(figures(&mut root), before);
}

/// A column, an expression index or extended statistics that an administrator adds have statistics with values again:
/// wo.health() names them, and what it says to run helps.
#[test]
fn health_names_what_an_administrator_added_with_statistics_of_its_own() {
    let database = Cluster::shared().database();
    let mut root = database.superuser();
    let health = |root: &mut Client| -> (String, String, String) {
        let sql = "select severity, detail, remedy from wo.health() where subject = 'statistics'";
        let row = root.query_one(sql, &[]).unwrap();
        (row.get(0), row.get(1), row.get(2))
    };
    assert_eq!(health(&mut root).0, "good");
    root.batch_execute(
        "alter table wo.work_order add column \"cost center\" text;
         create index by_lower_title on wo.work_order (lower(title));
         create statistics public.pair (mcv) on project, assignee from wo.work_order;
         alter table wo.event alter column type set statistics 10;
         analyze wo.work_order",
    )
    .unwrap();
    let (severity, detail, remedy) = health(&mut root);
    assert_eq!(severity, "warning");
    for name in
        ["wo.work_order.\"cost center\"", "wo.by_lower_title.lower", "public.pair", "wo.event.type"]
    {
        assert!(detail.contains(name), "{name}: {detail}");
    }
    root.batch_execute(&remedy.replace("Then, as a superuser: ", "")).unwrap();
    assert_eq!(
        health(&mut root),
        ("good".into(), "the planner knows no values of tenants".into(), String::new())
    );
}
