//! Two to eight sessions that build random edges among a few work orders, in every way there is:
//! the graph stays free of cycles, and the sessions get on.

use std::sync::Mutex;

use postgres::{Client, Error};
use serde_json::json;
use uuid::Uuid;
use wo_cluster_tests::race;

use crate::hierarchy_races::stage::{
    LEVELS, Outcome, Stage, depend, link, made, made_many, transaction,
};
use wo_cluster_tests::Chance;

const SESSIONS: [usize; 3] = [2, 4, 8];
/// Transactions of all sessions of a run together, and how often one that lost is tried again.
const TRANSACTIONS: usize = 160;
const TRIES: usize = 8;
/// How many work orders there are at first, and at most.
const FEWEST: usize = 12;
const MOST: usize = 20;

#[derive(Clone, Copy, Debug)]
enum Act {
    Depend,
    RawDependency,
    ManyDependencies,
    Link,
    RawPart,
    NewBetween,
    NewPart,
    RawNewPart,
    InSavepoint,
    RemoveDependency,
    Unlink,
}

/// Those that add come more often than those that take away.
const ACTS: [Act; 16] = [
    Act::Depend,
    Act::Depend,
    Act::RawDependency,
    Act::RawDependency,
    Act::ManyDependencies,
    Act::Link,
    Act::Link,
    Act::RawPart,
    Act::RawPart,
    Act::NewBetween,
    Act::NewPart,
    Act::RawNewPart,
    Act::InSavepoint,
    Act::RemoveDependency,
    Act::RemoveDependency,
    Act::Unlink,
];

/// What a transaction is going to do, the same in each of its tries.
struct Step {
    act: Act,
    first: Uuid,
    second: Uuid,
    third: Uuid,
}

fn steps(chance: &mut Chance, known: &[Uuid]) -> Vec<Step> {
    (0..1 + chance.below(3))
        .map(|_| {
            let act = ACTS[chance.below(ACTS.len())];
            let (first, second) = chance.pair(known);
            Step { act, first, second, third: known[chance.below(known.len())] }
        })
        .collect()
}

/// The new work order, where one was made.
fn take(client: &mut Client, step: &Step) -> Result<Option<Uuid>, Error> {
    let Step { act, first, second, third } = step;
    match act {
        Act::Depend => depend(client, *first, *second)?,
        Act::RawDependency => raw_dependency(client, first, second)?,
        Act::ManyDependencies => {
            let mut edges = vec![json!({ "successor": first, "predecessor": second })];
            if second != third {
                edges.push(json!({ "successor": second, "predecessor": third, "lag": "1 hour" }));
            }
            client.query_one("SELECT wo.add_dependencies($1)", &[&json!(edges)])?;
        }
        Act::Link => link(client, *first, *second)?,
        Act::RawPart => {
            let sql = "UPDATE wo.work_order SET master_id = $1 WHERE id = $2";
            client.execute(sql, &[first, second])?;
        }
        Act::NewBetween => {
            let between = made(client)?;
            depend(client, between, *second)?;
            link(client, between, *first)?;
            if third != second {
                depend(client, between, *third)?;
            }
            return Ok(Some(between));
        }
        Act::NewPart => {
            let sql = "SELECT (wo.create_work_order('[SS1-Ops] x', master => $1::uuid::text) ->> 'id')::uuid";
            let child: Uuid = client.query_one(sql, &[first])?.get(0);
            depend(client, *second, child)?;
            return Ok(Some(child));
        }
        Act::RawNewPart => {
            let sql = "INSERT INTO wo.work_order (title, master_id) VALUES ('[SS1-Ops] x', $1)
                 RETURNING id";
            let child: Uuid = client.query_one(sql, &[first])?.get(0);
            raw_dependency(client, &child, second)?;
            return Ok(Some(child));
        }
        Act::InSavepoint => {
            // Whatever was held since the savepoint is given up with it.
            client.batch_execute("SAVEPOINT here")?;
            let tried = depend(client, *first, *second);
            client.batch_execute("ROLLBACK TO here")?;
            if Outcome::of(tried) != Outcome::Lost {
                depend(client, *second, *first)?;
            }
        }
        Act::RemoveDependency => {
            let sql = "SELECT wo.remove_dependency($1::uuid::text, $2::uuid::text)";
            client.query_one(sql, &[first, second])?;
        }
        Act::Unlink => {
            client.query_opt("SELECT wo.unlink_work_order($1::uuid::text)", &[first])?;
        }
    }
    Ok(None)
}

fn raw_dependency(client: &mut Client, waiting: &Uuid, awaited: &Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO wo.dependency (successor_id, predecessor_id) VALUES ($1, $2)
         ON CONFLICT DO NOTHING";
    client.execute(sql, &[waiting, awaited]).map(drop)
}

#[derive(Default)]
struct Tally {
    committed: usize,
    refused: usize,
    retried: usize,
    given_up: usize,
}

fn session(
    client: &mut Client,
    level: &str,
    known: &Mutex<Vec<Uuid>>,
    mut chance: Chance,
    count: usize,
) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..count {
        let steps = steps(&mut chance, &known.lock().unwrap());
        for attempt in 1.. {
            let mut new = Vec::new();
            let done = transaction(client, level, |client| {
                new.clear();
                for step in &steps {
                    new.extend(take(client, step)?);
                }
                Ok(())
            });
            match Outcome::of(done) {
                Outcome::Committed => {
                    tally.committed += 1;
                    let mut known = known.lock().unwrap();
                    let room = MOST - known.len();
                    known.extend(new.into_iter().take(room));
                }
                Outcome::Refused => tally.refused += 1,
                Outcome::Lost if attempt < TRIES => {
                    tally.retried += 1;
                    continue;
                }
                Outcome::Lost => tally.given_up += 1,
            }
            break;
        }
    }
    tally
}

fn build_at_random(level: &str) {
    for sessions in SESSIONS {
        let stage = Stage::new();
        let known = Mutex::new(made_many(&mut stage.captain(), FEWEST));
        let tallies = race(stage.captains(sessions), |number, client| {
            let chance = Chance::new((sessions * 100 + number) as u64);
            session(client, level, &known, chance, TRANSACTIONS / sessions)
        });
        let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
        let (committed, refused) = (sum(|tally| tally.committed), sum(|tally| tally.refused));
        let edges = stage.graph().len();
        println!(
            "{level}, {sessions} sessions: {committed} committed, {refused} refused, {} retried, \
             {} given up; {edges} edges",
            sum(|tally| tally.retried),
            sum(|tally| tally.given_up),
        );
        stage.assert_sound(&format!("{level}, {sessions} sessions"));
        assert!(
            committed > 0 && refused > 0,
            "no progress: {committed} committed, {refused} refused"
        );
        assert!(tallies.iter().all(|tally| tally.committed > 0), "one session never got on");
    }
}

#[test]
fn random_edges_never_close_a_circle_at_read_committed() {
    build_at_random(LEVELS[0]);
}

#[test]
fn random_edges_never_close_a_circle_at_repeatable_read() {
    build_at_random(LEVELS[1]);
}

#[test]
fn random_edges_never_close_a_circle_at_serializable() {
    build_at_random(LEVELS[2]);
}
