//! Changing one work order without the set-up of an UPDATE: see [`crate::pg::storage`].
//!
//! What an UPDATE by the caller would meet holds here too: the caller's privileges and roles are
//! asked, the table's triggers and constraints are met. Where the table is not as registered, or
//! something else would meet a statement alone, the change goes through SQL.

use crate::kernel::work_order::record::layout::Column;
use crate::pg::cache::Cached;
use crate::pg::lookup::{Key, find};
use crate::pg::statement::{Argument, argument, bigint, optional_text, text};
use crate::pg::storage::{Tid, Updatable};
use serde_json::Value;
use std::cell::RefCell;
use uuid::Uuid;
use wo_rules::field::{Field, FieldKind};
use wo_rules::reference::Reference;
use wo_rules::schema::Table;

/// The table that is written.
const TABLE: &Table = Table::named("work_order");

/// The roles that its policies let update it.
const UPDATERS: [&str; 2] = ["wo_user", "wo_trail"];

thread_local! {
    /// The work orders that this backend changed last, by tenant and number.
    static IDS: RefCell<Cached<(Uuid, String), Uuid>> = RefCell::new(Cached::lasting(REMEMBERED));
    /// Where this backend left the work orders that it changed last.
    static TIDS: RefCell<Cached<Uuid, Tid>> = RefCell::new(Cached::of_catalogues(REMEMBERED));
}

/// How many work orders a backend remembers.
const REMEMBERED: usize = 4096;

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The row was there, and its triggers have judged the change.
    Done,
    /// There is no such work order.
    NoRow,
    /// Nothing yet: the change has to go through SQL.
    ThroughSql,
}

/// A change as the API takes it.
pub struct Change<'a> {
    /// The state to go to.
    pub to_status: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Fields to write: a JSON object whose members were found to be fields.
    pub fields: Option<&'a Value>,
    /// The version that the caller expects.
    pub expected_version: Option<i64>,
}

/// Changes the work order.
pub fn change(tenant: Uuid, work_order: &Reference, change: &Change<'_>) -> Applied {
    let Some(table) = Updatable::open(TABLE).filter(|table| table.may_be_updated(&UPDATERS)) else {
        return Applied::ThroughSql;
    };
    let id = match work_order {
        Reference::Id(id) => Some(*id),
        Reference::Number(number) => known_id(tenant, number).or_else(|| {
            let key = [Key::Uuid("tenant_id", tenant), Key::Text("wo_number", number)];
            find("work_order", "work_order_wo_number_key", &key, |row| {
                let id: pgrx::Uuid = row.named("id")?;
                Some(Uuid::from_bytes(*id.as_bytes()))
            })
        }),
    };
    let Some(id) = id else { return Applied::NoRow };
    let Some(changes) = changes(&table, change) else { return Applied::ThroughSql };
    let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("id", id)];
    let place = TIDS.with_borrow_mut(|all| all.get(&id));
    if let Some(place) = table.update("work_order_pkey", &key, place, &changes) {
        TIDS.with_borrow_mut(|all| all.insert(id, place));
        if let Reference::Number(number) = work_order {
            IDS.with_borrow_mut(|all| all.insert((tenant, number.to_owned()), id));
        }
        return Applied::Done;
    }
    // What was remembered may be of a work order whose creation was rolled back: SQL looks anew.
    IDS.with_borrow_mut(|all| all.retain(|_, known| *known != id));
    Applied::ThroughSql
}

/// The columns that are written, with their values; nothing where only SQL makes one of them.
fn changes(table: &Updatable, change: &Change<'_>) -> Option<Vec<(usize, Argument)>> {
    let column = |column: Column| table.position(column.name());
    let mut changes: Vec<(usize, Argument)> = Vec::new();
    for (name, value) in change.fields.and_then(Value::as_object).into_iter().flatten() {
        let field = Field::parse(name)?;
        let position = table.position(field.name())?;
        changes.push((position, field_value(field, value, table, position)?));
    }
    changes.push((column(Column::Reason)?, optional_text(change.reason)));
    if let Some(status) = change.to_status {
        changes.push((column(Column::Status)?, text(status)));
    }
    if let Some(version) = change.expected_version {
        changes.push((column(Column::Version)?, bigint(version)));
    }
    Some(changes)
}

/// A field's value as an UPDATE would store it; nothing where only SQL makes it.
fn field_value(
    field: Field,
    value: &Value,
    table: &Updatable,
    position: usize,
) -> Option<Argument> {
    match (field.kind(), value) {
        (FieldKind::List | FieldKind::Object | FieldKind::Hours, _) => None,
        (_, Value::Null) => table.null(position),
        (FieldKind::Flag, Value::Bool(flag)) => Some(argument(*flag)),
        (_, Value::String(given)) => table.read(position, given),
        _ => None,
    }
}

/// A number and its work order never change, and neither is ever given to another.
fn known_id(tenant: Uuid, number: &str) -> Option<Uuid> {
    IDS.with_borrow_mut(|all| all.get(&(tenant, number.to_owned())))
}
