//! A flood of refusals neither fills the database nor stalls anybody, and every one of them is
//! counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use crate::isolation::stage::{Stage, patch, pending};
use crate::worker::works::{preloaded, served};

const SESSIONS: usize = 4;
const EACH: usize = 25_000;

/// A session that is refused so often, for ever different work orders, without a round trip for each.
fn flood(client: &mut Client, salt: usize) {
    client
        .batch_execute(&format!(
            "do $$ begin
                for turn in 1..{EACH} loop
                    begin
                        update wo.work_order set chain_sequence = 99 where wo_number = (
                            select wo_number from wo.work_order order by id offset (turn * {salt}) % 40 limit 1);
                        raise exception 'nothing was refused';
                    exception when insufficient_privilege then null;
                    end;
                end loop;
            end $$"
        ))
        .unwrap();
}

#[test]
fn a_hundred_thousand_refusals_are_counted_and_stall_nobody() {
    let cluster = preloaded(&[("wo_core.refused_attempts_kept", "64")]);
    let stage = Stage::in_database(served(&cluster));
    let mut captain = stage.captain();
    for _ in 0..40 {
        pending(&mut captain);
    }
    let number = pending(&mut captain);
    let flooding = AtomicBool::new(true);
    let slowest = thread::scope(|scope| {
        let floods: Vec<_> = (0..SESSIONS)
            .map(|session| {
                let stage = &stage;
                scope.spawn(move || flood(&mut stage.client("mate"), session * 2 + 1))
            })
            .collect();
        let flooding = &flooding;
        let working = scope.spawn(move || {
            let mut slowest = Duration::ZERO;
            let mut turn = 0;
            while flooding.load(Ordering::SeqCst) {
                let began = Instant::now();
                patch(&mut captain, &number, &format!("{turn}")).unwrap();
                slowest = slowest.max(began.elapsed());
                turn += 1;
            }
            slowest
        });
        for flood in floods {
            flood.join().unwrap();
        }
        flooding.store(false, Ordering::SeqCst);
        working.join().unwrap()
    });
    assert!(slowest < Duration::from_secs(5), "a session that behaves waited {slowest:?}");

    // Written, waiting and dropped together are all of them.
    let mut admin = stage.db.superuser();
    let waiting = "select split_part(detail, ' ', 1)::bigint
            + split_part(split_part(detail, ', ', 2), ' ', 1)::bigint
        from wo.health() where subject = 'refused attempts'";
    let written = "select coalesce(sum(attempts), 0)::bigint, count(*) from wo.refused_attempt";
    let all = (SESSIONS * EACH) as i64;
    stage
        .db
        .wait_until("select count(*) > 0 from wo.refused_attempt where code = 'attempts_dropped'");
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        // What waits is asked between two looks at what is written, lest something be between them.
        let before: i64 = admin.query_one(written, &[]).unwrap().get(0);
        let waits: i64 = admin.query_one(waiting, &[]).unwrap().get(0);
        let row = admin.query_one(written, &[]).unwrap();
        let (after, entries): (i64, i64) = (row.get(0), row.get(1));
        if before == after {
            assert_eq!(after + waits, all, "written {after}, waiting {waits}");
            assert!(entries < 3_000, "{entries} entries");
            return;
        }
        assert!(Instant::now() < give_up, "it never came to rest");
    }
}
