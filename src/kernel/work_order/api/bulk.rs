//! Many at once: all rows in one statement where nothing is refused.

use crate::kernel::identity;
use crate::kernel::work_order::record::columns::{LINK_COLUMNS, expression, link_values};
use crate::kernel::work_order::record::pending::{Written, listen};
use crate::pg::error::{OrRefuse, refuse, together};
use crate::pg::statement::{Mode, Statement, jsonb, uuid as uuid_argument};
use pgrx::pg_sys;
use pgrx::prelude::*;
use wo_rules::field::{Field, FieldSet};
use wo_rules::work_order as rules;

/// Refuses a bulk call that is no array, or too long.
#[pg_extern(schema = "wo_private")]
fn check_bulk(given: Option<&str>) {
    let given = rules::parse(given.unwrap_or("null")).or_refuse();
    rules::bulk(&given).or_refuse();
}

/// Makes every work order of a JSON array in one statement, or refuses the array as a whole:
/// `wo.create_work_orders` then tries them one by one.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn create_work_orders(
    work_orders: &str,
) -> TableIterator<
    'static,
    (name!(ordinal, i32), name!(id, pgrx::Uuid), name!(wo_number, String), name!(created, bool)),
> {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let given = rules::parse(work_orders).or_refuse();
    let elements = given.as_array().cloned().unwrap_or_default();
    let fields = elements.iter().fold(FieldSet::EMPTY, |fields, element| {
        fields.union(rules::creation(element).or_refuse().fields)
    });
    if elements.is_empty() {
        return TableIterator::new(Vec::new());
    }
    let names: Vec<&str> = fields.iter().map(Field::name).collect();
    let values: Vec<String> =
        fields.iter().map(|field| expression(field, "element.value")).collect();
    let statement = Statement::new(
        format!(
            "insert into wo.work_order (tenant_id, lifecycle, reason, idempotency_key, {LINK_COLUMNS}, {})
             select $1, element.value ->> 'lifecycle', element.value ->> 'reason',
                element.value ->> 'idempotency_key', {}, {}
             from pg_catalog.jsonb_array_elements($2) with ordinality as element
             order by element.ordinality",
            names.join(", "),
            link_values("element.value"),
            values.join(", ")
        ),
        &[pg_sys::UUIDOID, pg_sys::JSONBOID],
    );
    let arguments = [uuid_argument(acting.tenant), jsonb(work_orders)];
    let write = || statement.run(Mode::Write, &arguments, |_| ());
    let (_, heard) = together(|| listen(write));
    let made: Vec<_> = heard.written.into_iter().filter(Written::is_creation).collect();
    // A duplicate is an error of the statement.
    if made.len() != elements.len() {
        refuse(rules::write_suppressed("work_order"));
    }
    TableIterator::new(made.into_iter().enumerate().map(|(index, written)| {
        (index as i32 + 1, pgrx::Uuid::from_bytes(*written.id.as_bytes()), written.number, true)
    }))
}

/// An error as the bulk calls report it.
#[pg_extern(schema = "wo_private", immutable, parallel_safe)]
fn problem(
    sqlstate: Option<&str>,
    message: Option<&str>,
    detail: Option<&str>,
    hint: Option<&str>,
) -> pgrx::JsonB {
    let detail = detail.unwrap_or_default();
    let mut answer = serde_json::json!({ "sqlstate": sqlstate, "message": message });
    match serde_json::from_str::<serde_json::Value>(detail) {
        Ok(detail) => answer["detail"] = detail,
        Err(_) if !detail.is_empty() => answer["detail"] = detail.into(),
        Err(_) => {}
    }
    if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
        answer["hint"] = hint.into();
    }
    pgrx::JsonB(answer)
}
