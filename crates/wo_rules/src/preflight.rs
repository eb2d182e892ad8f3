//! The check before work begins: the edge that it is about, who may record that it was done, and whether
//! what was checked is still what there is (spec/4, "Use Pre-Flight Check before starting").

use crate::lifecycle::{Actor, GuardFact, Lifecycle, Record, Transition};
use crate::refusal::{Refusal, SqlState};

/// The guard that a lifecycle names where the check must have been done.
pub const GUARD: &str = "preflight_done";

/// What the trail calls it.
pub const ACTION: &str = "preflight_done";

/// The edge by which work on the record begins, where its actor may take it.
///
/// # Errors
/// 55000 `work_not_ready` where no edge from the record's state begins the work; 42501 `role_missing` where
/// taking the edge is for others.
pub fn beginning<'l>(
    lifecycle: &'l Lifecycle,
    actor: &Actor,
    record: &Record,
) -> Result<&'l Transition, Refusal> {
    let number = record.number;
    let Some(edge) = lifecycle.beginning_of_work(record.status) else {
        return Err(Refusal::new(
            SqlState::WrongState,
            "work_not_ready",
            format!("no step from {} begins the work of work order {number}", record.status),
        )
        .with("work_order_id", record.id)
        .with("status", record.status)
        .hint("The check is recorded in the state from which the work is started."));
    };
    if !edge.who.iter().any(|role| lifecycle.is_in_role(actor, role.name(), record)) {
        let who: Vec<&str> = edge.who.iter().map(|role| role.name()).collect();
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            format!("the check before work order {number} starts is for {}", who.join(", ")),
        )
        .with("work_order_id", record.id)
        .with("who", who)
        .hint("Those who may start the work record the check."));
    }
    Ok(edge)
}

/// What the guard finds: `checked` is the version of the record that the last check looked at, and `version`
/// the one that there is.
pub fn fact(checked: Option<i64>, version: i64) -> GuardFact {
    let detail = match checked {
        Some(checked) if checked == version => String::new(),
        Some(_) => "the work order has changed since its pre-flight check".to_owned(),
        None => "its pre-flight check is not recorded".to_owned(),
    };
    GuardFact { passed: detail.is_empty(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_counts_for_the_version_that_it_looked_at() {
        assert!(fact(Some(3), 3).passed);
        for stale in [fact(Some(2), 3), fact(None, 3)] {
            assert!(!stale.passed && !stale.detail.is_empty(), "{stale:?}");
        }
    }
}
