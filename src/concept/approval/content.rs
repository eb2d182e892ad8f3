//! What a signature covers: the record's content, and for a master that of its children.

use crate::concept::hierarchy::DESCENDANTS;
use crate::concept::hierarchy::guards::links_at;
use crate::kernel::work_order::{Column, Layout, WorkOrderRow};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use uuid::Uuid;
use wo_rules::approval::content::{Covers, content_hash, covers_column};
use wo_rules::approval::payload::ChildContent;

statement!(
    TREE,
    format!(
        "{DESCENDANTS}
     select held.* from wo.work_order as held
     where held.tenant_id = $1 and held.id in (select tree.id from tree)
     order by held.id"
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    HOLD_TREE,
    format!(
        "{DESCENDANTS}
     select held.id from wo.work_order as held
     where held.tenant_id = $1 and held.id in (select tree.id from tree) and held.locked_at is null
     order by held.id
     for share of held"
    ),
    [UUIDOID, UUIDOID]
);

statement!(
    LINKS_OF_TREE,
    format!(
        "{DESCENDANTS}
     select held.id, held.chain_hash from wo.work_order as held
     where held.tenant_id = $1 and held.id in (select tree.id from tree)"
    ),
    [UUIDOID, UUIDOID]
);

/// The children of a master that [`children_of`] reads, each with the hash of its chain.
pub fn links_of_children(tenant: Uuid, master: Uuid) -> Vec<(Uuid, Vec<u8>)> {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    as_trail(|| LINKS_OF_TREE.with(|statement| statement.run(Mode::Latest, &arguments, links_at)))
}

/// The covered values of a work order's row, as the trail writes them.
fn content_of(seen: &WorkOrderRow<'_>, covers: Covers) -> Vec<(String, String)> {
    seen.layout
        .audited
        .iter()
        .filter(|(_, name)| covers_column(covers, name))
        .filter_map(|(index, name)| Some((name.clone(), seen.row.json(*index)?)))
        .collect()
}

/// SHA-256 of the covered content.
pub fn hash_of(tenant: Uuid, seen: &WorkOrderRow<'_>, covers: Covers) -> [u8; 32] {
    let values = content_of(seen, covers);
    content_hash(
        &tenant.to_string(),
        covers,
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    )
}

/// The content of every child of a master, children of children included, in the order of their ids.
/// `hold` keeps them from being changed before this transaction ends.
pub fn children_of(tenant: Uuid, master: Uuid, covers: Covers, hold: bool) -> Vec<ChildContent> {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    as_trail(|| {
        if hold {
            HOLD_TREE.with(|statement| statement.run(Mode::Write, &arguments, |_| ()));
        }
        TREE.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|index| {
                        let row = Row::of_rows(rows, index)?;
                        let layout = Layout::found_in(&row);
                        let seen = WorkOrderRow::new(&row, &layout);
                        Some(ChildContent {
                            content_sha256: hex::encode(hash_of(tenant, &seen, covers)),
                            id: seen.id().to_string(),
                            work_order: seen.text(Column::WoNumber),
                        })
                    })
                    .collect()
            })
        })
    })
}
