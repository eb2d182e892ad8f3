//! What follows from a write of a work order.

use super::row::WorkOrderRow;
use uuid::Uuid;

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
