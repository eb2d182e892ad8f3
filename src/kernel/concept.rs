//! What the kernel asks of the concepts. It knows none of them by name: they are registered when the
//! library is loaded.

use super::definition::kind::Kind as DefinitionKind;
use super::identity::memory::Identity;
use super::job::Job;
use super::rollup::figure::Rollup;
use super::signed_act::Kind as SignedKind;
use super::work_order::child_records::kind::Kind;
use super::work_order::record::actor_roles::ActorRoles;
use super::work_order::record::placing::Placing;
use super::work_order::record::row::WorkOrderRow;
use super::work_order::record::view::WorkOrderView;
use crate::pg::row::{Row, TriggerRow};
use pgrx::prelude::*;
use serde_json::Value;
use std::cell::Cell;
use uuid::Uuid;
use wo_rules::field::FieldSet;
use wo_rules::health::Finding;
use wo_rules::lifecycle::{Decision, Facts, Lifecycle, Record, Transition};
use wo_rules::refusal::Refusal;
use wo_rules::refused_attempt::Attempt;
use wo_rules::release::Item;

pub use super::work_order::record::follow_up::{FollowUp, StoredWrite};

/// A work order as it was, with its lifecycle.
pub type Before<'a> = (&'a WorkOrderRow<'a>, &'a Lifecycle, &'a Record<'a>);

/// A write of a work order that was checked, before its row is stored.
pub struct CheckedWrite<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// The work order.
    pub work_order: Uuid,
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
    /// Whether a record that belongs to the work order and that a signature may cover was written.
    pub covered_child: bool,
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

/// A section of an evidence package.
pub struct EvidenceSection {
    /// Its name: one of [`wo_rules::evidence::package::SECTIONS`], or one of the concept's own, which then stands
    /// in the section `concepts`.
    pub name: &'static str,
    /// Its value as JSON text.
    pub json: String,
    /// The principals that it names: the package says who they are.
    pub principals: Vec<String>,
}

impl EvidenceSection {
    /// A section that names no principals.
    pub fn new(name: &'static str, value: &Value) -> Self {
        Self { name, json: value.to_string(), principals: Vec::new() }
    }

    /// It names the principals in these members of each item of a list.
    pub fn naming(mut self, list: &Value, members: &[&str]) -> Self {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let named = items
            .iter()
            .flat_map(|item| members.iter().filter_map(|name| item.get(*name)?.as_str()));
        self.principals.extend(named.map(str::to_owned));
        self
    }
}

/// What `wo.health()` shows of a concept.
pub struct HealthSection {
    /// Its name, for the row that says that it could not be read.
    pub name: &'static str,
    /// Reads its rows.
    pub read: fn() -> Vec<Finding>,
}

/// One value that a monitoring system collects.
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What distinguishes it from others of its name.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
    /// What it counts.
    pub unit: &'static str,
    /// What it says, in words.
    pub help: &'static str,
}

impl Metric {
    /// A number of things, without labels.
    pub fn count(name: &'static str, count: i64, unit: &'static str, help: &'static str) -> Self {
        Self { name, labels: Vec::new(), value: count as f64, unit, help }
    }
}

/// A refused attempt to write a work order, which stands in the trail now.
pub struct RecordedAttempt<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// The work order.
    pub work_order: Uuid,
    /// Whether the work order is regulatory.
    pub regulatory: bool,
    /// The attempt.
    pub attempt: &'a Attempt,
    /// The sequence of its entry in the chain of refused attempts.
    pub sequence: i64,
}

/// A concept: what work orders are used for.
pub trait Concept {
    /// Its SQL: tables, COMMENTs, views and API functions, each file under its name. The files of all
    /// concepts are run in the order of their names.
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

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

    /// Its kinds of controlled definitions.
    fn definition_kinds(&self) -> &'static [DefinitionKind] {
        &[]
    }

    /// Its kinds of subjects on which somebody signs an act that is no transition.
    fn signed_subjects(&self) -> &'static [SignedKind] {
        &[]
    }

    /// Checks that a work order releases a version of a definition; nothing from a concept that does not know.
    fn check_release(
        &self,
        _tenant: Uuid,
        _work_order: Uuid,
        _item: &Item,
    ) -> Option<Result<(), Refusal>> {
        None
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

    /// The names of its guards: a lifecycle may name them, and [`add_facts`](Self::add_facts) adds what
    /// each finds. A guard without a fact refuses, unless the rules say otherwise of it.
    fn guards(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds what its guards find.
    fn add_facts(&self, _question: &Question<'_>, _facts: &mut Facts) {}

    /// The names of its effects: a lifecycle may name them, and [`follow_up`](Self::follow_up) carries
    /// them out.
    fn effects(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether something of this transaction is still to be done before it commits.
    fn is_unsettled(&self) -> bool {
        false
    }

    /// Does it, with the identity that was remembered with it: the one who acts now may be another.
    fn settle(&self) {}

    /// A refused attempt to write a work order was recorded.
    fn attempt_recorded(&self, _recorded: &RecordedAttempt<'_>) {}

    /// Its sections of a work order's evidence package. The rows of its child tables are in the package
    /// without it.
    ///
    /// # Errors
    /// 55000 `tables_damaged`.
    fn evidence(&self, _view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        Ok(Vec::new())
    }

    /// Its jobs, in the order in which they are done.
    fn jobs(&self) -> &'static [Job] {
        &[]
    }

    /// Its figures that follow from events.
    fn rollups(&self) -> &'static [Rollup] {
        &[]
    }

    /// Its metrics: of a tenant, or of all together, and then without labels that name one.
    fn metrics(&self, _tenant: Option<Uuid>) -> Vec<Metric> {
        Vec::new()
    }

    /// What `wo.health()` shows of it.
    fn health(&self) -> &'static [HealthSection] {
        &[]
    }
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

/// The guards that the kernel itself knows: whether somebody is assigned stands in the record, and the
/// others let every work order pass to which no concept adds a fact.
const GUARDS: &[&str] = &["assignee_set", "assignee_qualified", "budget_available"];

/// The effects that the kernel carries out itself.
const EFFECTS: &[&str] = &[
    "new_revision",
    "release_assignment",
    "lock_record",
    "record_actual_start",
    "record_actual_end",
    "clear_actual_end",
];

/// The names of the guards and of the effects that a lifecycle may name, each list in its order.
pub fn names() -> (Vec<&'static str>, Vec<&'static str>) {
    let mut guards = GUARDS.to_vec();
    let mut effects = EFFECTS.to_vec();
    for concept in all() {
        guards.extend(concept.guards());
        effects.extend(concept.effects());
    }
    for names in [&mut guards, &mut effects] {
        names.sort_unstable();
        names.dedup();
    }
    (guards, effects)
}

/// The sections of `wo.health()` that the concepts bring.
fn health_sections_of_all() -> impl Iterator<Item = &'static HealthSection> {
    all().flat_map(|concept| concept.health())
}

/// The names of the sections of `wo.health()` that the concepts bring.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn health_sections() -> Vec<String> {
    health_sections_of_all().map(|section| section.name.to_owned()).collect()
}

/// The rows of one of them.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn health_section(
    name: &str,
) -> TableIterator<
    'static,
    (name!(severity, String), name!(subject, String), name!(detail, String), name!(remedy, String)),
> {
    let found = health_sections_of_all().filter(|section| section.name == name);
    let rows: Vec<Finding> = found.flat_map(|section| (section.read)()).collect();
    TableIterator::new(rows.into_iter().map(|found| {
        (
            found.severity.name().to_owned(),
            found.subject.to_owned(),
            found.detail,
            found.remedy.to_owned(),
        )
    }))
}
