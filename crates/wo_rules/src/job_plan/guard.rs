//! The guard `steps_done`.

use super::progress::{Progress, StepState};
use crate::lifecycle::GuardFact;

/// Its name.
pub const NAME: &str = "steps_done";

/// The name of what is asked where linked work begins in a tenant that asks for a plan.
pub const APPLIED: &str = "job_plan_applied";

/// What a work order with a master and without a plan is refused with where its work would begin.
#[must_use]
pub fn plan_needed() -> GuardFact {
    let detail =
        "work that has a master begins with a job plan in this tenant, and this one has none";
    GuardFact { passed: false, detail: detail.to_owned() }
}

/// How many steps a refusal names.
const NAMED: usize = 8;

/// What it finds: each required step is done, or was skipped; where the plan asks for a witness there is one; and QA
/// has decided about what failed. Nothing where the plan has no steps.
#[must_use]
pub fn fact(progress: &Progress<'_>) -> Option<GuardFact> {
    if progress.steps.is_empty() {
        return None;
    }
    let (mut open, mut undecided, mut unconfirmed) = (Vec::new(), Vec::new(), Vec::new());
    for found in &progress.steps {
        let Some(step) = found.step else { continue };
        match found.state {
            StepState::Open if step.required => open.push(found.key),
            StepState::Failed => undecided.push(found.key),
            StepState::Done if step.witness.is_some() && found.witness.is_none() => {
                unconfirmed.push(found.key);
            }
            _ => {}
        }
    }
    let parts: Vec<String> = [
        (open, "not done"),
        (undecided, "failed, without a disposition by QA"),
        (unconfirmed, "without a witness"),
    ]
    .into_iter()
    .filter(|(keys, _)| !keys.is_empty())
    .map(|(keys, what)| {
        let named = keys.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = match keys.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{what}: {named}{more}")
    })
    .collect();
    Some(GuardFact { passed: parts.is_empty(), detail: parts.join("; ") })
}
