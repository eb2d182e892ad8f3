//! Hierarchies that grow: plans of 100 to 10,000 work orders, a thousand parts of one master that
//! end from 16 clients, and one more dependency in a graph of 100 and of 100,000 edges.

mod graph;
mod plan;
mod siblings;

use postgres::Client;
use serde_json::{Value, json};
use wo_cluster_tests::{Cluster, Database};

use crate::figure::Book;
use crate::ground;
use crate::options::Options;
use wo_cluster_tests::Chance;

const PART: &str = "hierarchy";

/// How many earlier work orders each one of a plan waits for.
const EDGES_EACH: usize = 3;

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    siblings::measure(book, options, &cluster);
    graph::measure(book, options, &cluster);
    plan::measure(book, options, &cluster);
}

/// A database with one captain, whom every connection acts as.
fn tenant<'c>(cluster: &'c Cluster, options: &Options) -> Database<'c> {
    let db = ground::database(cluster, options.partitions);
    ground::found(&db);
    db
}

/// A master with so many parts, each of them after three random earlier ones.
fn plan_of(chance: &mut Chance, parts: usize, edges: usize) -> Value {
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

/// Makes it; the master's id.
fn create(client: &mut Client, plan: &Value) -> String {
    client.query_one("select wo.create_from_plan($1) ->> 'id'", &[plan]).unwrap().get(0)
}
