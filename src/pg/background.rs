//! Background workers: the launcher, which connects to no database, and the worker of a database.

use crate::pg::process::heed_signals;
use pgrx::bgworkers::BackgroundWorkerBuilder;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::CStr;

thread_local! {
    static LAUNCHER: Cell<Option<fn()>> = const { Cell::new(None) };
    static WORKER: Cell<Option<fn(pg_sys::Oid)>> = const { Cell::new(None) };
    static AT_EXIT: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Registers what the launcher does, and what the worker of a database does; called once in a process.
pub fn register(launcher: fn(), worker: fn(pg_sys::Oid)) {
    LAUNCHER.set(Some(launcher));
    WORKER.set(Some(worker));
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
    if let Some(main) = LAUNCHER.get() {
        main();
    }
}

/// The main function of a database's worker; its argument is the database's oid.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn wo_core_worker_main(database: pg_sys::Datum) {
    let database = pg_sys::Oid::from(database.value() as u32);
    heed_signals();
    // SAFETY: once in this process, as the superuser who owns the cluster.
    unsafe {
        pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::Oid::INVALID, 0);
    }
    if let Some(main) = WORKER.get() {
        main(database);
    }
}

/// Has a hook called while this process exits. It raises no ERROR and takes no lock.
pub fn at_exit(hook: fn()) {
    AT_EXIT.set(Some(hook));
    // SAFETY: the callback lives as long as the library.
    unsafe { pg_sys::before_shmem_exit(Some(exiting), pg_sys::Datum::from(0)) };
}

#[pg_guard]
unsafe extern "C-unwind" fn exiting(_code: std::os::raw::c_int, _argument: pg_sys::Datum) {
    if let Some(hook) = AT_EXIT.take() {
        hook();
    }
}

/// A worker that this process has started.
pub struct Handle(*mut pg_sys::BackgroundWorkerHandle);

impl Handle {
    /// Has PostgreSQL start the worker of a database; nothing where it cannot start another process.
    pub fn start(database: pg_sys::Oid) -> Option<Self> {
        let mut handle = std::ptr::null_mut();
        // The builder would hide the handle, which shows whether the worker runs.
        // SAFETY: PostgreSQL copies the description; it notifies this process when the worker starts and
        // ends, and makes the handle in memory that outlives this turn.
        let is_registered = unsafe {
            let mut worker: pg_sys::BackgroundWorker =
                (&BackgroundWorkerBuilder::new("wo_core worker")
                    .set_type("wo_core worker")
                    .set_library("wo_core")
                    .set_function("wo_core_worker_main")
                    .enable_spi_access()
                    .set_restart_time(None)
                    .set_argument(Some(pg_sys::Datum::from(database)))
                    .set_notify_pid(pg_sys::MyProcPid))
                    .into();
            let before = pg_sys::MemoryContextSwitchTo(pg_sys::TopMemoryContext);
            let is_registered = pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle);
            pg_sys::MemoryContextSwitchTo(before);
            is_registered
        };
        is_registered.then_some(Self(handle))
    }

    /// Whether the worker runs, or is about to.
    pub fn runs(&self) -> bool {
        use pg_sys::BgwHandleStatus::{BGWH_NOT_YET_STARTED, BGWH_STARTED};
        let mut pid = 0;
        // SAFETY: a handle that PostgreSQL gave us.
        let status = unsafe { pg_sys::GetBackgroundWorkerPid(self.0, &mut pid) };
        status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: PostgreSQL made it by palloc for us, and nobody uses it any more.
        unsafe { pg_sys::pfree(self.0.cast()) };
    }
}

/// The databases that accept connections. In a transaction; it needs no connection to a database.
pub fn databases() -> Vec<(pg_sys::Oid, String)> {
    let mut found = Vec::new();
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
            if (*form).datallowconn {
                let name = CStr::from_ptr((*form).datname.data.as_ptr()).to_string_lossy();
                found.push(((*form).oid, name.into_owned()));
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, lock);
    }
    found
}
