//! What has to be done from time to time.

use super::effects::settled;
use crate::duty::as_trail;
use crate::identity::standing::open_tenants;
use crate::identity::{self, login_is_member, memory};
use crate::statement::{Mode, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use uuid::Uuid;

statement!(
    UNTOLD,
    "select held.id from wo.work_order as held
     where held.tenant_id = $1 and held.locked_at is null
        and held.id in (select part.master_id from wo.work_order as part
            where part.tenant_id = $1 and part.master_id is not null and part.locked_at is not null)
        and not exists (select from wo.work_order as part
            where part.tenant_id = $1 and part.master_id = held.id and part.locked_at is null)
        and not exists (select from wo.audit_entry as told
            where told.tenant_id = $1 and told.subject_id = held.id and told.action = 'children_settled'
                and told.recorded_at >= (select pg_catalog.max(part.locked_at) from wo.work_order as part
                    where part.tenant_id = $1 and part.master_id = held.id))
     order by held.id
     limit 1000",
    [UUIDOID]
);

/// Tells the masters whose last parts ended at once.
fn tell_masters(tenant: Uuid) -> i32 {
    let untold: Vec<Uuid> = as_trail(|| {
        UNTOLD.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
                (0..rows.count())
                    .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
                    .map(|id| Uuid::from_bytes(*id.as_bytes()))
                    .collect()
            })
        })
    });
    let told = untold.into_iter().filter(|master| settled(tenant, *master)).count();
    i32::try_from(told).unwrap_or(i32::MAX)
}

/// Does what has to be done from time to time.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn tick() -> TableIterator<'static, (name!(job, String), name!(done, i32))> {
    crate::install::check_records();
    let done = match identity::current() {
        Some(acting) => jobs(acting.tenant),
        None if login_is_member("wo_admin") => open_tenants()
            .into_iter()
            .map(as_administrator)
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1)),
        None => crate::raise::refuse(wo_rules::identity::nobody()),
    };
    TableIterator::new([
        ("children_settled".to_owned(), done.0),
        ("approvals_escalated".to_owned(), done.1),
    ])
}

fn jobs(tenant: Uuid) -> (i32, i32) {
    (tell_masters(tenant), crate::approval::escalation::escalate(tenant))
}

fn as_administrator(tenant: Uuid) -> (i32, i32) {
    memory::during(identity::administrator(tenant), || jobs(tenant))
}
