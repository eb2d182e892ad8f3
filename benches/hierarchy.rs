//! Hierarchies that grow: plans of 100 to 10,000 work orders, a thousand parts that end from 16
//! clients, and one more dependency in a graph of 100 and of
//! 10,000 edges.
//!
//! Every figure is a ratio within one run: the variants take turns, and the median of the rounds
//! counts. `WO_BENCH_ROUNDS` (5) sets how many rounds there are, `WO_BENCH_ONLY` (1, 2 or 3) which
//! of the three is run. Exits with 1 where a target is missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Barrier;
use std::time::Instant;

use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{Cluster, Database, race};

/// Time per work order in a plan of the largest size, in times of one of the smallest.
const PLAN_TARGET: f64 = 2.0;
const PLAN_SIZES: [usize; 3] = [100, 1_000, 10_000];
const EDGES_EACH: usize = 3;

/// Parts that end, in times of unrelated work orders that do.
const ENDING_TARGET: f64 = 0.8;
const ENDING: usize = 1_000;
const CLIENTS: usize = 16;

/// One more dependency in a larger graph, in times of one in the smallest.
const EDGE_TARGET: f64 = 2.0;
const GRAPH_SIZES: [usize; 2] = [100, 10_000];
/// Edges of one master's parts; larger graphs have more masters.
const EDGES_OF_ONE: usize = 100;
const EDGES_TIMED: usize = 100;

fn rounds() -> usize {
    std::env::var("WO_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds.
fn timed<T>(act: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = act();
    (start.elapsed().as_secs_f64(), result)
}

/// SplitMix64: the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).unwrap()
    }
}

/// A tenant with one captain, whom every connection acts as.
fn tenant(cluster: &Cluster) -> Database<'_> {
    let db = cluster.database();
    db.login("captain", &["wo_user"]);
    db.superuser()
        .batch_execute(
            "select wo.create_tenant('bench', 'Bench', 'fleet_task');
             begin;
             select wo.administer('bench');
             select wo.create_principal('captain', roles => '{captain}', db_role => 'captain');
             commit;",
        )
        .unwrap();
    db
}

fn captain(db: &Database<'_>) -> Client {
    let mut captain = db.connect("captain");
    captain.batch_execute("set wo_core.notify = off").unwrap();
    captain
}

/// A master with so many parts, each of them after three random earlier ones.
fn plan(chance: &mut Chance, parts: usize, edges: usize) -> Value {
    let mut left = edges;
    let children: Vec<Value> = (0..parts)
        .map(|at| {
            let mut after: Vec<String> = Vec::new();
            while after.len() < EDGES_EACH.min(at).min(left) {
                let name = format!("w{}", chance.below(at));
                if !after.contains(&name) {
                    after.push(name);
                }
            }
            left -= after.len();
            json!({
                "name": format!("w{at}"),
                "title": format!("[Bench-Load] Replace pump {at}"),
                "estimated_hours": 1 + chance.below(40),
                "after": after,
            })
        })
        .collect();
    json!({ "master": { "title": "[Bench-Load] Replace all pumps" }, "children": children })
}

fn create(client: &mut Client, plan: &Value) -> String {
    client.query_one("select wo.create_from_plan($1) ->> 'id'", &[plan]).unwrap().get(0)
}

/// Whether every judged ratio is within its target.
struct Verdict {
    missed: bool,
}

impl Verdict {
    fn judge(&mut self, is_met: bool, target: &str) -> String {
        if is_met {
            return format!("(target {target})");
        }
        self.missed = true;
        format!("MISSED: must be {target}")
    }
}

const PLAN_STEPS: [&str; 3] = ["wo.create_from_plan", "wo.critical_path", "wo.ready_work_orders"];

fn plans(cluster: &Cluster, verdict: &mut Verdict) {
    let db = tenant(cluster);
    let mut client = captain(&db);
    let mut chance = Chance(1);
    create(&mut client, &plan(&mut chance, 1_000, usize::MAX));
    db.superuser().batch_execute("vacuum analyze").unwrap();
    let mut times = vec![vec![Vec::new(); PLAN_SIZES.len()]; PLAN_STEPS.len()];
    for _ in 0..rounds() {
        for (column, size) in PLAN_SIZES.into_iter().enumerate() {
            let plan = plan(&mut chance, size, usize::MAX);
            let (made, master) = timed(|| create(&mut client, &plan));
            times[0][column].push(made);
            for (row, call) in ["wo.critical_path", "wo.ready_work_orders"].iter().enumerate() {
                let sql = format!("select * from {call}($1)");
                let (read, rows) = timed(|| client.query(&sql, &[&master]).unwrap());
                assert!(!rows.is_empty() && (row > 0 || rows.len() == size), "{call}");
                times[row + 1][column].push(read);
            }
        }
    }
    println!(
        "\nPlans with {EDGES_EACH} edges for each work order, medians of {} rounds:",
        rounds()
    );
    for (step, columns) in PLAN_STEPS.into_iter().zip(times) {
        let each: Vec<f64> = columns
            .into_iter()
            .zip(PLAN_SIZES)
            .map(|(times, size)| median(times) / size as f64 * 1e6)
            .collect();
        let ratio = each[2] / each[0];
        let said = verdict.judge(ratio <= PLAN_TARGET, &format!("at most {PLAN_TARGET}"));
        let figures: Vec<String> = each
            .iter()
            .zip(PLAN_SIZES)
            .map(|(each, size)| format!("{each:7.1} µs each of {size}"))
            .collect();
        println!("  {ratio:5.2} × per work order  {step:<22} {}  {said}", figures.join(", "));
    }
}

/// Work orders in review; parts of one master, or nobody's.
fn in_review(client: &mut Client, count: usize, master: bool) -> Vec<Uuid> {
    let mark = Uuid::now_v7().to_string();
    let master: Option<String> = master.then(|| {
        let sql = "select wo.create_work_order('[Bench-Load] master') ->> 'id'";
        client.query_one(sql, &[]).unwrap().get(0)
    });
    let sql = "insert into wo.work_order (title, project, master_id)
         select '[Bench-Load] Replace the pump', $1, $2::text::uuid from generate_series(1, $3::int)";
    client.execute(sql, &[&mark, &master, &i32::try_from(count).unwrap()]).unwrap();
    for to in ["accepted", "in_progress", "review"] {
        let sql = "update wo.work_order set status = $2, completion_summary = 'x', actual_hours = 1
             where project = $1";
        client.execute(sql, &[&mark, &to]).unwrap();
    }
    let rows = client.query("select id from wo.work_order where project = $1", &[&mark]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Approvals per second. Each client has approved some of both kinds before.
fn approve(db: &Database<'_>, ids: &[Uuid], before: &[Uuid]) -> f64 {
    let sql = "select wo.transition($1::uuid::text, 'approved', 'good')";
    let clients: Vec<Client> = (0..CLIENTS).map(|_| captain(db)).collect();
    let ready = Barrier::new(CLIENTS);
    let spans = race(clients, |number, client| {
        let statement = client.prepare(sql).unwrap();
        for id in before.iter().skip(number).step_by(CLIENTS) {
            client.query_one(&statement, &[id]).unwrap();
        }
        ready.wait();
        let start = Instant::now();
        for id in ids.iter().skip(number).step_by(CLIENTS) {
            client.query_one(&statement, &[id]).unwrap();
        }
        (start, Instant::now())
    });
    let start = spans.iter().map(|span| span.0).min().unwrap();
    let end = spans.iter().map(|span| span.1).max().unwrap();
    ids.len() as f64 / (end - start).as_secs_f64()
}

fn ending(cluster: &Cluster, verdict: &mut Verdict) {
    let db = tenant(cluster);
    let mut client = captain(&db);
    // The first of each warms up.
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..=rounds() {
        let ids = [false, true].map(|master| in_review(&mut client, ENDING, master));
        let before = [(); 2].map(|()| {
            [false, true].map(|master| in_review(&mut client, 8 * CLIENTS, master)).concat()
        });
        for tidy in ["vacuum analyze", "checkpoint"] {
            db.superuser().batch_execute(tidy).unwrap();
        }
        for turn in 0..2 {
            let variant = (round + turn) % 2;
            rates[variant].push(approve(&db, &ids[variant], &before[variant]));
        }
    }
    let sql = "select count(*) from wo.event where type = 'wo.children_settled'";
    let told: i64 = db.superuser().query_one(sql, &[]).unwrap().get(0);
    let masters = 3 * (rounds() + 1);
    assert_eq!(usize::try_from(told).unwrap(), masters, "every master was told once");
    let ratios: Vec<f64> = (1..=rounds()).map(|at| rates[1][at] / rates[0][at]).collect();
    let spread = ratios
        .iter()
        .fold((f64::MAX, 0_f64), |(least, most), ratio| (least.min(*ratio), most.max(*ratio)));
    let ratio = median(ratios);
    let [alone, parts] = rates.map(|rates| median(rates[1..].to_vec()));
    let said = verdict.judge(ratio >= ENDING_TARGET, &format!("at least {ENDING_TARGET}"));
    println!(
        "\n{ENDING} work orders ending from {CLIENTS} clients, medians of {} rounds:",
        rounds()
    );
    println!(
        "  {ratio:5.2} × unrelated  {parts:8.0}/s parts of one master, {alone:.0}/s unrelated, rounds {:.2} to {:.2}  {said}",
        spread.0, spread.1
    );
}

/// A graph of so many edges, and the parts of each master in it.
struct Graph<'c> {
    _db: Database<'c>,
    client: Client,
    parts: Vec<Vec<Uuid>>,
}

fn graph<'c>(cluster: &'c Cluster, edges: usize, edges_of_one: usize) -> Graph<'c> {
    let db = tenant(cluster);
    let mut client = captain(&db);
    let mut chance = Chance(2);
    // Three earlier ones each, but for the first three.
    let size = edges_of_one / EDGES_EACH + 3;
    let parts = (0..edges / edges_of_one)
        .map(|at| {
            let master = create(&mut client, &plan(&mut chance, size, edges_of_one));
            if at == 0 {
                db.superuser().batch_execute("analyze").unwrap();
            }
            let sql = "select id from wo.work_order where master_id = $1::text::uuid order by id";
            let rows = client.query(sql, &[&master]).unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
        .collect();
    let mut superuser = db.superuser();
    let there: i64 = superuser.query_one("select count(*) from wo.dependency", &[]).unwrap().get(0);
    assert_eq!(usize::try_from(there).unwrap(), edges);
    superuser.batch_execute("vacuum analyze").unwrap();
    Graph { _db: db, client, parts }
}

impl Graph<'_> {
    /// The median time of one more edge, without its commit; it is taken back.
    fn time_one_more(&mut self, chance: &mut Chance) -> f64 {
        let sql = "select wo.add_dependency($1::uuid::text, $2::uuid::text)";
        let statement = self.client.prepare(sql).unwrap();
        let times = (0..EDGES_TIMED).map(|_| {
            let parts = &self.parts[chance.below(self.parts.len())];
            // The ids of a plan are in its order.
            let awaited = chance.below(parts.len() - 1);
            let waiting = awaited + 1 + chance.below(parts.len() - 1 - awaited);
            let mut transaction = self.client.transaction().unwrap();
            let (seconds, _) = timed(|| {
                transaction.query_one(&statement, &[&parts[waiting], &parts[awaited]]).unwrap()
            });
            transaction.rollback().unwrap();
            seconds
        });
        median(times.collect())
    }
}

fn one_more_edge(cluster: &Cluster, verdict: &mut Verdict) {
    let mut graphs: Vec<(String, bool, Graph<'_>)> = GRAPH_SIZES
        .into_iter()
        .map(|edges| {
            let name = format!("{edges} edges, {EDGES_OF_ONE} under each master");
            (name, true, graph(cluster, edges, EDGES_OF_ONE))
        })
        .collect();
    // What one more edge touches here grows with the graph.
    let single = "10000 edges at random under one master".to_owned();
    graphs.push((single, false, graph(cluster, 10_000, 10_000)));
    let mut chance = Chance(3);
    let mut times = vec![Vec::new(); graphs.len()];
    for round in 0..=rounds() {
        for (at, (.., graph)) in graphs.iter_mut().enumerate() {
            let time = graph.time_one_more(&mut chance);
            // The first of each warms up.
            if round > 0 {
                times[at].push(time);
            }
        }
    }
    println!("\nOne more dependency, medians of {} rounds of {EDGES_TIMED}:", rounds());
    let smallest = median(times[0].clone());
    for ((name, judged, _), times) in graphs.iter().zip(times) {
        let time = median(times);
        let ratio = time / smallest;
        let said = match judged {
            true => verdict.judge(ratio <= EDGE_TARGET, &format!("at most {EDGE_TARGET}")),
            false => String::new(),
        };
        println!("  {ratio:5.2} × smallest  {:7.0} µs  {name}  {said}", time * 1e6);
    }
}

fn main() {
    let cluster = Cluster::own(&[
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("shared_buffers", "512MB"),
        ("max_wal_size", "8GB"),
        ("wal_level", "replica"),
        ("autovacuum", "off"),
    ]);
    let mut verdict = Verdict { missed: false };
    let parts: [fn(&Cluster, &mut Verdict); 3] = [plans, ending, one_more_edge];
    let only: Option<usize> =
        std::env::var("WO_BENCH_ONLY").ok().and_then(|text| text.parse().ok());
    for (at, part) in parts.into_iter().enumerate() {
        if only.is_none_or(|only| only == at + 1) {
            part(&cluster, &mut verdict);
        }
    }
    std::process::exit(i32::from(verdict.missed));
}
