//! The launcher: one process that sees to it that each listed database has its worker.
//!
//! It connects to no database, so it reads catalogues of the whole cluster alone. PostgreSQL starts it
//! when recovery is over: on a standby, at the promotion.

use crate::pg::background::{Handle, databases};
use crate::pg::own_transaction::transaction;
use crate::pg::process::{end, heed_interrupts, is_to_end, sleep};
use crate::pg::setting::DATABASES;
use crate::pg::shared_memory as shared;
use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::pg_sys;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use wo_rules::worker::{names, pause};

/// How often it looks by itself whether a listed database has come or gone.
const LOOK: Duration = Duration::from_secs(3);

/// A worker that ends sooner than this has failed.
const WELL: Duration = Duration::from_secs(5);

/// Has PostgreSQL start the launcher.
pub fn register() {
    BackgroundWorkerBuilder::new("wo_core launcher")
        .set_type("wo_core launcher")
        .set_library("wo_core")
        .set_function("wo_core_launcher_main")
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(Some(Duration::from_secs(5)))
        .load();
}

/// What the launcher does until it ends.
pub fn launch() {
    let mut workers: Vec<Child> = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    loop {
        heed_interrupts();
        if is_to_end() {
            // With 0 PostgreSQL would not start it again after somebody ended it by hand.
            end(1);
        }
        let wait = match transaction(listed) {
            Ok((listed, absent)) => {
                log_missing(&mut missing, absent);
                supervise(&mut workers, &listed)
            }
            Err(_) if is_to_end() => continue,
            Err(why) => {
                let why = why.text;
                pgrx::log!("wo_core: the launcher cannot read the databases: {why}");
                LOOK
            }
        };
        sleep(wait);
    }
}

/// A database and its worker, as the launcher knows them.
struct Child {
    database: pg_sys::Oid,
    name: String,
    handle: Option<Handle>,
    started: Instant,
    failures: u32,
    not_before: Instant,
}

/// The names in `wo_core.databases`.
pub fn wanted() -> Vec<String> {
    let list = DATABASES.get().and_then(|list| list.into_string().ok()).unwrap_or_default();
    names(&list)
}

/// The listed databases that are there and accept connections, and the names of those that are not.
fn listed() -> (Vec<(pg_sys::Oid, String)>, Vec<String>) {
    let mut wanted = wanted();
    if wanted.is_empty() {
        return (Vec::new(), wanted);
    }
    let there: Vec<(pg_sys::Oid, String)> =
        databases().into_iter().filter(|(_, name)| wanted.contains(name)).collect();
    wanted.retain(|name| !there.iter().any(|(_, known)| known == name));
    (there, wanted)
}

/// Logs the listed names that are no database, once for each time that they change.
fn log_missing(known: &mut Vec<String>, missing: Vec<String>) {
    if *known != missing {
        if !missing.is_empty() {
            pgrx::log!(
                "wo_core: wo_core.databases lists what is no database that can be connected to: {}",
                missing.join(", ")
            );
        }
        *known = missing;
    }
}

/// Starts the workers that are missing; those that are not listed any more end by themselves. Gives when
/// to look again.
fn supervise(workers: &mut Vec<Child>, listed: &[(pg_sys::Oid, String)]) -> Duration {
    let is_listed = |child: &Child| listed.iter().any(|(database, _)| *database == child.database);
    workers.retain(|child| is_listed(child) || child.runs());
    for (database, name) in listed {
        match workers.iter_mut().find(|child| child.database == *database) {
            Some(child) => child.name.clone_from(name),
            None => workers.push(Child::new(*database, name.clone())),
        }
    }
    workers.iter_mut().filter(|child| is_listed(child)).map(Child::look).min().unwrap_or(LOOK)
}

impl Child {
    fn new(database: pg_sys::Oid, name: String) -> Self {
        let now = Instant::now();
        Self { database, name, handle: None, started: now, failures: 0, not_before: now }
    }

    /// Sees to it that the worker runs. Gives when to look again.
    fn look(&mut self) -> Duration {
        if self.runs() {
            return LOOK;
        }
        if self.handle.take().is_some() {
            match self.started.elapsed() < WELL {
                true => self.failures = self.failures.saturating_add(1),
                false => self.failures = 0,
            }
            let wait = pause(self.failures, Duration::from_secs(1), Duration::from_secs(30));
            self.not_before = Instant::now() + wait;
        }
        let site = shared::site_of(self.database);
        if site.is_some_and(|site| site.pid.load(SeqCst) != 0) {
            // Of a launcher before this one.
            return LOOK;
        }
        let away =
            site.map_or(0, |site| site.not_before.load(SeqCst)) - crate::kernel::identity::now();
        let away = Duration::from_micros(u64::try_from(away).unwrap_or(0));
        let wait = self.not_before.saturating_duration_since(Instant::now()).max(away);
        if wait == Duration::ZERO {
            self.start();
            return LOOK;
        }
        wait.min(LOOK)
    }

    /// Whether the worker runs, or is about to.
    fn runs(&self) -> bool {
        self.handle.as_ref().is_some_and(Handle::runs)
    }

    fn start(&mut self) {
        self.handle = Handle::start(self.database);
        self.started = Instant::now();
        if self.handle.is_none() {
            if self.failures == 0 {
                pgrx::warning!(
                    "wo_core: no worker can be started for database {}: raise max_worker_processes",
                    self.name
                );
            }
            self.failures = self.failures.saturating_add(1);
            let wait = pause(self.failures, Duration::from_secs(1), Duration::from_secs(30));
            self.not_before = Instant::now() + wait;
        }
    }
}
