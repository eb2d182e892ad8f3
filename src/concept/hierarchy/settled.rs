//! A master all of whose children have ended.

use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::{Reading, holder, read_as_trail, unfinished};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use serde_json::Map;
use uuid::Uuid;
use wo_rules::audit::CHILDREN_SETTLED;

statement!(
    A_CHILD,
    "select true from wo.work_order as child where child.tenant_id = $1 and child.master_id = $2 limit 1",
    [UUIDOID, UUIDOID]
);

/// Writes into a master's trail that all of its children have ended, and takes the edge that its
/// lifecycle may have waited with. False where the master is at its end itself.
pub fn settled(tenant: Uuid, master: Uuid) -> bool {
    if let Some(holder) = holder::holder_of(tenant, master) {
        unfinished::wait(&holder, move |_| {
            settled(tenant, master);
        });
        return true;
    }
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let is_open = read_as_trail(Reading::Latest, tenant, master, |seen| !seen.is_locked())
        .unwrap_or(false)
        && as_trail(|| {
            A_CHILD
                .with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0))
        });
    if is_open {
        let change_of_child = ChildChange {
            action: CHILDREN_SETTLED,
            reason: None,
            changes: "{}".to_owned(),
            covered: false,
            data: Map::new(),
        };
        child_records::record(tenant, master, change_of_child);
    }
    is_open
}
