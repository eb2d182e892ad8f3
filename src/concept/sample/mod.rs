//! The sample: steps that a tenant configures, and checks of them that belong to work orders. It is compiled with
//! the feature `sample_concept` alone, shows how a concept is added, and has the tests that follow from the
//! table registry run over tables that nothing else knows.

use crate::kernel::concept::{
    CheckedWrite, Concept, EvidenceSection, FollowUp, HealthSection, Question, StoredWrite,
};
use crate::kernel::event::Event;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::work_order::WorkOrderView;
use crate::kernel::work_order::child_records::{FILL_NOTHING, Kind};
use crate::pg::row::Row;
use crate::pg::row::TriggerRow;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use serde_json::json;
use uuid::Uuid;
use wo_rules::lifecycle::{Effect, Facts, Guard};
use wo_rules::refusal::Refusal;
use wo_rules::sample as rules;
use wo_rules::schema::ChildTable;

statement!(
    UNCHECKED,
    "select array(select known.step::pg_catalog.text from wo.sample_step as known
        where known.tenant_id = $1 and known.disabled_at is null and not exists (
            select from wo.sample_check as checked
            where checked.tenant_id = $1 and checked.work_order_id = $2 and checked.step = known.step and checked.passed)
        order by known.step)",
    [UUIDOID, UUIDOID]
);

/// The sample, as the kernel asks it.
pub struct Sample;

/// The concept.
pub const CONCEPT: Sample = Sample;

const KINDS: &[Kind] = &[Kind {
    table: ChildTable::named("sample_check"),
    check: |_, _, _| Ok(()),
    fill: FILL_NOTHING,
    after: |_, _, _| Ok(()),
    shown: &[],
}];

/// The steps that are not checked yet.
fn unchecked(tenant: Uuid, work_order: Uuid) -> Vec<String> {
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| {
        UNCHECKED.with(|statement| statement.run(Mode::Latest, &place, |rows| rows.required(0, 1)))
    })
}

const GUARD: &str = "sample_checked";
const EFFECT: &str = "sample_announced";

/// What the effect does: it writes an event.
struct Announcement;

impl FollowUp for Announcement {
    fn carry_out(&self, write: &StoredWrite<'_>) -> bool {
        let id = write.seen.id();
        let data = json!({ "work_order": write.number });
        memory::as_enforcement(|| {
            let now = crate::kernel::identity::now();
            Event::new("wo.sample_announced", data.to_string()).write(write.tenant, id, now);
        });
        false
    }
}

impl Concept for Sample {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("50_sample", include_str!("sample.sql"))]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn check_configuration(
        &self,
        table: &str,
        _old: Option<&Row>,
        new: &Row,
        _acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        if table == "sample_step"
            && let Some(description) = new.named::<String>("description")
        {
            rules::check_step(&description)?;
        }
        Ok(None)
    }

    fn guards(&self) -> &'static [&'static str] {
        &[GUARD]
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        let is_ours = |guard: &Guard| guard.name() == GUARD;
        if question.edges.iter().any(|edge| edge.guards.iter().any(is_ours)) {
            let unchecked = unchecked(question.tenant, question.seen.id());
            facts.attached.insert(GUARD.to_owned(), rules::fact(&unchecked));
        }
    }

    fn effects(&self) -> &'static [&'static str] {
        &[EFFECT]
    }

    fn follow_up(&self, write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
        let has = |effect: &Effect| effect.name() == EFFECT;
        let is_ours = write.decision.is_some_and(|decision| decision.effects.iter().any(has));
        Ok(is_ours.then(|| -> Box<dyn FollowUp> { Box::new(Announcement) }))
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        let unchecked = unchecked(view.tenant, view.seen.id());
        Ok(vec![EvidenceSection::new("sample_unchecked", &json!(unchecked))])
    }

    fn health(&self) -> &'static [HealthSection] {
        &[HealthSection { name: "sample", read: || vec![rules::health()] }]
    }
}
