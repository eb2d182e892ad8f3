//! The guard `steps_done`.

use super::stored::{latest, recorded};
use crate::kernel::concept::Question;
use crate::pg::error::OrRefuse;
use wo_rules::job_plan::{Progress, guard};
use wo_rules::lifecycle::{Facts, Guard};

/// Adds what it finds, where one of the edges asks for it. What is recorded of steps, and the pinned plan, are written
/// under the lock of the work order, which the one who takes an edge holds.
pub fn add_facts(question: &Question<'_>, facts: &mut Facts) {
    let is_ours = |guard: &Guard| *guard == Guard::StepsDone;
    if !question.edges.iter().any(|edge| edge.all_guards().any(is_ours)) {
        return;
    }
    let (tenant, id) = (question.tenant, question.seen.id());
    let Some(pinned) = latest(tenant, id) else { return };
    let compiled = pinned.compiled(tenant).or_refuse();
    let recorded = recorded(tenant, id).or_refuse();
    if let Some(fact) = guard::fact(&Progress::of(&compiled.plan, &recorded)) {
        facts.attached.insert(guard::NAME.to_owned(), fact);
    }
}
