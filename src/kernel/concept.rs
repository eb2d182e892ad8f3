//! What the kernel asks of the concepts. It knows none of them by name: they are registered when the
//! library is loaded.

use super::configuration::TriggerRow;
use super::identity::memory::Identity;
use super::work_order::child_record::Kind;
use super::work_order::{ActorRoles, Placing, WorkOrderRow};
use crate::pg::row::Row;
use std::cell::Cell;
use uuid::Uuid;
use wo_rules::field::FieldSet;
use wo_rules::lifecycle::{Decision, Facts, Lifecycle, Record, Transition};
use wo_rules::refusal::Refusal;

/// A work order as it was, with its lifecycle.
pub type Before<'a> = (&'a WorkOrderRow<'a>, &'a Lifecycle, &'a Record<'a>);

/// A write of a work order that was checked, before its row is stored.
pub struct CheckedWrite<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// The lifecycle.
    pub lifecycle: &'a Lifecycle,
    /// The state before; nothing for a new work order.
    pub from: Option<&'a str>,
    /// The state after.
    pub to: &'a str,
    /// What the lifecycle decided; nothing for a new work order.
    pub decision: Option<&'a Decision<'a>>,
    /// Whether it moves to another version of the lifecycle.
    pub migrated: bool,
    /// Whether the work order is regulatory after it.
    pub regulatory: bool,
    /// Whether it changes that.
    pub regulatory_changed: bool,
    /// What it does to the place of the work order.
    pub placing: Placing,
    /// The fields that it changes, of those that a signature may cover.
    pub fields: FieldSet,
    /// Why it is made.
    pub reason: Option<&'a str>,
    /// Whether the enforcement layer makes it itself.
    pub is_system: bool,
}

impl CheckedWrite<'_> {
    /// Whether it brings the work order into another state.
    pub fn moved(&self) -> bool {
        self.from.is_some_and(|from| from != self.to)
    }
}

/// A write of a work order that was stored and is in the trail.
pub struct StoredWrite<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// The row.
    pub seen: &'a WorkOrderRow<'a>,
    /// The number.
    pub number: &'a str,
    /// What was done, and the reason.
    pub why: &'a str,
}

/// What follows from a write of a work order, once it is stored.
pub trait FollowUp {
    /// Carries it out. True where an entry was written into the work order's own trail, which has then
    /// looked for an edge that the system takes.
    fn carry_out(&self, write: &StoredWrite<'_>) -> bool;
}

/// What the guards of edges are asked of a work order.
pub struct Question<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// The row.
    pub seen: &'a WorkOrderRow<'a>,
    /// The lifecycle.
    pub lifecycle: &'a Lifecycle,
    /// The edges.
    pub edges: &'a [&'a Transition],
    /// Whether what is found is kept from being undone before this transaction ends.
    pub hold: bool,
}

/// A concept: what work orders are used for.
pub trait Concept {
    /// Registers its hooks of transactions; called once in a backend.
    fn register(&self) {}

    /// Checks a row of a configuration table before it is stored, where the table is its own. Gives the
    /// row to store where that is another one.
    ///
    /// # Errors
    /// Why the row must not be stored.
    fn check_configuration(
        &self,
        _table: &str,
        _old: Option<&Row>,
        _new: &Row,
        _acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        Ok(None)
    }

    /// Does what follows from a row of a configuration table that was written, where the table is its
    /// own. There is no new row where one was deleted.
    fn after_configuration(
        &self,
        _table: &str,
        _old: Option<&Row>,
        _new: Option<&Row>,
        _acting: &Identity,
    ) {
    }

    /// The tables whose rows belong to work orders, and what is checked of those rows.
    fn child_kinds(&self) -> &'static [Kind] {
        &[]
    }

    /// The id of the next new work order, where the concept has chosen it, and what was asked of its place, as
    /// JSON.
    fn next_planned(&self) -> Option<(Uuid, String)> {
        None
    }

    /// Checks whether a work order may be placed so, before it is written. Nobody's roles are given for
    /// what the enforcement layer writes itself.
    ///
    /// # Errors
    /// Why it may not.
    fn check_placing(
        &self,
        _acting: &Identity,
        _roles: Option<&ActorRoles>,
        _old: Option<Before<'_>>,
        _new: &WorkOrderRow<'_>,
        _placing: &Placing,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// Checks whether a work order may be assigned to a principal.
    ///
    /// # Errors
    /// Why it may not.
    fn check_assignee(
        &self,
        _tenant: Uuid,
        _work_order: Uuid,
        _assignee: &str,
        _record: &Record<'_>,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// What follows from a write; nothing where nothing does.
    ///
    /// # Errors
    /// Why the write must not be made.
    fn follow_up(&self, _write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
        Ok(None)
    }

    /// A new work order was stored.
    fn created(&self, _work_order: Uuid) {}

    /// The other work orders that its guards look at, each with the hash of its chain.
    fn judged_by(&self, _question: &Question<'_>) -> Vec<(Uuid, Vec<u8>)> {
        Vec::new()
    }

    /// Adds what its guards find.
    fn add_facts(&self, _question: &Question<'_>, _facts: &mut Facts) {}
}

/// The concepts, in their order.
pub type Concepts = &'static [&'static dyn Concept];

thread_local! {
    static CONCEPTS: Cell<Concepts> = const { Cell::new(&[]) };
}

/// Registers the concepts.
pub fn register(concepts: Concepts) {
    CONCEPTS.set(concepts);
    concepts.iter().for_each(|concept| concept.register());
}

/// The registered concepts.
pub fn all() -> impl Iterator<Item = &'static dyn Concept> {
    CONCEPTS.get().iter().copied()
}
