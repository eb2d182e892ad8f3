//! The fair equivalent of one transition (durable, with a history and an event) by others, each
//! installed at a pinned version by `benches/peers/install` and never kept here.

mod known;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use wo_cluster_tests::{Cluster, Database};

use crate::figure::{Book, Figure};
use crate::ground;
use crate::load::{Load, Sample, Way};
use crate::measure::take_turns;
use crate::options::Options;
use crate::transition::{self, LOGIN};
use crate::watch;

const PART: &str = "peers";
const CLIENTS: u32 = 16;

/// Somebody else's way of doing it.
struct Peer {
    name: &'static str,
    /// As `benches/peers/install` knows it; its directory holds what is kept here.
    package: &'static str,
    drive: Drive,
    /// What one act of it does.
    does: &'static str,
    /// What it does not do that ours does.
    lacks: &'static str,
}

enum Drive {
    /// SQL of the packages' own, then ours; then `peer.transition()` is called by pgbench.
    Sql {
        packages: &'static [&'static str],
        before: &'static str,
        setup: &'static str,
        /// What waits at the least.
        backlog: u32,
        /// How much more a second waits at first, where an act does not put back what it took.
        ahead: u32,
        counts: &'static str,
    },
    /// A program that is given the number of clients and of seconds and prints what it did.
    Program { command: fn(&Path) -> Command, setup: &'static str, counts: &'static str },
}

/// A peer that is ready to run.
struct Ready<'c> {
    peer: &'static Peer,
    db: Database<'c>,
    installed: PathBuf,
}

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, CLIENTS);
    ground::lay_floor(&db);
    let mut ready = Vec::new();
    for peer in &known::PEERS {
        match prepare(&cluster, peer) {
            Ok(one) => ready.push(one),
            Err(why) => book.unavailable(PART, peer.name, &why),
        }
    }
    let variables = transition::variables(&company);
    let rounds = options.few_rounds();
    let results = take_turns(rounds, ready.len() + 2, |at, _| match at {
        0 | 1 => {
            let way = if at == 0 { &LOGIN } else { &transition::FLOOR };
            let seconds = options.seconds;
            Load {
                database: &db,
                clients: CLIENTS,
                seconds,
                variables: &variables,
                latencies: false,
            }
            .run(way)
        }
        _ => ready[at - 2].run(options.seconds),
    });
    let results: Vec<Result<Vec<Sample>, String>> =
        results.into_iter().map(|samples| samples.into_iter().collect()).collect();
    let rates = |at: usize| -> Vec<f64> {
        let samples = results[at].as_deref().unwrap_or_default();
        samples.iter().map(|sample| sample.rate).collect()
    };
    let figure = |at: usize, name: &str| {
        let samples = results[at].as_deref().unwrap_or_default();
        let waits = watch::sum(samples.iter().map(|sample| sample.waits.clone()));
        Figure::new(format!("{name}, {CLIENTS} clients"), "/s", &rates(at))
            .waits(&waits)
            .unless(results[at].as_ref().err().cloned())
    };
    book.add(PART, figure(0, "wo_core, login role"));
    let against =
        |at: usize, name: &str| figure(at, name).against("wo_core", &rates(at), &rates(0));
    book.add(PART, against(1, "floor"));
    for (at, one) in ready.iter().enumerate() {
        let peer = one.peer;
        let note = format!("one act is {}; {}", peer.does, peer.lacks);
        book.add(PART, against(at + 2, peer.name).note(note));
    }
}

/// Installs a peer and makes its database.
fn prepare<'c>(cluster: &'c Cluster, peer: &'static Peer) -> Result<Ready<'c>, String> {
    let installed = install(peer.package)?;
    let db = cluster.empty_database();
    let mut admin = db.superuser();
    let mut run = |sql: &str| {
        admin.batch_execute(sql).map_err(|error| match error.as_db_error() {
            Some(error) => format!("its SQL: {} ({:?})", error.message(), error.where_()),
            None => format!("its SQL: {error}"),
        })
    };
    match peer.drive {
        Drive::Sql { packages, before, setup, .. } => {
            for package in packages {
                let dir = install(package)?;
                if *package == peer.package {
                    run(before)?;
                }
                for sql in scripts(&dir)? {
                    run(&sql)?;
                }
            }
            run(setup)?;
        }
        Drive::Program { setup, .. } => run(setup)?,
    }
    Ok(Ready { peer, db, installed })
}

fn install(package: &str) -> Result<PathBuf, String> {
    println!("    installing {package}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/install");
    let output = Command::new(script)
        .arg(package)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    Err(format!("{package} cannot be installed: {}", last.join(" | ")))
}

/// The SQL of a directory, in the order of its names.
fn scripts(dir: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(dir).map_err(|error| error.to_string())?.flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sql"))
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).map_err(|e| e.to_string())).collect()
}

impl Ready<'_> {
    fn run(&self, seconds: u32) -> Result<Sample, String> {
        let mut admin = self.db.superuser();
        match self.peer.drive {
            Drive::Sql { backlog, ahead, counts, .. } => {
                let waiting = backlog + ahead * (seconds + 1);
                let refill = format!("select peer.refill({waiting})");
                admin.batch_execute(&refill).map_err(|error| error.to_string())?;
                ground::tidy(&mut admin);
                let way = Way {
                    name: self.peer.name,
                    script: "select peer.transition();",
                    role: "postgres",
                    acts: 1,
                    counts,
                };
                Load {
                    database: &self.db,
                    clients: CLIENTS,
                    seconds,
                    variables: &[],
                    latencies: false,
                }
                .run(&way)
            }
            Drive::Program { command, counts, .. } => {
                ground::tidy(&mut admin);
                let before: i64 = self.count(counts)?;
                let mut command = command(&self.installed);
                command.arg(CLIENTS.to_string()).arg(seconds.to_string());
                let (said, waits) = watch::during(self.db.superuser(), || self.told(command));
                let said = said?;
                let number = |name: &str| said[name].as_f64().unwrap_or(f64::NAN);
                let grown = self.count(counts)? - before;
                if grown as f64 != number("total") {
                    return Err(format!("{} acts, but rows grew by {grown}", number("total")));
                }
                let rate = number("acts") / number("seconds");
                Ok(Sample { rate, wal: f64::NAN, waits, ..Sample::default() })
            }
        }
    }

    /// Before its first run a peer may not have its tables yet.
    fn count(&self, sql: &str) -> Result<i64, String> {
        match self.db.superuser().query_one(sql, &[]) {
            Ok(row) => Ok(row.get(0)),
            Err(error) if error.code().is_some_and(|code| code.code() == "42P01") => Ok(0),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the program printed last.
    fn told(&self, mut command: Command) -> Result<Value, String> {
        let cluster = self.db.cluster();
        let output = command
            .current_dir(&self.installed)
            .env("PGHOST", cluster.dir())
            .env("PGPORT", cluster.port().to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", self.db.name())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        match last {
            Some(said) if output.status.success() => Ok(said),
            _ => {
                let errors = String::from_utf8_lossy(&output.stderr);
                let last: Vec<&str> = errors.lines().rev().take(4).collect();
                Err(format!("it failed: {}", last.join(" | ")))
            }
        }
    }
}
