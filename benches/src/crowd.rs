//! A thousand connections that make transitions at once, against sixteen.

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Sample};
use crate::measure::take_turns;
use crate::options::Options;
use crate::transition::{self, LOGIN};

const PART: &str = "crowd";
const FEW: u32 = 16;
const MANY: u32 = 1_000;
const TARGET: Target = Target::AtLeast(0.7);

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[("max_connections", "1100")]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, MANY);
    ground::tidy(&mut db.superuser());
    let variables = transition::variables(&company);
    let seconds = options.seconds.max(5);
    let numbers = [FEW, MANY];
    let results = take_turns(options.rounds.min(3), numbers.len(), |way, _| {
        let clients = numbers[way];
        Load { database: &db, clients, seconds, variables: &variables, latencies: false }
            .run(&LOGIN)
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
        Figure::new(format!("{MANY} connections at once"), "/s", &rates(1))
            .against(&format!("{FEW} connections"), &rates(1), &rates(0))
            .must(Some(TARGET))
            .detail("clients", MANY)
            .detail("waits", serde_json::to_value(waits(1)).unwrap_or_default())
            .unless(problem)
            .note("no error, and every acknowledged transition left its entry and its event"),
    );
}
