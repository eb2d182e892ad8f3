//! Every table is compared with the table registry when it is used first: one that lacks something, or
//! has it altered, is named by `wo.health()`, and reading or writing it is refused.

use postgres::Transaction;
use wo_cluster_tests::{Cluster, backend_pid, db_error, refused};
use wo_rules::schema::{TABLES, triggers_of};

use super::stage::{Stage, pending, started, transition};

const NOTHING: &str = "CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RETURN NEW; END $$";

/// Asserts that health names the damage, and that a statement which reads the table is refused with it.
fn assert_refused(transaction: &mut Transaction<'_>, table: &str, sentence: &str) {
    let problems: Vec<String> =
        transaction.query_one("SELECT wo_private.table_problems()", &[]).unwrap().get(0);
    assert!(problems.iter().any(|one| one == sentence), "{sentence}: {problems:?}");
    transaction.batch_execute("SET LOCAL ROLE wo_owner").unwrap();
    let read = transaction.batch_execute(&format!("SELECT FROM wo.{table}"));
    let refusal = db_error(read);
    assert_eq!(refusal.code().code(), "55000", "{table}: {refusal:?}");
    assert!(refusal.message().contains(&problems[0]), "{sentence}: {refusal:?}");
}

/// A value of another type would be read as what it is not, or fail where nobody expects it.
#[test]
fn a_column_of_another_type_is_reported_and_refused_in_every_table() {
    let stage = Stage::new(Cluster::shared());
    stage.db.allow_in_log("this command was not marked for the audit trail of wo_core");
    let mut root = stage.db.superuser();
    root.batch_execute(
        "DROP VIEW wo.work_order_import, wo.overdue, wo.refused_attempt, wo.definition",
    )
    .unwrap();
    for table in TABLES {
        let name = table.name;
        // The last keeps the values, to which foreign keys may refer.
        let others = [("bigint", "5"), ("text", "'5'"), ("character varying", "")];
        let ways = table.columns.iter().flat_map(|column| others.map(|other| (column, other)));
        let mut seen = false;
        for (column, (to, using)) in ways {
            let expected = column.data_type.base().name();
            let mut transaction = root.transaction().unwrap();
            let altered = transaction.batch_execute(&format!(
                "ALTER TABLE wo.{name} ALTER COLUMN {column} DROP DEFAULT;
                 ALTER TABLE wo.{name} ALTER COLUMN {column} TYPE {to} USING {using}",
                column = column.name,
                using = if using.is_empty() { column.name } else { using },
            ));
            // One that a key, a policy or a CHECK names may not be altered without these.
            if altered.is_err() || to == expected {
                continue;
            }
            let column = column.name;
            let sentence =
                format!("column {column} of wo.{name} has type {to} instead of {expected}");
            assert_refused(&mut transaction, name, &sentence);
            seen = true;
            break;
        }
        assert!(seen, "no column of wo.{} could be altered", table.name);
    }
}

/// A trigger of our name that runs something else checks and records nothing.
#[test]
fn a_trigger_with_another_function_is_reported_and_refused_in_every_table() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute(NOTHING).unwrap();
    for table in TABLES {
        for trigger in triggers_of(table) {
            let mut transaction = root.transaction().unwrap();
            let (table, name) = (table.name, trigger.name);
            let made: String = transaction
                .query_one(
                    "SELECT pg_get_triggerdef(oid) FROM pg_trigger
                     WHERE tgrelid = ('wo.' || $1::text)::regclass AND tgname = $2::text",
                    &[&table, &name],
                )
                .unwrap()
                .get(0);
            let (made, _) = made.split_once("EXECUTE FUNCTION").unwrap();
            let always = if trigger.is_always { "ALWAYS" } else { "" };
            transaction
                .batch_execute(&format!(
                    "DROP TRIGGER {name} ON wo.{table};
                     {made} EXECUTE FUNCTION public.nothing();
                     ALTER TABLE wo.{table} ENABLE {always} TRIGGER {name}"
                ))
                .unwrap();
            let sentence = format!("trigger {name} of wo.{table} is not running its own function");
            assert_refused(&mut transaction, table, &sentence);
        }
    }
}

/// A trigger whose arguments, events or condition are others protects something else.
#[test]
fn a_trigger_that_fires_at_other_times_is_refused() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    for (table, trigger) in [
        (
            "role",
            "forbid_key_change BEFORE UPDATE ON wo.role FOR EACH ROW EXECUTE FUNCTION wo_private.refuse_change('role')",
        ),
        (
            "role",
            "audit AFTER INSERT ON wo.role FOR EACH ROW EXECUTE FUNCTION wo_private.configuration_audit('role')",
        ),
        (
            "role",
            "audit AFTER INSERT OR UPDATE OR DELETE ON wo.role FOR EACH ROW WHEN (pg_trigger_depth() > 9) EXECUTE FUNCTION wo_private.configuration_audit('role')",
        ),
        (
            "work_order",
            "forbid_key_change BEFORE UPDATE OF notes ON wo.work_order FOR EACH ROW EXECUTE FUNCTION wo_private.refuse_change('tenant_id')",
        ),
    ] {
        let mut transaction = root.transaction().unwrap();
        let name = trigger.split(' ').next().unwrap();
        let always = if name == "audit" { "" } else { "ALWAYS" };
        transaction
            .batch_execute(&format!(
                "CREATE OR REPLACE TRIGGER {}; ALTER TABLE wo.{table} ENABLE {always} TRIGGER {name}",
                trigger
            ))
            .unwrap();
        let sentence = format!("trigger {name} of wo.{table} is not as it was made");
        assert_refused(&mut transaction, table, &sentence);
    }
}

/// Where every trigger of a table is off nothing of the table's own notices a write; where row security
/// is off a statement shows the rows of all tenants. Without preloading, such a statement of a session
/// that has not loaded the library loads nothing of ours.
#[test]
fn a_statement_of_a_user_is_refused_where_nothing_of_the_table_would_notice() {
    let cluster = Cluster::own(&[("shared_preload_libraries", "wo_core")]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    pending(&mut captain);
    let mut root = stage.db.superuser();
    for (off, on, act) in [
        (
            "ALTER TABLE wo.dependency DISABLE TRIGGER USER",
            "SELECT wo_private.enforce()",
            "INSERT INTO wo.dependency DEFAULT VALUES",
        ),
        (
            "ALTER TABLE wo.work_order DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE wo.work_order ENABLE ROW LEVEL SECURITY",
            "SELECT FROM wo.work_order",
        ),
        (
            "ALTER POLICY tenant_isolation ON wo.principal USING (true)",
            "SELECT wo_private.enforce()",
            "SELECT FROM wo.principal",
        ),
    ] {
        root.batch_execute(off).unwrap();
        for session in [&mut captain, &mut stage.captain()] {
            refused(session.batch_execute(act), "55000", "tables_damaged");
        }
        root.batch_execute(on).unwrap();
    }
    captain.batch_execute("SELECT FROM wo.work_order").unwrap();
}

/// A function that the policies call decides whose rows are shown.
#[test]
fn a_function_of_the_policies_that_was_replaced_is_refused() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    pending(&mut captain);
    let mut root = stage.db.superuser();
    let before: String = root
        .query_one("SELECT pg_get_functiondef('wo_private.current_tenant()'::regprocedure)", &[])
        .unwrap()
        .get(0);
    root.batch_execute(
        "CREATE OR REPLACE FUNCTION wo_private.current_tenant() RETURNS uuid STABLE LANGUAGE sql
         AS 'SELECT tenant_id FROM wo.tenant LIMIT 1'",
    )
    .unwrap();
    for session in [&mut captain, &mut stage.captain()] {
        let read = session.batch_execute("SELECT FROM wo.work_order");
        refused(read, "55000", "tables_damaged");
    }
    root.batch_execute(&before).unwrap();
    captain.batch_execute("SELECT FROM wo.work_order").unwrap();
}

/// A table that was given to somebody else, by whatever command, can be altered by them.
#[test]
fn tables_that_were_given_away_are_refused() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    pending(&mut captain);
    stage.db.login("heir", &[]);
    let mut root = stage.db.superuser();
    root.batch_execute("REASSIGN OWNED BY wo_owner TO heir").unwrap();
    let create = "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap')";
    for session in [&mut captain, &mut stage.captain()] {
        refused(session.batch_execute(create), "55000", "tables_damaged");
    }
    let problems: Vec<String> =
        root.query_one("SELECT wo_private.table_problems()", &[]).unwrap().get(0);
    for table in TABLES {
        let sentence = format!("table wo.{} belongs to heir instead of wo_owner", table.name);
        assert!(problems.contains(&sentence), "{sentence}");
    }
}

/// What a session knows of a table holds from its lock on: what was committed while it waited counts.
#[test]
fn an_alteration_that_is_committed_during_a_wait_is_refused() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let number = started(&mut captain);
    for (table, trigger) in
        [("work_order", "audit"), ("audit_entry", "validate"), ("event", "validate")]
    {
        let mut root = stage.db.superuser();
        root.batch_execute(&format!("BEGIN; ALTER TABLE wo.{table} DISABLE TRIGGER {trigger}"))
            .unwrap();
        let pid = backend_pid(&mut captain);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| transition(&mut captain, &number, "blocked"));
            stage.db.wait_until_blocked(pid);
            root.batch_execute("COMMIT").unwrap();
            refused(waiting.join().unwrap(), "55000", "tables_damaged");
        });
        root.batch_execute(&format!("ALTER TABLE wo.{table} ENABLE TRIGGER {trigger}")).unwrap();
    }
    transition(&mut captain, &number, "blocked").unwrap();
}
