//! A child record as the audit trail names and stores it.

use crate::pg::row::Row;
use uuid::Uuid;
use wo_rules::json::Object;
use wo_rules::schema::ChildTable;

/// The value of a column of that type.
pub fn uuid_in(row: &Row, column: &str) -> Uuid {
    row.named::<pgrx::Uuid>(column).map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()))
}

/// The name of a record in the audit trail.
pub fn name_of(table: &ChildTable, row: &Row) -> String {
    match table.child.item {
        None => table.name.to_owned(),
        Some(item) => format!("{}:{}", table.name, uuid_in(row, item)),
    }
}

/// What the audit trail holds of a record: its columns beside its key, as the text of a JSON object.
pub fn value_of(table: &ChildTable, row: &Row) -> String {
    let is_key = |name: &str| {
        name == "tenant_id" || name == table.child.work_order || Some(name) == table.child.item
    };
    (0..row.len())
        .filter_map(|index| {
            let name = row.name(index).filter(|name| !is_key(name))?;
            Some((name, row.json(index)?))
        })
        .collect::<Object>()
        .end()
}
