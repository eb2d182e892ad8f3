//! Entries of child records in the chain of their work order.

use crate::kernel::work_order::record::child_change::ChildChange;
use crate::kernel::work_order::record::direct::{self, Applied};
use crate::kernel::work_order::record::pending::{self, SystemWrite};
use crate::kernel::work_order::record::view::{Reading, read_as_trail};
use crate::pg::error::refuse;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::work_order::write_suppressed;

statement!(
    MOVE_CHAIN,
    "update wo.work_order set reason = null where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID]
);

/// Makes a write of the enforcement layer's own to the work order's record, which `write` does by an UPDATE of that
/// one row. Gives whether the row was there.
pub fn upkeep(
    work_order: Uuid,
    change_of_child: ChildChange,
    write: impl FnOnce() -> usize,
) -> bool {
    let consequence = SystemWrite::Upkeep(work_order, Rc::new(change_of_child));
    pending::as_system_write(consequence, || as_trail(write)) > 0
}

/// Writes it into the work order's chain.
pub fn record(tenant: Uuid, work_order: Uuid, change_of_child: ChildChange) {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order)];
    let is_written = pending::as_system_write(
        SystemWrite::ChildRecord(work_order, Rc::new(change_of_child)),
        || {
            as_trail(|| match direct::touch(tenant, work_order) {
                Applied::Done => true,
                Applied::NoRow => false,
                Applied::ThroughSql => MOVE_CHAIN.with(|statement| {
                    statement.run(Mode::Write, &arguments, |rows| rows.count()) > 0
                }),
            })
        },
    );
    if !is_written {
        let conflict = Refusal::new(
            SqlState::VersionConflict,
            "version_conflict",
            "the work order that this belongs to changed meanwhile",
        )
        .with("work_order_id", work_order.to_string())
        .hint("Run the transaction again.");
        refuse(not_written(tenant, work_order, conflict));
    }
}

/// The refusal where a write of ours to a work order met no row: the conflict where this transaction's snapshot
/// does not show the row.
pub fn not_written(tenant: Uuid, work_order: Uuid, conflict: Refusal) -> Refusal {
    match read_as_trail(Reading::AsCaller, tenant, work_order, |_| ()) {
        Some(()) => write_suppressed("work_order"),
        None => conflict,
    }
}
