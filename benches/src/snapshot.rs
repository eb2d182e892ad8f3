//! What a snapshot that somebody holds for long does, and what is left of it afterwards: a clean run,
//! one beside the snapshot, and a recovery run after it was let go and the tables were vacuumed.

use wo_cluster_tests::Database;

use crate::figure::{Book, Figure};
use crate::ground;
use crate::load::{Load, Runs, Way, turns};
use crate::options::Options;
use crate::transition::{self, FLOOR, LOGIN};

const PART: &str = "snapshot";
const CLIENTS: u32 = 16;
const WAYS: [Way; 2] = [FLOOR, LOGIN];
/// Each with the rows that its updates leave dead.
const TABLES: [&str; 2] = ["floor.work_order", "wo.work_order"];

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, CLIENTS);
    ground::lay_floor(&db);
    let variables = transition::variables(&company);
    let load = Load {
        database: &db,
        clients: CLIENTS,
        seconds: options.seconds * if options.full { 6 } else { 1 },
        variables: &variables,
        latencies: false,
    };
    let phase = || {
        let runs = turns(options.rounds, &WAYS, |_, way| load.run(way));
        (runs, sizes(&db))
    };
    let clean = phase();
    let mut holder = db.superuser();
    // The first statement takes the snapshot; it is held until the transaction ends.
    holder
        .batch_execute("begin isolation level repeatable read; select count(*) from wo.work_order")
        .unwrap();
    let held = phase();
    holder.batch_execute("commit").unwrap();
    ground::tidy(&mut db.superuser());
    let recovered = phase();
    for (name, (runs, sizes)) in
        [("beside a held snapshot", &held), ("after it, vacuumed", &recovered)]
    {
        for way in 0..WAYS.len() {
            publish(book, name, way, (runs, sizes), &clean);
        }
    }
    if let Err(problem) = ground::check_chains(&db) {
        book.add(PART, Figure::new("chains", "", &[]).unless(Some(problem)));
    }
}

type Phase<'w> = (Runs<'w>, [i64; 2]);

fn publish(
    book: &mut Book,
    phase: &str,
    way: usize,
    (runs, sizes): (&Runs<'_>, &[i64; 2]),
    clean: &Phase<'_>,
) {
    let (rates, before) = (runs.rates(way), clean.0.rates(way));
    let name = format!("{}, {CLIENTS} clients, {phase}", WAYS[way].name);
    let figure = Figure::new(name, "/s", &rates)
        .against("clean", &rates, &before)
        .detail("bytes", sizes[way])
        .detail("bytes_clean", clean.1[way])
        .unless(runs.problem(way).or_else(|| clean.0.problem(way)));
    book.add(PART, figure);
    let (size, clean) = ([sizes[way] as f64 / 1e6], [clean.1[way] as f64 / 1e6]);
    let figure = Figure::new(format!("size of {}, {phase}", TABLES[way]), "MB", &size);
    book.add(PART, figure.against("clean", &size, &clean));
}

fn sizes(db: &Database<'_>) -> [i64; 2] {
    let mut admin = db.superuser();
    TABLES.map(|table| ground::ask(&mut admin, &format!("select {}", ground::size_of(table))))
}
