//! From a [`Refusal`] to a PostgreSQL error: SQLSTATE, MESSAGE, DETAIL (JSON) and HINT.

use crate::pg::transaction::{Stack, SubxactStack};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;
use wo_rules::refusal::{Refusal, SqlState};

thread_local! {
    /// What is called before a refusal is raised.
    static ON_REFUSAL: Cell<Option<fn(&Refusal)>> = const { Cell::new(None) };
    /// Whether many rows are tried in one statement just now; where one is refused, each is tried
    /// again by itself.
    static TOGETHER: SubxactStack<bool> = const { SubxactStack::new() };
}

/// Registers what is called before a refusal is raised as an ERROR. It must not fail.
pub fn on_refusal(hook: fn(&Refusal)) {
    ON_REFUSAL.set(Some(hook));
}

/// Tries many rows in one statement, whose refusal is repeated by one of them.
pub fn together<T>(act: impl FnOnce() -> T) -> T {
    TOGETHER.during(true, act)
}

/// Whether the refusal that is being raised is that of many rows. The next one is not.
pub fn is_of_many() -> bool {
    let is_of_many = TOGETHER.top().unwrap_or(false);
    if is_of_many {
        TOGETHER.set(false);
    }
    is_of_many
}

/// Raises the refusal as an ERROR.
pub fn refuse(refusal: Refusal) -> ! {
    let refusal = refusal.without_secrets();
    if let Some(hook) = ON_REFUSAL.get() {
        hook(&refusal);
    }
    let code = match refusal.sqlstate {
        SqlState::GateNotMet => PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        SqlState::NotPermitted => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        SqlState::VersionConflict => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
        SqlState::BadValue => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        SqlState::Duplicate => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
        SqlState::WrongState => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::ValueMissing => PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION,
        SqlState::ReferenceMissing => PgSqlErrorCode::ERRCODE_FOREIGN_KEY_VIOLATION,
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
