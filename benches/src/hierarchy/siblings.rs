//! A thousand parts of one master that end from sixteen clients, against unrelated work orders.

use std::sync::Barrier;
use std::time::Instant;

use postgres::Client;
use uuid::Uuid;
use wo_cluster_tests::{Cluster, Database, race};

use super::{PART, tenant};
use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::measure::take_turns;
use crate::options::Options;

const COUNT: usize = 1_000;
const CLIENTS: usize = 16;
const TARGET: Target = Target::AtLeast(0.8);
/// So many times the rounds: each lasts a third of a second.
const FINER: usize = 3;

pub fn measure(book: &mut Book, options: &Options, cluster: &Cluster) {
    let db = tenant(cluster, options);
    let mut client = db.connect("captain");
    let mut observer = db.superuser();
    let rounds = options.rounds * FINER + 1;
    let results = take_turns(rounds, 2, |way, _| {
        let is_part = way == 1;
        let ids = in_review(&mut client, COUNT, is_part);
        let before = in_review(&mut client, 8 * CLIENTS, is_part);
        ground::tidy(&mut observer);
        approve(&db, &ids, &before)
    });
    let told: i64 = ground::ask(
        &mut observer,
        "select count(*) from wo.event where type = 'wo.children_settled'",
    );
    let problem = (told != 2 * rounds as i64)
        .then(|| format!("{told} of {} masters were told that their parts ended", 2 * rounds));
    // The first of each warms up.
    let (parts, alone) = (&results[1][1..], &results[0][1..]);
    book.add(
        PART,
        Figure::new(format!("{COUNT} parts of one master end, {CLIENTS} clients"), "/s", parts)
            .against("unrelated", parts, alone)
            .must(Some(TARGET))
            .unless(problem),
    );
}

/// Work orders in review; parts of one master, or nobody's.
fn in_review(client: &mut Client, count: usize, has_master: bool) -> Vec<Uuid> {
    let mark = Uuid::now_v7().to_string();
    let master: Option<String> = has_master.then(|| {
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

/// Approvals per second. Each client has approved some of the same kind before.
fn approve(db: &Database<'_>, ids: &[Uuid], before: &[Uuid]) -> f64 {
    let sql = "select wo.transition($1::uuid::text, 'approved', 'good')";
    let clients: Vec<Client> = (0..CLIENTS).map(|_| db.connect("captain")).collect();
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
