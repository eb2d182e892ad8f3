//! Requests for signatures after the requirements changed.

use super::follow_up::finish;
use super::{Changes, request};
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::with_locked_work_order;
use crate::pg::error::OrRefuse;
use crate::pg::lookup::{Key, find};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use crate::pg::transaction::make_visible;
use serde_json::Map;
use uuid::Uuid;

statement!(
    STANDING_OPEN,
    "select held.id, held.lifecycle, held.lifecycle_version, held.status
     from wo.work_order as held
     where held.tenant_id = $1 and held.locked_at is null
     order by held.id",
    [UUIDOID]
);

/// The actions that any requirement of the tenant names, disabled ones too.
fn all_actions(tenant: Uuid) -> Vec<String> {
    let mut all = Vec::new();
    let key = [Key::Uuid("tenant_id", tenant)];
    find::<()>("approval_requirement", "approval_requirement_pkey", &key, |row| {
        all.extend(row.named::<String>("action"));
        None
    });
    all
}

/// Asks anew for the signatures of every work order that stands where a requirement of the tenant's
/// may concern it: one was added, changed or disabled.
pub fn ask_anew(tenant: Uuid) {
    make_visible();
    let actions = all_actions(tenant);
    let concerned: Vec<Uuid> = as_trail(|| {
        STANDING_OPEN.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
                (0..rows.count())
                    .filter_map(|row| {
                        let name: String = rows.get(row, 2)?;
                        let status: String = rows.get(row, 4)?;
                        let lifecycle = cache::compiled(tenant, &name, rows.get(row, 3)?);
                        let lifecycle = lifecycle.or_refuse();
                        let is_concerned = lifecycle
                            .edges_from(&status)
                            .any(|edge| actions.contains(&edge.action));
                        let id: pgrx::Uuid = rows.get(row, 1)?;
                        is_concerned.then(|| Uuid::from_bytes(*id.as_bytes()))
                    })
                    .collect()
            })
        })
    });
    for id in concerned {
        with_locked_work_order(tenant, id, |view| {
            let mut changes = Changes::default();
            let opened = request::reconcile(view, &mut changes)?.opened;
            finish(view, "", None, changes, opened, Map::new());
            Ok(())
        })
        .or_refuse();
    }
}
