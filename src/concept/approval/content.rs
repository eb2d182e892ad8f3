//! What a signature covers: the record's content, with the records that belong to it, and for a master that of its
//! children.

use crate::concept::hierarchy::guards::links_at;
use crate::kernel::work_order::tree::DESCENDANTS;
use crate::kernel::work_order::{Column, Layout, WorkOrderRow, child_records};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, Statement, statement, uuid as uuid_argument, uuids};
use pgrx::pg_sys;
use std::collections::HashMap;
use uuid::Uuid;
use wo_rules::approval::content::{Covers, content_hash, covers_column};
use wo_rules::approval::payload::ChildContent;
use wo_rules::schema::{ChildTable, child_tables};

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

/// The records of a table of schema `wo` that belong to some work orders.
struct Records {
    table: ChildTable,
    read: Statement,
}

thread_local! {
    /// The tables whose records a signature may cover.
    static COVERED: Vec<Records> = child_tables()
        .filter(|table| table.child.covers.is_some())
        .map(|table| {
            let (name, owner) = (table.name, table.child.work_order);
            let sql = format!(
                "select held.* from wo.{name} as held where held.tenant_id = $1 and held.{owner} = any($2)"
            );
            let read = Statement::new(sql, &[pg_sys::UUIDOID, pg_sys::UUIDARRAYOID]);
            Records { table, read }
        })
        .collect();
}

/// The records of some work orders that a signature may cover, under their names in the trail and with the values
/// that the trail has.
struct ChildRecords(HashMap<Uuid, Vec<(String, String)>>);

impl ChildRecords {
    fn of(tenant: Uuid, work_orders: &[Uuid]) -> Self {
        let mut all: HashMap<Uuid, Vec<(String, String)>> = HashMap::new();
        if work_orders.is_empty() {
            return Self(all);
        }
        let arguments = [uuid_argument(tenant), uuids(work_orders.iter().copied())];
        let add = |table: &ChildTable,
                   row: &Row,
                   all: &mut HashMap<Uuid, Vec<(String, String)>>| {
            let owner = row.required_uuid(table.child.work_order);
            let record = (child_records::name_of(table, row), child_records::value_of(table, row));
            all.entry(owner).or_default().push(record);
        };
        as_trail(|| {
            COVERED.with(|tables| {
                for Records { table, read } in tables {
                    read.run(Mode::Latest, &arguments, |rows| {
                        (0..rows.count())
                            .filter_map(|index| Row::of_rows(rows, index))
                            .for_each(|row| add(table, &row, &mut all));
                    });
                }
            });
        });
        Self(all)
    }

    fn of_work_order(&self, id: Uuid) -> &[(String, String)] {
        self.0.get(&id).map(Vec::as_slice).unwrap_or_default()
    }
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

/// SHA-256 of the covered content of one work order.
pub fn hash_of(tenant: Uuid, seen: &WorkOrderRow<'_>, covers: Covers) -> [u8; 32] {
    hash_with(tenant, seen, covers, &ChildRecords::of(tenant, &[seen.id()]))
}

fn hash_with(
    tenant: Uuid,
    seen: &WorkOrderRow<'_>,
    covers: Covers,
    records: &ChildRecords,
) -> [u8; 32] {
    let values = content_of(seen, covers);
    fn texts(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
    let records = records.of_work_order(seen.id());
    content_hash(&tenant.to_string(), covers, texts(&values), texts(records))
}

/// The hashes of the covered content of the work orders in these rows, each with what `read` makes of it.
pub fn hashes_of_rows<T>(
    tenant: Uuid,
    rows: &Rows,
    mut read: impl FnMut(&WorkOrderRow<'_>, &dyn Fn(Covers) -> String) -> T,
) -> Vec<T> {
    let found: Vec<Row> = (0..rows.count()).filter_map(|index| Row::of_rows(rows, index)).collect();
    let ids: Vec<Uuid> = found.iter().map(|row| row.required_uuid("id")).collect();
    let records = ChildRecords::of(tenant, &ids);
    found
        .iter()
        .map(|row| {
            let layout = Layout::found_in(row);
            let seen = WorkOrderRow::new(row, &layout);
            read(&seen, &|covers| hex::encode(hash_with(tenant, &seen, covers, &records)))
        })
        .collect()
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
                hashes_of_rows(tenant, rows, |seen, hash| ChildContent {
                    content_sha256: hash(covers),
                    id: seen.id().to_string(),
                    work_order: seen.text(Column::WoNumber),
                })
            })
        })
    })
}
