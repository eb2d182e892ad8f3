//! The place of a work order among others, as its row says it: its master, whether that requires it, and
//! its policy as a master.

use super::layout::Column;
use super::row::WorkOrderRow;
use uuid::Uuid;

/// What a write does to the place of a work order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Placing {
    /// The master before.
    pub before: Option<Uuid>,
    /// The master after.
    pub after: Option<Uuid>,
    /// Whether it is another one.
    pub moved: bool,
    /// Whether it changes that the master requires the work order.
    pub required_changed: bool,
    /// Whether the policy changes.
    pub policy_changed: bool,
    /// Whether anything changed: the master, whether it requires the work order, or the policy.
    pub changed: bool,
}

impl Placing {
    /// Compares the row with the one before; a new work order has none.
    pub fn of(old: Option<&WorkOrderRow<'_>>, new: &WorkOrderRow<'_>) -> Self {
        let same = |column: Column| {
            old.is_some_and(|old| new.row.same(old.row, new.layout.column(column)))
        };
        let (before, after) = (old.and_then(master_of), master_of(new));
        let moved = before != after;
        let required_changed = old.is_some() && !same(Column::Required);
        let policy_changed = match old {
            Some(_) => !same(Column::HierarchyPolicy),
            None => !new.row.is_null(new.layout.column(Column::HierarchyPolicy)),
        };
        let changed = moved || required_changed || policy_changed;
        Self { before, after, moved, required_changed, policy_changed, changed }
    }

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
