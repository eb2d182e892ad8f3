//! Masters, their children, and what waits for what: what is checked before a work order is placed,
//! and what follows when one moves.

mod check;
pub mod effects;
mod ending;
pub mod graph;
pub mod guards;
pub mod plan;
mod report;
pub mod settle;
pub mod tick;
pub mod watch;

use crate::kernel::identity::memory::Identity;
use crate::kernel::work_order::child_record::Owner;
use crate::kernel::work_order::{
    ActorRoles, Column, Reading, WorkOrderRow, read_as_trail, unfinished,
};
use crate::pg::row::Row;
use uuid::Uuid;
use wo_rules::hierarchy::policy::Policy;
use wo_rules::lifecycle::{Lifecycle, Record};
use wo_rules::refusal::Refusal;

use crate::kernel::concept::Concept;

pub use plan::next_planned_id;

/// The hierarchy, as the kernel asks it.
pub struct Hierarchy;

/// The concept.
pub const CONCEPT: Hierarchy = Hierarchy;

impl Concept for Hierarchy {
    fn register(&self) {
        graph::register();
        settle::register();
    }
}

/// What a write does to the place of a work order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Placing {
    /// The master before.
    pub before: Option<Uuid>,
    /// The master after.
    pub after: Option<Uuid>,
    /// Whether it is another one.
    pub moved: bool,
    /// Whether anything changed: the master, whether it requires the work order, or the policy.
    pub changed: bool,
}

impl Placing {
    /// What the trail calls it.
    pub fn action(&self) -> &'static str {
        match (self.moved, self.before, self.after) {
            (true, None, _) => "linked",
            (true, Some(_), Some(_)) => "moved",
            (true, Some(_), None) => "unlinked",
            (false, ..) => "changed",
        }
    }
}

/// The master that a row names.
pub fn master_of(seen: &WorkOrderRow<'_>) -> Option<Uuid> {
    seen.get::<pgrx::Uuid>(Column::MasterId).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

fn policy_in(seen: &WorkOrderRow<'_>) -> Option<serde_json::Value> {
    seen.get::<crate::pg::jsonb::Document>(Column::HierarchyPolicy).map(|policy| policy.0)
}

/// Before a work order is written: whether it may be placed so.
///
/// # Errors
/// 42501 `role_missing` where the masters' lifecycle does not let the actor; 55000 `record_locked`
/// for a master at its end, `gate_passed` for one that has passed the gate which looks at its children;
/// 22023 `bad_policy`.
pub fn check_placing(
    acting: &Identity,
    standing: Option<&ActorRoles>,
    old: Option<(&WorkOrderRow<'_>, &Lifecycle, &Record<'_>)>,
    new: &WorkOrderRow<'_>,
) -> Result<Placing, Refusal> {
    let same = |column: Column| {
        old.is_some_and(|(old, ..)| new.row.same(old.row, new.layout.column(column)))
    };
    let (before, after) = (old.and_then(|(old, ..)| master_of(old)), master_of(new));
    let moved = before != after;
    let requires = old.is_some() && !same(Column::Required);
    let policy = match old {
        Some(_) => !same(Column::HierarchyPolicy),
        None => !new.row.is_null(new.layout.column(Column::HierarchyPolicy)),
    };
    let placing = Placing { before, after, moved, changed: moved || requires || policy };
    if !placing.changed {
        return Ok(placing);
    }
    if policy && let Some(document) = policy_in(new) {
        Policy::parse(&document)?;
    }
    let Some(standing) = standing else { return Ok(placing) };
    if policy && let Some((_, lifecycle, record)) = old {
        lifecycle.check_link(&standing.actor(), record)?;
    }
    if moved || requires {
        let mut masters: Vec<Uuid> = [before, after].into_iter().flatten().collect();
        masters.sort();
        masters.dedup();
        for master in masters.into_iter().filter(|master| !plan::is_planned(*master)) {
            if Some(master) == old.map(|(old, ..)| old.id()) {
                // A work order as its own master: the cycle is told after the write.
                continue;
            }
            let owner = Owner::share(acting.tenant, master)?;
            owner.lifecycle.check_link(&standing.actor(), &owner.facets.record())?;
            if Some(master) == after {
                owner.lifecycle.check_child(&owner.facets.record())?;
            }
        }
    }
    Ok(placing)
}

/// Keeps a master from completing while a child of it is opened again; `is_own` where that is an effect of
/// ours.
///
/// # Errors
/// 55000 `write_unfinished`.
pub fn hold_master(tenant: Uuid, master: Uuid, is_own: bool) -> Result<(), Refusal> {
    let is_busy = read_as_trail(Reading::Shared, tenant, master, |seen| {
        let hash: Vec<u8> = seen.get(Column::ChainHash).unwrap_or_default();
        unfinished::is_moving(master, &hash, is_own)
    });
    if is_busy == Some(true) { Err(unfinished::refusal(master)) } else { Ok(()) }
}

/// Whether the actor may write an edge: it belongs to its successor.
pub fn check_dependency(
    standing: &ActorRoles,
    owner: &Owner,
    new: Option<&Row>,
) -> Result<(), Refusal> {
    if plan::is_planned(owner.id) {
        return Ok(());
    }
    owner.lifecycle.check_link(&standing.actor(), &owner.facets.record())?;
    match new {
        Some(_) => owner.lifecycle.check_predecessor(&owner.facets.record()),
        None => Ok(()),
    }
}
