//! A thousand connections that make transitions at once, against sixteen: on a server that preloads
//! the library, as the README advises, the floor's own, and, where there are hours, on one that does
//! not preload it.
//!
//! What many connections cost PostgreSQL itself, whatever they do, the floor's ratio says.

use wo_cluster_tests::Cluster;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Sample, Way};
use crate::measure::take_turns;
use crate::options::Options;
use crate::transition::{self, FLOOR, LOGIN};

const PART: &str = "crowd";
const FEW: u32 = 16;
const MANY: u32 = 1_000;
const TARGET: Target = Target::AtLeast(0.7);
const CONNECTIONS: (&str, &str) = ("max_connections", "1100");

/// What is run on one cluster, and how its figure is called, judged and noted.
struct Crowd {
    way: Way,
    name: &'static str,
    target: Option<Target>,
    note: &'static str,
}

pub fn measure(book: &mut Book, options: &Options) {
    let ours = Crowd {
        way: LOGIN,
        name: "connections at once",
        target: Some(TARGET),
        note: "preloaded; no error, and every acknowledged transition left its entry and its event",
    };
    let floor = Crowd {
        way: FLOOR,
        name: "connections at once, floor",
        target: None,
        note: "what so many connections cost the server itself",
    };
    on_cluster(book, options, &ground::cluster(&[CONNECTIONS]), &[ours, floor]);
    if !options.full {
        return;
    }
    let plain = Crowd {
        way: LOGIN,
        name: "connections at once, not preloaded",
        target: None,
        note: "each session loads the library and checks the records by itself",
    };
    on_cluster(book, options, &ground::plain_cluster(&[CONNECTIONS]), &[plain]);
}

fn on_cluster(book: &mut Book, options: &Options, cluster: &Cluster, crowds: &[Crowd]) {
    let db = ground::database(cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, MANY);
    ground::lay_floor(&db);
    let variables = transition::variables(&company);
    let seconds = options.seconds.max(3);
    for crowd in crowds {
        let numbers = [FEW, MANY];
        let results = take_turns(options.few_rounds().min(3), numbers.len(), |way, _| {
            let clients = numbers[way];
            Load { database: &db, clients, seconds, variables: &variables, latencies: false }
                .run(&crowd.way)
        });
        let results: Vec<Result<Vec<Sample>, String>> =
            results.into_iter().map(|samples| samples.into_iter().collect()).collect();
        let rates = |way: usize| -> Vec<f64> {
            let samples = results[way].as_deref().unwrap_or_default();
            samples.iter().map(|sample| sample.rate).collect()
        };
        let waits = |way: usize| {
            let samples = results[way].as_deref().unwrap_or_default();
            crate::watch::sum(samples.iter().map(|sample| sample.waits.clone()))
        };
        let problem = results
            .iter()
            .find_map(|samples| samples.as_ref().err().cloned())
            .or_else(|| ground::check_chains(&db).err());
        book.add(
            PART,
            Figure::new(format!("{MANY} {}", crowd.name), "/s", &rates(1))
                .against(&format!("{FEW} connections"), &rates(1), &rates(0))
                .must(crowd.target)
                .detail("clients", MANY)
                .waits(&waits(1))
                .unless(problem)
                .note(crowd.note),
        );
        ground::tidy(&mut db.superuser());
    }
}
