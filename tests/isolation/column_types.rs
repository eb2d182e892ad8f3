//! Columns whose type a DBA has changed. A value is read as the type that its column has, or it is
//! refused; read as another type, an integer becomes an address and the server ends with SIGSEGV.

use postgres::Client;
use wo_cluster_tests::{Cluster, refused};

use super::stage::{Stage, pending, started, transition};

const CREATE: &str = "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap')";

fn alter(stage: &Stage<'_>, sql: &str) {
    stage.db.superuser().batch_execute(sql).unwrap();
}

fn assert_changed_back(client: &mut Client, hint: &str) {
    client.batch_execute("SELECT 1").expect("the session lives on");
    assert!(hint.starts_with("alter table wo."), "{hint}");
}

/// The refusal names what is wrong and the statement that repairs it, and the statement does.
#[test]
fn a_changed_column_type_is_refused_with_the_statement_that_repairs_it() {
    let cluster = Cluster::shared();
    let stage = Stage::new(cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    alter(
        &stage,
        "DROP VIEW wo.work_order_import;
         ALTER TABLE wo.work_order ALTER COLUMN actual_hours TYPE double precision",
    );
    let told = refused(transition(&mut captain, &number, "review"), "55000", "column_type_changed");
    assert_eq!(told["table"], "wo.work_order");
    assert_eq!(told["column"], "actual_hours");
    assert_eq!(told["found"], "double precision");
    assert_eq!(told["expected"], "numeric");
    let error = transition(&mut captain, &number, "review").unwrap_err();
    let hint = error.as_db_error().unwrap().hint().unwrap().to_owned();
    assert_changed_back(&mut captain, &hint);
    let enforced = stage.db.superuser().batch_execute("SELECT wo_private.enforce()");
    refused(enforced, "55000", "column_type_changed");
    alter(&stage, &format!("{hint}; SELECT wo_private.enforce()"));
    transition(&mut captain, &number, "review").unwrap();
}

/// The same where a statement of ours reads the column.
#[test]
fn a_changed_column_type_is_refused_where_a_statement_reads_it() {
    let cluster = Cluster::shared();
    let stage = Stage::new(cluster);
    let mut captain = stage.captain();
    pending(&mut captain);
    alter(
        &stage,
        "ALTER TABLE wo.tenant ALTER COLUMN number_format DROP DEFAULT;
         ALTER TABLE wo.tenant ALTER COLUMN number_format TYPE integer USING 5",
    );
    refused(captain.query_one(CREATE, &[]), "55000", "column_type_changed");
    captain.batch_execute("SELECT 1").expect("the session lives on");
}

/// A domain over the type that was there is the same to every reader.
#[test]
fn a_domain_over_the_type_is_accepted() {
    let cluster = Cluster::shared();
    let stage = Stage::new(cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    alter(
        &stage,
        "CREATE DOMAIN public.short AS text CHECK (length(value) < 100);
         DROP VIEW wo.work_order_import, wo.overdue;
         ALTER TABLE wo.work_order ALTER COLUMN notes TYPE public.short;
         SELECT wo_private.enforce()",
    );
    transition(&mut captain, &number, "blocked").unwrap();
    let sql = "SELECT wo.patch_work_order($1, '{\"notes\": \"short enough\"}')";
    captain.query_one(sql, &[&number]).unwrap();
    let long = format!("{{\"notes\": \"{}\"}}", "x".repeat(200));
    let sql = "SELECT wo.patch_work_order($1, $2::text::jsonb)";
    assert!(captain.query_one(sql, &[&number, &long]).is_err());
}

/// Every column of every table, changed one at a time: whatever then happens is an answer, never an
/// internal error and never the end of the server.
#[test]
fn no_column_of_another_type_ends_the_server() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    // Where it is a column of the marks.
    cluster.allow_in_log("this command was not marked for the audit trail of wo_core");
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut superuser = stage.db.superuser();
    superuser.batch_execute("DROP VIEW wo.work_order_import").unwrap();
    let columns = superuser
        .query(
            "SELECT held.relname::text, attribute.attname::text, pg_catalog.format_type(
                CASE kind.typtype WHEN 'd' THEN kind.typbasetype ELSE kind.oid END, NULL)
             FROM pg_attribute AS attribute
             JOIN pg_class AS held ON held.oid = attribute.attrelid
             JOIN pg_type AS kind ON kind.oid = attribute.atttypid
             WHERE held.relnamespace = 'wo'::regnamespace AND held.relkind IN ('r', 'p')
                AND NOT held.relispartition AND attribute.attnum > 0 AND NOT attribute.attisdropped
             ORDER BY 1, attribute.attnum",
            &[],
        )
        .unwrap();
    let mut changed = 0;
    for column in columns {
        let (table, name, kind): (String, String, String) =
            (column.get(0), column.get(1), column.get(2));
        let (to, using) = match kind.as_str() {
            "integer" | "bigint" | "smallint" | "boolean" | "timestamp with time zone" | "date" => {
                ("text", "'5'")
            }
            _ => ("bigint", "5"),
        };
        superuser.batch_execute("BEGIN; SAVEPOINT before").unwrap();
        let alteration = format!(
            "ALTER TABLE wo.{table} ALTER COLUMN {name} DROP DEFAULT;
             ALTER TABLE wo.{table} ALTER COLUMN {name} TYPE {to} USING {using}"
        );
        if superuser.batch_execute(&alteration).is_ok() {
            changed += 1;
            let acts = [
                CREATE.to_owned(),
                format!("SELECT wo.transition('{number}', 'blocked', 'because')"),
                "SELECT count(*) FROM wo.verify_audit()".to_owned(),
                "SELECT count(*) FROM wo.list_work_orders()".to_owned(),
                format!("SELECT wo.get_work_order_detail('{number}')"),
            ];
            superuser.batch_execute("SET SESSION AUTHORIZATION cap").unwrap();
            for act in acts {
                superuser.batch_execute("SAVEPOINT act").unwrap();
                if let Err(error) = superuser.batch_execute(&act) {
                    let error = error.as_db_error().unwrap_or_else(|| {
                        panic!("{table}.{name} {kind} -> {to}: {act}: {error}\n{}", cluster.log())
                    });
                    assert_ne!(error.code().code(), "XX000", "{table}.{name}: {act}: {error:?}");
                }
                superuser.batch_execute("ROLLBACK TO act").unwrap();
            }
        }
        superuser.batch_execute("ROLLBACK").unwrap();
    }
    assert!(changed > 100, "{changed}");
    assert!(!cluster.log().contains("terminated by signal"));
}
