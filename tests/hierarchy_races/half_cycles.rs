//! Two sessions that each write one half of a cycle: exactly one of them commits, every time.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use postgres::{Client, Error};
use uuid::Uuid;

use crate::hierarchy_races::stage::{
    LEVELS, Outcome, Stage, depend, link, made, made_many, transaction,
};

const ROUNDS: usize = 64;

/// Has the first wait for the second.
type Half = fn(&mut Client, Uuid, Uuid) -> Result<(), Error>;

fn child(client: &mut Client, waiting: Uuid, awaited: Uuid) -> Result<(), Error> {
    link(client, awaited, waiting)
}

fn raw_dependency(client: &mut Client, waiting: Uuid, awaited: Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO wo.dependency (successor_id, predecessor_id) VALUES ($1, $2)";
    client.execute(sql, &[&waiting, &awaited]).map(drop)
}

fn raw_part(client: &mut Client, waiting: Uuid, awaited: Uuid) -> Result<(), Error> {
    let sql = "UPDATE wo.work_order SET master_id = $1 WHERE id = $2";
    client.execute(sql, &[&waiting, &awaited]).map(drop)
}

/// By way of a work order that nobody else can see yet.
fn newcomer(client: &mut Client, waiting: Uuid, awaited: Uuid) -> Result<(), Error> {
    let between = made(client)?;
    depend(client, between, awaited)?;
    depend(client, waiting, between)
}

/// By way of a child that is made where it belongs.
fn new_part(client: &mut Client, waiting: Uuid, awaited: Uuid) -> Result<(), Error> {
    let sql =
        "SELECT (wo.create_work_order('[SS1-Ops] x', master => $1::uuid::text) ->> 'id')::uuid";
    let between: Uuid = client.query_one(sql, &[&waiting])?.get(0);
    depend(client, between, awaited)
}

/// After a savepoint that was rolled back, and the tenant's head with it.
fn after_a_rollback(client: &mut Client, waiting: Uuid, awaited: Uuid) -> Result<(), Error> {
    client.batch_execute("SAVEPOINT once")?;
    depend(client, waiting, awaited)?;
    client.batch_execute("ROLLBACK TO once")?;
    depend(client, waiting, awaited)
}

const HALVES: [Half; 7] =
    [depend, child, raw_dependency, raw_part, newcomer, new_part, after_a_rollback];

/// Both at once, each with its snapshot taken before.
fn clash(clients: &mut [Client; 2], level: &str, halves: [Half; 2], ids: &[Uuid]) -> [Outcome; 2] {
    let start = Barrier::new(2);
    let [first, second] = clients;
    let run = |client: &mut Client, half: Half, waiting: Uuid, awaited: Uuid| {
        Outcome::of(transaction(client, level, |client| {
            client.batch_execute("SELECT wo.whoami(); SELECT count(*) FROM wo.dependency").unwrap();
            start.wait();
            half(client, waiting, awaited)
        }))
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| run(second, halves[1], ids[1], ids[0]));
        let one = run(first, halves[0], ids[0], ids[1]);
        [one, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
    })
}

#[test]
fn of_two_halves_of_a_circle_exactly_one_is_committed() {
    for level in LEVELS {
        let stage = Stage::new();
        let mut clients = [stage.captain(), stage.captain()];
        let mut losses: BTreeMap<String, usize> = BTreeMap::new();
        for round in 0..ROUNDS {
            // Each pair of kinds in turn.
            let kinds = (round % HALVES.len(), round / HALVES.len() % HALVES.len());
            let ids = made_many(&mut clients[0], 2);
            let halves = [HALVES[kinds.0], HALVES[kinds.1]];
            let outcomes = clash(&mut clients, level, halves, &ids);
            let won = outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count();
            assert_eq!(won, 1, "{level}, round {round}, halves {kinds:?}: {outcomes:?}");
            let loser = outcomes.iter().find(|outcome| **outcome != Outcome::Committed);
            *losses.entry(format!("{:?}", loser.unwrap())).or_default() += 1;
        }
        println!("{level}: {ROUNDS} rounds, one committed in each; the others: {losses:?}");
        stage.assert_sound(level);
    }
}

#[test]
fn of_eight_eighths_of_a_circle_one_is_never_committed() {
    for level in LEVELS {
        let stage = Stage::new();
        for round in 0..4 {
            let ids = made_many(&mut stage.captain(), 8);
            let outcomes = wo_cluster_tests::race(stage.captains(8), |number, client| {
                let (waiting, awaited) = (ids[number], ids[(number + 1) % 8]);
                let half = HALVES[(number + round) % 4];
                // At the higher levels whoever loses against a harmless eighth tries again.
                loop {
                    let outcome =
                        Outcome::of(transaction(client, level, |c| half(c, waiting, awaited)));
                    if outcome != Outcome::Lost {
                        return outcome;
                    }
                }
            });
            let refused = outcomes.iter().filter(|outcome| **outcome == Outcome::Refused).count();
            assert_eq!(refused, 1, "{level}: {outcomes:?}");
        }
        stage.assert_sound(level);
    }
}
