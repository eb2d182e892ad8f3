//! Documents of evidence packages that PostgreSQL composes: how times and bytes are written in them, and how
//! one is read.

use crate::pg::error::damaged;
use crate::pg::statement::{Argument, Mode, Statement};
use serde_json::Value;
use std::thread::LocalKey;
use wo_rules::refusal::Refusal;

/// The expression that writes a time: in UTC with microseconds.
pub fn time(expression: &str) -> String {
    format!(
        "pg_catalog.to_char({expression} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    )
}

/// Writes the times among the members of a list of objects as [`time`] does: `to_jsonb` writes 2026-03-05T09:08:07+00:00
/// under the time zone UTC.
pub fn times_as_in_documents(list: &mut Value) {
    let members = list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
    for value in members.flat_map(serde_json::Map::values_mut) {
        if let Some(time) = value.as_str().and_then(wo_rules::time::utc_from_iso) {
            *value = Value::from(time);
        }
    }
}

/// The expression that writes bytes: as base64url without padding.
pub fn base64url(expression: &str) -> String {
    format!(
        "pg_catalog.rtrim(pg_catalog.translate(pg_catalog.encode({expression}, 'base64'), E'+/\\n', '-_'), '=')"
    )
}

/// The one document that a statement returns; `what` it is stands in the refusal.
///
/// # Errors
/// 55000 `tables_damaged` where it returns none.
pub fn required(
    statement: &'static LocalKey<Statement>,
    arguments: &[Argument],
    what: &str,
) -> Result<Value, Refusal> {
    let found = statement.with(|statement| {
        statement.run(Mode::Latest, arguments, |rows| {
            rows.get::<crate::pg::jsonb::Document>(0, 1).map(|found| found.0)
        })
    });
    found.ok_or_else(|| damaged(&format!("{what} is missing")))
}
