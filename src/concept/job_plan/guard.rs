//! The guard `steps_done`, and the plan that linked work begins with.

use super::stored::{latest, recorded};
use crate::kernel::concept::Question;
use crate::kernel::work_order::master_of;
use crate::pg::error::OrRefuse;
use crate::pg::lookup::{Key, find};
use wo_rules::job_plan::{Progress, guard};
use wo_rules::lifecycle::{Facts, Guard};

/// Adds what they find, where one of the edges asks for it.
pub fn add_facts(question: &Question<'_>, facts: &mut Facts) {
    add_steps(question, facts);
    add_plan(question, facts);
}

/// Whether linked work may begin: with a plan, where the tenant asks for one.
fn add_plan(question: &Question<'_>, facts: &mut Facts) {
    let begins = question.edges.iter().any(|edge| question.lifecycle.begins_work(edge));
    if !begins || master_of(question.seen).is_none() {
        return;
    }
    let key = [Key::Uuid("tenant_id", question.tenant)];
    let needs = find("tenant", "tenant_pkey", &key, |row| row.named("linked_work_needs_plan"));
    if needs == Some(true) && latest(question.tenant, question.seen.id()).is_none() {
        facts.beginning.insert(guard::APPLIED.to_owned(), guard::plan_needed());
    }
}

/// Whether the steps are done. What is recorded of steps, and the pinned plan, are written
/// under the lock of the work order, which the one who takes an edge holds.
fn add_steps(question: &Question<'_>, facts: &mut Facts) {
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
