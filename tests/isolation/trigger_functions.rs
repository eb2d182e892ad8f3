//! Triggers that have the names of ours and run something else. By its name alone such a trigger passed for
//! ours: work orders were changed without an entry in the trail.

use super::stage::{Stage, assert_intact, started, transition};
use wo_cluster_tests::{Cluster, refused};

const NOTHING: &str = "
    CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RETURN NEW; END $$;";

/// A trigger with another function is refused, in sessions that began before and after.
#[test]
fn a_trigger_of_our_name_with_another_function_is_refused() {
    for (table, event) in [
        ("work_order", "audit AFTER INSERT OR UPDATE"),
        ("work_order", "validate BEFORE INSERT OR UPDATE"),
        ("audit_entry", "forbid_delete BEFORE DELETE"),
    ] {
        let stage = Stage::new(Cluster::shared());
        let mut captain = stage.captain();
        let number = started(&mut captain);
        let mut admin = stage.db.superuser();
        admin.batch_execute(NOTHING).unwrap();
        admin
            .batch_execute(&format!(
                "CREATE OR REPLACE TRIGGER {event} ON wo.{table}
                 FOR EACH ROW EXECUTE FUNCTION public.nothing()"
            ))
            .unwrap();
        for session in [&mut captain, &mut stage.captain()] {
            refused(transition(session, &number, "blocked"), "55000", "tables_damaged");
        }
        admin.batch_execute("SELECT wo_private.enforce()").unwrap();
        transition(&mut captain, &number, "blocked").unwrap();
        assert_intact(&stage.db, &mut captain);
    }
}

/// The same where the function itself was replaced.
#[test]
fn a_function_of_ours_that_was_replaced_is_refused() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut admin = stage.db.superuser();
    let before: String = admin
        .query_one("SELECT pg_get_functiondef('wo_private.work_order_audit()'::regprocedure)", &[])
        .unwrap()
        .get(0);
    admin
        .batch_execute(
            "CREATE OR REPLACE FUNCTION wo_private.work_order_audit() RETURNS trigger
             LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        )
        .unwrap();
    for session in [&mut captain, &mut stage.captain()] {
        refused(transition(session, &number, "blocked"), "55000", "tables_damaged");
    }
    admin.batch_execute(&before).unwrap();
    transition(&mut captain, &number, "blocked").unwrap();
    assert_intact(&stage.db, &mut captain);
}
