//! One more dependency in graphs of different sizes.

use postgres::Client;
use uuid::Uuid;
use wo_cluster_tests::{Cluster, Database};

use super::{EDGES_EACH, PART, create, plan_of, tenant};
use crate::figure::{Book, Figure, Target};
use crate::measure::{Spread, take_turns, timed};
use crate::options::Options;
use wo_cluster_tests::Chance;

const TARGET: Target = Target::AtMost(2.0);
const SIZES: [usize; 3] = [100, 10_000, 100_000];
/// Edges of one master's parts; larger graphs have more masters.
const EDGES_OF_ONE: usize = 100;
const TIMED: usize = 100;

pub fn measure(book: &mut Book, options: &Options, cluster: &Cluster) {
    let mut graphs: Vec<(String, Graph<'_>)> = SIZES
        .into_iter()
        .map(|edges| {
            let name = format!("{edges} edges, {EDGES_OF_ONE} under each master");
            (name, graph(cluster, options, edges, EDGES_OF_ONE))
        })
        .collect();
    // What one more edge touches here grows with the graph.
    let single = "10000 edges at random under one master".to_owned();
    graphs.push((single, graph(cluster, options, 10_000, 10_000)));
    let mut chance = Chance::new(3);
    let times = take_turns(options.rounds + 1, graphs.len(), |at, _| {
        graphs[at].1.time_one_more(&mut chance)
    });
    // The first of each warms up.
    let smallest = &times[0][1..];
    for (at, (name, _)) in graphs.iter().enumerate().skip(1) {
        let own = &times[at][1..];
        let judged = (at < SIZES.len()).then_some(TARGET);
        let figure = Figure::new(format!("one more among {name}"), "µs", own)
            .against("among 100", own, smallest)
            .must(judged);
        book.add(PART, figure);
    }
}

/// A graph of so many edges, and the parts of each master in it.
struct Graph<'c> {
    _db: Database<'c>,
    client: Client,
    parts: Vec<Vec<Uuid>>,
}

fn graph<'c>(
    cluster: &'c Cluster,
    options: &Options,
    edges: usize,
    edges_of_one: usize,
) -> Graph<'c> {
    let db = tenant(cluster, options);
    let mut client = db.connect("captain");
    let mut chance = Chance::new(2);
    // Three earlier ones each, but for the first three.
    let size = edges_of_one / EDGES_EACH + 3;
    let parts = (0..edges / edges_of_one)
        .map(|at| {
            let master = create(&mut client, &plan_of(&mut chance, size, edges_of_one));
            if at == 0 {
                db.superuser().batch_execute("analyze").unwrap();
            }
            let sql = "select id from wo.work_order where master_id = $1::text::uuid order by id";
            let rows = client.query(sql, &[&master]).unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
        .collect();
    let mut superuser = db.superuser();
    let there: i64 = crate::ground::ask(&mut superuser, "select count(*) from wo.dependency");
    assert_eq!(there as usize, edges, "the graph has its edges");
    superuser.batch_execute("vacuum analyze").unwrap();
    Graph { _db: db, client, parts }
}

impl Graph<'_> {
    /// Microseconds of one more edge (the median), without its commit; it is taken back.
    fn time_one_more(&mut self, chance: &mut Chance) -> f64 {
        let sql = "select wo.add_dependency($1::uuid::text, $2::uuid::text)";
        let statement = self.client.prepare(sql).unwrap();
        let times = (0..TIMED).map(|_| {
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
        Spread::of(&times.collect::<Vec<_>>()).median * 1e6
    }
}
