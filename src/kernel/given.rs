//! Values that a caller writes into columns which wo_core fills itself.

use crate::pg::row::Row;
use wo_rules::refusal::{Refusal, SqlState};

/// Whether the write gives a time of the server's: one that is neither missing nor the stored one.
pub fn is_time_given(new: &Row, old: Option<&Row>, name: &str) -> bool {
    is_changed(new, old, name) && new.timestamp_named(name).is_some()
}

/// Whether the write gives another name than that of who acts, and not the stored one or none.
pub fn is_other_given(new: &Row, old: Option<&Row>, name: &str, own: Option<&str>) -> bool {
    let given: Option<String> =
        if is_changed(new, old, name) { new.named(name) } else { return false };
    given.is_some_and(|given| Some(given.as_str()) != own)
}

fn is_changed(new: &Row, old: Option<&Row>, name: &str) -> bool {
    let Some(index) = new.column(name) else { return false };
    old.is_none_or(|old| !new.same(old, index))
}

/// Refuses a write that gives any of these columns: they are dropped silently otherwise.
///
/// # Errors
/// 42501 `column_not_writable`, where there are any.
pub fn check_none_given(columns: &[&str], whose: &str) -> Result<(), Refusal> {
    match columns {
        [] => Ok(()),
        columns => Err(kept(&columns.join(", "), whose)),
    }
}

/// The refusal of a write to columns that wo_core fills itself.
pub fn kept(columns: &str, whose: &str) -> Refusal {
    let verb = if columns.contains(", ") { "are" } else { "is" };
    Refusal::new(
        SqlState::NotPermitted,
        "column_not_writable",
        format!("{columns} of {whose} {verb} kept by wo_core itself"),
    )
    .with("columns", columns.split(", ").collect::<Vec<_>>())
    .hint("Leave them out of the write.")
}
