//! The masters above a work order and the children below it, at every depth.

use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, statement, uuid as uuid_argument};
use uuid::Uuid;

/// How many generations are followed; the statements below say the same.
pub const DEEPEST: usize = 100;

/// The beginning of a statement about the children of a master ($2, of the tenant $1), theirs, and so on: `tree`
/// has their ids.
pub const DESCENDANTS: &str = "with recursive tree (id, depth) as (
        select child.id, 1 from wo.work_order as child where child.tenant_id = $1 and child.master_id = $2
        union
        select child.id, tree.depth + 1 from tree
        join wo.work_order as child on child.tenant_id = $1 and child.master_id = tree.id
        where tree.depth < 100
     )";

/// The beginning of a statement about the master of a work order ($2, of the tenant $1), the master of that, and so
/// on: `above` has their ids.
pub const ANCESTORS: &str = "with recursive above (id, depth) as (
        select held.master_id, 1 from wo.work_order as held
        where held.tenant_id = $1 and held.id = $2 and held.master_id is not null
        union
        select held.master_id, above.depth + 1 from above
        join wo.work_order as held on held.tenant_id = $1 and held.id = above.id
        where held.master_id is not null and above.depth < 100
     )";

statement!(
    MASTERS,
    format!(
        "{ANCESTORS}
     select above.id from above group by above.id order by pg_catalog.min(above.depth), above.id"
    ),
    [UUIDOID, UUIDOID]
);

fn ids(rows: &Rows) -> Vec<Uuid> {
    (0..rows.count()).map(|row| rows.required_uuid(row, 1)).collect()
}

/// The masters of a work order at every depth, as they are committed now, the nearest first.
pub fn masters_of(tenant: Uuid, work_order: Uuid) -> Vec<Uuid> {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| MASTERS.with(|statement| statement.run(Mode::Latest, &arguments, ids)))
}

/// A work order, which has that master, and its masters at every depth, the nearest first.
pub fn with_masters(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) -> Vec<Uuid> {
    let mut all = vec![work_order];
    if let Some(master) = master {
        all.push(master);
        all.extend(masters_of(tenant, master));
    }
    all
}
