//! The event pump: who listens hears of every commit soon, and of nothing but a position.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use serde_json::Value;
use wo_cluster_tests::backend_pid;

use crate::isolation::stage::{Stage, patch, pending};
use crate::worker::works::{patiently, served};
use crate::worker::works::{pid, preloaded, reload, runs, shared, wait_for};

/// A reader that looks at the outbox when it is woken, and only then.
struct Reader {
    client: Client,
    consumer: String,
}

impl Reader {
    fn new(stage: &Stage<'_>, consumer: &str) -> Self {
        let mut client = stage.captain();
        client.execute("select wo.create_consumer($1)", &[&consumer]).unwrap();
        client.batch_execute("listen wo_event").unwrap();
        let mut reader = Self { client, consumer: consumer.to_owned() };
        reader.fetch();
        reader
    }

    /// Waits to be woken.
    fn woken(&mut self, patience: Duration) -> Option<String> {
        let mut notifications = self.client.notifications();
        let mut coming = notifications.timeout_iter(patience);
        coming.next().unwrap().map(|notification| notification.payload().to_owned())
    }

    /// What was not there yet, acknowledged.
    fn fetch(&mut self) -> Vec<(i64, Value)> {
        let mut all = Vec::new();
        loop {
            let sql = "select position, event from wo.fetch_events($1, 1000)";
            let rows = self.client.query(sql, &[&self.consumer]).unwrap();
            let Some(last) = rows.last().map(|row| row.get::<_, i64>(0)) else { return all };
            all.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
            self.client
                .query_one("select wo.acknowledge($1, $2)", &[&self.consumer, &last])
                .unwrap();
        }
    }

    /// Reads when woken, until that event came.
    #[track_caller]
    fn read_until(&mut self, position: i64) {
        let give_up = Instant::now() + Duration::from_secs(20);
        loop {
            if self.fetch().iter().any(|(at, _)| *at >= position) {
                return;
            }
            assert!(Instant::now() < give_up, "position {position} never came");
            assert!(self.woken(Duration::from_secs(20)).is_some(), "nobody woke the reader");
        }
    }
}

fn newest(client: &mut Client) -> i64 {
    client.query_one("select max(position) from wo.event", &[]).unwrap().get(0)
}

#[test]
fn a_listener_sees_every_event_within_fifty_milliseconds() {
    let database = served(shared());
    let stage = Stage::in_database(database);
    let mut captain = stage.captain();
    let number = pending(&mut captain);
    let mut reader = Reader::new(&stage, "reader");
    let mut took = Vec::new();
    for turn in 0..200 {
        let done = patch(&mut captain, &number, &format!("note {turn}")).unwrap();
        let committed = Instant::now();
        let version = done["version"].as_i64().unwrap();
        'seen: loop {
            for (_, event) in reader.fetch() {
                if event["data"]["version"].as_i64() == Some(version) {
                    break 'seen;
                }
            }
            assert!(reader.woken(Duration::from_secs(20)).is_some(), "nobody woke the reader");
        }
        took.push(committed.elapsed());
        // Low load: what wakes the worker is this commit, not the one before.
        thread::sleep(Duration::from_millis(12));
    }
    took.sort();
    let late = took[took.len() * 95 / 100];
    assert!(late < Duration::from_millis(50), "95 of 100 within {late:?}; last {:?}", took.last());
}

#[test]
fn what_an_older_transaction_holds_back_comes_when_it_ends() {
    let stage = Stage::in_database(served(shared()));
    let mut captain = stage.captain();
    let numbers = [pending(&mut captain), pending(&mut captain)];
    let mut reader = Reader::new(&stage, "reader");
    for end in ["commit", "rollback"] {
        let mut older = stage.captain();
        older.batch_execute("begin").unwrap();
        patch(&mut older, &numbers[0], end).unwrap();
        patch(&mut captain, &numbers[1], end).unwrap();
        let position = newest(&mut captain);
        // Woken or not: as long as the older one runs there is nothing to read.
        while reader.woken(Duration::from_millis(100)).is_some() {}
        assert_eq!(reader.fetch(), Vec::new(), "{end}");
        older.batch_execute(end).unwrap();
        reader.read_until(position);
    }
}

#[test]
fn the_pump_never_misses_what_many_write() {
    let stage = Stage::in_database(served(shared()));
    let mut reader = Reader::new(&stage, "reader");
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen: Vec<i64> = Vec::new();
            loop {
                let finished = done.load(Ordering::SeqCst);
                let woken = reader.woken(Duration::from_secs(if finished { 2 } else { 10 }));
                seen.extend(reader.fetch().iter().map(|(position, _)| *position));
                if woken.is_none() {
                    assert!(finished, "ten seconds without being woken");
                    return seen;
                }
            }
        });
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                let stage = &stage;
                scope.spawn(move || {
                    let mut client = stage.captain();
                    let number = pending(&mut client);
                    for turn in 0..150 {
                        client.batch_execute("begin").unwrap();
                        patch(&mut client, &number, &format!("{writer} {turn}")).unwrap();
                        let end = if turn % 7 == 3 { "rollback" } else { "commit" };
                        client.batch_execute(end).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        reading.join().unwrap()
    });
    let mut admin = stage.db.superuser();
    let written: HashSet<i64> = admin
        .query("select position from wo.event", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let before = Stage::client(&stage, "cap");
    drop(before);
    let read: HashSet<i64> = seen.iter().copied().collect();
    let missed: Vec<&i64> = written.difference(&read).collect();
    // The reader had fetched what was there when it began.
    let first = read.iter().min().copied().unwrap_or(0);
    assert!(missed.iter().all(|position| **position < first), "missed {missed:?}");
    assert!(read.len() > 700, "{}", read.len());
}

#[test]
fn the_worker_wakes_once_in_an_interval_with_a_position_and_commits_do_not() {
    let cluster = preloaded(&[("wo_core.notify_interval", "200ms")]);
    let stage = Stage::in_database(served(&cluster));
    stage.db.login("nosy", &[]);
    let mut listener = stage.client("nosy");
    listener.batch_execute("listen wo_event").unwrap();
    let mut captain = stage.captain();
    let number = pending(&mut captain);
    let began = Instant::now();
    for turn in 0..300 {
        patch(&mut captain, &number, &format!("{turn}")).unwrap();
    }
    let last = newest(&mut captain);
    let mut heard: Vec<(i32, String)> = Vec::new();
    while heard.last().is_none_or(|(_, payload)| payload.parse() != Ok(last)) {
        let mut notifications = listener.notifications();
        let mut coming = notifications.timeout_iter(Duration::from_secs(20));
        let next = coming.next().unwrap().expect("the newest position");
        heard.push((next.process_id(), next.payload().to_owned()));
    }
    let most = began.elapsed().as_millis() / 200 + 2;
    assert!(heard.len() as u128 <= most, "{} in {:?}: {heard:?}", heard.len(), began.elapsed());
    let worker = pid(&stage.db);
    for (sender, payload) in &heard {
        assert_eq!(*sender, worker, "a commit notified by itself");
        payload.parse::<i64>().unwrap();
    }
    assert_ne!(worker, backend_pid(&mut captain));
}

#[test]
fn without_a_worker_each_commit_wakes_by_itself() {
    let cluster = preloaded(&[]);
    let stage = Stage::in_database(served(&cluster));
    let mut reader = Reader::new(&stage, "reader");
    let mut captain = stage.captain();
    let number = pending(&mut captain);
    reader.read_until(newest(&mut captain));
    let worker = pid(&stage.db);
    stage.db.superuser().batch_execute("alter system set wo_core.databases = ''").unwrap();
    reload(&cluster);
    patiently("the worker to be gone", || !runs(worker));
    patch(&mut captain, &number, "alone").unwrap();
    reader.read_until(newest(&mut captain));
    // And a worker that comes back announces what it finds.
    stage.db.superuser().batch_execute("alter system reset wo_core.databases").unwrap();
    reload(&cluster);
    wait_for(&stage.db, "serving");
    assert!(reader.woken(Duration::from_secs(20)).is_some());
}
