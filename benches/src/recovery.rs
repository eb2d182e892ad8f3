//! A server that is killed under load: how long until it answers again, after as many transitions
//! since the last checkpoint as the floor has made.

use std::process::Stdio;
use std::time::{Duration, Instant};

use postgres::Client;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Way, log_position};
use crate::measure::{take_turns, timed};
use crate::options::Options;
use crate::transition::{self, FLOOR, LOGIN};

const PART: &str = "recovery";
const CLIENTS: u32 = 16;
const WAYS: [Way; 2] = [FLOOR, LOGIN];
/// As much as the WAL of a transition may be larger.
const TARGET: Target = Target::AtMost(1.5);
/// Longer than any load runs before the kill, in seconds.
const ENDLESS: u32 = 6 * 3600;

/// One crash.
struct Crash {
    seconds: f64,
    /// Bytes of WAL since the checkpoint.
    wal: i64,
    acts: i64,
}

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[("max_wal_size", "64GB")]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, CLIENTS);
    ground::lay_floor(&db);
    let variables = transition::variables(&company);
    let load = Load {
        database: &db,
        clients: CLIENTS,
        seconds: options.seconds,
        variables: &variables,
        latencies: false,
    };
    let rounds = options.few_rounds().min(3);
    let crashes =
        take_turns(rounds, WAYS.len(), |way, _| crash(&load, &WAYS[way], i64::from(options.acts)));
    let crashes: Vec<Result<Vec<Crash>, String>> =
        crashes.into_iter().map(|all| all.into_iter().collect()).collect();
    let problem = crashes
        .iter()
        .find_map(|all| all.as_ref().err().cloned())
        .or_else(|| ground::check_chains(&db).err());
    let column = |way: usize, value: fn(&Crash) -> f64| -> Vec<f64> {
        crashes[way].iter().flatten().map(value).collect()
    };
    let seconds = |way| column(way, |crash| crash.seconds);
    let wal = |way| column(way, |crash| crash.wal as f64 / 1e6);
    let acts = |way| column(way, |crash| crash.acts as f64);
    let (ours, floor) = (seconds(1), seconds(0));
    let name = format!("until it answers, killed after {} acts", options.acts);
    let figure = Figure::new(name, "s", &ours)
        .against("floor", &ours, &floor)
        .must(Some(TARGET))
        .detail("acts", serde_json::json!([acts(1), acts(0)]))
        .note("killed under load, that many acts after a checkpoint; nothing acknowledged is lost, the rows add up and the chains hold")
        .unless(problem.clone());
    book.add(PART, figure);
    let (ours, floor) = (wal(1), wal(0));
    let figure = Figure::new("WAL that was gone through", "MB", &ours);
    book.add(PART, figure.against("floor", &ours, &floor).unless(problem));
}

fn crash(load: &Load<'_>, way: &Way, acts: i64) -> Result<Crash, String> {
    let db = load.database;
    let mut observer = db.superuser();
    ground::tidy(&mut observer);
    let (before, start) = (counts(&mut observer, way), log_position(&mut observer)?);
    let mut command = load.command(way)?;
    command.arg(format!("--time={ENDLESS}")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut clients = command.spawn().map_err(|error| error.to_string())?;
    let patience = Instant::now();
    let acknowledged = loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = counts(&mut observer, way);
        if now[0] - before[0] >= acts {
            break now;
        }
        if clients.try_wait().map_err(|error| error.to_string())?.is_some()
            || patience.elapsed().as_secs() > u64::from(ENDLESS)
        {
            return Err("the load ended before the crash".into());
        }
    };
    let wal = log_position(&mut observer)? - start;
    db.cluster().kill();
    let _ = clients.wait();
    let (seconds, answers) = timed(|| {
        db.cluster().launch();
        ground::ask::<i64>(&mut db.superuser(), "select count(*) from wo.tenant")
    });
    let after = counts(&mut db.superuser(), way);
    let made = after[0] - before[0];
    if answers != 1 || after[0] < acknowledged[0] {
        return Err(format!("{} of {} acts are left", after[0], acknowledged[0]));
    }
    if (0..after.len()).any(|column| after[column] - before[column] != made) {
        return Err(format!("{}: rows do not add up: {before:?}, then {after:?}", way.name));
    }
    Ok(Crash { seconds, wal, acts: made })
}

/// See [`Way::counts`].
fn counts(client: &mut Client, way: &Way) -> Vec<i64> {
    let row = client.query_one(way.counts, &[]).expect("the rows can be counted");
    (0..row.len()).map(|column| row.get(column)).collect()
}
