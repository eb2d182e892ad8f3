//! What the server fills in when a work order changes its state.

use crate::support::{Write, lifecycle};
use wo_rules::field::{Field, FieldSet};
use wo_rules::lifecycle::*;

fn captured(write: &Write) -> Vec<(Field, Captured)> {
    let changed: FieldSet = write.changes.keys().copied().collect();
    let filled = write.after().filled();
    let facts = write.clone().with_all_gates_met();
    let decision = facts.decide().unwrap();
    write.lifecycle.captured(&decision, &write.to, changed, filled)
}

/// What is stated stays; the first start stays; the end is that of the last completion.
#[test]
fn times_are_captured_unless_they_are_stated() {
    let lifecycle = lifecycle("regulated_change");
    let by = |from: &str, to: &str| Write::by(&lifecycle, &["assignee", "qa"]).step(from, to);
    let time = Scalar::Present;
    let start = by("assigned", "in_progress");
    assert_eq!(captured(&start), [(Field::ActualStart, Captured::Now)]);
    assert_eq!(captured(&start.clone().had(Field::ActualStart, time.clone())), []);
    assert_eq!(captured(&start.gives(Field::ActualStart, time.clone())), []);
    let complete = by("in_progress", "completed");
    assert_eq!(captured(&complete), [(Field::ActualEnd, Captured::Now)]);
    assert_eq!(captured(&complete.gives(Field::ActualEnd, time.clone())), []);
    let reject = by("completed", "in_progress").had(Field::ActualEnd, time);
    assert_eq!(captured(&reject), [(Field::ActualEnd, Captured::Nothing)]);
}

/// Each edge into a blocked state leaves a cause, and each one out of it none.
#[test]
fn a_block_has_a_cause_and_nothing_else_has() {
    let lifecycle = lifecycle("regulated_change");
    let by = |from: &str, to: &str| Write::by(&lifecycle, &["assignee"]).step(from, to);
    let cause = Scalar::Text("vendor".into());
    let block = by("in_progress", "blocked");
    assert_eq!(captured(&block), [(Field::BlockCause, Captured::Text("other"))]);
    assert_eq!(captured(&block.gives(Field::BlockCause, cause.clone())), []);
    let resume = by("blocked", "in_progress").had(Field::BlockCause, cause);
    assert_eq!(captured(&resume), [(Field::BlockCause, Captured::Nothing)]);
}
