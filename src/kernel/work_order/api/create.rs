//! Creating a work order.

use super::change::MOST_STATEMENTS;
use crate::kernel::identity;
use crate::kernel::work_order::record::columns::{LINK_COLUMNS, expression, link_values};
use crate::kernel::work_order::record::pending::listen;
use crate::kernel::work_order::triggers::{number, request};
use crate::pg::cache::Cached;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::statement::{Mode, Statement, jsonb, statement, text, uuid as uuid_argument};
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::field::{Field, FieldSet};
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::work_order::{self as rules, Creation};

thread_local! {
    /// One kept statement for each set of columns that callers write together.
    static INSERTS: RefCell<Cached<FieldSet, Rc<Statement>>> =
        RefCell::new(Cached::lasting(MOST_STATEMENTS));
}

/// How often a creation whose number was taken by a running transaction draws again.
const TRIES: u32 = 5;

fn insert_statement(fields: FieldSet) -> Rc<Statement> {
    if let Some(known) = INSERTS.with_borrow_mut(|all| all.get(&fields)) {
        return known;
    }
    let names: Vec<&str> = fields.iter().map(Field::name).collect();
    let values: Vec<String> = fields.iter().map(|field| expression(field, "$2")).collect();
    let statement = Rc::new(Statement::new(
        format!(
            "insert into wo.work_order (tenant_id, lifecycle, reason, idempotency_key, {LINK_COLUMNS}, {})
             values ($1, $2 ->> 'lifecycle', $2 ->> 'reason', $2 ->> 'idempotency_key', {}, {})
             on conflict do nothing",
            names.join(", "),
            link_values("$2"),
            values.join(", ")
        ),
        &[pg_sys::UUIDOID, pg_sys::JSONBOID],
    ));
    INSERTS.with_borrow_mut(|all| all.insert(fields, Rc::clone(&statement)));
    statement
}

statement!(
    BY_IDEMPOTENCY_KEY,
    "select held.id from wo.work_order as held where held.tenant_id = $1 and held.idempotency_key = $2",
    [UUIDOID, TEXTOID]
);

/// The answer of the creation that used the key before; nothing where none did.
///
/// # Errors
/// 23505 `idempotency_key_reused` where that was another request.
pub fn made_before(tenant: Uuid, key: &str, given: &str) -> Result<Option<Value>, Refusal> {
    let arguments = [uuid_argument(tenant), text(key)];
    let id = BY_IDEMPOTENCY_KEY.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| rows.get::<pgrx::Uuid>(0, 1))
    });
    let Some(id) = id else { return Ok(None) };
    let requests = request::read(jsonb(&format!("[{given}]")), None);
    let request = requests.first().ok_or_else(|| damaged("a request cannot be read"))?;
    request::answer_again(tenant, Uuid::from_bytes(*id.as_bytes()), request).map(Some)
}

/// Makes a work order of a JSON object.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn create_work_order(work_order: &str) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    pgrx::JsonB(create(work_order).or_refuse())
}

fn create(given: &str) -> Result<Value, Refusal> {
    let acting = identity::required()?;
    let Creation { fields, idempotency_key } = rules::creation(&rules::parse(given)?)?;
    let statement = insert_statement(fields);
    let made = || match &idempotency_key {
        Some(key) => made_before(acting.tenant, key, given),
        None => Ok(None),
    };
    if let Some(made) = made()? {
        return Ok(made);
    }
    let object = jsonb(given);
    for _ in 0..TRIES {
        let arguments = [uuid_argument(acting.tenant), object];
        let write = || listen(|| statement.run(Mode::Write, &arguments, |_| ()));
        let ((_, heard), drawn) = number::drawn_during(write);
        if let Some(first) = heard.written.iter().find(|one| one.is_creation()) {
            let last = heard.last_of(first.id).unwrap_or(first);
            return Ok(json!({
                "id": first.id.to_string(),
                "wo_number": first.number,
                "status": last.status,
                "version": last.version,
                "lifecycle": first.lifecycle.0,
                "lifecycle_version": first.lifecycle.1,
                "created": true,
            }));
        }
        if let Some(made) = made()? {
            return Ok(made);
        }
        if !number::is_any_taken(acting.tenant, &drawn, &heard.written) {
            return Err(rules::write_suppressed("work_order"));
        }
    }
    Err(Refusal::new(
        SqlState::VersionConflict,
        "number_taken",
        "running transactions hold every number that was drawn for the new work order",
    )
    .hint("Run the transaction again."))
}
