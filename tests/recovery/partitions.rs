//! Leaves of the trail and the outbox, made ahead.

use std::time::{Duration, Instant};

use postgres::Client;
use wo_cluster_tests::{Cluster, backend_pid, db_error};

use crate::isolation::stage::{Stage, assert_intact, pending};
use crate::recovery::catalogue::{Snapshot, assert_same, objects};

const MADE: &str = "SELECT wo.make_partitions($1)";

fn make(client: &mut Client, months: i32) -> i32 {
    client.query_one(MADE, &[&months]).unwrap().get(0)
}

#[test]
fn leaves_made_ahead_are_as_closed_as_the_first() {
    let stage = Stage::new(Cluster::shared());
    let before = objects(&stage.db);
    assert_eq!(make(&mut stage.admin(), 18), 12, "six more months of trail and outbox");
    let after = objects(&stage.db);
    let partition = |snapshot: &Snapshot, parent: &str| -> Vec<String> {
        let prefix = format!("relation wo.{parent}_2");
        let month = |key: &String| key.strip_prefix(&prefix).map(|rest| format!("2{rest}"));
        snapshot.keys().filter_map(month).collect()
    };
    for parent in ["audit_entry", "event"] {
        let (old, new) = (partition(&before, parent), partition(&after, parent));
        assert_eq!((old.len(), new.len()), (13, 19));
        // All that is said of a partition, without its name and its bounds.
        let said_of = |month: &String| -> Snapshot {
            let name = format!("{parent}_{month}");
            after
                .iter()
                .filter(|(object, _)| object.contains(&name))
                .map(|(object, said)| {
                    let said: Vec<&str> =
                        said.lines().filter(|line| !line.starts_with("bound ")).collect();
                    (object.replace(&name, "LEAF"), said.join("\n").replace(&name, "LEAF"))
                })
                .collect()
        };
        let expected = said_of(&old[1]);
        assert!(expected["relation wo.LEAF"].contains("rls true force true"), "{expected:?}");
        assert!(expected["relation wo.LEAF"].contains("comment "), "{expected:?}");
        assert!(!expected.keys().any(|object| object.starts_with("policy")), "{expected:?}");
        for trigger in ["forbid_delete", "forbid_truncate"] {
            let said = &expected[&format!("trigger wo.LEAF.{trigger}")];
            assert!(said.contains("enabled A"), "{said}");
        }
        for (object, said) in &expected {
            if object.starts_with("column ") {
                assert!(said.contains("comment "), "{object} has no comment");
            }
            if object.starts_with("relation ") {
                let owner_alone = said.lines().find(|line| line.starts_with("acl ")).unwrap();
                assert!(!owner_alone.contains("wo_user"), "{owner_alone}");
            }
        }
        for month in &new {
            assert_same(&expected, &said_of(month));
        }
    }
    assert_eq!(make(&mut stage.admin(), 18), 0);
    assert_eq!(make(&mut stage.admin(), 3), 0);
    assert_same(&after, &objects(&stage.db));
    pending(&mut stage.captain());
}

#[test]
fn two_who_make_leaves_at_once_make_them_once() {
    let stage = Stage::new(Cluster::shared());
    let made =
        wo_cluster_tests::race(vec![stage.admin(), stage.admin()], |_, admin| make(admin, 15));
    assert_eq!(made.iter().sum::<i32>(), 6, "{made:?}");
}

#[test]
fn making_leaves_waits_for_nobody_long_and_stops_no_writer() {
    let stage = Stage::new(Cluster::shared());
    let before = objects(&stage.db);
    // A dump in progress, or somebody's ALTER TABLE: a lock that ATTACH cannot get past.
    let mut holder = stage.db.superuser();
    holder.batch_execute("BEGIN; LOCK TABLE wo.event IN SHARE UPDATE EXCLUSIVE MODE").unwrap();
    let mut admin = stage.admin();
    let pid = backend_pid(&mut admin);
    let begun = Instant::now();
    let result = std::thread::scope(|scope| {
        let making = scope.spawn(|| admin.query_one(MADE, &[&18]));
        stage.db.wait_until_blocked(pid);
        // While it waits and retries, the work goes on: nobody queues behind it for long.
        let mut config = stage.db.config("cap");
        config.options("-c lock_timeout=3s");
        let mut captain = stage.db.connect_with(&config);
        for _ in 0..20 {
            pending(&mut captain);
        }
        making.join().unwrap()
    });
    let refusal = db_error(result);
    assert_eq!(refusal.code().code(), "55P03", "{refusal:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_same(&before, &objects(&stage.db));

    holder.batch_execute("ROLLBACK").unwrap();
    assert_eq!(make(&mut admin, 18), 12);
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn leaves_are_made_beside_an_open_writer() {
    let stage = Stage::new(Cluster::shared());
    let (mut writer, mut reader) = (stage.captain(), stage.captain());
    writer.batch_execute("BEGIN").unwrap();
    pending(&mut writer);
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM wo.event; SELECT count(*) FROM wo.audit_entry")
        .unwrap();
    assert_eq!(make(&mut stage.admin(), 13), 2);
    pending(&mut writer);
    writer.batch_execute("COMMIT").unwrap();
    reader.batch_execute("COMMIT").unwrap();
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn a_write_past_the_last_leaf_is_refused_and_changes_nothing() {
    let stage = Stage::new(Cluster::shared());
    let mut superuser = stage.db.superuser();
    let number = pending(&mut stage.captain());
    // Positions that were drawn in vain leave gaps; that is all.
    let rows = || {
        let mut rows = crate::recovery::catalogue::rows(&stage.db);
        rows.remove("wo.event_position");
        rows
    };
    let held = rows();
    // As if nobody had made partitions for a year: the ones from this month on are gone.
    superuser
        .batch_execute(
            "DO $$ DECLARE partition regclass; BEGIN
                FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'wo.event'::regclass
                LOOP EXECUTE format('ALTER TABLE wo.event DETACH PARTITION %s', partition); END LOOP;
             END $$",
        )
        .unwrap();
    let mut captain = stage.captain();
    let refusal = db_error(crate::isolation::stage::transition(&mut captain, &number, "accepted"));
    assert_eq!(refusal.code().code(), "23514", "{refusal:?}");
    assert!(refusal.message().contains("no partition of relation \"event\""), "{refusal:?}");
    assert_same(&held, &rows());
    let state = "SELECT severity FROM wo.health() WHERE subject = 'partitions'";
    let state: String = superuser.query_one(state, &[]).unwrap().get(0);
    assert_eq!(state, "bad", "wo.health() must say so");
}

#[test]
fn the_number_of_months_is_bounded() {
    let stage = Stage::new(Cluster::shared());
    for months in [-1, 121] {
        wo_cluster_tests::refused(
            stage.admin().query_one(MADE, &[&months]),
            "22023",
            "months_ahead",
        );
    }
    let refusal = db_error(stage.captain().query_one(MADE, &[&24]));
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
}
