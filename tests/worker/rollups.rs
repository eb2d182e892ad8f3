//! Rollups: figures that follow from the outbox count each event once, and can be rebuilt to the same numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::{Cluster, Database, backend_pid, race, refused};

use crate::isolation::stage::{Stage, pending, started, transition};
use crate::worker::works::{preloaded, served};

/// The figures of all tenants, computed anew from the audit trail.
const FROM_THE_TRAIL: &str = "select moved.tenant_id, moved.lifecycle, moved.state, sum(moved.entered), sum(moved.gone),
        sum(moved.entered * moved.at), sum(moved.gone * moved.at)
    from (
        select entry.tenant_id, held.lifecycle, side.state, side.entered, 1 - side.entered as gone,
            extract(epoch from entry.recorded_at) as at
        from wo.audit_entry as entry
        join wo.work_order as held on held.tenant_id = entry.tenant_id and held.id = entry.subject_id
        cross join lateral (values (entry.to_status, 1), (entry.from_status, 0)) as side (state, entered)
        where entry.to_status is not null and entry.to_status is distinct from entry.from_status
            and side.state is not null
    ) as moved
    group by 1, 2, 3";

/// How many figures differ from what the trail says.
fn differences() -> String {
    let figures = "select tenant_id, lifecycle, state, entered_count, left_count, entered_seconds, left_seconds from wo.state_rollup";
    format!(
        "select count(*) from (({figures} except {FROM_THE_TRAIL}) union all ({FROM_THE_TRAIL} except {figures})) as differing"
    )
}

/// A work order of a captain, in progress where that is asked for.
fn order_of(client: &mut Client, captain: &str, is_started: bool) -> String {
    let create = "select wo.create_work_order('[SS1-Ops] x', assignee => $1) ->> 'wo_number'";
    let number: String = client.query_one(create, &[&captain]).unwrap().get(0);
    if is_started {
        for state in ["accepted", "in_progress"] {
            transition(client, &number, state).unwrap();
        }
    }
    number
}

/// Every figure, as text.
fn figures(db: &Database<'_>) -> Vec<String> {
    let sql = "select figure::text from wo.state_rollup as figure order by 1";
    db.superuser().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Counts what is in the outbox, in batches.
fn count_all(admin: &mut Client) {
    let tick = "select sum(done)::bigint from wo.tick() where job = 'events_counted'";
    while admin.query_one(tick, &[]).unwrap().get::<_, i64>(0) > 0 {}
}

#[track_caller]
fn assert_equal_to_the_trail(db: &Database<'_>) {
    let differing: i64 = db.superuser().query_one(&differences(), &[]).unwrap().get(0);
    assert_eq!(differing, 0, "{:#?}", figures(db));
    assert!(figures(db).len() > 3);
}

/// An event that counts twice or never makes every figure wrong for good; one that commits late must not be passed
/// over.
#[test]
fn the_figures_equal_the_trail_after_concurrent_transitions() {
    let stage = Stage::new(Cluster::shared());
    stage.db.login("gil", &["wo_user"]);
    stage.tenant("globex", "gil");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut admin = stage.admin();
            while !is_over.load(Ordering::SeqCst) {
                count_all(&mut admin);
            }
        });
        let clients = (0..4).map(|_| stage.captain()).chain([stage.client("gil")]).collect();
        race(clients, |number, client: &mut Client| {
            for turn in 0..15 {
                let captain = if number == 4 { "gil" } else { "cap" };
                let order = order_of(client, captain, true);
                // Some transactions stay open for a while after their events have positions.
                client.batch_execute("begin").unwrap();
                transition(client, &order, "review").unwrap();
                if turn % 5 == number % 5 {
                    client.batch_execute("select pg_sleep(0.05)").unwrap();
                }
                client.batch_execute(if turn % 4 == 0 { "rollback" } else { "commit" }).unwrap();
            }
        });
        is_over.store(true, Ordering::SeqCst);
        counting.join().unwrap();
    });
    count_all(&mut stage.admin());
    assert_equal_to_the_trail(&stage.db);

    // Each tenant sees its own, and how long its work orders were in each state.
    let mut captain = stage.captain();
    let states: BTreeMap<String, (i64, i64)> = captain
        .query(
            "select state, entered, present from wo.state_figures() where time_spent >= '0'",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect();
    assert_eq!(states["pending"], (60, 0));
    assert_eq!(states["review"].0 + states["in_progress"].1, 60);
    let mut gil = stage.client("gil");
    let entered: i64 = gil
        .query_one("select entered from wo.state_figures() where state = 'pending'", &[])
        .unwrap()
        .get(0);
    assert_eq!(entered, 15);

    // From scratch: the same rows, whatever somebody wrote into them meanwhile.
    let before = figures(&stage.db);
    stage
        .db
        .superuser()
        .batch_execute(
            "set session_replication_role = replica;
             update wo.state_rollup set entered_count = entered_count + 7;
             delete from wo.state_rollup where state = 'review'",
        )
        .unwrap();
    assert_ne!(figures(&stage.db), before);
    let counted: i64 = stage.admin().query_one("select wo.rebuild_rollups()", &[]).unwrap().get(0);
    assert!(counted > 200);
    assert_eq!(figures(&stage.db), before);
    assert_equal_to_the_trail(&stage.db);
}

/// Figures and cursor are one transaction: a process that is killed between them has counted nothing.
#[test]
fn a_killed_process_counts_no_event_twice() {
    let cluster = preloaded(&[("fsync", "on"), ("synchronous_commit", "on")]);
    let stage = Stage::in_database(served(&cluster));
    cluster.allow_in_log("terminated by signal 9");
    cluster.allow_in_log("terminating any other active server processes");
    for round in 0..2 {
        let mut captain = stage.captain();
        for _ in 0..20 {
            started(&mut captain);
        }
        let mut admin = stage.admin();
        admin.batch_execute("begin").unwrap();
        count_all(&mut admin);
        // In the first round a client has counted and not committed; in the second it is the worker's turn.
        let pid = match round {
            0 => backend_pid(&mut admin),
            _ => {
                admin.batch_execute("rollback").unwrap();
                crate::worker::works::pid(&stage.db)
            }
        };
        cluster.kill_process(pid);
    }
    // The worker goes on by itself.
    stage.db.wait_until(&format!(
        "select ({}) = 0 and (select count(*) from wo.state_rollup) > 2",
        differences()
    ));
    let lag: i64 = stage
        .db
        .superuser()
        .query_one("select value::bigint from wo.metrics() where name = 'wo_rollup_lag'", &[])
        .unwrap()
        .get(0);
    assert!(lag < 10, "{lag}");
}

/// A user who could write them could hide work; one who could rebuild them could hold up everybody.
#[test]
fn the_enforcement_layer_alone_writes_the_figures() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    pending(&mut captain);
    count_all(&mut stage.admin());
    for sql in [
        "insert into wo.state_rollup select tenant_id, lifecycle, 'x', 1, 0, 0, 0 from wo.state_rollup",
        "update wo.state_rollup set entered_count = 7",
        "delete from wo.state_rollup",
        "update wo.rollup_cursor set position = 0",
        "select wo.rebuild_rollups()",
        "select * from wo.metrics()",
    ] {
        let error = captain.batch_execute(sql).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
    let mut root = stage.db.superuser();
    refused(
        root.execute("update wo.state_rollup set entered_count = 7", &[]),
        "42501",
        "written_by_enforcement_alone",
    );
    let mut admin = stage.admin();
    admin.batch_execute("begin isolation level repeatable read").unwrap();
    refused(admin.query("select wo.rebuild_rollups()", &[]), "0A000", "isolation_level");
    admin.batch_execute("rollback").unwrap();
    assert_equal_after_one(&stage.db);
}

fn assert_equal_after_one(db: &Database<'_>) {
    let differing: i64 = db.superuser().query_one(&differences(), &[]).unwrap().get(0);
    assert_eq!(differing, 0);
}

/// A monitoring system reads numbers of all tenants together; the names of their states are theirs.
#[test]
fn metrics_are_of_the_tenant_or_of_all_together() {
    let stage = Stage::new(Cluster::shared());
    stage.db.login("gil", &["wo_user"]);
    stage.tenant("globex", "gil");
    stage.db.login("watch", &["wo_monitor"]);
    for login in ["cap", "cap", "gil"] {
        order_of(&mut stage.client(login), login, false);
    }
    count_all(&mut stage.admin());
    let read = |client: &mut Client| -> Vec<(String, Value, f64)> {
        let sql = "select name, labels, value from wo.metrics() where unit <> '' and help <> ''";
        let rows = client.query(sql, &[]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    };
    let of = |all: &[(String, Value, f64)], name: &str| -> Vec<(Value, f64)> {
        let found = all.iter().filter(|(known, ..)| known == name);
        found.map(|(_, labels, value)| (labels.clone(), *value)).collect()
    };
    let all = read(&mut stage.client("watch"));
    assert_eq!(of(&all, "wo_work_orders"), [(serde_json::json!({}), 3.0)]);
    assert_eq!(of(&all, "wo_rollup_lag")[0].1, 0.0);
    for name in ["wo_findings_open", "wo_approvals_waiting", "wo_attempts_waiting"] {
        assert_eq!(of(&all, name), [(serde_json::json!({}), 0.0)], "{name}");
    }
    assert!(of(&all, "wo_entries_unsealed")[0].1 > 3.0);
    let mut admin = stage.admin();
    admin.batch_execute("begin; select wo.administer('globex')").unwrap();
    let labels = serde_json::json!({ "lifecycle": "fleet_task", "state": "pending" });
    assert_eq!(of(&read(&mut admin), "wo_work_orders"), [(labels, 1.0)]);
}
