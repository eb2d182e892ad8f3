//! What an evidence package says of the master of a work order, and of what waits for what.

use crate::kernel::concept::EvidenceSection;
use crate::kernel::document::required;
use crate::kernel::work_order::{Column, Reading, WorkOrderView, master_of, read};
use crate::pg::error::damaged;
use crate::pg::statement::{statement, uuid as uuid_argument};
use serde_json::{Value, json};
use wo_rules::field::Field;
use wo_rules::refusal::Refusal;

statement!(
    WAITS_FOR,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', held.id, 'wo_number', held.wo_number,
        'title', held.title, 'status', held.status, 'lag', edge.lag::pg_catalog.text) order by held.id), '[]')
     from wo.dependency as edge
     join wo.work_order as held on held.tenant_id = edge.tenant_id and held.id = edge.predecessor_id
     where edge.tenant_id = $1 and edge.successor_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    AWAITED_BY,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', held.id, 'wo_number', held.wo_number,
        'title', held.title, 'status', held.status) order by held.id), '[]')
     from wo.dependency as edge
     join wo.work_order as held on held.tenant_id = edge.tenant_id and held.id = edge.successor_id
     where edge.tenant_id = $1 and edge.predecessor_id = $2",
    [UUIDOID, UUIDOID]
);

/// The sections `master` and `dependencies`.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn sections(view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
    let place = [uuid_argument(view.tenant), uuid_argument(view.seen.id())];
    let dependencies = json!({
        "waits_for": required(&WAITS_FOR, &place, "the list of predecessors")?,
        "awaited_by": required(&AWAITED_BY, &place, "the list of successors")?,
    });
    Ok(vec![
        EvidenceSection::new("master", &master(view)?),
        EvidenceSection::new("dependencies", &dependencies),
    ])
}

fn master(view: &WorkOrderView<'_>) -> Result<Value, Refusal> {
    let Some(master) = master_of(view.seen) else { return Ok(Value::Null) };
    read(Reading::Latest, view.tenant, master, |seen| {
        json!({
            "id": master.to_string(),
            "wo_number": seen.text(Column::WoNumber),
            "title": seen.field::<String>(Field::Title),
            "status": seen.text(Column::Status),
        })
    })
    .ok_or_else(|| damaged("a master went away"))
}
