//! Job plans: the version that a work order pins, and what is recorded of its steps.
//!
//! The steps of a work order are not stored beside its plan: they are those of the pinned version, which never
//! changes, with the values of the parameters that are pinned with it. So nothing can reset a step, and the row of
//! the plan and the rows of the results are all that a signature has to cover.

mod api;
mod application;
mod children;
mod evidence;
mod guard;
mod pin;
mod recording;
mod result;
mod signed;
mod stored;

pub use stored::pinned_plan;

use crate::kernel::concept::{CheckedWrite, Concept, EvidenceSection, FollowUp, Question};
use crate::kernel::definition::Kind as DefinitionKind;
use crate::kernel::signed_act::Kind as SignedKind;
use crate::kernel::work_order::WorkOrderView;
use crate::kernel::work_order::child_records::{Kind, Owner};
use crate::pg::run_as::as_trail;
use crate::pg::statement::Mode;
use serde_json::Value;
use uuid::Uuid;
use wo_rules::job_plan::{Deliverable, Known, SHIPPED, Work, guard::NAME, validate};
use wo_rules::lifecycle::{Facts, Problem};
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;

/// The kind of definitions that job plans are.
const KIND: DefinitionKind = DefinitionKind {
    name: "job_plan",
    index: "job_plan_pkey",
    validate: validated,
    shipped: SHIPPED,
};

/// Reads a document with what the tenant has, and gives its name.
fn validated(tenant: Option<Uuid>, document: &Value) -> Result<String, Vec<Problem>> {
    let known = tenant.map(stored::names_of);
    let known = known.as_ref().map(|(roles, task_types)| Known { roles, task_types });
    validate(document, known.as_ref()).map(|plan| plan.name)
}

const KINDS: &[Kind] = &[
    Kind {
        table: ChildTable::named("work_order_job_plan"),
        check: pin::check,
        fill: pin::fill,
        after: pin::classify,
        shown: &[("job_plan", "name"), ("plan_version", "version")],
    },
    Kind {
        table: ChildTable::named("step_result"),
        check: |_, _, _| Ok(()),
        fill: result::fill,
        after: |_, _, _| Ok(()),
        shown: &[
            ("result_id", "id"),
            ("step", "step"),
            ("act", "act"),
            ("verdict", "verdict"),
            ("ordinal", "ordinal"),
        ],
    },
];

/// The work order as the rules of job plans see it.
pub fn work_of(owner: &Owner) -> Work<'_> {
    let record = owner.facets.record();
    Work {
        id: record.id,
        number: record.number,
        is_under_way: owner.lifecycle.begins_in(record.status),
        status: record.status,
        regulatory: record.regulatory,
        assignee: record.assignee,
        originator: Some(record.originator),
    }
}

/// What the pinned plan of a work order has it hand over; nothing where it has none.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn expected_deliverables(
    mode: Mode,
    tenant: Uuid,
    work_order: Uuid,
) -> Result<Vec<Deliverable>, Refusal> {
    let Some(pinned) = stored::pinned(mode, tenant, work_order) else { return Ok(Vec::new()) };
    let compiled = as_trail(|| pinned.compiled(tenant))?;
    Ok(compiled.plan.expected(&pinned.parameters))
}

/// Job plans, as the kernel asks them.
pub struct JobPlans;

/// The concept.
pub const CONCEPT: JobPlans = JobPlans;

impl Concept for JobPlans {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("29_job_plan", include_str!("../../../sql/29_job_plan.sql"))]
    }

    fn definition_kinds(&self) -> &'static [DefinitionKind] {
        &[KIND]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn signed_subjects(&self) -> &'static [SignedKind] {
        &[signed::KIND]
    }

    fn guards(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        guard::add_facts(question, facts);
    }

    fn follow_up(&self, write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
        pin::check_leaving(write)?;
        Ok(None)
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        evidence::section(view.tenant, view.seen.id())
    }
}
