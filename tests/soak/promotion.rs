//! Two servers: the second follows the first, is promoted under load, and the ledger goes on. If
//! the first comes back, there are two histories, and a witness of one refuses the other.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use wo_cli::Seen;
use wo_cluster_tests::Cluster;

use crate::isolation::stage::{started, transition};
use crate::soak::witness::Witness;

use crate::soak::works::{
    DATABASE, Reader, Works, assert_everything_holds, captain, fetch, wait_for_worker,
};

fn checkpoint(cluster: &Cluster) -> (i64, Vec<u8>) {
    let sql = "SELECT size, root FROM wo.ledger_checkpoint ORDER BY size DESC LIMIT 1";
    let row = cluster.existing(DATABASE).superuser().query_one(sql, &[]).unwrap();
    (row.get(0), row.get(1))
}

#[test]
fn a_standby_rests_and_its_promotion_under_load_goes_on_with_the_ledger() {
    let works = Works::start();
    wait_for_worker(&works.cluster);
    let standby = works.cluster.replica();
    let _ = works.sealing.hand_over(&standby);

    // A standby answers what only reads, and has nobody at work.
    works.cluster.wait_for(&standby);
    let db = standby.existing(DATABASE);
    let mut reading = captain(&db);
    assert!(
        reading
            .query_one("SELECT bool_and(intact) FROM wo.verify_audit()", &[])
            .unwrap()
            .get::<_, bool>(0)
    );
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'wo_core%'";
    assert_eq!(db.superuser().query_one(sql, &[]).unwrap().get::<_, i64>(0), 0);
    let denied = reading.execute("SELECT wo.create_work_order('[A-B] x')", &[]);
    assert_eq!(wo_cluster_tests::db_error(denied).code().code(), "25006");

    // Load on the first until it dies in the middle of it.
    let acknowledged = AtomicI64::new(0);
    let work: Vec<_> =
        works.prepare().into_iter().map(|numbers| (works.captain(), numbers)).collect();
    thread::scope(|scope| {
        for (mut client, numbers) in work {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for turn in 0.. {
                    let to = if turn / numbers.len() % 2 == 0 { "blocked" } else { "in_progress" };
                    if transition(&mut client, &numbers[turn % numbers.len()], to).is_err() {
                        break;
                    }
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while acknowledged.load(Ordering::Relaxed) < 200 {
            thread::yield_now();
        }
        works.cluster.kill();
    });
    let witnessed = checkpoint(&standby);
    standby.promote();
    wait_for_worker(&standby);

    // The second takes over: work goes on, everything that it has is whole, and its ledger grows.
    let db = standby.existing(DATABASE);
    let mut client = captain(&db);
    let mut seen = Reader::default();
    started(&mut client);
    let size = assert_everything_holds(&db);
    assert!(size > witnessed.0);
    seen.see(fetch(&mut client).unwrap());
    seen.assert_saw_everything(&db);
}

#[test]
fn a_witness_notices_that_two_servers_tell_two_histories() {
    let works = Works::start();
    wait_for_worker(&works.cluster);
    started(&mut works.captain());
    assert_everything_holds(&works.db());
    let second = works.cluster.replica();
    let _ = works.sealing.hand_over(&second);
    works.cluster.wait_for(&second);
    let witness = Witness::new(&works.sealing);
    assert!(matches!(witness.ask(&works.cluster), Ok(Seen::First(_))));

    // Both are primaries now, with the same key, and each goes its own way.
    second.promote();
    wait_for_worker(&second);
    started(&mut works.captain());
    started(&mut captain(&second.existing(DATABASE)));
    started(&mut captain(&second.existing(DATABASE)));
    assert_everything_holds(&works.db());
    assert_everything_holds(&second.existing(DATABASE));
    assert!(matches!(witness.ask(&works.cluster), Ok(Seen::Grown { .. })));
    let why = witness.ask(&second).expect_err("a fork was accepted");
    assert!(why.contains("root"), "{why}");
    // What it holds stays what it was.
    assert!(matches!(witness.ask(&works.cluster), Ok(Seen::Unchanged(_))));
}
