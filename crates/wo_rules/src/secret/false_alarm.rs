//! False alarms: what looks like a secret, is none, and is accepted at its place.

use super::assigned::is_name_of_secret;
use super::document::{Found, in_string};
use crate::refusal::{Refusal, SqlState};
use crate::schema::{self, Table};
use sha2::{Digest, Sha256};

/// The role, beside administrators, that releases false alarms.
pub const ROLE: &str = crate::finding::ROLE;

/// The longest JSON pointer that a release names, in bytes.
const LONGEST_POINTER: usize = 2_000;

/// What stands in the database for a value that was released: the hash of the text that looks like a secret, together
/// with its place.
#[must_use]
pub fn fingerprint(table: &str, column: &str, found: &Found) -> [u8; 32] {
    let place = serde_json::json!([table, column, found.pointer, found.excerpt]);
    Sha256::digest(place.to_string()).into()
}

/// The table whose values are to be released.
///
/// # Errors
/// 22023 `place_unknown` where no value of callers is stored in such a column.
pub fn place(table: &str, column: &str, pointer: &str) -> Result<&'static Table, Refusal> {
    let known = schema::table(table).filter(|table| table.takes_text());
    let known = known.filter(|table| table.column(column).is_some());
    let is_pointer = pointer.is_empty() || pointer.starts_with('/');
    match known {
        Some(table) if is_pointer && pointer.len() <= LONGEST_POINTER => Ok(table),
        _ => Err(Refusal::new(
            SqlState::BadValue,
            "place_unknown",
            "no value of that table, column and pointer is searched for secrets",
        )
        .hint("Give table, column and pointer as the refusal secret_in_the_open says them.")),
    }
}

/// What of a value looks like a secret at that pointer, all of which is to be released.
///
/// # Errors
/// 22023 `no_false_alarm` where nothing does.
pub fn suspects(pointer: &str, value: &str) -> Result<Vec<Found>, Refusal> {
    let is_index = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let name = pointer
        .split('/')
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .find(|part| !is_index(part));
    let name = name.map(|name| name.replace("~1", "/").replace("~0", "~"));
    let found = in_string(value, name.as_deref(), pointer);
    if found.is_empty() {
        let hint = match name.as_deref().is_some_and(is_name_of_secret) {
            true => "It is stored without a release.",
            false => "Give the whole value: the text, or the string at the pointer.",
        };
        return Err(Refusal::new(
            SqlState::BadValue,
            "no_false_alarm",
            "nothing in this value looks like a secret",
        )
        .hint(hint));
    }
    Ok(found)
}

/// The refusal where somebody else than an administrator or QA releases or withdraws.
#[must_use]
pub fn not_permitted() -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "role_missing",
        format!(
            "false alarms are released by members of wo_admin and by holders of the role {ROLE}"
        ),
    )
    .with("role", ROLE)
}

/// The refusal where no release of that id holds.
#[must_use]
pub fn unknown(id: &str) -> Refusal {
    Refusal::new(SqlState::BadValue, "false_alarm_unknown", "no false alarm of that id is released")
        .with("false_alarm", id)
        .hint("select * from wo.false_alarm; lists them.")
}
