//! What a superuser changes past the enforcement layer is found by verification, in every table that the registry
//! calls audited. The tables are those of the registry, so that a new one is held to the same.

use postgres::Transaction;
use wo_rules::schema::{self, Column, Kind, Table, Type};

use crate::identity::harness::{World, closed};
use wo_cluster_tests::behind_the_back;

/// The columns whose values stand in an audit chain, key columns aside.
fn audited(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    let is_audited = |column: &&Column| match table.audited_columns {
        [] => true,
        some => some.contains(&column.name),
    };
    table.columns.iter().filter(|column| !table.key.contains(&column.name)).filter(is_audited)
}

/// Another value of the column's type.
fn another(column: &Column) -> String {
    let name = format!("\"{}\"", column.name);
    match column.data_type.base() {
        Type::Boolean => format!("{name} is not true"),
        Type::Smallint | Type::Integer | Type::Bigint | Type::Numeric => {
            format!("coalesce({name}, 0) + 1")
        }
        Type::Text => match closed(column) {
            Some(values) => {
                format!("case {name} when '{0}' then '{1}' else '{0}' end", values[0], values[1])
            }
            None => format!("coalesce({name}, '') || 'x'"),
        },
        Type::Uuid => "gen_random_uuid()".to_owned(),
        Type::Bytea if column.data_type.name() == "wo.sha256" => "sha256('another')".to_owned(),
        Type::Bytea => format!("coalesce({name}, '') || '\\x01'"),
        Type::Date => format!("coalesce({name}, '2026-01-01') + 1"),
        Type::Interval => format!("coalesce({name}, '0') + interval '1 second'"),
        Type::TimestampTz => format!("coalesce({name}, now()) + interval '1 second'"),
        Type::Json => "'{\"x\": 1}'".to_owned(),
        Type::Jsonb => "jsonb_build_object('x', gen_random_uuid())".to_owned(),
        Type::TextArray => format!("array_append({name}, 'x')"),
        Type::DateArray => format!("array_append({name}, '2026-12-24')"),
        Type::Domain(_) => unreachable!("the base type of a domain is none"),
    }
}

/// The broken chains of the tenant: which, and why.
fn broken(transaction: &mut Transaction<'_>) -> Vec<String> {
    let sql = "select concat_ws(' ', subject, subject_key, problem) from wo.verify_audit() where not intact";
    transaction.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// A CHECK of the table would refuse what a superuser may well do after having dropped it.
fn drop_checks(transaction: &mut Transaction<'_>, table: &str) {
    let sql = "select conname::text from pg_constraint where conrelid = $1::text::regclass and contype = 'c'";
    for row in transaction.query(sql, &[&table]).unwrap() {
        let name: String = row.get(0);
        transaction.batch_execute(&format!("alter table {table} drop constraint {name}")).unwrap();
    }
}

/// Without the entry of each column in the trail a changed value would pass as what was written.
#[test]
fn a_changed_value_in_any_audited_column_is_found() {
    let world = World::new();
    world.fill();
    let mut admin = world.db.superuser();
    let tenant = world.acme.tenant;
    // The fixture has a row of an archive that is none.
    let mut transaction = admin.transaction().unwrap();
    behind_the_back(&mut transaction, "wo.archived_chain", "delete from wo.archived_chain");
    transaction.commit().unwrap();
    let by_triggers = |table: &&'static Table| match &table.kind {
        Kind::Child(child) => child.actions.is_some(),
        _ => false,
    };
    let children = schema::TABLES.into_iter().filter(by_triggers);
    let mut tried = 0;
    for table in schema::chained().chain(children) {
        let qualified = format!("wo.{}", table.name);
        for column in audited(table) {
            let mut transaction = admin.transaction().unwrap();
            transaction.batch_execute("select wo.administer('acme')").unwrap();
            assert_eq!(broken(&mut transaction), [""; 0]);
            drop_checks(&mut transaction, &qualified);
            let sql = format!(
                "update {qualified} set \"{}\" = {} where ctid = (
                    select ctid from {qualified} where tenant_id = '{tenant}' limit 1)",
                column.name,
                another(column)
            );
            behind_the_back(&mut transaction, &qualified, &sql);
            assert_ne!(broken(&mut transaction), [""; 0], "{sql}");
            transaction.rollback().unwrap();
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried} columns");
}
