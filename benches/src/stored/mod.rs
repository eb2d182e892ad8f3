//! What is stored already: transitions, reads and lists among few and among many work orders.

mod fill;
mod list;
mod plans;

use std::time::Instant;

use postgres::Client;
use serde_json::json;
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Sample, Way};
use crate::measure::{Spread, take_turns};
use crate::options::Options;
use crate::transition::COUNTS;

const PART: &str = "stored";

/// The time of a transition among many, in times of that among the fewest that are judged.
const GROWTH: Target = Target::AtMost(1.2);
/// From where on growth is judged.
const FROM: u32 = 100_000;
const CLIENTS: u32 = 16;

const RECENT: Way = Way {
    name: "of the newest",
    script: include_str!("../../sql/transition/login.sql"),
    role: "captain",
    acts: 2,
    counts: COUNTS,
};
/// One at a time: two clients that draw the same one would refuse each other's move.
const SCATTERED: Way =
    Way { name: "anywhere", script: include_str!("../../sql/stored_scattered.sql"), ..RECENT };

/// A database of one size.
struct Stored<'c> {
    rows: u32,
    db: Database<'c>,
    reader: Client,
}

pub fn measure(book: &mut Book, options: &Options) {
    // Beside as many rows no checkpoint is to leave more than this of the WAL.
    let cluster = ground::cluster(&[("max_wal_size", "4GB")]);
    if let Err(why) = fill::room(options, &cluster.data()) {
        book.add(PART, Figure::new("all of it", "", &[]).unless(Some(why)));
        return;
    }
    let kept = fill::Kept::asked_for(&cluster, options);
    let is_kept = kept.as_ref().is_some_and(|kept| kept.take(&cluster));
    let mut stored: Vec<Stored<'_>> = options
        .sizes
        .iter()
        .enumerate()
        .map(|(at, rows)| {
            let db = match is_kept {
                true => cluster.existing(&format!("db{at}")),
                false => fill::fill(&cluster, options, *rows),
            };
            let reader = db.connect("reader");
            Stored { rows: *rows, db, reader }
        })
        .collect();
    for (way, clients) in [(RECENT, CLIENTS), (SCATTERED, 1)] {
        transitions(book, options, &stored, way, clients);
    }
    reads(book, options, &mut stored);
    if let Some(largest) = stored.last() {
        list::measure(book, options, &largest.db, largest.rows);
    }
    drop(stored);
    if let Some(kept) = kept {
        kept.keep(&cluster);
    }
}

fn transitions(book: &mut Book, options: &Options, stored: &[Stored<'_>], way: Way, clients: u32) {
    let texts: Vec<String> = stored.iter().map(|one| one.rows.to_string()).collect();
    let samples = take_turns(options.rounds, stored.len(), |at, _| {
        let variables = [("rows", texts[at].as_str())];
        let database = &stored[at].db;
        Load {
            database,
            clients,
            seconds: options.seconds,
            variables: &variables,
            latencies: false,
        }
        .run(&way)
    });
    let runs: Vec<Result<Vec<Sample>, String>> =
        samples.into_iter().map(|samples| samples.into_iter().collect()).collect();
    let base = stored.iter().position(|one| one.rows >= FROM).unwrap_or(0);
    let column = |at: usize, value: &dyn Fn(&Sample) -> f64| -> Vec<f64> {
        runs[at].as_deref().unwrap_or_default().iter().map(value).collect()
    };
    // The time of one, as its client sees it.
    let of = |at: usize| column(at, &|sample| f64::from(clients) * 1e3 / sample.rate);
    // What is far apart meets pages that nobody has touched: they are read, and logged whole.
    let pages = |at: usize| {
        let median = |value: &dyn Fn(&Sample) -> f64| Spread::of(&column(at, value)).median;
        format!(
            "each logs {:.2} pages whole, {:.1} kB in all, and reads {:.2}",
            median(&|sample| sample.full_pages),
            median(&|sample| sample.wal) / 1e3,
            median(&|sample| sample.pages_read)
        )
    };
    for (at, one) in stored.iter().enumerate() {
        let problem = [at, base].into_iter().find_map(|at| runs[at].as_ref().err().cloned());
        let rows = one.rows;
        let name = format!("transition {}, {rows} stored, {clients} clients", way.name);
        let mut figure = Figure::new(name, "ms", &of(at))
            .detail("series", format!("transition {}", way.name))
            .detail("rows", rows)
            .note(pages(at))
            .unless(problem);
        if at != base {
            let judged = (at > base).then_some(GROWTH);
            figure = figure
                .against(&format!("{} stored", stored[base].rows), &of(at), &of(base))
                .must(judged);
        }
        book.add(PART, figure);
    }
}

/// What people read most, asked by one of them.
const READS: [(&str, &str); 6] = [
    (
        "one work order by its number",
        "select * from wo.work_order where wo_number = 'WO-2026-1000'",
    ),
    ("wo.audit_trail", "select * from wo.audit_trail('B-1-1')"),
    ("wo.list_work_orders, newest 50", "select * from wo.list_work_orders()"),
    (
        "wo.list_work_orders, next work of somebody",
        "select * from wo.list_work_orders(status => 'pending', assignee => 'Win CLI 小A', page_size => 1)",
    ),
    ("wo.ready_work_orders of 50 parts", "select * from wo.ready_work_orders('B-MASTER')"),
    ("wo.allowed_transitions", "select * from wo.allowed_transitions('WO-2026-1600')"),
];
const ASKED: u32 = 50;

fn reads(book: &mut Book, options: &Options, stored: &mut [Stored<'_>]) {
    for (name, sql) in READS {
        let plans: Vec<Vec<String>> =
            stored.iter().map(|one| plans::of(&one.db, "reader", sql)).collect();
        let statements: Vec<_> =
            stored.iter_mut().map(|one| one.reader.prepare(sql).unwrap()).collect();
        let times = take_turns(options.rounds + 1, stored.len(), |at, _| {
            let start = Instant::now();
            for _ in 0..ASKED {
                let rows = stored[at].reader.query(&statements[at], &[]).unwrap();
                assert!(!rows.is_empty(), "{name} gives something");
            }
            start.elapsed().as_secs_f64() * 1e3 / f64::from(ASKED)
        });
        for (at, one) in stored.iter().enumerate() {
            // The first of each warms up.
            let own = &times[at][1..];
            let figure = Figure::new(format!("{name}, {} stored", one.rows), "ms", own)
                .detail("series", name)
                .detail("rows", one.rows)
                .detail("plans", json!(plans[at]))
                .unless(plans::problem(&one.db, &plans[at]));
            let base = &times[0][1..];
            book.add(
                PART,
                if at == 0 {
                    figure
                } else {
                    figure.against(&format!("{} stored", stored[0].rows), own, base)
                },
            );
        }
    }
}
