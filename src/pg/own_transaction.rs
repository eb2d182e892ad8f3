//! Transactions of the worker and the launcher, which end well whatever happens in them.

use pgrx::pg_sys;
use pgrx::pg_sys::PgTryBuilder;
use pgrx::pg_sys::panic::CaughtError;
use std::panic::AssertUnwindSafe;

/// Does something in a transaction of its own, which is rolled back where it fails; then what was said.
pub fn transaction<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    let result = caught(|| {
        // SAFETY: the process is in no transaction; the snapshot is popped before the commit, or by
        // the abort.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
            let result = act();
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
            result
        }
    });
    if result.is_err() {
        // SAFETY: ends the transaction that failed, or does nothing where there is none.
        unsafe { pg_sys::AbortCurrentTransaction() };
    }
    // SAFETY: outside a transaction; sends what was counted.
    unsafe { pg_sys::pgstat_report_stat(false) };
    result
}

/// Does something, and gives what was said where it fails.
pub fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(act())))
        .catch_others(|error| {
            let (CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic { ereport: report, .. }) = error;
            Err(report.message().to_owned())
        })
        .execute()
}
