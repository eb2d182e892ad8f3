//! The last child of a master, where more end at once than wait for each other, and where the commit of
//! an earlier one takes its time.

use std::sync::Barrier;
use std::thread;

use wo_cluster_tests::{Cluster, race};

use crate::hierarchy_races::settling::{approve, assert_told, family};
use crate::hierarchy_races::stage::Stage;

/// More clients than children of which anything was ever counted.
const CROWD: usize = 90;

#[test]
fn a_master_whose_last_ninety_end_at_once_is_told() {
    let stage = Stage::new();
    let family = family(&mut stage.captain(), CROWD);
    let start = Barrier::new(CROWD);
    let ended = race(stage.captains(CROWD), |number, client| {
        client.batch_execute("BEGIN").unwrap();
        let ended = approve(client, family.children[number]);
        start.wait();
        ended.and_then(|()| client.batch_execute("COMMIT"))
    });
    ended.into_iter().for_each(|ended| ended.unwrap());
    assert_told(&stage, &[family.master], "the last 90 at once");
}

/// Commits of whoever asks for it wait for a standby that never comes: they are written, but nobody
/// sees them yet.
fn with_slow_commits() -> Stage {
    let settings = [("synchronous_standby_names", "nobody"), ("synchronous_commit", "local")];
    let more = [("max_wal_senders", "2"), ("wal_level", "replica")];
    let database = Cluster::own(&[settings, more].concat()).kept().database();
    // What the wait that the test ends says.
    database.allow_in_log("canceling wait for synchronous replication");
    Stage::on(database)
}

#[test]
fn a_part_that_ended_before_the_last_one_is_not_overlooked_while_its_commit_takes_its_time() {
    let stage = with_slow_commits();
    let family = family(&mut stage.captain(), 2);
    let (mut slow, mut last) = (stage.captain(), stage.captain());
    slow.batch_execute("SET synchronous_commit = on").unwrap();
    let pid: i32 = slow.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    thread::scope(|scope| {
        // It goes past the lock, since the other child is open and nobody is changing it.
        scope.spawn(|| approve(&mut slow, family.children[0]).unwrap());
        let waits = |kind: &str, count: i32| {
            stage.db.wait_until(&format!(
                "SELECT count(*) = {count} FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event = '{kind}'"
            ));
        };
        waits("SyncRep", 1);
        let ending = scope.spawn(|| approve(&mut last, family.children[1]).unwrap());
        // The last one would not see that the first has ended.
        waits("advisory", 1);
        let cancel = "SELECT pg_cancel_backend($1)";
        assert!(stage.db.superuser().query_one(cancel, &[&pid]).unwrap().get::<_, bool>(0));
        ending.join().unwrap();
    });
    assert_told(&stage, &[family.master], "while a commit takes its time");
}
