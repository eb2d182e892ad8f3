//! From a [`Refusal`] to a PostgreSQL error: SQLSTATE, MESSAGE, DETAIL (JSON) and HINT.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use wo_rules::refusal::{Refusal, SqlState};

/// Raises the refusal as an ERROR.
pub fn refuse(refusal: Refusal) -> ! {
    crate::service::refused_attempt::note(&refusal);
    let code = match refusal.sqlstate {
        SqlState::GateNotMet => PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        SqlState::NotPermitted => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        SqlState::VersionConflict => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
        SqlState::BadValue => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        SqlState::Duplicate => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
        SqlState::WrongState => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::NotSupported => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
    };
    let mut report = ErrorReport::new(code, refusal.message.clone(), "wo_core")
        .set_detail(refusal.detail_json());
    if !refusal.hint.is_empty() {
        report = report.set_hint(refusal.hint);
    }
    report.report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// What a fallible act gave, or its refusal raised.
pub trait OrRefuse<T> {
    /// Unwraps, or raises the refusal.
    fn or_refuse(self) -> T;
}

impl<T> OrRefuse<T> for Result<T, Refusal> {
    fn or_refuse(self) -> T {
        self.unwrap_or_else(|refusal| refuse(refusal))
    }
}

/// A refusal for what cannot be unless the records were damaged.
pub fn damaged(what: &str) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "tables_damaged",
        format!("the records of wo_core cannot be used: {what}"),
    )
    .hint("select * from wo.health(); says what is wrong and what to do.")
}
