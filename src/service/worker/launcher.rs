//! The launcher: one process that sees to it that each listed database has its worker.
//!
//! It connects to no database, so it reads catalogues of the whole cluster alone. PostgreSQL starts it
//! when recovery is over: on a standby, at the promotion.

use super::shared;
use crate::pg::own_transaction::transaction;
use crate::pg::process::{end, heed_interrupts, heed_signals, is_to_end, sleep};
use crate::pg::setting::DATABASES;
use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CStr;
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

/// The main function of the launcher.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn wo_core_launcher_main(_argument: pg_sys::Datum) {
    heed_signals();
    // SAFETY: once in this process, without a database.
    unsafe {
        pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0);
    }
    let mut workers: Vec<Child> = Vec::new();
    loop {
        heed_interrupts();
        if is_to_end() {
            // With 0 PostgreSQL would not start it again after somebody ended it by hand.
            end(1);
        }
        let wait = match transaction(listed) {
            Ok(listed) => supervise(&mut workers, &listed),
            Err(_) if is_to_end() => continue,
            Err(why) => {
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
    handle: *mut pg_sys::BackgroundWorkerHandle,
    started: Instant,
    failures: u32,
    not_before: Instant,
}

/// The names in `wo_core.databases`.
pub fn wanted() -> Vec<String> {
    let list = DATABASES.get().and_then(|list| list.into_string().ok()).unwrap_or_default();
    names(&list)
}

/// The listed databases that are there and accept connections.
fn listed() -> Vec<pg_sys::Oid> {
    let wanted = wanted();
    let mut listed = Vec::new();
    if wanted.is_empty() {
        return listed;
    }
    // SAFETY: in a transaction; the relation is opened and closed here, and each tuple is read before
    // the next. Without an index: PostgreSQL knows those of shared catalogues only in a database.
    unsafe {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, lock);
        let scan = pg_sys::systable_beginscan(
            relation,
            pg_sys::Oid::INVALID,
            false,
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            let name = CStr::from_ptr((*form).datname.data.as_ptr()).to_string_lossy();
            if (*form).datallowconn && wanted.iter().any(|wanted| *wanted == name) {
                listed.push((*form).oid);
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, lock);
    }
    listed
}

/// Starts the workers that are missing; those that are not listed any more end by themselves. Gives when
/// to look again.
fn supervise(workers: &mut Vec<Child>, listed: &[pg_sys::Oid]) -> Duration {
    workers.retain_mut(|child| {
        let stays = listed.contains(&child.database) || child.runs();
        if !stays {
            child.forget_handle();
        }
        stays
    });
    for database in listed {
        if !workers.iter().any(|child| child.database == *database) {
            workers.push(Child::new(*database));
        }
    }
    workers
        .iter_mut()
        .filter(|child| listed.contains(&child.database))
        .map(Child::look)
        .min()
        .unwrap_or(LOOK)
}

impl Child {
    fn new(database: pg_sys::Oid) -> Self {
        let now = Instant::now();
        Self { database, handle: std::ptr::null_mut(), started: now, failures: 0, not_before: now }
    }

    /// Sees to it that the worker runs. Gives when to look again.
    fn look(&mut self) -> Duration {
        if self.runs() {
            return LOOK;
        }
        if !self.handle.is_null() {
            self.forget_handle();
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

    /// Whether the worker runs, or will any moment.
    fn runs(&self) -> bool {
        if self.handle.is_null() {
            return false;
        }
        let mut pid = 0;
        // SAFETY: a handle that PostgreSQL gave us.
        let status = unsafe { pg_sys::GetBackgroundWorkerPid(self.handle, &mut pid) };
        use pg_sys::BgwHandleStatus::{BGWH_NOT_YET_STARTED, BGWH_STARTED};
        status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED
    }

    fn start(&mut self) {
        // The builder would hide the handle, which tells whether the worker runs.
        // SAFETY: PostgreSQL copies the description; it tells this process when the worker starts and
        // ends, and makes the handle in memory that outlives this turn.
        let registered = unsafe {
            let mut worker: pg_sys::BackgroundWorker =
                (&BackgroundWorkerBuilder::new("wo_core worker")
                    .set_type("wo_core worker")
                    .set_library("wo_core")
                    .set_function("wo_core_worker_main")
                    .enable_spi_access()
                    .set_restart_time(None)
                    .set_argument(Some(pg_sys::Datum::from(self.database)))
                    .set_notify_pid(pg_sys::MyProcPid))
                    .into();
            let before = pg_sys::MemoryContextSwitchTo(pg_sys::TopMemoryContext);
            let registered = pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut self.handle);
            pg_sys::MemoryContextSwitchTo(before);
            registered
        };
        self.started = Instant::now();
        if !registered {
            self.handle = std::ptr::null_mut();
            if self.failures == 0 {
                pgrx::warning!("wo_core: no worker can be started: raise max_worker_processes");
            }
            self.failures = self.failures.saturating_add(1);
            let wait = pause(self.failures, Duration::from_secs(1), Duration::from_secs(30));
            self.not_before = Instant::now() + wait;
        }
    }

    fn forget_handle(&mut self) {
        let handle = std::mem::replace(&mut self.handle, std::ptr::null_mut());
        if !handle.is_null() {
            // SAFETY: PostgreSQL made it by palloc for us, and nobody uses it any more.
            unsafe { pg_sys::pfree(handle.cast()) };
        }
    }
}
