//! Transitions of a database that the worker serves, with a listener attached, against those of one
//! that nobody serves or listens to. The databases are on one server and made alike, and the same role
//! acts in both; all that differs is the worker, its waking and the listener.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::ground::{self, Company};
use crate::load::{Load, Sample, Way};
use crate::measure::take_turns;
use crate::options::Options;
use crate::transition::{self, LOGIN};
use crate::watch;

const PART: &str = "listener";
const NAME: &str = "with a listener and the worker";
const CLIENTS: u32 = 16;
const TARGET: Target = Target::AtLeast(0.95);
/// So many times the rounds: what is to be seen is small.
const FINER: usize = 6;
/// Where the served database is made first, so that its name is known to the cluster's settings.
const SERVED: &str = "db0";

const TOLD: Way = Way { name: NAME, ..LOGIN };

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[("wo_core.databases", SERVED)]);
    let served = ground::database(&cluster, options.partitions);
    let has_worker = "select exists (select from pg_settings where name = 'wo_core.databases')";
    if !ground::ask::<bool>(&mut served.superuser(), has_worker) {
        book.unavailable(PART, NAME, "this version has no background worker");
        return;
    }
    assert_eq!(served.name(), SERVED, "the worker serves this database");
    let alone = ground::database(&cluster, options.partitions);
    let companies = [&alone, &served].map(|db| {
        let company = ground::found(db);
        ground::give_work(db, CLIENTS);
        ground::tidy(&mut db.superuser());
        company
    });
    // Where the worker serves, waking is left to the server's default; elsewhere nobody is woken.
    let is_default = format!("alter role captain in database {SERVED} set wo_core.notify = 'auto'");
    served.superuser().batch_execute(&is_default).unwrap();
    served.wait_until(
        "select exists (select from pg_stat_activity
            where datname = current_database() and backend_type like '%wo_core%')",
    );
    let run = |db: &Database<'_>, company: &Company, way: &Way| {
        let variables = transition::variables(company);
        Load {
            database: db,
            clients: CLIENTS,
            seconds: options.seconds,
            variables: &variables,
            latencies: false,
        }
        .run(way)
    };
    let done = AtomicBool::new(false);
    let (results, heard) = std::thread::scope(|scope| {
        let listening = scope.spawn(|| listen(&served, &done));
        let results = take_turns(options.rounds * FINER, 2, |way, _| match way {
            0 => run(&alone, &companies[0], &LOGIN),
            _ => run(&served, &companies[1], &TOLD),
        });
        done.store(true, Ordering::Relaxed);
        (results, listening.join().unwrap_or_default())
    });
    let results: Vec<Result<Vec<Sample>, String>> =
        results.into_iter().map(|samples| samples.into_iter().collect()).collect();
    let rates = |way: usize| -> Vec<f64> {
        let samples = results[way].as_deref().unwrap_or_default();
        samples.iter().map(|sample| sample.rate).collect()
    };
    let problem = results.iter().find_map(|samples| samples.as_ref().err().cloned());
    let problem = problem
        .or_else(|| (heard == 0).then(|| "the listener heard nothing".to_owned()))
        .or_else(|| [&alone, &served].into_iter().find_map(|db| ground::check_chains(db).err()));
    book.add(
        PART,
        Figure::new(format!("{NAME}, {CLIENTS} clients"), "/s", &rates(1))
            .against("nobody listens, no worker", &rates(1), &rates(0))
            .must(Some(TARGET))
            .detail("notifications", heard)
            .waits(&watch::sum(results[1].iter().flatten().map(|sample| sample.waits.clone())))
            .unless(problem),
    );
}

/// How often somebody was woken.
fn listen(db: &Database<'_>, done: &AtomicBool) -> u64 {
    let mut client = db.connect("notifier");
    if client.batch_execute("listen wo_event").is_err() {
        return 0;
    }
    let mut heard = 0;
    while !done.load(Ordering::Relaxed) {
        let mut notifications = client.notifications();
        let mut waiting = notifications.timeout_iter(Duration::from_millis(200));
        while let Ok(Some(_)) = waiting.next() {
            heard += 1;
        }
    }
    heard
}
