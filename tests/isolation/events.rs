//! The outbox: nothing missed, nothing out of order, and wake-ups that tell nothing.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Error};
use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::{Cluster, backend_pid, race, refused};

use crate::isolation::stage::{Stage, assert_intact, patch, pending, started, transition};

type Fetched = Vec<(i64, Value)>;

fn fetch(client: &mut Client, consumer: &str, limit: i32) -> Result<Fetched, Error> {
    let sql = "SELECT position, event FROM wo.fetch_events($1, $2)";
    let rows = client.query(sql, &[&consumer, &limit])?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn acknowledge(client: &mut Client, consumer: &str, position: i64) -> i64 {
    let sql = "SELECT wo.acknowledge($1, $2)";
    client.query_one(sql, &[&consumer, &position]).unwrap().get(0)
}

fn create_consumer(client: &mut Client, consumer: &str) {
    client.execute("SELECT wo.create_consumer($1)", &[&consumer]).unwrap();
}

const WRITERS: usize = 12;
const EVENTS: i64 = 30_000;

/// What one writer does next. Its work orders come in the order of their numbers' places, so that
/// no two transactions lock the same two in opposite order.
struct Writer<'a> {
    client: Client,
    number: usize,
    own: Vec<String>,
    shared: &'a [String],
    committed: &'a AtomicI64,
    random: u64,
}

impl Writer<'_> {
    fn random(&mut self, below: usize) -> usize {
        // A linear congruence: the mix must be the same in every run.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) as usize % below
    }

    fn run(&mut self, sql: &str, events: i64) {
        self.client.batch_execute(sql).unwrap();
        self.committed.fetch_add(events, Ordering::Relaxed);
    }

    fn patch(&mut self, number: &str) -> String {
        let notes = self.random(1 << 30);
        format!("SELECT wo.patch_work_order('{number}', '{{\"notes\": \"{notes}\"}}');")
    }

    /// One event for each of the writer's own work orders, in one statement.
    fn many(&mut self) -> String {
        let notes = self.random(1 << 30);
        let own = self.own.join("','");
        format!("UPDATE wo.work_order SET notes = '{notes}' WHERE wo_number IN ('{own}');")
    }

    fn turn(&mut self) {
        let shared = self.shared[self.random(self.shared.len())].clone();
        let width = self.own.len() as i64;
        match self.random(10) {
            0..=2 => {
                let sql = self.patch(&shared);
                self.run(&sql, 1);
            }
            3..=5 => {
                let sql = self.many();
                self.run(&sql, width);
            }
            6 | 7 => {
                let (first, undone, third) =
                    (self.many(), self.patch(&shared), self.patch(&shared));
                let sql = format!(
                    "BEGIN; {first} SAVEPOINT s; {undone} SAVEPOINT t; {undone}
                     ROLLBACK TO s; {third} RELEASE s; COMMIT"
                );
                self.run(&sql, width + 1);
            }
            8 => {
                let (first, second) = (self.many(), self.patch(&shared));
                self.run(&format!("BEGIN; {first} {second} ROLLBACK"), 0);
            }
            _ => self.commit_late(&shared),
        }
    }

    /// Takes positions, lets others overtake, takes more, and commits at last.
    fn commit_late(&mut self, shared: &str) {
        let first = self.many();
        self.client.batch_execute(&format!("BEGIN; {first}")).unwrap();
        let overtaken = self.committed.load(Ordering::Relaxed) + 200;
        let give_up = Instant::now() + Duration::from_millis(100);
        while self.committed.load(Ordering::Relaxed) < overtaken && Instant::now() < give_up {
            thread::yield_now();
            self.client.batch_execute("SELECT 1").unwrap();
        }
        let second = self.patch(shared);
        let width = self.own.len() as i64;
        self.run(&format!("{second} COMMIT"), width + 1);
    }
}

#[test]
fn twelve_writers_lose_no_event_and_keep_the_order_of_every_work_order() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let shared: Vec<String> = (0..24).map(|_| started(&mut captain)).collect();
    create_consumer(&mut captain, "reader");
    let (committed, running) = (AtomicI64::new(0), AtomicUsize::new(WRITERS));
    let writers: Vec<Writer<'_>> = (0..WRITERS)
        .map(|number| Writer {
            client: stage.captain(),
            number,
            own: (0..8).map(|_| started(&mut captain)).collect(),
            shared: &shared,
            committed: &committed,
            random: number as u64 + 1,
        })
        .collect();

    let mut read: Fetched = Vec::new();
    let mut fetches_while_written = 0;
    thread::scope(|scope| {
        for mut writer in writers {
            let running = &running;
            thread::Builder::new()
                .name(format!("writer {}", writer.number))
                .spawn_scoped(scope, move || {
                    struct Done<'a>(&'a AtomicUsize);
                    impl Drop for Done<'_> {
                        fn drop(&mut self) {
                            self.0.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    let _done = Done(running);
                    while writer.committed.load(Ordering::Relaxed) < EVENTS {
                        writer.turn();
                    }
                })
                .unwrap();
        }
        let mut reader = stage.captain();
        reader.batch_execute("LISTEN wo_event").unwrap();
        loop {
            // Asked before the fetch: what the last writer committed is then in it.
            let finished = running.load(Ordering::SeqCst) == 0;
            let events = fetch(&mut reader, "reader", 500).unwrap();
            match events.last() {
                Some((last, _)) => {
                    assert_eq!(acknowledge(&mut reader, "reader", *last), *last);
                    fetches_while_written += usize::from(!finished);
                }
                None if finished => break,
                None => {
                    let mut wakes = reader.notifications();
                    drop(wakes.timeout_iter(Duration::from_millis(20)).next());
                }
            }
            read.extend(events);
        }
    });

    assert!(fetches_while_written > 20, "the reader did not read beside the writers");
    assert!(read.len() as i64 >= EVENTS, "only {} of {EVENTS} were read", read.len());
    let out_of_order = read.windows(2).filter(|pair| pair[0].0 >= pair[1].0).count();
    assert_eq!(out_of_order, 0, "positions must grow");
    let mut superuser = stage.db.superuser();
    let written: Vec<i64> = superuser
        .query("SELECT position FROM wo.event ORDER BY position", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let known: HashSet<i64> = read.iter().map(|(position, _)| *position).collect();
    let missed = written.iter().filter(|position| !known.contains(position)).count();
    assert_eq!((missed, known.len()), (0, written.len()), "missed, read against written");

    // Every version of every work order, once and in order: what was rolled back gave its
    // version to another.
    let mut versions: BTreeMap<String, i64> = BTreeMap::new();
    let mut inverted = 0;
    for (_, event) in &read {
        let version = event["data"]["version"].as_i64().unwrap();
        let seen = versions.entry(event["subject"].as_str().unwrap().into()).or_default();
        inverted += i32::from(version != *seen + 1);
        *seen = version;
    }
    assert_eq!(inverted, 0);
    for row in superuser.query("SELECT id, version FROM wo.work_order", &[]).unwrap() {
        let id: Uuid = row.get(0);
        assert_eq!(versions.get(&id.to_string()), Some(&row.get(1)), "{id}");
    }
    assert_intact(&stage.db, &mut captain);
}

#[test]
fn a_late_commit_holds_back_what_overtook_it() {
    let stage = Stage::new(Cluster::shared());
    let (mut late, mut early) = (stage.captain(), stage.captain());
    create_consumer(&mut early, "reader");
    let number = started(&mut late);
    let before = fetch(&mut early, "reader", 100).unwrap();
    assert_eq!(before.len(), 3);
    acknowledge(&mut early, "reader", before[2].0);

    late.batch_execute("BEGIN").unwrap();
    patch(&mut late, &number, "late").unwrap();
    let overtaking = pending(&mut early);
    assert_eq!(fetch(&mut early, "reader", 100).unwrap(), []);
    // Nor may anybody acknowledge what nobody can have been given.
    let sql = "SELECT wo.acknowledge('reader', (SELECT max(position) FROM wo.event))";
    refused(early.execute(sql, &[]), "22023", "position_not_fetched");
    late.batch_execute("COMMIT").unwrap();

    let events = fetch(&mut early, "reader", 100).unwrap();
    let numbers: Vec<&Value> =
        events.iter().map(|(_, event)| &event["data"]["work_order"]).collect();
    assert_eq!(numbers, [&Value::from(number), &Value::from(overtaking)]);
}

#[test]
fn a_writer_whose_savepoint_was_rolled_back_still_holds_the_horizon() {
    let stage = Stage::new(Cluster::shared());
    let (mut late, mut early) = (stage.captain(), stage.captain());
    create_consumer(&mut early, "reader");
    let number = started(&mut late);
    let last = fetch(&mut early, "reader", 100).unwrap().last().unwrap().0;
    acknowledge(&mut early, "reader", last);

    // The first write's lock goes with its savepoint; the second write takes one of its own.
    late.batch_execute("BEGIN; SAVEPOINT s").unwrap();
    patch(&mut late, &number, "undone").unwrap();
    late.batch_execute("ROLLBACK TO s").unwrap();
    patch(&mut late, &number, "kept").unwrap();
    pending(&mut early);
    assert_eq!(fetch(&mut early, "reader", 100).unwrap(), []);
    late.batch_execute("COMMIT").unwrap();
    assert_eq!(fetch(&mut early, "reader", 100).unwrap().len(), 2);
}

#[test]
fn a_consumer_that_crashed_before_it_acknowledged_gets_the_same_again() {
    let stage = Stage::new(Cluster::shared());
    let mut consumer = stage.captain();
    create_consumer(&mut consumer, "reader");
    started(&mut consumer);
    let first = fetch(&mut consumer, "reader", 2).unwrap();
    acknowledge(&mut consumer, "reader", first[1].0);
    started(&mut consumer);

    let given = fetch(&mut consumer, "reader", 3).unwrap();
    consumer.batch_execute("BEGIN").unwrap();
    acknowledge(&mut consumer, "reader", given[2].0);
    let pid = backend_pid(&mut consumer);
    stage.db.superuser().execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    stage
        .db
        .wait_until(&format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid})"));
    assert!(consumer.batch_execute("COMMIT").is_err());

    let mut again = stage.captain();
    assert_eq!(fetch(&mut again, "reader", 3).unwrap(), given);
    acknowledge(&mut again, "reader", given[2].0);
    // An acknowledgement of the past moves nothing back.
    assert_eq!(acknowledge(&mut again, "reader", first[0].0), given[2].0);
    assert_eq!(fetch(&mut again, "reader", 100).unwrap().len(), 1);
}

#[test]
fn a_writer_in_another_database_stalls_no_reader() {
    let (stage, elsewhere) = (Stage::new(Cluster::shared()), Stage::new(Cluster::shared()));
    let mut idle = elsewhere.captain();
    idle.batch_execute("BEGIN").unwrap();
    pending(&mut idle);
    // Nor do the advisory locks of an application, in this database.
    let mut stranger = stage.db.superuser();
    let sql = "BEGIN; CREATE TABLE theirs (); SELECT pg_advisory_xact_lock(1), pg_advisory_xact_lock(1, 2)";
    stranger.batch_execute(sql).unwrap();

    let mut captain = stage.captain();
    create_consumer(&mut captain, "reader");
    started(&mut captain);
    assert_eq!(fetch(&mut captain, "reader", 100).unwrap().len(), 3);
    idle.batch_execute("COMMIT").unwrap();
    create_consumer(&mut idle, "reader");
    assert_eq!(fetch(&mut idle, "reader", 100).unwrap().len(), 1);
}

#[test]
fn the_bridge_reads_all_tenants_in_order_and_a_tenant_its_own() {
    let stage = Stage::new(Cluster::shared());
    stage.db.login("rival", &["wo_user"]);
    stage.db.login("bridge", &["wo_bridge"]);
    stage.tenant("rivals", "rival");
    let mut clients = vec![stage.captain(), stage.client("rival")];
    for client in &mut clients {
        create_consumer(client, "own");
    }
    race(clients, |number, client| {
        let assignee = ["cap", "rival"][number];
        for _ in 0..20 {
            let create =
                "SELECT wo.create_work_order('[SS1-Ops] x', assignee => $1) ->> 'wo_number'";
            let made: String = client.query_one(create, &[&assignee]).unwrap().get(0);
            transition(client, &made, "accepted").unwrap();
        }
    });

    let mut bridge = stage.client("bridge");
    create_consumer(&mut bridge, "siem");
    let mut all: Fetched = Vec::new();
    loop {
        let events = fetch(&mut bridge, "siem", 7).unwrap();
        let Some((last, _)) = events.last() else { break };
        acknowledge(&mut bridge, "siem", *last);
        all.extend(events);
    }
    assert_eq!(all.len(), 80);
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let tenants: HashSet<&str> =
        all.iter().map(|(_, event)| event["tenantid"].as_str().unwrap()).collect();
    assert_eq!(tenants.len(), 2);
    for login in ["cap", "rival"] {
        let mut member = stage.client(login);
        let tenant: Uuid = member.query_one("SELECT wo.current_tenant()", &[]).unwrap().get(0);
        let own: Fetched =
            all.iter().filter(|(_, e)| e["tenantid"] == tenant.to_string()).cloned().collect();
        assert_eq!(fetch(&mut member, "own", 1000).unwrap(), own);
        // The bridge's consumer is not the tenant's.
        refused(fetch(&mut member, "siem", 1), "22023", "consumer_unknown");
    }
    refused(fetch(&mut bridge, "own", 1), "22023", "consumer_unknown");
    // It reads the outbox and nothing else.
    for table in ["work_order", "audit_entry", "principal"] {
        let read = bridge.query(&format!("SELECT FROM wo.{table}"), &[]);
        assert!(read.map_or(true, |rows| rows.is_empty()), "wo.{table}");
    }
}

/// A listener without any right in the database, and a way to know that nothing came.
struct Listener<'s> {
    stage: &'s Stage<'s>,
    client: Client,
}

impl<'s> Listener<'s> {
    fn new(stage: &'s Stage<'s>) -> Self {
        stage.db.login("nosy", &[]);
        let mut client = stage.client("nosy");
        client.batch_execute("LISTEN wo_event").unwrap();
        Self { stage, client }
    }

    /// What came until now: notifications arrive in the order of their commits.
    fn heard(&mut self) -> Vec<String> {
        self.stage.db.superuser().batch_execute("NOTIFY wo_event, 'end'").unwrap();
        let mut heard = Vec::new();
        let mut notifications = self.client.notifications();
        let mut coming = notifications.timeout_iter(Duration::from_secs(50));
        loop {
            let next = coming.next().unwrap().expect("a notification");
            match next.payload() {
                "end" => return heard,
                payload => heard.push(payload.to_owned()),
            }
        }
    }
}

#[test]
fn a_notification_wakes_once_for_a_transaction_and_tells_only_a_position() {
    let stage = Stage::new(Cluster::shared());
    let mut listener = Listener::new(&stage);
    let mut captain = stage.captain();
    let position = |captain: &mut Client| -> i64 {
        captain.query_one("SELECT max(position) FROM wo.event", &[]).unwrap().get(0)
    };

    captain.batch_execute("BEGIN").unwrap();
    let number = started(&mut captain);
    captain.batch_execute("SAVEPOINT s").unwrap();
    patch(&mut captain, &number, "more").unwrap();
    captain.batch_execute("RELEASE s").unwrap();
    assert_eq!(listener.heard(), Vec::<String>::new(), "before the commit");
    captain.batch_execute("COMMIT").unwrap();
    let heard = listener.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let woken: i64 = heard[0].parse().unwrap();
    assert!((1..=position(&mut captain)).contains(&woken));

    captain.batch_execute("BEGIN").unwrap();
    patch(&mut captain, &number, "undone").unwrap();
    captain.batch_execute("ROLLBACK").unwrap();
    assert_eq!(listener.heard(), Vec::<String>::new(), "after a rollback");

    // The wake-up of a savepoint that is rolled back goes with it; a later write has its own.
    captain.batch_execute("BEGIN; SAVEPOINT s").unwrap();
    patch(&mut captain, &number, "undone").unwrap();
    captain.batch_execute("ROLLBACK TO s").unwrap();
    patch(&mut captain, &number, "kept").unwrap();
    captain.batch_execute("COMMIT").unwrap();
    assert_eq!(listener.heard(), [position(&mut captain).to_string()]);
}

#[test]
fn notifications_can_be_turned_off_for_a_role_and_for_a_server() {
    let stage = Stage::new(Cluster::shared());
    let mut listener = Listener::new(&stage);
    let mut superuser = stage.db.superuser();
    let database = stage.db.name();
    let role = format!("ALTER ROLE cap IN DATABASE {database} SET wo_core.notify = off");
    superuser.batch_execute(&role).unwrap();
    let mut captain = stage.captain();
    let number = started(&mut captain);
    assert_eq!(listener.heard(), Vec::<String>::new());
    create_consumer(&mut captain, "reader");
    assert_eq!(fetch(&mut captain, "reader", 10).unwrap().len(), 3, "polling still works");
    // It is the DBA's to choose, not the writer's.
    assert!(captain.batch_execute("SET wo_core.notify = 'transaction'").is_err());
    superuser.batch_execute(&role.replace("SET wo_core.notify = off", "RESET ALL")).unwrap();
    patch(&mut stage.captain(), &number, "loud").unwrap();
    assert_eq!(listener.heard().len(), 1);

    let quiet = Cluster::own(&[]);
    let stage = Stage::new(&quiet);
    let mut listener = Listener::new(&stage);
    let mut superuser = stage.db.superuser();
    // ALTER SYSTEM knows a setting only where its library is loaded.
    superuser.batch_execute("LOAD 'wo_core'").unwrap();
    for (value, expected) in [("off", 0), ("transaction", 1)] {
        superuser.batch_execute(&format!("ALTER SYSTEM SET wo_core.notify = {value}")).unwrap();
        superuser.batch_execute("SELECT pg_reload_conf()").unwrap();
        let mut captain = stage.captain();
        let told = |client: &mut Client| -> String {
            client.batch_execute("SELECT wo.whoami()").unwrap();
            client.query_one("SHOW wo_core.notify", &[]).unwrap().get(0)
        };
        let give_up = Instant::now() + Duration::from_secs(30);
        while told(&mut captain) != value {
            assert!(Instant::now() < give_up, "the server did not read its configuration");
            captain = stage.captain();
        }
        pending(&mut captain);
        assert_eq!(listener.heard().len(), expected, "{value}");
    }
}

#[test]
fn the_writers_trace_context_is_carried_and_nothing_else() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    create_consumer(&mut captain, "reader");
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let set = "SELECT set_config('wo_core.traceparent', $1, true)";
    for given in [Some(good), None] {
        captain.batch_execute("BEGIN").unwrap();
        if let Some(given) = given {
            captain.execute(set, &[&given]).unwrap();
        }
        pending(&mut captain);
        captain.batch_execute("COMMIT").unwrap();
    }
    // What is no trace context is refused where it is set, so that no event lacks it in silence.
    for given in ["00-zz-b7ad6b7169203331-01", "'; drop table x"] {
        let refused = captain.execute(set, &[&given]).unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "22023", "{given}");
    }
    let events = fetch(&mut captain, "reader", 100).unwrap();
    let carried: Vec<Option<&str>> = events
        .iter()
        .map(|(_, event)| event.get("traceparent").map(|t| t.as_str().unwrap()))
        .collect();
    assert_eq!(carried, [Some(good), None]);
}

/// CloudEvents 1.0, sections "Required attributes", "Optional attributes" and "Naming conventions".
fn assert_cloudevent(event: &Value) {
    let attributes = event.as_object().unwrap();
    for name in ["id", "source", "specversion", "type"] {
        let value = attributes.get(name).and_then(Value::as_str);
        assert!(value.is_some_and(|value| !value.is_empty()), "{name}: {event}");
    }
    assert_eq!(event["specversion"], "1.0");
    for (name, value) in attributes {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
        assert!(name.len() <= 20, "{name}");
        assert!(name == "data" || value.as_str().is_some_and(|v| !v.is_empty()), "{name}: {event}");
    }
    let source = event["source"].as_str().unwrap();
    assert!(!source.contains(char::is_whitespace), "{source}");
    assert!(DateTime::parse_from_rfc3339(event["time"].as_str().unwrap()).is_ok(), "{event}");
    assert_eq!(event["datacontenttype"], "application/json");
    assert!(Uuid::parse_str(event["tenantid"].as_str().unwrap()).is_ok(), "{event}");
    assert!(Uuid::parse_str(event["subject"].as_str().unwrap()).is_ok(), "{event}");
    assert!(event["data"].is_object(), "{event}");
}

#[test]
fn every_event_is_a_valid_cloudevent() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    create_consumer(&mut captain, "reader");
    let number = started(&mut captain);
    patch(&mut captain, &number, "notes with \"quotes\", ünïcode and\nlines").unwrap();
    stage.as_admin(
        "acme",
        &format!(
            "SELECT wo.publish_lifecycle(definition) FROM wo.lifecycle WHERE name = 'fleet_task';
             SELECT wo.migrate_lifecycle('{number}', 2, 'a better version')"
        ),
    );
    transition(&mut captain, &number, "cancelled").unwrap();
    let events = fetch(&mut captain, "reader", 100).unwrap();
    let kinds: Vec<&str> =
        events.iter().map(|(_, event)| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "wo.created",
            "wo.transitioned",
            "wo.transitioned",
            "wo.updated",
            "wo.definition_published",
            "wo.definition_released",
            "wo.migrated",
            "wo.transitioned"
        ]
    );
    let mut names = HashSet::new();
    for (_, event) in &events {
        assert_cloudevent(event);
        assert!(names.insert((event["source"].to_string(), event["id"].to_string())), "{event}");
        let is_of_a_definition = event["type"].as_str().unwrap().starts_with("wo.definition_");
        match is_of_a_definition {
            true => assert_eq!(event["data"]["name"], "fleet_task"),
            false => assert_eq!(event["data"]["work_order"], number),
        }
    }
    // sequence sorts as text as the events happened.
    assert!(
        events
            .windows(2)
            .all(|pair| pair[0].1["sequence"].as_str() < pair[1].1["sequence"].as_str())
    );
}

#[test]
fn events_are_written_by_enforcement_alone_and_never_change() {
    let stage = Stage::new(Cluster::shared());
    pending(&mut stage.captain());
    let mut superuser = stage.db.superuser();
    let copy = "INSERT INTO wo.event SELECT tenant_id, position + 1, timeline, type, subject_id, recorded_at, traceparent, data FROM wo.event";
    refused(superuser.execute(copy, &[]), "42501", "written_by_enforcement_alone");
    refused(
        superuser.execute("UPDATE wo.event SET type = 'x'", &[]),
        "42501",
        "key_change_refused",
    );
    refused(superuser.execute("DELETE FROM wo.event", &[]), "42501", "delete_refused");
    refused(superuser.execute("TRUNCATE wo.event", &[]), "42501", "truncate_refused");
}

#[test]
fn two_readers_of_one_consumer_never_move_it_back() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    create_consumer(&mut captain, "reader");
    let number = started(&mut captain);
    for turn in 0..60 {
        patch(&mut captain, &number, &turn.to_string()).unwrap();
    }
    let moved_back = AtomicBool::new(false);
    race((0..4).map(|_| stage.captain()).collect(), |_, client| {
        let mut highest = 0;
        loop {
            let events = fetch(client, "reader", 5).unwrap();
            let Some((last, _)) = events.last() else { break };
            let position = acknowledge(client, "reader", *last);
            if position < highest || position < *last {
                moved_back.store(true, Ordering::Relaxed);
            }
            highest = position;
        }
    });
    assert!(!moved_back.into_inner());
}
