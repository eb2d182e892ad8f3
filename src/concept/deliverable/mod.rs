//! Deliverables: what the work hands over, and the reviews of it.
//!
//! A version is a row that never changes, and so is a review: a signature of the result covers both as they were, and
//! a later row amends it. Written once into columns of the version, a review could neither be taken back nor be told
//! from the version in the trail.

mod api;
mod evidence;
mod guard;
mod stored;
mod write;

use crate::kernel::concept::{Concept, EvidenceSection, Question};
use crate::kernel::work_order::WorkOrderView;
use crate::kernel::work_order::child_records::Kind;
use wo_rules::deliverable::guard::NAME;
use wo_rules::lifecycle::Facts;
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;

const KINDS: &[Kind] = &[
    Kind {
        table: ChildTable::named("deliverable"),
        check: |_, _, _| Ok(()),
        fill: write::fill_version,
        after: |_, _, _| Ok(()),
        shown: &[
            ("deliverable_id", "id"),
            ("name", "name"),
            ("kind", "kind"),
            ("ordinal", "ordinal"),
        ],
    },
    Kind {
        table: ChildTable::named("deliverable_review"),
        check: |_, _, _| Ok(()),
        fill: write::fill_review,
        after: |_, _, _| Ok(()),
        shown: &[("deliverable_id", "deliverable_id"), ("verdict", "verdict")],
    },
];

/// Deliverables, as the kernel asks them.
pub struct Deliverables;

/// The concept.
pub const CONCEPT: Deliverables = Deliverables;

impl Concept for Deliverables {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("30_deliverable", include_str!("../../../sql/30_deliverable.sql"))]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn guards(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        guard::add_facts(question, facts);
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        evidence::section(view.tenant, view.seen.id())
    }
}
