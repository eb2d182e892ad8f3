//! Masters, their children, and what waits for what: what is checked before a work order is placed,
//! and what follows when one moves.

mod check;
pub mod effects;
mod ending;
mod evidence;
pub mod graph;
pub mod guards;
pub mod plan;
mod report;
pub mod settle;
mod settled;
mod tick;
mod watch;

use crate::kernel::concept::{
    Before, CheckedWrite, Concept, EvidenceSection, FollowUp, HealthSection, Question,
};
use crate::kernel::identity::memory::Identity;
use crate::kernel::job::{Job, Run, WHOLE, When};
use crate::kernel::work_order::child_records::{FILL_NOTHING, Kind, Owner};
use crate::kernel::work_order::{
    ActorRoles, Column, Placing, Reading, WorkOrderRow, WorkOrderView, read_as_trail, unfinished,
};
use crate::pg::row::Row;
use crate::pg::statement::{Mode, statement, text};
use std::time::Duration;
use uuid::Uuid;
use wo_rules::hierarchy::policy::Policy;
use wo_rules::lifecycle::Facts;
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;

statement!(
    LAG_IS_ALLOWED,
    "select $1::interval between interval '0' and interval '100 years'",
    [TEXTOID]
);

/// The hierarchy, as the kernel asks it.
pub struct Hierarchy;

/// The concept.
pub const CONCEPT: Hierarchy = Hierarchy;

impl Concept for Hierarchy {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("11_hierarchy", include_str!("../../../sql/11_hierarchy.sql"))]
    }

    fn register(&self) {
        graph::register();
        settle::register();
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn next_planned(&self) -> Option<(Uuid, String)> {
        plan::next_planned()
    }

    fn check_placing(
        &self,
        acting: &Identity,
        roles: Option<&ActorRoles>,
        old: Option<Before<'_>>,
        new: &WorkOrderRow<'_>,
        placing: &Placing,
    ) -> Result<(), Refusal> {
        check_placing(acting, roles, old, new, placing)
    }

    fn follow_up(&self, write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
        effects::of(write)
    }

    fn created(&self, work_order: Uuid) {
        graph::made(work_order);
    }

    fn judged_by(&self, question: &Question<'_>) -> Vec<(Uuid, Vec<u8>)> {
        guards::judged_by_edges(question)
    }

    fn guards(&self) -> &'static [&'static str] {
        &["dependencies_satisfied", "children_settled", "children_in_review"]
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        guards::add_facts_of_edges(question, facts);
    }

    fn effects(&self) -> &'static [&'static str] {
        &["notify_master", "approve_children", "cascade_cancel"]
    }

    fn is_unsettled(&self) -> bool {
        settle::is_open()
    }

    fn settle(&self) {
        settle::settle();
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        evidence::sections(view)
    }

    fn jobs(&self) -> &'static [Job] {
        JOBS
    }

    fn health(&self) -> &'static [HealthSection] {
        &[HealthSection { name: "hierarchy", read: watch::health }]
    }
}

const JOBS: &[Job] = &[
    Job {
        name: "children_settled",
        when: When::Every(|| Duration::from_secs(60)),
        batch: 1000,
        run: Run::Tenant(tick::notify_masters),
    },
    Job {
        name: "hierarchy_checked",
        when: When::Every(|| Duration::from_secs(60)),
        batch: WHOLE,
        run: Run::Tenant(watch::check),
    },
];

const KINDS: &[Kind] = &[Kind {
    table: ChildTable::named("dependency"),
    check: check_dependency,
    fill: FILL_NOTHING,
    after: graph::check_dependency,
    shown: &[("predecessor_id", "predecessor_id")],
}];

fn policy_in(seen: &WorkOrderRow<'_>) -> Option<serde_json::Value> {
    seen.get::<crate::pg::jsonb::Document>(Column::HierarchyPolicy).map(|policy| policy.0)
}

/// Before a work order is written: whether it may be placed so.
///
/// # Errors
/// 42501 `role_missing` where the masters' lifecycle does not let the actor; 55000 `record_locked`
/// for a master at its end, `gate_passed` for one that has passed the gate which looks at its children;
/// 22023 `bad_policy`.
fn check_placing(
    acting: &Identity,
    roles: Option<&ActorRoles>,
    old: Option<Before<'_>>,
    new: &WorkOrderRow<'_>,
    placing: &Placing,
) -> Result<(), Refusal> {
    let Placing { before, after, .. } = *placing;
    if placing.policy_changed
        && let Some(document) = policy_in(new)
    {
        Policy::parse(&document)?;
    }
    let Some(standing) = roles else { return Ok(()) };
    if placing.policy_changed
        && let Some((_, lifecycle, record)) = old
    {
        lifecycle.check_link(&standing.actor(), record)?;
    }
    if placing.moved || placing.required_changed {
        let mut masters: Vec<Uuid> = [before, after].into_iter().flatten().collect();
        masters.sort();
        masters.dedup();
        for master in masters.into_iter().filter(|master| !plan::is_planned(*master)) {
            if Some(master) == old.map(|(old, ..)| old.id()) {
                // A work order as its own master: the cycle is reported after the write.
                continue;
            }
            let owner = Owner::share(acting.tenant, master)?;
            owner.lifecycle.check_link(&standing.actor(), &owner.facets.record())?;
            if Some(master) == after {
                owner.lifecycle.check_child(&owner.facets.record())?;
                if owner.facets.record().regulatory && !new.regulatory() {
                    pgrx::notice!(
                        "the child is not regulatory, and its master {} is: a regulated change of its own needs regulatory => true",
                        owner.facets.number
                    );
                }
            }
        }
    }
    Ok(())
}

/// Keeps a master from completing while a child of it is opened again; `is_own` where that is an effect of
/// ours.
///
/// # Errors
/// 55000 `write_unfinished`.
fn hold_master(tenant: Uuid, master: Uuid, is_own: bool) -> Result<(), Refusal> {
    let is_busy = read_as_trail(Reading::Shared, tenant, master, |seen| {
        let hash: Vec<u8> = seen.required(Column::ChainHash);
        unfinished::is_moving(master, &hash, is_own)
    });
    if is_busy == Some(true) { Err(unfinished::refusal(master)) } else { Ok(()) }
}

/// Whether the actor may write an edge: it belongs to its successor.
fn check_dependency(
    standing: &ActorRoles,
    owner: &Owner,
    new: Option<&Row>,
) -> Result<(), Refusal> {
    if plan::is_planned(owner.id) {
        return Ok(());
    }
    owner.lifecycle.check_link(&standing.actor(), &owner.facets.record())?;
    match new {
        Some(new) => {
            check_lag(new)?;
            owner.lifecycle.check_predecessor(&owner.facets.record())
        }
        None => Ok(()),
    }
}

/// Checks the lag here, with a refusal that names it: the constraint of the table would name itself.
fn check_lag(new: &Row) -> Result<(), Refusal> {
    let Some(lag) = new.column("lag").and_then(|index| new.json(index)) else { return Ok(()) };
    let lag = lag.trim_matches('"');
    if lag == "00:00:00" {
        return Ok(());
    }
    let is_allowed = LAG_IS_ALLOWED
        .with(|statement| statement.run(Mode::Latest, &[text(lag)], |rows| rows.required(0, 1)));
    match is_allowed {
        true => Ok(()),
        false => Err(wo_rules::hierarchy::lag_invalid(lag)),
    }
}
