//! Parts that end at once, from many connections: their master is told of the last one by whoever
//! ends it, every time, without wo.tick().

use std::sync::Barrier;

use postgres::{Client, Error};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::race;

use crate::hierarchy_races::stage::{LEVELS, Stage, transaction};

const CLIENTS: usize = 16;

pub struct Family {
    pub master: Uuid,
    /// All in review.
    pub children: Vec<Uuid>,
}

fn plan(client: &mut Client, plan: &Value) -> Uuid {
    let row = client.query_one("SELECT wo.create_from_plan($1) ->> 'id'", &[plan]).unwrap();
    row.get::<_, String>(0).parse().unwrap()
}

pub fn family(client: &mut Client, children: usize) -> Family {
    let children: Vec<Value> = (0..children)
        .map(|at| json!({ "name": format!("p{at}"), "title": "[SS1-Ops] x" }))
        .collect();
    let master =
        plan(client, &json!({ "master": { "title": "[SS1-Ops] x" }, "children": children }));
    in_review(client, master);
    let rows = client.query("SELECT id FROM wo.work_order WHERE master_id = $1", &[&master]);
    Family { master, children: rows.unwrap().iter().map(|row| row.get(0)).collect() }
}

fn in_review(client: &mut Client, master: Uuid) {
    for to in ["accepted", "in_progress", "review"] {
        let sql = "UPDATE wo.work_order SET status = $2, completion_summary = 'x', actual_hours = 1
             WHERE master_id = $1";
        client.execute(sql, &[&master, &to]).unwrap();
    }
}

pub fn approve(client: &mut Client, child: Uuid) -> Result<(), Error> {
    let sql = "SELECT wo.transition($1::uuid::text, 'approved', 'good')";
    client.query_one(sql, &[&child]).map(drop)
}

/// Tries again as PostgreSQL asks, above READ COMMITTED; how often it had to. An error does not
/// panic here, where others wait at a barrier.
fn again(level: &str, mut act: impl FnMut() -> Result<(), Error>) -> Result<usize, String> {
    for retries in 0.. {
        match act() {
            Ok(()) => return Ok(retries),
            Err(error) => {
                let state = error.code().map(|code| code.code());
                if level == "READ COMMITTED" || state != Some("40001") {
                    return Err(format!("{error:?}"));
                }
            }
        }
    }
    unreachable!()
}

/// Ends the children in one transaction.
fn end(client: &mut Client, level: &str, children: &[Uuid]) -> Result<usize, String> {
    again(level, || {
        transaction(client, level, |client| {
            children.iter().try_for_each(|child| approve(client, *child))
        })
    })
}

/// All retries together; any error fails the test.
#[track_caller]
fn sum(ended: Vec<Vec<Result<usize, String>>>) -> usize {
    let ended: Result<Vec<usize>, String> = ended.into_iter().flatten().collect();
    ended.unwrap().into_iter().sum()
}

/// The master was told once, after its last child had ended.
#[track_caller]
pub fn assert_told(stage: &Stage, masters: &[Uuid], what: &str) {
    let rows = stage
        .db
        .superuser()
        .query(
            "SELECT told.count, told.last > children.last, children.open
             FROM unnest($1::uuid[]) WITH ORDINALITY AS master (id, place)
             CROSS JOIN LATERAL (
                SELECT count(*), max(position) AS last FROM wo.event
                WHERE subject_id = master.id AND type = 'wo.children_settled') AS told
             CROSS JOIN LATERAL (
                SELECT max(ended.position) AS last,
                    count(DISTINCT child.id) FILTER (WHERE child.locked_at IS NULL) AS open
                FROM wo.work_order AS child
                JOIN wo.event AS ended ON ended.subject_id = child.id AND ended.type = 'wo.transitioned'
                WHERE child.master_id = master.id) AS children
             ORDER BY place",
            &[&masters],
        )
        .unwrap();
    let told: Vec<(i64, Option<bool>, i64)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let wrong: Vec<_> =
        told.iter().enumerate().filter(|(_, told)| **told != (1, Some(true), 0)).collect();
    assert!(
        wrong.is_empty() && told.len() == masters.len(),
        "{what}: {} of {} masters (times told, after the last, still open): {wrong:?}",
        wrong.len(),
        masters.len()
    );
}

/// Every client ends its share of each family, all of them starting on each family at once.
fn end_families(stage: &Stage, level: &str, clients: usize, families: &[Family], what: &str) {
    let start = Barrier::new(clients);
    let retries = sum(race(stage.captains(clients), |number, client| {
        let mut ended = Vec::new();
        for family in families {
            start.wait();
            for child in family.children.iter().skip(number).step_by(clients) {
                ended.push(end(client, level, &[*child]));
            }
        }
        ended
    }));
    println!("{level}: {} masters, {what}: {retries} retries", families.len());
    let masters: Vec<Uuid> = families.iter().map(|family| family.master).collect();
    assert_told(stage, &masters, &format!("{level}, {what}"));
}

#[test]
fn a_master_of_a_thousand_learns_of_the_last_one_from_sixteen_clients() {
    let stage = Stage::new();
    let families = [family(&mut stage.captain(), 1000)];
    end_families(&stage, LEVELS[0], CLIENTS, &families, "1,000 children");
    stage.assert_sound("1,000 children");
    let ticked = stage.captain().query_one("SELECT sum(done)::int FROM wo.tick()", &[]).unwrap();
    assert_eq!(ticked.get::<_, i32>(0), 0, "nothing was left for the tick to tell");
}

#[test]
fn a_master_whose_last_sixteen_end_at_once_is_told() {
    for (level, masters) in LEVELS.into_iter().zip([40, 8, 8]) {
        let stage = Stage::new();
        let mut captain = stage.captain();
        let families: Vec<Family> = (0..masters).map(|_| family(&mut captain, 16)).collect();
        end_families(&stage, level, CLIENTS, &families, "the last 16 at once");
        stage.assert_sound(level);
    }
}

#[test]
fn a_master_whose_last_two_end_at_once_is_told() {
    for (level, masters) in LEVELS.into_iter().zip([100, 60, 60]) {
        let stage = Stage::new();
        let mut captain = stage.captain();
        let families: Vec<Family> = (0..masters).map(|_| family(&mut captain, 2)).collect();
        end_families(&stage, level, 2, &families, "the last two at once");
        stage.assert_sound(level);
    }
}

#[test]
fn a_master_whose_parts_end_several_at_a_time_is_told() {
    let stage = Stage::new();
    let mut captain = stage.captain();
    let families: Vec<Family> = (0..10).map(|_| family(&mut captain, 32)).collect();
    let start = Barrier::new(4);
    sum(race(stage.captains(4), |number, client| {
        let mut end_share = |family: &Family| {
            let share: Vec<Uuid> =
                family.children.iter().skip(number).step_by(4).copied().collect();
            start.wait();
            end(client, LEVELS[0], &share)
        };
        families.iter().map(&mut end_share).collect()
    }));
    let masters: Vec<Uuid> = families.iter().map(|family| family.master).collect();
    assert_told(&stage, &masters, "eight at a time");
    stage.assert_sound("eight at a time");
}

#[test]
fn a_master_whose_parts_end_a_hundred_at_a_time_is_told() {
    for level in LEVELS {
        let stage = Stage::new();
        let family = family(&mut stage.captain(), 200);
        let mut clients = stage.captains(2);
        for (client, share) in clients.iter_mut().zip(family.children.chunks(100)) {
            client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).unwrap();
            share.iter().for_each(|child| approve(client, *child).unwrap());
        }
        let committed = clients.iter_mut().map(|client| client.batch_execute("COMMIT"));
        if committed.filter_map(Result::err).count() > 0 {
            assert_eq!(level, "SERIALIZABLE");
            end(&mut clients[0], level, &family.children[100..]).unwrap();
        }
        assert_told(&stage, &[family.master], level);
        stage.assert_sound(level);
    }
}

#[test]
fn a_master_is_told_when_its_last_open_parts_end_and_leave_at_once() {
    for level in LEVELS {
        let stage = Stage::new();
        let mut captain = stage.captain();
        let families: Vec<Family> = (0..40).map(|_| family(&mut captain, 2)).collect();
        let start = Barrier::new(2);
        let retries = sum(race(stage.captains(2), |number, client| {
            let mut part_with = |family: &Family| {
                start.wait();
                let child = family.children[number];
                again(level, || {
                    transaction(client, level, |client| match number {
                        0 => approve(client, child),
                        _ => {
                            let leave = "SELECT wo.unlink_work_order($1::uuid::text)";
                            client.query_one(leave, &[&child]).map(drop)
                        }
                    })
                })
            };
            families.iter().map(&mut part_with).collect()
        }));
        println!("{level}: {} masters, one ends, one leaves: {retries} retries", families.len());
        let masters: Vec<Uuid> = families.iter().map(|family| family.master).collect();
        assert_told(&stage, &masters, level);
        stage.assert_sound(level);
    }
}

/// One master over masters over masters over children; all of the masters close by themselves.
fn dynasty(client: &mut Client) -> (Vec<Uuid>, Vec<Uuid>) {
    let closing = |name: String, children: Vec<Value>| json!({ "name": name, "title": "x", "lifecycle": "closing", "children": children });
    let leaves = |of: &str| -> Vec<Value> {
        (0..4).map(|at| json!({ "name": format!("{of}.{at}"), "title": "[SS1-Ops] x" })).collect()
    };
    let children: Vec<Value> = (0..2)
        .map(|branch| {
            let twigs = (0..2).map(|twig| {
                let name = format!("{branch}.{twig}");
                closing(name.clone(), leaves(&name))
            });
            closing(branch.to_string(), twigs.collect())
        })
        .collect();
    let master = json!({ "title": "x", "lifecycle": "closing" });
    let root = plan(client, &json!({ "master": master, "children": children }));
    let below = |client: &mut Client, lifecycle: &str| -> Vec<Uuid> {
        let sql = "WITH RECURSIVE below AS (
                SELECT id, lifecycle FROM wo.work_order WHERE id = $1
                UNION ALL
                SELECT child.id, child.lifecycle FROM below
                JOIN wo.work_order AS child ON child.master_id = below.id)
             SELECT id FROM below WHERE lifecycle = $2";
        client.query(sql, &[&root, &lifecycle]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let masters = below(client, "closing");
    for master in &masters {
        in_review_where_fleet(client, *master);
    }
    let wait = "UPDATE wo.work_order SET status = 'waiting' WHERE id = any($1)";
    client.execute(wait, &[&masters]).unwrap();
    (masters, below(client, "fleet_task"))
}

fn in_review_where_fleet(client: &mut Client, master: Uuid) {
    let sql = "SELECT bool_and(lifecycle = 'fleet_task') FROM wo.work_order WHERE master_id = $1";
    if client.query_one(sql, &[&master]).unwrap().get(0) {
        in_review(client, master);
    }
}

#[test]
fn a_chain_of_masters_closes_to_the_top_when_its_leaves_end_at_once() {
    for (level, rounds) in LEVELS.into_iter().zip([20, 6, 6]) {
        let stage = Stage::new();
        let mut captain = stage.captain();
        let dynasties: Vec<_> = (0..rounds).map(|_| dynasty(&mut captain)).collect();
        let start = Barrier::new(CLIENTS);
        assert!(dynasties.iter().all(|(_, leaves)| leaves.len() == CLIENTS));
        let retries = sum(race(stage.captains(CLIENTS), |number, client| {
            let end_one = |(_, leaves): &(Vec<Uuid>, Vec<Uuid>)| {
                start.wait();
                end(client, level, &[leaves[number]])
            };
            dynasties.iter().map(end_one).collect()
        }));
        println!("{level}: {rounds} chains of masters, {CLIENTS} leaves each: {retries} retries");
        let masters: Vec<Uuid> = dynasties.into_iter().flat_map(|(masters, _)| masters).collect();
        assert_eq!(masters.len(), rounds * 7);
        let open = "SELECT count(*) FROM wo.work_order WHERE status <> 'closed' AND id = any($1)";
        let open: i64 = captain.query_one(open, &[&masters]).unwrap().get(0);
        assert_eq!(open, 0, "{level}: masters whose children have all ended did not close");
        assert_told(&stage, &masters, level);
        stage.assert_sound(level);
    }
}
