//! Transactions of the worker and the launcher, which end well whatever happens in them.

use pgrx::pg_sys;
use pgrx::pg_sys::PgTryBuilder;
use pgrx::pg_sys::errcodes::PgSqlErrorCode as Code;
use pgrx::pg_sys::panic::CaughtError;
use std::panic::AssertUnwindSafe;

/// What failed in a transaction.
pub struct Failure {
    /// What was said.
    pub text: String,
    /// Others were in the way (a lock, a deadlock, a serialization failure): trying again may help.
    pub is_passing: bool,
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.text
    }
}

/// Does something in a transaction of its own, which is rolled back where it fails.
pub fn transaction<T>(act: impl FnOnce() -> T) -> Result<T, Failure> {
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

/// Does something, and returns what was said where it fails.
pub fn caught<T>(act: impl FnOnce() -> T) -> Result<T, Failure> {
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(act())))
        .catch_others(|error| {
            let (CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic { ereport: report, .. }) = error;
            let is_passing = matches!(
                report.sql_error_code(),
                Code::ERRCODE_LOCK_NOT_AVAILABLE
                    | Code::ERRCODE_T_R_DEADLOCK_DETECTED
                    | Code::ERRCODE_T_R_SERIALIZATION_FAILURE
            );
            Err(Failure { text: report.message().to_owned(), is_passing })
        })
        .execute()
}
