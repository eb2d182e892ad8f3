//! Moving a live work order to another version of its lifecycle.

use super::Lifecycle;
use crate::refusal::{Refusal, SqlState};
use serde_json::Value;

/// The work order that is to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrating {
    /// Its lifecycle.
    pub lifecycle: String,
    /// The version that it pins.
    pub version: i32,
    /// Its state.
    pub status: String,
    /// Its number.
    pub number: String,
    /// Whether its record is locked.
    pub locked: bool,
}

/// Checks that the work order may move at all.
///
/// # Errors
/// 55000 `record_locked`, `version_pinned_already`; 22023 `lifecycle_unknown`; 23514
/// `fields_missing` without a reason.
pub fn check(
    record: &Migrating,
    to_version: i32,
    newest: i32,
    reason: &str,
) -> Result<(), Refusal> {
    let Migrating { lifecycle, version, number, .. } = record;
    if record.locked {
        return Err(Refusal::new(
            SqlState::WrongState,
            "record_locked",
            format!("work order {number} is {} and locked", record.status),
        )
        .hint("A locked record keeps the version that it ended with."));
    }
    if reason.trim().is_empty() {
        return Err(Refusal::reason_missing(&format!("the migration of work order {number}")));
    }
    if to_version == *version {
        return Err(Refusal::new(
            SqlState::WrongState,
            "version_pinned_already",
            format!("work order {number} has version {version} of {lifecycle} already"),
        ));
    }
    if !(1..=newest).contains(&to_version) {
        return Err(Refusal::new(
            SqlState::BadValue,
            "lifecycle_unknown",
            format!("{lifecycle} has no version {to_version}"),
        )
        .hint(format!("Its versions are 1 to {newest}.")));
    }
    Ok(())
}

/// The state in the other version: the one that the map names, else the one of the same name.
///
/// # Errors
/// 22023 `state_map_invalid` where the map is no object of texts, `unknown_state` where the
/// target has no such state; 55000 `record_locked` where it would lock the record.
pub fn target_state(
    record: &Migrating,
    target: &Lifecycle,
    state_map: &Value,
) -> Result<String, Refusal> {
    let Some(map) = state_map.as_object().filter(|map| map.values().all(Value::is_string)) else {
        return Err(Refusal::new(
            SqlState::BadValue,
            "state_map_invalid",
            "the state map is a JSON object of old and new state names",
        )
        .hint("For example {\"in_review\": \"review\"}."));
    };
    let name = map.get(&record.status).and_then(Value::as_str).unwrap_or(&record.status);
    match target.state(name) {
        Some(state) if state.terminal => Err(Refusal::new(
            SqlState::WrongState,
            "record_locked",
            format!("work order {} cannot end by a migration", record.number),
        )
        .hint("Map its state to one that is not terminal, then take the transition.")),
        Some(state) => Ok(state.name.clone()),
        None => {
            let states: Vec<&str> =
                target.states().iter().map(|state| state.name.as_str()).collect();
            Err(Refusal::new(
                SqlState::BadValue,
                "unknown_state",
                format!(
                    "work order {} is {}, which the other version does not have",
                    record.number, record.status
                ),
            )
            .hint("Map the state: state_map => '{\"old\": \"new\"}'.")
            .with("states", states))
        }
    }
}
