//! The work order that a caller names by its number or its UUID.

use super::row::{RecordView, lifecycle_of};
use super::view::{Reading, read};
use crate::kernel::identity;
use crate::pg::error::OrRefuse;
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::lifecycle::{Lifecycle, Record};
use wo_rules::reference::{self, Reference};
use wo_rules::refusal::Refusal;

statement!(
    BY_NUMBER,
    "select held.id from wo.work_order as held where held.tenant_id = $1 and held.wo_number = $2",
    [UUIDOID, TEXTOID]
);

/// Finds the work order that a caller names, among those that the caller may see and that a statement of the
/// transaction could write.
pub fn find(tenant: Uuid, name: &str) -> Result<Uuid, Refusal> {
    let found: Option<pgrx::Uuid> = match reference::parse(name)? {
        Reference::Id(id) => {
            return read(Reading::InTransaction, tenant, id, |seen| seen.id())
                .ok_or_else(|| reference::unknown(name));
        }
        Reference::Number(number) => {
            let arguments = [uuid_argument(tenant), text(&number)];
            BY_NUMBER.with(|statement| {
                statement.run(Mode::Transaction, &arguments, |rows| rows.get(0, 1))
            })
        }
    };
    found.map(|id| Uuid::from_bytes(*id.as_bytes())).ok_or_else(|| reference::unknown(name))
}

/// Gives a work order as an UPDATE of this transaction would find it, under the caller's policies, and its
/// lifecycle to `look`.
pub fn with_work_order_row<T>(
    tenant: Uuid,
    name: &str,
    look: impl FnOnce(&Lifecycle, &Record<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let id = find(tenant, name)?;
    read(Reading::InTransaction, tenant, id, |seen| {
        let lifecycle = lifecycle_of(tenant, seen);
        look(&lifecycle, &RecordView::of(seen).record())
    })
    .unwrap_or_else(|| Err(reference::unknown(name)))
}

/// The id of the work order of that number or UUID; NULL where there is none.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn work_order_id(work_order: Option<&str>) -> Option<pgrx::Uuid> {
    let acting = identity::current()?;
    let id = find(acting.tenant, work_order?).ok()?;
    Some(pgrx::Uuid::from_bytes(*id.as_bytes()))
}

/// The id of the work order of that number or UUID; refuses where there is none.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn work_order_id_or_refuse(work_order: Option<&str>) -> pgrx::Uuid {
    let acting = identity::required().or_refuse();
    let id = find(acting.tenant, work_order.unwrap_or_default()).or_refuse();
    pgrx::Uuid::from_bytes(*id.as_bytes())
}
