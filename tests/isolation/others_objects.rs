//! Triggers, rules, policies, columns and indexes that a DBA puts on the tables that a transition writes
//! past SQL. Each is met as a statement meets it, nothing of PostgreSQL's is left open, and sealing goes
//! on. The append once brought relcache-leak warnings and XX000, and sealing stopped for ever.

use super::stage::{Stage, assert_intact, patch, started, transition};
use wo_cluster_tests::{Cluster, refused};

const WITNESS: &str = "
    CREATE TABLE public.seen (what text);
    GRANT INSERT ON public.seen TO PUBLIC;
    CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.seen VALUES (TG_TABLE_NAME); RETURN NEW; END $$;";

fn seen(stage: &Stage<'_>) -> i64 {
    let sql = "SELECT count(*) FROM public.seen";
    stage.db.superuser().query_one(sql, &[]).unwrap().get(0)
}

fn assert_quiet(cluster: &Cluster) {
    let log = cluster.log();
    for word in ["WARNING", "leak", "XX000", "PANIC", "AfterTriggerSaveEvent", "signal"] {
        let line = log.lines().find(|line| line.contains(word) && !line.contains("checkpoint"));
        assert_eq!(line, None);
    }
}

#[test]
fn triggers_on_trail_and_outbox_fire_and_leave_nothing_open() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut admin = stage.db.superuser();
    admin.batch_execute(WITNESS).unwrap();
    for table in ["event", "audit_entry"] {
        for (name, event, each) in [
            ("a", "BEFORE INSERT", "ROW"),
            ("b", "AFTER INSERT", "ROW"),
            ("c", "BEFORE INSERT", "STATEMENT"),
            ("d", "AFTER INSERT", "STATEMENT"),
        ] {
            admin
                .batch_execute(&format!(
                    "CREATE TRIGGER dba_{name} {event} ON wo.{table}
                     FOR EACH {each} EXECUTE FUNCTION public.witness()"
                ))
                .unwrap();
        }
        admin
            .batch_execute(&format!(
                "CREATE CONSTRAINT TRIGGER dba_deferred AFTER INSERT ON wo.{table}
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.witness()"
            ))
            .unwrap();
    }
    transition(&mut captain, &number, "blocked").unwrap();
    assert_eq!(seen(&stage), 10);
    captain
        .execute(
            "SELECT wo.transition_many($1::text::jsonb)",
            &[&format!(
                r#"[{{"work_order": "{number}", "to_status": "in_progress", "reason": "because"}}]"#
            )],
        )
        .unwrap();
    assert_eq!(seen(&stage), 20);
    assert_intact(&stage.db, &mut captain);
    assert_quiet(&cluster);
}

/// A trigger on a partition alone, which no statement trigger of the parent announces.
#[test]
fn a_trigger_on_one_partition_fires() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut admin = stage.db.superuser();
    admin.batch_execute(WITNESS).unwrap();
    admin
        .batch_execute(
            "DO $$ BEGIN EXECUTE format('CREATE TRIGGER dba AFTER INSERT ON wo.%I FOR EACH ROW
                EXECUTE FUNCTION public.witness()',
                'event_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')); END $$",
        )
        .unwrap();
    transition(&mut captain, &number, "blocked").unwrap();
    assert_eq!(seen(&stage), 1);
    assert_quiet(&cluster);
}

/// Columns and indexes that the registry does not know.
#[test]
fn columns_and_indexes_of_a_dba_are_filled() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    stage
        .db
        .superuser()
        .batch_execute(
            "ALTER TABLE wo.event ADD COLUMN stored_at timestamptz DEFAULT now(),
                ADD COLUMN shout text GENERATED ALWAYS AS (upper(type)) STORED;
             ALTER TABLE wo.work_order ADD COLUMN shout text GENERATED ALWAYS AS (upper(status)) STORED;
             CREATE INDEX ON wo.work_order (upper(title));
             CREATE INDEX ON wo.event (lower(type))",
        )
        .unwrap();
    transition(&mut captain, &number, "blocked").unwrap();
    let row = stage
        .db
        .superuser()
        .query_one(
            "SELECT (SELECT count(*) FROM wo.event WHERE stored_at IS NULL OR shout IS DISTINCT FROM upper(type)),
                (SELECT shout FROM wo.work_order)",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
    assert_eq!(row.get::<_, String>(1), "BLOCKED");
    assert_quiet(&cluster);
}

/// An index that a DBA has made anew under the name of ours, but without some of the rows, must not be
/// read by: what it does not hold would be taken for missing.
#[test]
fn an_index_that_holds_some_rows_alone_is_not_read_by() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    stage
        .db
        .superuser()
        .batch_execute(
            "ALTER TABLE wo.work_order DROP CONSTRAINT work_order_wo_number_key;
             CREATE UNIQUE INDEX work_order_wo_number_key ON wo.work_order (tenant_id, wo_number)
                WHERE status = 'draft'",
        )
        .unwrap();
    transition(&mut stage.captain(), &number, "blocked").unwrap();
    patch(&mut captain, &number, "still found").unwrap();
}

/// A trigger of our name that runs another function is another trigger.
#[test]
fn a_trigger_of_our_name_with_another_function_fires() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut admin = stage.db.superuser();
    admin.batch_execute(WITNESS).unwrap();
    admin
        .batch_execute(
            "CREATE OR REPLACE TRIGGER validate BEFORE INSERT ON wo.event
             FOR EACH ROW EXECUTE FUNCTION public.witness()",
        )
        .unwrap();
    let outcome = transition(&mut captain, &number, "blocked");
    match outcome {
        Ok(_) => assert_eq!(seen(&stage), 1),
        refusal => drop(refused(refusal, "55000", "tables_damaged")),
    }
}

/// Two who change one work order at once wait for each other. The server's log says nothing of it: the
/// statement with its reason may hold health data.
#[test]
fn contention_leaves_no_statement_in_the_log() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut other = stage.captain();
    let pid = wo_cluster_tests::backend_pid(&mut other);
    captain.batch_execute("BEGIN").unwrap();
    patch(&mut captain, &number, "first").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| patch(&mut other, &number, "patient-secret"));
        stage.db.wait_until_blocked(pid);
        captain.batch_execute("COMMIT").unwrap();
        waiting.join().unwrap().unwrap();
    });
    let log = cluster.log();
    assert!(!log.contains("retrying") && !log.contains("patient-secret"), "{log}");
}
