//! Changing one work order: a transition, or a write of fields.

use crate::kernel::identity;
use crate::kernel::work_order::record::columns::expression;
use crate::kernel::work_order::record::direct::{self, Applied};
use crate::kernel::work_order::record::layout::Column;
use crate::kernel::work_order::record::pending::{Heard, Written, listen};
use crate::kernel::work_order::record::reference::find;
use crate::kernel::work_order::record::view::{Reading, read};
use crate::pg::cache::Cached;
use crate::pg::error::OrRefuse;
use crate::pg::jsonb::Object;
use crate::pg::statement::{
    Argument, Mode, Statement, argument, jsonb, optional_text, text, uuid as uuid_argument,
};
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::field::FieldSet;
use wo_rules::reference::{self, Reference};
use wo_rules::refusal::Refusal;
use wo_rules::work_order as rules;

thread_local! {
    /// One kept statement for each set of columns that callers write together.
    static UPDATES: RefCell<Cached<(bool, FieldSet), Rc<Statement>>> =
        RefCell::new(Cached::lasting(MOST_STATEMENTS));
}

/// How many sets of columns a backend keeps a statement of, for changes and for creations.
pub const MOST_STATEMENTS: usize = 64;

fn update_statement(by_id: bool, fields: FieldSet) -> Rc<Statement> {
    let key = (by_id, fields);
    if let Some(known) = UPDATES.with_borrow_mut(|all| all.get(&key)) {
        return known;
    }
    let mut set = vec![
        "reason = $3".to_owned(),
        "version = coalesce($4, held.version)".to_owned(),
        "status = coalesce($5, held.status)".to_owned(),
    ];
    set.extend(
        fields.iter().map(|field| format!("{} = {}", field.name(), expression(field, "$6"))),
    );
    let statement = Rc::new(Statement::new(
        format!(
            "update wo.work_order as held set {} where held.tenant_id = $1 and held.{} = $2",
            set.join(", "),
            if by_id { "id" } else { "wo_number" }
        ),
        &[
            pg_sys::UUIDOID,
            if by_id { pg_sys::UUIDOID } else { pg_sys::TEXTOID },
            pg_sys::TEXTOID,
            pg_sys::INT8OID,
            pg_sys::TEXTOID,
            pg_sys::JSONBOID,
        ],
    ));
    UPDATES.with_borrow_mut(|all| all.insert(key, Rc::clone(&statement)));
    statement
}

/// What a caller wants done to a work order.
pub struct Change<'a> {
    /// The number or UUID.
    pub work_order: &'a str,
    /// The state to go to; nothing where only fields are written.
    pub to_status: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Fields to write: the text of a JSON object.
    pub fields: Option<&'a str>,
    /// The version that the caller expects.
    pub expected_version: Option<i64>,
}

/// Changes a work order. Gives its writes: of a change that changes nothing there are none.
fn change(change: Change<'_>) -> Result<Vec<Written>, Refusal> {
    let given = change.fields.map(rules::parse).transpose()?;
    let fields = given.as_ref().map_or(Ok(FieldSet::EMPTY), rules::fields)?;
    let reference = reference::parse(change.work_order)?;
    let asked = direct::Change {
        to_status: change.to_status,
        reason: change.reason,
        fields: given.as_ref(),
        expected_version: change.expected_version,
    };
    let acting = identity::required()?;
    match listen(|| direct::change(acting.tenant, &reference, &asked)) {
        (Applied::Done, heard) => return writes_of(&reference, heard),
        (Applied::NoRow, _) => return Err(reference::unknown(change.work_order)),
        (Applied::ThroughSql, _) => {}
    }
    let (by_id, name): (bool, Argument) = match &reference {
        Reference::Id(id) => (true, uuid_argument(*id)),
        Reference::Number(number) => (false, text(number)),
    };
    let statement = update_statement(by_id, fields);
    let arguments = [
        uuid_argument(acting.tenant),
        name,
        optional_text(change.reason),
        argument(change.expected_version),
        optional_text(change.to_status),
        change.fields.map_or(Argument::null(pg_sys::JSONBOID), jsonb),
    ];
    let (count, heard) = listen(|| statement.run(Mode::Write, &arguments, |rows| rows.count()));
    if count == 0 {
        // A trigger or a rule may have kept a row from being written that the caller sees.
        find(acting.tenant, change.work_order)?;
        return Err(rules::write_suppressed("work_order"));
    }
    writes_of(&reference, heard)
}

/// The writes of the work order itself, without those of others that followed.
///
/// # Errors
/// 55000 `write_suppressed` where its row was not stored, not even as it was.
fn writes_of(reference: &Reference, heard: Heard) -> Result<Vec<Written>, Refusal> {
    let is_it = |one: &Written| match reference {
        Reference::Id(id) => one.id == *id,
        Reference::Number(number) => one.number == *number,
    };
    let written: Vec<Written> = heard.written.into_iter().filter(is_it).collect();
    match written.is_empty() && !heard.is_unchanged {
        true => Err(rules::write_suppressed("work_order")),
        false => Ok(written),
    }
}

/// Moves a work order.
#[pg_extern(schema = "wo_private")]
fn transition(
    work_order: Option<&str>,
    to_status: Option<&str>,
    reason: Option<&str>,
    fields: Option<&str>,
    expected_version: Option<i64>,
) -> Object {
    crate::kernel::version::check_tables();
    let work_order = work_order.unwrap_or_default();
    let Some(to_status) = to_status else {
        crate::pg::error::refuse(rules::state_missing(work_order))
    };
    let fields = fields.filter(|fields| *fields != "null");
    let asked = Change { work_order, to_status: Some(to_status), reason, fields, expected_version };
    transition_to(asked, to_status).or_refuse()
}

/// Moves a work order to a state and says what became of it.
///
/// # Errors
/// Those of the rules; 55000 `illegal_transition` where it is in that state already.
pub fn transition_to(asked: Change<'_>, to_status: &str) -> Result<Object, Refusal> {
    let work_order = asked.work_order;
    let written = change(asked)?;
    moved(&written, work_order, to_status)
}

fn moved(written: &[Written], work_order: &str, to_status: &str) -> Result<Object, Refusal> {
    let (Some(first), Some(last)) = (written.first(), written.last()) else {
        let acting = identity::required()?;
        let id = find(acting.tenant, work_order)?;
        return Err(rules::there_already(work_order, to_status, &id.to_string()));
    };
    if !first.moved {
        return Err(rules::there_already(&first.number, to_status, &first.id.to_string()));
    }
    Ok(Object::new([
        ("id", first.id.to_string().into()),
        ("wo_number", first.number.clone().into()),
        ("action", first.action.clone().into()),
        ("from_status", first.from_status.clone().into()),
        ("status", last.status.clone().into()),
        ("version", last.version.into()),
    ]))
}

/// Moves a work order as one element of a list says.
#[pg_extern(schema = "wo_private")]
fn transition_given(given: &str) -> Object {
    crate::kernel::version::check_tables();
    let asked = rules::transition(given).or_refuse();
    let written = change(Change {
        work_order: &asked.work_order,
        to_status: Some(&asked.to_status),
        reason: asked.reason.as_deref(),
        fields: asked.fields.as_deref(),
        expected_version: asked.expected_version,
    })
    .or_refuse();
    moved(&written, &asked.work_order, &asked.to_status).or_refuse()
}

/// Writes fields of a work order.
#[pg_extern(schema = "wo_private")]
fn patch_work_order(
    work_order: Option<&str>,
    fields: Option<&str>,
    reason: Option<&str>,
    expected_version: Option<i64>,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let work_order = work_order.unwrap_or_default();
    let written = change(Change {
        work_order,
        to_status: None,
        reason,
        fields: Some(fields.unwrap_or("null")),
        expected_version,
    })
    .or_refuse();
    let answer = match written.last() {
        Some(last) => json!({
            "id": last.id.to_string(),
            "wo_number": last.number,
            "status": last.status,
            "version": last.version,
        }),
        None => unchanged(work_order).or_refuse(),
    };
    pgrx::JsonB(answer)
}

fn unchanged(work_order: &str) -> Result<Value, Refusal> {
    let acting = identity::required()?;
    let id: Uuid = find(acting.tenant, work_order)?;
    read(Reading::InTransaction, acting.tenant, id, |seen| {
        json!({
            "id": id.to_string(),
            "wo_number": seen.text(Column::WoNumber),
            "status": seen.text(Column::Status),
            "version": seen.version(),
        })
    })
    .ok_or_else(|| reference::unknown(work_order))
}
