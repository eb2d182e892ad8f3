//! A database's worker.
//!
//! It connects as the superuser, because it must look after its own role and the extension, and drops
//! to `wo_worker` before any SQL on records. It sleeps on its latch; what it looks at from time to time
//! is cheap.

use super::jobs::{jobs, run_for};
use super::pump::Pump;
use crate::kernel::identity::actor::open_tenants;
use crate::kernel::job::{Run, When};
use crate::pg::background::at_exit;
use crate::pg::lock::may_stay_in;
use crate::pg::log;
use crate::pg::own_transaction::{Failure, transaction};
use crate::pg::process::{end, heed_interrupts, is_to_end, set, sleep};
use crate::pg::server::own_database_name;
use crate::pg::shared_memory::{self as shared, Site, State};
use crate::pg::statement::Statement;
use pgrx::pg_sys;
use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use uuid::Uuid;
use wo_rules::refused_attempt::Short;

/// How often it looks whether somebody waits for it to leave the database, and whether the extension is
/// as it should be. DROP DATABASE waits five seconds for others to leave.
const LOOK: Duration = Duration::from_secs(2);

/// For how long it stays away where somebody waited for it to leave, in microseconds.
const AWAY: i64 = 10_000_000;

/// Nudges that come faster than this are taken together.
const TOGETHER: Duration = Duration::from_millis(5);

thread_local! {
    static SITE: Cell<Option<&'static Site>> = const { Cell::new(None) };
}

fn leave() {
    if let Some(site) = SITE.take() {
        shared::give_up(site);
    }
}

/// What the worker of a database does until it ends.
pub fn work(database: pg_sys::Oid) {
    let Some(site) = shared::claim(database) else { end(0) };
    SITE.set(Some(site));
    at_exit(leave);
    crate::kernel::identity::become_worker();
    for (name, value) in [
        (c"application_name", c"wo_core worker"),
        (c"search_path", c"pg_catalog, pg_temp"),
        (c"default_transaction_isolation", c"read committed"),
        (c"default_transaction_read_only", c"off"),
        (c"session_replication_role", c"origin"),
        (c"row_security", c"on"),
        (c"statement_timeout", c"0"),
        (c"idle_in_transaction_session_timeout", c"0"),
        // Nobody is to wait behind a job that waits.
        (c"lock_timeout", c"1s"),
    ] {
        set(name, value, false);
    }
    // A database that somebody is connected to keeps its name.
    log::name_database(transaction(own_database_name).ok().flatten());
    Worker::new(database, site).serve()
}

struct Worker {
    database: pg_sys::Oid,
    site: &'static Site,
    pump: Pump,
    checked_at: Option<Instant>,
    nudged: Instant,
    /// When each job is to be done next; nothing until somebody asks for it.
    next: Vec<Option<Instant>>,
    dropped_to_role: bool,
    /// How long the last batch of a job took, in microseconds.
    took: Cell<i64>,
}

impl Worker {
    fn new(database: pg_sys::Oid, site: &'static Site) -> Self {
        let now = Instant::now();
        Self {
            database,
            site,
            pump: Pump::new(site),
            checked_at: None,
            nudged: now,
            next: vec![Some(now); jobs().len()],
            dropped_to_role: false,
            took: Cell::new(0),
        }
    }

    fn serve(mut self) -> ! {
        loop {
            if heed_interrupts() {
                self.checked_at = None;
            }
            if is_to_end() {
                end(0);
            }
            self.look();
            let mut waits = vec![LOOK];
            if self.site.state() == State::Serving {
                waits.extend(self.pump.turn());
                waits.extend(self.hear_nudges());
                waits.extend(self.do_what_is_due());
            }
            let wait = waits.into_iter().min().unwrap_or(LOOK);
            if wait > Duration::ZERO {
                sleep(wait);
            }
        }
    }

    /// Looks whether the worker should be here at all, and may work.
    fn look(&mut self) {
        let must = self.site.state() == State::Serving && !crate::kernel::version::is_checked();
        if !must && self.checked_at.is_some_and(|checked_at| checked_at.elapsed() < LOOK) {
            return;
        }
        self.checked_at = Some(Instant::now());
        let database = self.database;
        // Reads catalogues alone.
        let problem = transaction(|| {
            if !is_listed() {
                return Seen::Unlisted;
            }
            if !may_stay_in(database) {
                return Seen::Wanted;
            }
            match crate::kernel::version::is_checked() {
                true => Seen::Fit,
                false => crate::kernel::install::extension_problem().map_or(Seen::Fit, Seen::Unfit),
            }
        });
        let fit = match problem {
            Ok(Seen::Unlisted) => end(0),
            Ok(Seen::Wanted) => {
                // A session that drops, renames or copies the database waits for everybody to leave it.
                let until = crate::kernel::identity::now() + AWAY;
                self.site.not_before.store(until, SeqCst);
                end(0);
            }
            Ok(Seen::Fit) => self.look_at_records(),
            Ok(Seen::Unfit(why)) => Err(why),
            Err(why) => Err(why.text),
        };
        match fit {
            Ok(()) => self.stand(State::Serving, ""),
            Err(why) => self.stand(State::Idle, &why),
        }
    }

    /// Drops to the worker's role for good, and looks whether the records may be worked on.
    fn look_at_records(&mut self) -> Result<(), String> {
        if !self.dropped_to_role {
            transaction(|| Statement::new("set role wo_worker", &[]).run_unkept())?;
            self.dropped_to_role = true;
        }
        if !crate::kernel::version::is_checked() {
            transaction(crate::kernel::version::check_tables)?;
        }
        match crate::kernel::version::is_checked() {
            true => Ok(()),
            false => Err("the records are of the version before".to_owned()),
        }
    }

    fn stand(&self, state: State, why: &str) {
        if self.site.state() != state {
            match state {
                State::Idle => pgrx::log!("{}", log::line(&format!("the worker is idle: {why}"))),
                _ => pgrx::log!("{}", log::line("the worker serves the database")),
            }
        }
        self.site.stand(state, why);
    }

    /// Hears which jobs were asked for.
    fn hear_nudges(&mut self) -> Option<Duration> {
        if self.site.nudges.load(SeqCst) == 0 {
            return None;
        }
        // Until then a second request finds the first one, and wakes nobody.
        if let Some(left) = TOGETHER.checked_sub(self.nudged.elapsed()) {
            return Some(left);
        }
        self.nudged = Instant::now();
        let nudges = self.site.nudges.swap(0, SeqCst);
        for (index, job) in jobs().iter().enumerate().filter(|(index, _)| nudges >> index & 1 == 1)
        {
            self.next[index] = match job.when {
                When::Due(_) => self.when(index),
                When::Every(_) => Some(self.nudged),
            };
        }
        Some(Duration::ZERO)
    }

    fn do_what_is_due(&mut self) -> Option<Duration> {
        let now = Instant::now();
        for index in 0..jobs().len() {
            if self.next[index].is_some_and(|next| next <= now) {
                self.do_job(index);
                self.pump.turn();
                if is_to_end() || self.site.state() != State::Serving {
                    return Some(Duration::ZERO);
                }
            }
        }
        self.next.iter().flatten().min().map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// When a job is to be done next, after it was done.
    fn when(&self, index: usize) -> Option<Instant> {
        match jobs()[index].when {
            When::Every(every) => Some(Instant::now() + every()),
            When::Due(due) => due().map(|at| {
                let left = u64::try_from(at - crate::kernel::identity::now()).unwrap_or(0);
                Instant::now() + Duration::from_micros(left)
            }),
        }
    }

    /// Does a job: a transaction for each tenant, and for each batch.
    fn do_job(&mut self, index: usize) {
        let job = jobs()[index];
        let tenants = match job.run {
            Run::Installation(_) => Ok(vec![Uuid::nil()]),
            Run::Tenant(_) => transaction(open_tenants),
        };
        let tenants = match tenants {
            Ok(tenants) if tenants.is_empty() => {
                self.keep_books(index, Ok(0));
                tenants
            }
            Ok(tenants) => tenants,
            Err(_) if self.is_unfit_by_now() => return,
            Err(why) => {
                self.keep_books(index, Err(why));
                Vec::new()
            }
        };
        let (mut failed, mut elsewhere) = (false, false);
        for tenant in tenants {
            loop {
                let done = self.busy(|| {
                    transaction(|| {
                        // What was heard when the transaction began may have changed everything.
                        crate::kernel::version::is_checked().then(|| run_for(job, tenant))
                    })
                });
                let done = match done {
                    Ok(None) => return,
                    Ok(Some(done)) => {
                        elsewhere |= done.is_none();
                        Ok(done.unwrap_or(0))
                    }
                    Err(_) if self.is_unfit_by_now() => return,
                    Err(why) => Err(why),
                };
                let again = matches!(done, Ok(done) if done >= job.batch);
                failed |= self.keep_books(index, done);
                self.pump.turn();
                heed_interrupts();
                if !again || is_to_end() {
                    break;
                }
            }
            if is_to_end() {
                return;
            }
        }
        self.next[index] = self.when(index);
        if elsewhere {
            // Another process is at it, for as long as its transaction takes.
            let after = Instant::now() + Duration::from_secs(1);
            self.next[index] = self.next[index].map(|next| next.max(after));
        }
        if failed {
            let failures = self.site.with_books(|books| books.jobs[index].failures);
            let failures = u32::try_from(failures).unwrap_or(u32::MAX);
            let pause =
                wo_rules::worker::pause(failures, Duration::from_secs(1), Duration::from_secs(300));
            let after = Instant::now() + pause;
            self.next[index] = self.next[index].map(|next| next.max(after)).or(Some(after));
        }
    }

    /// Does something that commits need not wait for: see [`super::pump`].
    fn busy<T>(&self, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let since = crate::kernel::identity::now();
        self.site.busy_since.store(since, SeqCst);
        let result = act();
        self.site.busy_since.store(0, SeqCst);
        self.took.set(crate::kernel::identity::now() - since);
        result
    }

    /// Looks at the extension anew after a failure: whether it went away or changed meanwhile, which is then
    /// the reason, and no failure of the job.
    fn is_unfit_by_now(&mut self) -> bool {
        self.checked_at = None;
        self.look();
        self.site.state() != State::Serving
    }

    /// Keeps the books of a job; whether it failed. What a job says again and again is logged once.
    fn keep_books(&self, index: usize, done: Result<i32, Failure>) -> bool {
        let now = crate::kernel::identity::now();
        let is_logged = self.site.with_books(|books| {
            let book = &mut books.jobs[index];
            book.last_run = now;
            book.last_duration = self.took.get();
            match &done {
                Ok(done) => {
                    book.done += i64::from(*done);
                    book.failures = 0;
                    false
                }
                Err(why) => {
                    let is_passing = why.is_passing;
                    let why = Short::new(&why.text);
                    let is_new = book.failures == 0 || book.last_error != why;
                    book.errors += 1;
                    book.failures += 1;
                    book.last_error = why;
                    let in_a_row = u32::try_from(book.failures).unwrap_or(u32::MAX);
                    wo_rules::worker::is_logged(is_passing, in_a_row, is_new)
                }
            }
        });
        if let Err(why) = &done
            && is_logged
            && !is_to_end()
        {
            let text = format!("the job {} failed: {}", jobs()[index].name, why.text);
            pgrx::warning!("{}", log::line(&text));
        }
        done.is_err()
    }
}

/// What the worker sees when it looks whether it should be here.
enum Seen {
    /// The database is not listed any more.
    Unlisted,
    /// Somebody wants the database for themself.
    Wanted,
    /// The extension cannot be served.
    Unfit(String),
    /// Nothing that is against it.
    Fit,
}

/// Whether this database is listed.
pub fn is_listed() -> bool {
    let own = crate::pg::server::own_database_name();
    super::launcher::wanted().iter().any(|name| Some(name.as_str()) == own.as_deref())
}
