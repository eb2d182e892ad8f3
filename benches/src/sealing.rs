//! Whether sealing keeps up: the age of the oldest entry that is not sealed yet while sixteen clients
//! make transitions as fast as they can, and how fast a backlog of as many is sealed.
//!
//! The interval is the shortest that can be set, which is the hardest to keep; by `--full` the default
//! one is measured as well.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use wo_cluster_tests::{Database, Sealing};

use crate::figure::{Book, Figure, Target};
use crate::ground::{self, Company};
use crate::load::{Load, Sample};
use crate::measure::take_turns;
use crate::options::Options;
use crate::transition::{self, LOGIN};
use crate::verification::{lend_key, seal_all};

const PART: &str = "sealing";
const CLIENTS: u32 = 16;
/// In intervals.
const LAG: Target = Target::AtMost(2.0);
/// Entries sealed a second, in times of the transitions a second.
const PACE: Target = Target::AtLeast(1.0);
/// Where the served database is made first, so that its name is known to the cluster's settings.
const SERVED: &str = "db0";
const LOOKED: Duration = Duration::from_millis(50);

/// How long the oldest event waits whose entry is not sealed yet, in seconds. An entry has its event's
/// position, and events can be found by theirs at no cost that the load would feel.
const OLDEST: &str = "select extract(epoch from clock_timestamp() - told.recorded_at)::float8
    from wo.event as told
    where told.position > coalesce((select position from wo.ledger_checkpoint order by size desc limit 1), 0)
        and told.type <> 'wo.checkpoint'
    order by told.position limit 1";

pub fn measure(book: &mut Book, options: &Options) {
    let intervals: &[u32] = if options.full { &[1, 10] } else { &[1] };
    for interval in intervals {
        at(book, options, *interval);
    }
}

fn at(book: &mut Book, options: &Options, interval: u32) {
    let cluster = ground::cluster(&[
        ("shared_preload_libraries", "wo_core"),
        ("wo_core.databases", SERVED),
        ("wo_core.sealing_interval", &format!("{interval}s")),
    ]);
    let sealing = Sealing::install(&cluster, "bench.example/ledger");
    let served = ground::database(&cluster, options.partitions);
    assert_eq!(served.name(), SERVED, "the worker serves this database");
    let alone = ground::database(&cluster, options.partitions);
    let companies = [&alone, &served].map(|db| {
        let company = ground::found(db);
        lend_key(db, &sealing);
        ground::give_work(db, CLIENTS);
        ground::tidy(&mut db.superuser());
        company
    });
    seal_all(&mut alone.superuser());
    wait_until_sealed(&served);
    // Long enough for several seals.
    let seconds = options.seconds.max(interval * 6);
    let run = |db: &Database<'_>, company: &Company| {
        let variables = transition::variables(company);
        Load { database: db, clients: CLIENTS, seconds, variables: &variables, latencies: false }
            .run(&LOGIN)
    };
    let (mut paces, mut lags) = (Vec::new(), Vec::new());
    let mut problem = None;
    let results = take_turns(options.few_rounds().min(3), 2, |way, _| match way {
        0 => {
            let sample = run(&alone, &companies[0]);
            let (pace, sealed) = seal_all(&mut alone.superuser());
            let unsealed = unsealed(&alone);
            if sealed == 0 || unsealed > 0 {
                problem = Some(format!("{sealed} entries sealed, {unsealed} left"));
            }
            paces.push(pace);
            sample
        }
        _ => {
            let (sample, seen) = watched(&served, || run(&served, &companies[1]));
            lags.push(seen);
            sample
        }
    });
    let results: Vec<Result<Vec<Sample>, String>> =
        results.into_iter().map(|samples| samples.into_iter().collect()).collect();
    let rates = |way: usize| -> Vec<f64> {
        let samples = results[way].as_deref().unwrap_or_default();
        samples.iter().map(|sample| sample.rate).collect()
    };
    let problem = results.iter().find_map(|samples| samples.as_ref().err().cloned()).or(problem);
    let each = format!("{interval} s interval");
    book.add(
        PART,
        Figure::new(format!("a backlog sealed in batches, {each}"), "entries/s", &paces)
            .against("transitions a second, not sealed", &paces, &rates(0))
            .must(Some(PACE))
            .unless(problem.clone()),
    );
    let worst =
        |seen: fn(&Seen) -> f64| lags.iter().map(seen).fold(0.0, f64::max) / f64::from(interval);
    let looks: usize = lags.iter().map(|seen| seen.looks).sum();
    let unseen = (looks < 10).then(|| format!("the lag was looked at {looks} times"));
    let problem = problem.or(unseen);
    book.add(
        PART,
        Figure::new(
            format!("oldest unsealed entry, {CLIENTS} clients, {each}"),
            "intervals",
            &[worst(|seen| seen.worst)],
        )
        .must(Some(LAG))
        .detail("looks", looks)
        .detail("medians", json!(lags.iter().map(|seen| seen.median).collect::<Vec<_>>()))
        .unless(problem.clone())
        .note("the worst of all looks while the load ran, one every 50 ms"),
    );
    book.add(
        PART,
        Figure::new(
            format!("all sealed after the load, {each}"),
            "intervals",
            &[worst(|seen| seen.after)],
        )
        .must(Some(LAG))
        .unless(problem.clone()),
    );
    book.add(
        PART,
        Figure::new(
            format!("transitions that are sealed, {CLIENTS} clients, {each}"),
            "/s",
            &rates(1),
        )
        .against("neither sealed nor served", &rates(1), &rates(0))
        .unless(problem),
    );
}

/// What was seen of the lag, in seconds.
struct Seen {
    median: f64,
    worst: f64,
    /// How long after the load everything was sealed.
    after: f64,
    looks: usize,
}

/// Runs something, looking all the while how long the oldest unsealed entry waits.
fn watched<T>(db: &Database<'_>, run: impl FnOnce() -> T) -> (T, Seen) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut observer = db.superuser();
            let oldest = observer.prepare(OLDEST).expect("the outbox can be read");
            let mut lags = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let row = observer.query_opt(&oldest, &[]).expect("the outbox can be read");
                lags.push(row.map_or(0.0, |row| row.get(0)));
                std::thread::sleep(LOOKED);
            }
            lags
        });
        let result = run();
        done.store(true, Ordering::Relaxed);
        let mut lags: Vec<f64> = looking.join().expect("somebody looked");
        let after = wait_until_sealed(db);
        lags.sort_by(f64::total_cmp);
        let worst = lags.last().copied().unwrap_or(f64::NAN);
        let median = lags.get(lags.len() / 2).copied().unwrap_or(f64::NAN);
        (result, Seen { median, worst, after, looks: lags.len() })
    })
}

/// Seconds until every entry of now is sealed.
fn wait_until_sealed(db: &Database<'_>) -> f64 {
    let start = Instant::now();
    db.wait_until(&format!("select not exists ({OLDEST})"));
    start.elapsed().as_secs_f64()
}

/// How many entries stand behind the newest checkpoint; that of a checkpoint has no entry.
fn unsealed(db: &Database<'_>) -> i64 {
    let sql = "select count(*) from wo.audit_entry
        where position > (select max(position) from wo.ledger_checkpoint)";
    ground::ask(&mut db.superuser(), sql)
}
