//! What another transaction creates on a table while a transition waits for its lock holds for that
//! transition, as it does for an UPDATE. Asked before the lock was granted, the transition passed a
//! policy, a rule and a trigger that had been committed meanwhile.

use super::stage::{Stage, started, transition};
use postgres::Client;
use wo_cluster_tests::{Cluster, backend_pid};

/// Runs the DDL in a transaction, has a transition wait for it, commits, and gives what became of the
/// transition.
fn meanwhile(
    stage: &Stage<'_>,
    captain: &mut Client,
    number: &str,
    ddl: &str,
) -> Result<serde_json::Value, postgres::Error> {
    let mut admin = stage.db.superuser();
    admin.batch_execute(&format!("BEGIN; {ddl}")).unwrap();
    let pid = backend_pid(captain);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| transition(captain, number, "blocked"));
        stage.db.wait_until_blocked(pid);
        admin.batch_execute("COMMIT").unwrap();
        waiting.join().unwrap()
    })
}

fn count(stage: &Stage<'_>, sql: &str) -> i64 {
    stage.db.superuser().query_one(sql, &[]).unwrap().get(0)
}

const WITNESS: &str = "
    CREATE TABLE public.seen (what text);
    GRANT INSERT ON public.seen TO PUBLIC;
    CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.seen VALUES (TG_TABLE_NAME || ' ' || TG_OP); RETURN NEW; END $$;";

/// Otherwise a transition writes past what was committed while it waited for the lock.
#[test]
fn a_policy_and_a_rule_that_were_created_while_a_transition_waited_hold() {
    for made in [
        "CREATE POLICY closed ON wo.work_order AS RESTRICTIVE FOR UPDATE USING (false)",
        "CREATE RULE nothing AS ON UPDATE TO wo.work_order DO INSTEAD NOTHING",
    ] {
        let stage = Stage::new(Cluster::shared());
        let mut captain = stage.captain();
        let number = started(&mut captain);
        meanwhile(&stage, &mut captain, &number, made).unwrap_err();
        let moved = "SELECT count(*) FROM wo.work_order WHERE status = 'blocked'";
        assert_eq!(count(&stage, moved), 0, "{made}");
    }
}

/// Each table that a transition writes past SQL: the table of the record, the audit trail and the outbox.
#[test]
fn triggers_that_were_created_while_a_transition_waited_fire() {
    let cluster = Cluster::own(&[]);
    for table in ["work_order", "audit_entry", "event"] {
        let stage = Stage::new(&cluster);
        let mut captain = stage.captain();
        let number = started(&mut captain);
        stage.db.superuser().batch_execute(WITNESS).unwrap();
        let event = if table == "work_order" { "UPDATE" } else { "INSERT" };
        let ddl = format!(
            "CREATE TRIGGER zz_statement AFTER {event} ON wo.{table}
                FOR EACH STATEMENT EXECUTE FUNCTION public.witness();
             CREATE TRIGGER zz_row AFTER {event} ON wo.{table}
                FOR EACH ROW EXECUTE FUNCTION public.witness()"
        );
        meanwhile(&stage, &mut captain, &number, &ddl).unwrap();
        assert_eq!(count(&stage, "SELECT count(*) FROM public.seen"), 2, "{table}");
    }
}

/// A rule or a policy on a table that is appended to.
#[test]
fn what_was_created_on_the_outbox_while_a_transition_waited_holds() {
    let cluster = Cluster::own(&[]);
    for (ddl, code) in [
        ("CREATE POLICY closed ON wo.event AS RESTRICTIVE FOR INSERT WITH CHECK (false)", "42501"),
        ("CREATE RULE nothing AS ON INSERT TO wo.event DO INSTEAD NOTHING", "55000"),
    ] {
        let stage = Stage::new(&cluster);
        let mut captain = stage.captain();
        let number = started(&mut captain);
        let error = meanwhile(&stage, &mut captain, &number, ddl).unwrap_err();
        assert_eq!(error.code().unwrap().code(), code, "{ddl}: {error:?}");
    }
}
