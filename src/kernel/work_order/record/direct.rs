//! Changing one work order without the set-up of an UPDATE: see [`crate::pg::storage`].
//!
//! What an UPDATE by the caller would meet holds here too: the caller's privileges and roles are
//! asked, the table's triggers and constraints are met. Where the table is not as registered, or
//! something else would meet a statement alone, the change goes through SQL.

use super::layout::Column;
use crate::pg::cache::Cached;
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use crate::pg::statement::{
    Argument, argument, bigint, optional_text, text, uuid as uuid_argument,
};
use crate::pg::storage::{Tid, Writable};
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
    let Some(table) = Writable::to_update(TABLE).filter(|table| table.may_be_updated(&UPDATERS))
    else {
        return Applied::ThroughSql;
    };
    let Some(id) = id_of(tenant, work_order) else { return Applied::NoRow };
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

/// Writes nothing into the work order, so that its triggers write the entry that waits for it.
pub fn touch(tenant: Uuid, work_order: Uuid) -> Applied {
    let nothing = Change { to_status: None, reason: None, fields: None, expected_version: None };
    change(tenant, &Reference::Id(work_order), &nothing)
}

/// The id of a work order of the tenant. What is remembered may be of a work order whose creation was rolled back.
fn id_of(tenant: Uuid, work_order: &Reference) -> Option<Uuid> {
    match work_order {
        Reference::Id(id) => Some(*id),
        Reference::Number(number) => {
            known_id(tenant, number).or_else(|| id_of_number(tenant, number))
        }
    }
}

/// The id of the work order that has that number now.
fn id_of_number(tenant: Uuid, number: &str) -> Option<Uuid> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("wo_number", number)];
    find("work_order", "work_order_wo_number_key", &key, |row| {
        let id: pgrx::Uuid = row.named("id")?;
        Some(Uuid::from_bytes(*id.as_bytes()))
    })
}

/// A row of a child table to insert, and what is given of it beside its tenant and its work order.
pub struct Addition<'a> {
    /// The table.
    pub table: &'static Table,
    /// The roles that its policies let insert.
    pub inserters: &'a [&'a str],
    /// The column that names the work order.
    pub owner: &'static str,
    /// Texts that the columns read, domains and lengths included.
    pub texts: &'a [(&'static str, Option<&'a str>)],
    /// Other values.
    pub values: &'a [(&'static str, Argument)],
}

/// Adds a child record to a work order, and gives the row that was stored to `look`. Nothing where it has to go
/// through SQL: the table is not as registered, something else would meet a statement alone, or no such work
/// order is found.
pub fn add<T>(
    tenant: Uuid,
    work_order: &Reference,
    addition: &Addition<'_>,
    look: impl FnOnce(&Row) -> T,
) -> Option<T> {
    let table = Writable::to_insert(addition.table)
        .filter(|table| table.may_be_inserted(addition.inserters))?;
    // Not what is remembered: an id of nothing would be refused, and not looked for anew.
    let id = match work_order {
        Reference::Id(id) => *id,
        Reference::Number(number) => id_of_number(tenant, number)?,
    };
    let mut given = vec![
        (table.position("tenant_id")?, uuid_argument(tenant)),
        (table.position(addition.owner)?, uuid_argument(id)),
    ];
    for (name, text) in addition.texts {
        let position = table.position(name)?;
        if let Some(text) = text {
            given.push((position, table.read(position, text)?));
        }
    }
    for (name, value) in addition.values {
        given.push((table.position(name)?, *value));
    }
    Some(table.insert(&given, look))
}

/// Locks the row of a work order until the transaction ends, and gives it to `look` as it is committed now. The
/// outer nothing where a statement has to lock it, the inner where there is none.
pub fn lock<T>(tenant: Uuid, id: Uuid, look: impl FnOnce(&Row) -> T) -> Option<Option<T>> {
    let table = Writable::to_update(TABLE).filter(|table| table.may_be_updated(&UPDATERS))?;
    let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("id", id)];
    let place = TIDS.with_borrow_mut(|all| all.get(&id));
    Some(table.lock("work_order_pkey", &key, place, |row, place| {
        TIDS.with_borrow_mut(|all| all.insert(id, place));
        look(row)
    }))
}

/// The columns that are written, with their values; nothing where only SQL makes one of them.
fn changes(table: &Writable, change: &Change<'_>) -> Option<Vec<(usize, Argument)>> {
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
fn field_value(field: Field, value: &Value, table: &Writable, position: usize) -> Option<Argument> {
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
