//! `kill -9` in the middle of the work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;

use uuid::Uuid;
use wo_cluster_tests::Cluster;

use crate::isolation::stage::{Stage, assert_intact, started, transition};
use crate::recovery::company::fetch;

const WRITERS: usize = 8;

#[test]
fn after_a_kill_every_acknowledged_transition_is_there() {
    let cluster = Cluster::start_durable();
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    captain.execute("SELECT wo.create_consumer('reader')", &[]).unwrap();
    let acknowledged = AtomicI64::new(0);
    let running = AtomicUsize::new(WRITERS);
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let mut client = stage.captain();
            let numbers: Vec<String> = (0..3).map(|_| started(&mut client)).collect();
            (client, numbers)
        })
        .collect();
    let mut reader = stage.captain();

    // The versions that the server said it had committed, and the events that the consumer had
    // acknowledged when the server died.
    let (told, mut seen) = thread::scope(|scope| {
        let writers: Vec<_> = writers
            .into_iter()
            .map(|(mut client, numbers)| {
                let (acknowledged, running) = (&acknowledged, &running);
                scope.spawn(move || {
                    let mut told: BTreeMap<String, (i64, String)> = BTreeMap::new();
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
        let reading = scope.spawn(|| {
            let mut seen = Vec::new();
            loop {
                let Ok(events) = crate::recovery::company::try_fetch(&mut reader, "reader") else {
                    break;
                };
                let Some(last) = events.last().map(|(position, _)| *position) else { continue };
                // Worked off before it is acknowledged: the answer to that may be lost.
                seen.extend(events);
                let acknowledge = "SELECT wo.acknowledge('reader', $1)";
                if reader.query_one(acknowledge, &[&last]).is_err() {
                    break;
                }
            }
            seen
        });
        while acknowledged.load(Ordering::Relaxed) < 1_000 {
            assert_eq!(running.load(Ordering::SeqCst), WRITERS, "a writer gave up too early");
            thread::yield_now();
        }
        cluster.kill();
        let mut told = BTreeMap::new();
        for writer in writers {
            told.extend(writer.join().unwrap());
        }
        (told, reading.join().unwrap())
    });
    assert_eq!(told.len(), WRITERS * 3);
    cluster.launch();

    let mut captain = stage.captain();
    for (number, (version, status)) in &told {
        let sql = "SELECT version, status FROM wo.work_order WHERE wo_number = $1";
        let row = captain.query_one(sql, &[number]).unwrap();
        let (kept, now): (i64, String) = (row.get(0), row.get(1));
        // The one whose answer was on its way may be there too.
        assert!(kept == *version || kept == version + 1, "{number}: {kept}, was told {version}");
        assert!(kept != *version || now == *status, "{number}: {now}, was told {status}");
    }
    assert_intact(&stage.db, &mut captain);

    // The consumer goes on: nothing is lost and nothing out of order. What it acknowledged last may
    // come again, if the answer to that was lost.
    seen.extend(fetch(&mut captain, "reader"));
    let mut versions: BTreeMap<String, i64> = BTreeMap::new();
    for (_, event) in &seen {
        let version = event["data"]["version"].as_i64().unwrap();
        let last = versions.entry(event["subject"].as_str().unwrap().to_owned()).or_default();
        assert!(version <= *last + 1, "{event} after version {last}");
        *last = version.max(*last);
    }
    for row in captain.query("SELECT id, version FROM wo.work_order", &[]).unwrap() {
        let id: Uuid = row.get(0);
        assert_eq!(versions.get(&id.to_string()), Some(&row.get(1)), "{id}");
    }

    // And the work goes on, with positions above all that were given.
    let highest = seen.iter().map(|(position, _)| *position).max().unwrap();
    captain.query_one("SELECT wo.acknowledge('reader', $1)", &[&highest]).unwrap();
    started(&mut captain);
    let events = fetch(&mut captain, "reader");
    assert_eq!(events.len(), 3);
    assert!(events[0].0 > highest);
    assert_intact(&stage.db, &mut captain);
}
