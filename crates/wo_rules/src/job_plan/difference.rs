//! What another version of a plan means for the steps of a work order. Results belong to the key of their step, so
//! that no version takes them away.

use super::document::JobPlan;
use super::progress::{Progress, Recorded};
use crate::refusal::{Refusal, SqlState};
use serde_json::{Value, json};

/// The steps of two versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Those that are the same in both.
    pub kept: Vec<String>,
    /// Those that say something else.
    pub changed: Vec<String>,
    /// Those that the other version adds.
    pub new: Vec<String>,
    /// Those that it has no more.
    pub removed: Vec<String>,
    /// Those of the removed and the changed of which something is recorded.
    pub recorded: Vec<String>,
}

impl Difference {
    /// Compares them.
    #[must_use]
    pub fn between(old: &JobPlan, new: &JobPlan, recorded: &[Recorded]) -> Self {
        let mut found = Self::default();
        for step in &new.steps {
            let list = match old.step(&step.key) {
                None => &mut found.new,
                Some(before) if before == step => &mut found.kept,
                Some(_) => &mut found.changed,
            };
            list.push(step.key.clone());
        }
        for step in &old.steps {
            if new.step(&step.key).is_none() {
                found.removed.push(step.key.clone());
            }
        }
        let concerned = found.removed.iter().chain(&found.changed);
        let has_row = |key: &&String| recorded.iter().any(|row| row.step == **key);
        found.recorded = concerned.filter(has_row).cloned().collect();
        found
    }

    /// As JSON.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "kept": self.kept,
            "changed": self.changed,
            "new": self.new,
            "removed": self.removed,
            "recorded": self.recorded,
        })
    }
}

/// Checks that what was recorded fits the other version: a result keeps its meaning only where its step is of the
/// same kind and has the same unit.
///
/// # Errors
/// 23514 `plan_version_unfit`.
pub fn check_move(old: &JobPlan, new: &JobPlan, recorded: &[Recorded]) -> Result<(), Refusal> {
    let progress = Progress::of(old, recorded);
    let unfit: Vec<&str> = progress
        .steps
        .iter()
        .filter(|found| found.newest.is_some())
        .filter_map(|found| Some((found.key, found.step?, new.step(found.key)?)))
        .filter(|(_, before, after)| before.kind != after.kind || before.unit != after.unit)
        .map(|(key, ..)| key)
        .collect();
    if unfit.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::GateNotMet,
        "plan_version_unfit",
        format!("steps with results have another kind or unit in that version: {}", unfit.join(", ")),
    )
    .with("steps", unfit)
    .hint("Give such a step another key in the new version: the old results stay, and the new step is open."))
}
