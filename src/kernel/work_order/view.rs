//! A work order as the law looks at it, with its own rights.

use super::layout::Layout;
use super::row::{RecordView, WorkOrderRow, lifecycle_of};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Statement, statement, uuid as uuid_argument};
use std::rc::Rc;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::lifecycle::Lifecycle;
use wo_rules::refusal::Refusal;

statement!(
    READ,
    "select held.* from wo.work_order as held where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    LOCK,
    "select held.* from wo.work_order as held where held.tenant_id = $1 and held.id = $2 for no key update",
    [UUIDOID, UUIDOID]
);

/// What there is to see of it.
pub struct WorkOrderView<'a> {
    /// Its tenant.
    pub tenant: Uuid,
    /// Its row.
    pub seen: &'a WorkOrderRow<'a>,
    /// What the rules see of it.
    pub facets: &'a RecordView,
    /// Its lifecycle.
    pub lifecycle: &'a Rc<Lifecycle>,
}

/// Gives what that statement reads to `act`.
pub(super) fn look<T>(
    statement: &'static LocalKey<Statement>,
    mode: Mode,
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    as_trail(|| {
        statement.with(|statement| {
            statement.run(mode, &arguments, |rows| {
                let row = Row::of_rows(rows, 0)
                    .ok_or_else(|| wo_rules::reference::unknown(&id.to_string()))?;
                let layout = Layout::found_in(&row);
                let seen = WorkOrderRow::new(&row, &layout);
                let lifecycle = lifecycle_of(tenant, &seen);
                let facets = RecordView::of(&seen);
                act(&WorkOrderView { tenant, seen: &seen, facets: &facets, lifecycle: &lifecycle })
            })
        })
    })
}

/// Gives the work order as it is committed now to `act`, which runs with the law's own rights.
pub fn with_work_order<T>(
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    look(&READ, Mode::Latest, tenant, id, act)
}

/// The same, locked until the transaction ends.
pub fn with_locked_work_order<T>(
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    look(&LOCK, Mode::Write, tenant, id, act)
}
