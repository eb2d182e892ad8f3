//! Rules and triggers of a DBA that keep a row of ours from being stored. Once the entry was missing in
//! silence, and the work order was changed without a trail.

use super::stage::{Stage, assert_intact, started, transition};
use wo_cluster_tests::{Cluster, backend_pid, refused};

const SUPPRESS: &str = "
    CREATE FUNCTION public.suppress() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RETURN NULL; END $$;";

/// The trail, the outbox and the head of a chain.
#[test]
fn a_write_of_ours_that_is_suppressed_is_refused() {
    for (ddl, undo) in [
        (
            "CREATE TRIGGER dba BEFORE INSERT ON wo.audit_entry FOR EACH ROW EXECUTE FUNCTION public.suppress()",
            "DROP TRIGGER dba ON wo.audit_entry",
        ),
        (
            "CREATE TRIGGER dba BEFORE INSERT ON wo.event FOR EACH ROW EXECUTE FUNCTION public.suppress()",
            "DROP TRIGGER dba ON wo.event",
        ),
        (
            "CREATE RULE dba AS ON INSERT TO wo.audit_entry DO INSTEAD NOTHING",
            "DROP RULE dba ON wo.audit_entry",
        ),
    ] {
        let stage = Stage::new(Cluster::shared());
        let mut captain = stage.captain();
        let number = started(&mut captain);
        let mut admin = stage.db.superuser();
        admin.batch_execute(SUPPRESS).unwrap();
        admin.batch_execute(ddl).unwrap();
        refused(transition(&mut captain, &number, "blocked"), "55000", "write_suppressed");
        admin.batch_execute(undo).unwrap();
        transition(&mut captain, &number, "blocked").unwrap();
        assert_intact(&stage.db, &mut captain);
    }
}

/// The same of a chain of the configuration, whose head would stay behind.
#[test]
fn a_chain_of_the_configuration_whose_head_is_kept_is_refused() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute(SUPPRESS).unwrap();
    root.batch_execute(
        "CREATE TRIGGER dba BEFORE UPDATE ON wo.audit_chain
         FOR EACH ROW EXECUTE FUNCTION public.suppress()",
    )
    .unwrap();
    let mut admin = stage.admin();
    admin.batch_execute("BEGIN; SELECT wo.administer('acme')").unwrap();
    let grant = "SELECT wo.grant_role('mate', 'captain')";
    refused(admin.query_one(grant, &[]), "55000", "write_suppressed");
    admin.batch_execute("ROLLBACK").unwrap();
    root.batch_execute("DROP TRIGGER dba ON wo.audit_chain").unwrap();
    stage.as_admin("acme", grant);
    assert_intact(&stage.db, &mut stage.captain());
}

/// A partition that is being detached takes no rows, as it takes none of a statement: they would leave with
/// it.
#[test]
fn a_partition_that_is_being_detached_takes_no_rows() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let month: String = stage
        .db
        .superuser()
        .query_one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')", &[])
        .unwrap()
        .get(0);
    let count = format!("SELECT count(*) FROM wo.event_{month}");
    let rows = || -> i64 { stage.db.superuser().query_one(&count, &[]).unwrap().get(0) };
    let before = rows();
    let mut reader = stage.db.superuser();
    reader.batch_execute("BEGIN; SELECT count(*) FROM wo.event").unwrap();
    let mut admin = stage.db.superuser();
    let pid = backend_pid(&mut admin);
    std::thread::scope(|scope| {
        let detach = format!("ALTER TABLE wo.event DETACH PARTITION wo.event_{month} CONCURRENTLY");
        let detaching = scope.spawn(move || admin.batch_execute(&detach));
        stage.db.wait_until_blocked(pid);
        let outcome = transition(&mut captain, &number, "blocked");
        reader.batch_execute("COMMIT").unwrap();
        detaching.join().unwrap().unwrap();
        let error = outcome.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23514", "{error:?}");
    });
    assert_eq!(rows(), before);
}

/// A rule on a table that is written with ON CONFLICT was PostgreSQL's own 0A000, which names neither the table
/// nor the way out.
#[test]
fn a_rule_on_the_heads_of_chains_is_refused_by_its_table() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    let mut admin = stage.admin();
    let grant = "SELECT wo.grant_role('mate', 'captain')";
    for event in ["INSERT", "UPDATE"] {
        root.batch_execute(&format!(
            "CREATE RULE dba AS ON {event} TO wo.audit_chain DO INSTEAD NOTHING"
        ))
        .unwrap();
        admin.batch_execute("BEGIN; SELECT wo.administer('acme')").unwrap();
        let detail = refused(admin.query_one(grant, &[]), "55000", "write_suppressed");
        assert_eq!(detail["table"], "audit_chain", "{event}");
        admin.batch_execute("ROLLBACK").unwrap();
        root.batch_execute("DROP RULE dba ON wo.audit_chain").unwrap();
    }
    stage.as_admin("acme", grant);
    assert_intact(&stage.db, &mut stage.captain());
}

/// Both were said to be a work order that does not exist.
#[test]
fn a_revoked_update_and_a_rule_on_work_orders_are_named() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let calls = [
        format!("SELECT wo.transition('{number}', 'blocked', 'x', '{{\"notes\": \"x\"}}')"),
        format!("SELECT wo.patch_work_order('{number}', '{{\"notes\": \"x\"}}')"),
        format!("SELECT wo.update_work_order_status('{number}', 'blocked', 'x')"),
        format!(
            "SELECT error ->> 'message' FROM wo.transition_many('[{{\"work_order\": \"{number}\", \"to_status\": \"blocked\", \"reason\": \"x\"}}]')"
        ),
    ];
    let mut root = stage.db.superuser();
    let told = |client: &mut postgres::Client, call: &str| match client.query_one(call, &[]) {
        Err(error) => {
            let error = error.as_db_error().unwrap();
            format!("{} {}", error.code().code(), error.message())
        }
        Ok(row) => row.try_get::<_, String>(0).unwrap_or_else(|_| panic!("{call}: it was done")),
    };
    root.batch_execute("REVOKE UPDATE ON wo.work_order FROM wo_user").unwrap();
    for call in &calls {
        let told = told(&mut captain, call);
        assert!(told.contains("permission denied for table work_order"), "{call}: {told}");
    }
    root.batch_execute(
        "GRANT UPDATE ON wo.work_order TO wo_user;
         CREATE RULE dba AS ON UPDATE TO wo.work_order DO INSTEAD NOTHING",
    )
    .unwrap();
    for call in &calls {
        let told = told(&mut captain, call);
        assert!(told.contains("the row was not written to wo.work_order"), "{call}: {told}");
    }
}
