//! `kill -9`, of the whole server and of the worker alone, while work orders move and a consumer
//! reads: nothing acknowledged is lost, nothing is told out of order, nothing is sealed twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use postgres::Client;

use crate::isolation::stage::transition;
use crate::soak::works::{Reader, WRITERS, Works, assert_everything_holds, fetch, wait_for_worker};

/// Rounds in `make test`; `WO_SOAK_ROUNDS` says otherwise.
const ROUNDS: usize = 6;

/// Transitions that must have been acknowledged before the server dies.
const BEFORE_THE_END: i64 = 150;

/// What the server said that it had committed: version and state of each work order.
type Told = BTreeMap<String, (i64, String)>;

#[test]
fn no_round_of_kills_loses_a_transition_an_event_or_a_leaf() {
    let rounds = std::env::var("WO_SOAK_ROUNDS").ok().and_then(|text| text.parse().ok());
    let works = Works::start();
    wait_for_worker(&works.cluster);
    let mut reader = Reader::default();
    let mut size = 0;
    for round in 0..rounds.unwrap_or(ROUNDS) {
        // Every third time only the worker: the postmaster ends all others, and recovers.
        let worker_alone = round % 3 == 2;
        let told = one_round(&works, &mut reader, worker_alone);
        wait_for_worker(&works.cluster);
        let mut captain = works.captain();
        for (number, (version, status)) in &told {
            let sql = "SELECT version, status FROM wo.work_order WHERE wo_number = $1";
            let row = captain.query_one(sql, &[number]).unwrap();
            let (kept, now): (i64, String) = (row.get(0), row.get(1));
            // The one whose answer was on its way may be there too.
            assert!(kept == *version || kept == version + 1, "{number}: {kept}, told {version}");
            assert!(kept != *version || now == *status, "{number}: {now}, told {status}");
        }
        let now = assert_everything_holds(&works.db());
        assert!(now > size, "the ledger grew from {size} to {now}");
        size = now;
        // What was acknowledged last may come again: the answer to that may have been lost.
        read(&mut captain, &mut reader);
        reader.assert_saw_everything(&works.db());
    }
}

fn read(client: &mut Client, reader: &mut Reader) {
    let events = fetch(client).unwrap();
    if let Some((last, _)) = events.last() {
        let last = *last;
        reader.see(events);
        client.query_one("SELECT wo.acknowledge('reader', $1)", &[&last]).unwrap();
    }
}

fn one_round(works: &Works, reader: &mut Reader, worker_alone: bool) -> Told {
    let acknowledged = AtomicI64::new(0);
    let running = AtomicUsize::new(WRITERS);
    let work: Vec<(Client, Vec<String>)> =
        works.prepare().into_iter().map(|numbers| (works.captain(), numbers)).collect();
    let mut consumer = works.captain();
    let mut root = works.db().superuser();
    thread::scope(|scope| {
        let writers: Vec<_> = work
            .into_iter()
            .map(|(mut client, numbers)| {
                let (acknowledged, running) = (&acknowledged, &running);
                scope.spawn(move || {
                    let mut told = Told::new();
                    for turn in 0.. {
                        let number = &numbers[turn % numbers.len()];
                        let to =
                            if turn / numbers.len() % 2 == 0 { "blocked" } else { "in_progress" };
                        let Ok(moved) = transition(&mut client, number, to) else { break };
                        let version = moved["version"].as_i64().unwrap();
                        told.insert(number.clone(), (version, to.to_owned()));
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    running.fetch_sub(1, Ordering::SeqCst);
                    told
                })
            })
            .collect();
        let reading = scope.spawn(move || {
            let mut seen = Vec::new();
            consumer.batch_execute("LISTEN wo_event").unwrap();
            loop {
                let Ok(events) = fetch(&mut consumer) else { break };
                let Some(last) = events.last().map(|(position, _)| *position) else {
                    // Woken by the worker; a second without a word is looked at all the same.
                    let mut notices = consumer.notifications();
                    let _ = postgres::fallible_iterator::FallibleIterator::next(
                        &mut notices.timeout_iter(Duration::from_secs(1)),
                    );
                    continue;
                };
                // Worked off before it is acknowledged: the answer to that may be lost.
                seen.extend(events);
                let acknowledge = "SELECT wo.acknowledge('reader', $1)";
                if consumer.query_one(acknowledge, &[&last]).is_err() {
                    break;
                }
            }
            seen
        });
        while acknowledged.load(Ordering::Relaxed) < BEFORE_THE_END {
            assert_eq!(running.load(Ordering::SeqCst), WRITERS, "a writer gave up too early");
            thread::yield_now();
        }
        if worker_alone {
            let sql = "SELECT pid FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'wo_core worker'";
            let pid: i32 = root.query_one(sql, &[]).unwrap().get(0);
            works.cluster.kill_process(pid);
        } else {
            works.cluster.kill();
        }
        let mut told = Told::new();
        for writer in writers {
            told.extend(writer.join().unwrap());
        }
        reader.see(reading.join().unwrap());
        if !worker_alone {
            works.cluster.launch();
        }
        told
    })
}
