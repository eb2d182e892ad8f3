//! The extension's own locks: no role can take them from SQL, the lock table tells nothing about what
//! they protect, and `wo.health()` names the process that holds something up.

use std::collections::BTreeMap;
use std::thread;

use postgres::Client;
use wo_cluster_tests::{Cluster, Database, backend_pid};

use crate::isolation::stage::{Stage, pending, started};

const OWN_LOCKS: &str = "SELECT (classid::bigint << 32) | objid::bigint, objsubid FROM pg_locks
    WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid = $1";

fn own_locks(db: &Database<'_>, pid: i32) -> Vec<(i64, i16)> {
    let rows = db.superuser().query(OWN_LOCKS, &[&pid]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn stranger(stage: &Stage<'_>) -> Client {
    stage.db.login("stranger", &[]);
    stage.client("stranger")
}

fn impatient(stage: &Stage<'_>, login: &str) -> Client {
    let options = "-c lock_timeout=5s -c statement_timeout=20s";
    stage.db.connect_with(stage.db.config(login).options(options))
}

fn health(client: &mut Client) -> BTreeMap<String, (String, String, String)> {
    let sql = "SELECT subject, severity, detail, remedy FROM wo.health()";
    let rows = client.query(sql, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect()
}

/// Breaks if a lock of ours has a tag that SQL can make: a role with nothing but CONNECT then stops
/// every write, all events, sealing and archiving of all tenants.
#[test]
fn a_role_that_may_only_connect_holds_nothing_up() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = impatient(&stage, "cap");
    captain.batch_execute("SELECT wo.create_consumer('reader')").unwrap();
    let mut writer = stage.captain();
    writer.batch_execute("BEGIN").unwrap();
    pending(&mut writer);
    let held = own_locks(&stage.db, backend_pid(&mut writer));
    assert!(!held.is_empty());

    let mut stranger = stranger(&stage);
    // The keys that the lock table shows, and those of the version before: positions, jobs,
    // partitions, archives.
    for (key, _) in held {
        stranger
            .execute("SELECT pg_advisory_lock($1), pg_advisory_lock_shared($1)", &[&key])
            .unwrap();
        let halves = ((key >> 32) as i32, key as i32);
        stranger.execute("SELECT pg_advisory_lock($1, $2)", &[&halves.0, &halves.1]).unwrap();
    }
    stranger
        .batch_execute(
            "SELECT pg_advisory_lock((22351::bigint << 48) | position) FROM generate_series(0, 3000) AS position;
             SELECT pg_advisory_lock(1466920304), pg_advisory_lock(1466920305), pg_advisory_lock(1466920317)",
        )
        .unwrap();
    writer.batch_execute("COMMIT").unwrap();
    started(&mut captain);
    let fetched: i64 = captain
        .query_one("SELECT count(*) FROM wo.fetch_events('reader', 100)", &[])
        .unwrap()
        .get(0);
    assert_eq!(fetched, 4, "the stranger holds events back");
    let mut root = impatient(&stage, "postgres");
    root.batch_execute("SELECT wo.make_partitions(13); SELECT * FROM wo.tick()").unwrap();
    let said = &health(&mut root)["event horizon"];
    assert!(said.1.contains("nobody"), "{said:?}");
    stranger.batch_execute("SELECT pg_advisory_unlock_all()").unwrap();
}

/// Breaks if keys in pg_locks can be computed: they told every role how many events are written.
#[test]
fn the_lock_table_does_not_show_positions() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let pid = backend_pid(&mut captain);
    let mut keys = Vec::new();
    for _ in 0..3 {
        captain.batch_execute("BEGIN").unwrap();
        pending(&mut captain);
        let held = own_locks(&stage.db, pid);
        let position = held.iter().find(|(_, purpose)| *purpose == 5).expect("a position's lock");
        keys.push(position.0);
        captain.batch_execute("COMMIT").unwrap();
    }
    for key in &keys {
        let low = key & ((1 << 32) - 1);
        assert!(low > 100_000 && key >> 32 != 0, "{key:x} shows a position");
    }
    assert!(keys[0].abs_diff(keys[1]) > 1 << 20, "{keys:x?}");
}

/// Breaks if a role of users, or of duties, is granted the secret.
#[test]
fn nobody_but_a_superuser_reads_the_secret_of_the_locks() {
    let stage = Stage::new(Cluster::shared());
    let readers: Option<String> = stage
        .db
        .superuser()
        .query_one(
            "SELECT string_agg(rolname, ', ') FROM pg_roles
             WHERE NOT rolsuper AND has_table_privilege(oid, 'wo_private.lock_secret', 'SELECT, INSERT, UPDATE, DELETE')
                AND rolname NOT LIKE 'pg\\_%'",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(readers, None);
    let error = stage.admin().batch_execute("SELECT * FROM wo_private.lock_secret").unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
}

/// Breaks if a backend keeps the secret of an extension that was dropped: its writes would hold no
/// reader back, and a late commit would be skipped.
#[test]
fn a_session_uses_the_new_secret_after_the_extension_was_created_anew() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    captain.batch_execute("SELECT wo.create_consumer('reader')").unwrap();
    pending(&mut captain);
    stage
        .db
        .superuser()
        .batch_execute(
            "SET client_min_messages = warning; DROP EXTENSION wo_core CASCADE; CREATE EXTENSION wo_core;
             SELECT wo_private.enforce()",
        )
        .unwrap();
    captain.batch_execute("BEGIN").unwrap();
    pending(&mut captain);
    let mut other = stage.captain();
    pending(&mut other);
    let count = "SELECT count(*) FROM wo.fetch_events('reader', 100)";
    assert_eq!(other.query_one(count, &[]).unwrap().get::<_, i64>(0), 1);
    captain.batch_execute("COMMIT").unwrap();
    assert_eq!(other.query_one(count, &[]).unwrap().get::<_, i64>(0), 3);
}

/// Breaks if wo.health() itself waits for a table that somebody locks, or does not say who does.
#[test]
fn health_names_the_process_that_locks_a_table() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    captain.batch_execute("BEGIN; LOCK TABLE wo.work_order IN ACCESS EXCLUSIVE MODE").unwrap();
    let pid = backend_pid(&mut captain);
    let mut root = stage.db.superuser();
    let said = &health(&mut root)["table locks"];
    assert!(said.1.contains(&format!("process {pid} (cap")), "{said:?}");
    captain.batch_execute("ROLLBACK").unwrap();
    assert!(health(&mut root)["table locks"].1.contains("nobody"));

    // Every table at once.
    let mut holder = stage.db.superuser();
    holder
        .batch_execute(
            "BEGIN; DO $$ DECLARE held text; BEGIN
                FOR held IN SELECT oid::regclass FROM pg_class
                    WHERE relnamespace = 'wo'::regnamespace AND relkind IN ('r', 'p')
                LOOP EXECUTE 'LOCK TABLE ' || held || ' IN ACCESS EXCLUSIVE MODE'; END LOOP;
             END $$",
        )
        .unwrap();
    let pid = backend_pid(&mut holder);
    let said =
        thread::scope(|scope| scope.spawn(|| health(&mut stage.db.superuser())).join().unwrap());
    assert!(said["table locks"].1.contains(&format!("process {pid} (postgres")), "{said:?}");
}

/// Breaks if `BEGIN; SELECT wo.tick();` left idle keeps a tenant's jobs from the worker for ever, or if
/// nobody is told who does.
#[test]
fn a_tick_that_is_left_open_is_named_and_ends() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    captain.batch_execute("BEGIN; SELECT * FROM wo.tick()").unwrap();
    let pid = backend_pid(&mut captain);
    let said = &health(&mut stage.db.superuser())["job locks"];
    assert!(said.1.contains(&format!("process {pid} (cap")), "{said:?}");
    let timeout = |client: &mut Client| -> String {
        client.query_one("SHOW idle_in_transaction_session_timeout", &[]).unwrap().get(0)
    };
    assert_eq!(timeout(&mut captain), "1min");
    captain.batch_execute("ROLLBACK").unwrap();
    assert_eq!(timeout(&mut captain), "0");
    // A shorter one is the caller's own.
    captain
        .batch_execute(
            "SET idle_in_transaction_session_timeout = '2s'; BEGIN; SELECT * FROM wo.tick()",
        )
        .unwrap();
    assert_eq!(timeout(&mut captain), "2s");
    stage.db.wait_until(&format!(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {})",
        backend_pid(&mut captain)
    ));
}
