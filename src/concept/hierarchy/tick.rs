//! Masters that were not notified when their last child ended, which only writes past the rules bring about.

use super::settled::settled;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use uuid::Uuid;

statement!(
    UNNOTIFIED,
    "select held.id from wo.work_order as held
     where held.tenant_id = $1 and held.locked_at is null
        and held.id in (select child.master_id from wo.work_order as child
            where child.tenant_id = $1 and child.master_id is not null and child.locked_at is not null)
        and not exists (select from wo.work_order as child
            where child.tenant_id = $1 and child.master_id = held.id and child.locked_at is null)
        and not exists (select from wo.audit_entry as entry
            where entry.tenant_id = $1 and entry.subject_id = held.id and entry.action = 'children_settled'
                and entry.recorded_at >= (select pg_catalog.max(child.locked_at) from wo.work_order as child
                    where child.tenant_id = $1 and child.master_id = held.id))
     order by held.id
     limit 1000",
    [UUIDOID]
);

/// Notifies the masters that were not notified.
pub fn notify_masters(tenant: Uuid) -> i32 {
    let unnotified: Vec<Uuid> = as_trail(|| {
        UNNOTIFIED.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
                (0..rows.count())
                    .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
                    .map(|id| Uuid::from_bytes(*id.as_bytes()))
                    .collect()
            })
        })
    });
    let notified = unnotified.into_iter().filter(|master| settled(tenant, *master)).count();
    i32::try_from(notified).unwrap_or(i32::MAX)
}
