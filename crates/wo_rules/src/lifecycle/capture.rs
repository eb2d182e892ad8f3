//! What the server fills in when a work order changes its state: the actual times, and why it is blocked.

use super::decide::Decision;
use super::definition::{Effect, Lifecycle};
use crate::field::{Field, FieldSet};

/// Why a work order is blocked where nobody said it.
pub(super) const UNKNOWN_CAUSE: &str = "other";

/// The fields that are generated from the children where the system completes a master.
pub const GENERATED: [Field; 2] = [Field::CompletionSummary, Field::ActualHours];

/// The value that the server gives a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captured {
    /// The time of the write.
    Now,
    /// This text.
    Text(&'static str),
    /// None.
    Nothing,
}

impl Lifecycle {
    /// What the server fills in on the way to the state `to`. `changed` are the fields that the writer changes,
    /// `filled` those that are filled after it: what the writer states stays.
    pub fn captured(
        &self,
        decision: &Decision<'_>,
        to: &str,
        changed: FieldSet,
        filled: FieldSet,
    ) -> Vec<(Field, Captured)> {
        let has = |effect: &Effect| decision.effects.contains(effect);
        let is_blocked = self.state(to).is_some_and(|state| state.blocked);
        let is_filled = |field: Field| filled.contains(field);
        let mut captured = Vec::new();
        if has(&Effect::RecordActualStart) && !is_filled(Field::ActualStart) {
            captured.push((Field::ActualStart, Captured::Now));
        }
        if has(&Effect::RecordActualEnd) && !is_filled(Field::ActualEnd) {
            captured.push((Field::ActualEnd, Captured::Now));
        }
        let is_cleared = has(&Effect::ClearActualEnd) && !changed.contains(Field::ActualEnd);
        if is_cleared && is_filled(Field::ActualEnd) {
            captured.push((Field::ActualEnd, Captured::Nothing));
        }
        match (is_blocked, is_filled(Field::BlockCause)) {
            (true, false) => captured.push((Field::BlockCause, Captured::Text(UNKNOWN_CAUSE))),
            (false, true) => captured.push((Field::BlockCause, Captured::Nothing)),
            _ => {}
        }
        captured
    }
}
