//! One transition with everything on (row security, roles, gates, hash chain, outbox) against the
//! floor: the same durable rows with no rule checked.

use serde_json::json;
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::ground::{self, Company};
use crate::load::{Load, Runs, Sample, Way, turns};
use crate::measure::{Spread, ratios};
use crate::options::Options;

const PART: &str = "transition";
const RATE: Target = Target::AtLeast(0.8);
const WAL: Target = Target::AtMost(1.5);

pub const FLOOR: Way = Way {
    name: "floor",
    script: include_str!("../sql/transition/floor.sql"),
    role: "postgres",
    acts: 2,
    counts: "select (select sum(version) from floor.work_order)::bigint,
        (select count(*) from floor.history), (select count(*) from floor.outbox)",
};

/// Of all that is ours; a checkpoint tells of no act.
pub const COUNTS: &str = "select (select sum(version) from wo.work_order)::bigint,
    (select count(*) from wo.audit_entry where subject = 'work_order'),
    (select count(*) from wo.event where type <> 'wo.checkpoint')";

const fn ours(name: &'static str, script: &'static str, role: &'static str) -> Way {
    Way { name, script, role, acts: 2, counts: COUNTS }
}

pub const LOGIN: Way = ours("login role", include_str!("../sql/transition/login.sql"), "captain");

/// What is judged, and the floor that it is judged by.
const JUDGED: [Way; 3] =
    [FLOOR, LOGIN, ours("session token", include_str!("../sql/transition/session.sql"), "service")];

/// What services also do, beside the floor.
const OTHERS: [Way; 4] = [
    FLOOR,
    ours(
        "login role, BEGIN; SELECT 1; …; COMMIT",
        include_str!("../sql/transition/bare.sql"),
        "captain",
    ),
    ours("token in each transaction", include_str!("../sql/transition/each.sql"), "service"),
    ours(
        "login role, NOTIFY in each transaction",
        include_str!("../sql/transition/login.sql"),
        "notifier",
    ),
];

/// The same on a server that does not preload the library.
const PLAIN: [Way; 2] = [
    Way { name: "floor, not preloaded", ..FLOOR },
    Way { name: "login role, not preloaded", ..LOGIN },
];

const CLIENTS: [u32; 4] = [1, 4, 16, 64];
/// The target is for these; the others show how it goes on.
const JUDGED_CLIENTS: [u32; 2] = [1, 16];
/// So many times the rounds where it is judged: what else the machine does is as large as what is
/// to be seen.
const FINER: usize = 3;

/// What is also run with the ways that are not judged, and asked for its latencies.
const USUAL: u32 = 16;

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, 64);
    ground::lay_floor(&db);
    let variables = variables(&company);
    let load = |clients: u32| Load {
        database: &db,
        clients,
        seconds: options.seconds,
        variables: &variables,
        latencies: clients == USUAL,
    };
    for clients in CLIENTS {
        let is_judged = JUDGED_CLIENTS.contains(&clients);
        let rounds = if is_judged { options.rounds * FINER } else { options.few_rounds() };
        let runs = turns(rounds, &JUDGED, |_, way| load(clients).run(way));
        runs.publish(book, PART, clients, |_| is_judged.then_some(RATE));
        if clients == USUAL {
            write_ahead(book, &runs);
            latencies(book, &runs);
        }
        if options.full || clients == USUAL {
            let runs = turns(options.few_rounds(), &OTHERS, |_, way| load(clients).run(way));
            runs.publish_beside(book, PART, clients);
        }
        ground::tidy(&mut db.superuser());
    }
    growth_of_tables(book, &db);
    check_chains(book, &db);
    not_preloaded(book, options);
}

fn check_chains(book: &mut Book, db: &Database<'_>) {
    if let Err(problem) = ground::check_chains(db) {
        book.add(PART, Figure::new("chains", "", &[]).unless(Some(problem)));
    }
}

fn not_preloaded(book: &mut Book, options: &Options) {
    let cluster = ground::plain_cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, USUAL);
    ground::lay_floor(&db);
    let load = Load {
        database: &db,
        clients: USUAL,
        seconds: options.seconds,
        variables: &variables(&company),
        latencies: false,
    };
    turns(options.few_rounds(), &PLAIN, |_, way| load.run(way))
        .publish(book, PART, USUAL, |_| None);
    check_chains(book, &db);
}

pub fn variables(company: &Company) -> [(&str, &str); 3] {
    [("tenant", &company.tenant), ("token", &company.token), ("started", "false")]
}

fn write_ahead(book: &mut Book, runs: &Runs<'_>) {
    for way in 1..JUDGED.len() {
        let (wal, floor) = (runs.wal(way), runs.wal(0));
        let figure = Figure::new(format!("WAL, {}", runs.ways[way].name), "bytes", &wal)
            .against("floor", &wal, &floor)
            .must(Some(WAL))
            .unless(runs.problem(way).or_else(|| runs.problem(0)));
        book.add(PART, figure);
    }
}

/// How long single transitions take; each script makes two.
fn latencies(book: &mut Book, runs: &Runs<'_>) {
    let medians = |way: usize, share: f64| -> Vec<f64> {
        let samples = runs.samples[way].as_deref().unwrap_or_default();
        samples.iter().map(|sample| at(sample, share)).collect()
    };
    for way in 0..JUDGED.len() {
        for (name, share) in [("median", 0.5), ("99th percentile", 0.99)] {
            let (ours, floor) = (medians(way, share), medians(0, share));
            let name = format!("latency, {name}, {}, {USUAL} clients", runs.ways[way].name);
            let mut figure = Figure::new(name, "ms", &ours).unless(runs.problem(way));
            if share == 0.5 {
                figure = figure
                    .detail("way", runs.ways[way].name)
                    .detail("distribution", json!(distribution(runs, way)));
            }
            book.add(PART, if way == 0 { figure } else { figure.against("floor", &ours, &floor) });
        }
    }
}

/// The time that this share of the transitions stayed below, in milliseconds.
fn at(sample: &Sample, share: f64) -> f64 {
    let mut sorted = sample.latencies.clone();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64) as usize;
    sorted.get(place).map_or(f64::NAN, |time| time / 2.0)
}

/// The times below which each hundredth of the transitions stayed.
fn distribution(runs: &Runs<'_>, way: usize) -> Vec<f64> {
    let mut all: Vec<f64> = runs.samples[way]
        .as_deref()
        .unwrap_or_default()
        .iter()
        .flat_map(|sample| sample.latencies.iter().map(|time| time / 2.0))
        .collect();
    all.sort_by(f64::total_cmp);
    (1..100).filter_map(|share| all.get(share * all.len() / 100).copied()).collect()
}

/// Bytes of each table and its indexes for each row that was added, and how often an update stayed
/// on its page.
fn growth_of_tables(book: &mut Book, db: &Database<'_>) {
    let mut admin = db.superuser();
    let mut size = |table: &str| -> f64 {
        let sql = format!(
            "select {}::float8 / (select greatest(count(*), 1) from {table})",
            ground::size_of(table)
        );
        ground::ask(&mut admin, &sql)
    };
    let pairs = [
        ("wo.audit_entry", "floor.history"),
        ("wo.event", "floor.outbox"),
        ("wo.work_order", "floor.work_order"),
    ];
    for (ours, floor) in pairs {
        let (own, plain) = ([size(ours)], [size(floor)]);
        let figure = Figure::new(format!("size of {ours} with indexes"), "bytes/row", &own)
            .against(floor, &own, &plain)
            .detail("ratio", Spread::of(&ratios(&own, &plain)).median);
        book.add(PART, figure);
    }
    let hot = "select (100.0 * sum(n_tup_hot_upd) / greatest(sum(n_tup_upd), 1))::float8
        from pg_stat_user_tables where relname = 'work_order' and schemaname = ";
    let (own, plain): (f64, f64) = (
        ground::ask(&mut admin, &format!("{hot}'wo'")),
        ground::ask(&mut admin, &format!("{hot}'floor'")),
    );
    let figure = Figure::new("updates that stayed on their page", "%", &[own]);
    book.add(PART, figure.against("floor", &[own], &[plain]));
}
