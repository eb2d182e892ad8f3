//! The plan that a work order pins: what is refused.

use super::acting::Work;
use crate::refusal::{Refusal, SqlState};

/// The refusal of a second plan.
#[must_use]
pub fn applied_already(work: &Work<'_>, name: &str, version: i32) -> Refusal {
    Refusal::new(
        SqlState::Duplicate,
        "job_plan_applied_already",
        format!("work order {} has version {version} of the job plan {name} already", work.number),
    )
    .with("work_order_id", work.id)
    .with("wo_number", work.number)
    .with("job_plan", name)
    .with("plan_version", version)
    .hint("wo.move_to_plan_version moves it to another version of that plan.")
}

/// The refusal of other parameters for the version that work is done by.
#[must_use]
pub fn parameters_pinned(work: &Work<'_>) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "plan_parameters_pinned",
        format!(
            "the parameters of work order {} stay as they are once it has left its first state",
            work.number
        ),
    )
    .with("work_order_id", work.id)
    .with("wo_number", work.number)
    .hint("wo.move_to_plan_version takes parameters together with another version.")
}

/// The refusal of a plan with children for a work order that is planned already.
#[must_use]
pub fn children_too_late(work: &Work<'_>, name: &str) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "plan_children_too_late",
        format!(
            "the job plan {name} has children, and work order {} is {}: it has left its first state",
            work.number, work.status
        ),
    )
    .with("work_order_id", work.id)
    .with("wo_number", work.number)
    .with("job_plan", name)
    .hint("Apply it while the work order is new, or make another one with wo.create_from_plan.")
}

/// The refusal of an act on steps where there is no plan.
#[must_use]
pub fn missing(work: &Work<'_>) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "job_plan_missing",
        format!("work order {} has no job plan", work.number),
    )
    .with("work_order_id", work.id)
    .with("wo_number", work.number)
    .hint("select wo.apply_job_plan('...', 'name of the plan');")
}
