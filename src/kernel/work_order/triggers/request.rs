//! Whether a creation repeats the request that its idempotency key was used for.

use super::defaults;
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::record::columns::{LINK_COLUMNS, expression, link_values};
use crate::kernel::work_order::record::layout::Column;
use crate::kernel::work_order::record::row::WorkOrderRow;
use crate::kernel::work_order::record::view;
use crate::pg::error::damaged;
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Argument, Mode, Statement, statement, uuid as uuid_argument};
use pgrx::pg_sys;
use serde_json::{Value, json};
use std::cell::OnceCell;
use uuid::Uuid;
use wo_rules::field::{Field, FieldKind};
use wo_rules::refusal::Refusal;
use wo_rules::request::{COLUMNS, PLAN, Request, key_reused};

statement!(
    FIRST_ENTRY,
    "select entry.changes::pg_catalog.text, entry.reason from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.subject = 'work_order' and entry.sequence = 1",
    [UUIDOID, UUIDOID]
);

thread_local! {
    /// Reads requests as the INSERT would store them.
    static READ: OnceCell<Statement> = const { OnceCell::new() };
}

fn read_statement() -> Statement {
    let given = "element.value";
    let mut columns = vec![
        format!("{given} ->> 'lifecycle' as lifecycle"),
        format!("{given} ->> 'reason' as reason"),
    ];
    for field in Field::ALL {
        let kind = if field.kind() == FieldKind::Hours { "::wo.hours" } else { "" };
        columns.push(format!("({}){kind} as {}", expression(*field, given), field.name()));
    }
    Statement::new(
        format!(
            "select {}, link.* from pg_catalog.jsonb_array_elements($1) with ordinality as element
             cross join lateral (select {}) as link ({LINK_COLUMNS})
             order by element.ordinality",
            columns.join(", "),
            link_values(given)
        ),
        &[pg_sys::JSONBOID],
    )
}

/// The request that a row was given by, before defaults are filled in. `planned` says what a plan
/// asked for it in place of its master.
pub fn of_row(row: &Row, planned: Option<&str>) -> Request {
    let members = COLUMNS.iter().filter_map(|name| {
        if planned.is_some() && *name == "master_id" {
            return None;
        }
        Some(((*name).to_owned(), row.json(row.column(name)?)?))
    });
    Request::new(members.chain(planned.map(|planned| (PLAN.to_owned(), planned.to_owned()))))
}

/// The requests of a JSON array of creations; `planned` says what a plan asked for each.
pub fn read(creations: Argument, planned: Option<&[String]>) -> Vec<Request> {
    READ.with(|statement| {
        statement.get_or_init(read_statement).run(Mode::Latest, &[creations], |rows| {
            (0..rows.count())
                .filter_map(|at| {
                    let planned = planned.and_then(|all| all.get(at)).map(String::as_str);
                    Some(of_row(&Row::of_rows(rows, at)?, planned))
                })
                .collect()
        })
    })
}

/// What a work order is now, as the answer of a creation, where the request is the one that made it.
///
/// # Errors
/// 23505 `idempotency_key_reused`; those of [`differing`].
pub fn answer_again(tenant: Uuid, id: Uuid, request: &Request) -> Result<Value, Refusal> {
    let differs = differing(tenant, id, request)?;
    let (number, answer) = view::read(view::Reading::Latest, tenant, id, |seen| {
        let number = seen.text(Column::WoNumber);
        let answer = json!({
            "id": id.to_string(),
            "wo_number": number,
            "status": seen.text(Column::Status),
            "version": seen.version(),
            "lifecycle": seen.text(Column::Lifecycle),
            "lifecycle_version": seen.get::<i32>(Column::LifecycleVersion),
            "created": false,
        });
        (number, answer)
    })
    .ok_or_else(|| gone(id))?;
    match differs {
        None => Ok(answer),
        Some(differing) => Err(key_reused(&number, &id.to_string(), &differing)),
    }
}

fn gone(id: Uuid) -> Refusal {
    damaged(&format!("work order {id} went away while its key was looked up"))
}

/// What of a request differs from the one that made the work order; nothing where it is the same.
///
/// # Errors
/// 55000 `tables_damaged` where the work order or its lifecycle cannot be read.
pub fn differing(
    tenant: Uuid,
    id: Uuid,
    request: &Request,
) -> Result<Option<Vec<String>>, Refusal> {
    let Stored { sha256: stored, lifecycle, version, originator, title } =
        view::read(view::Reading::Latest, tenant, id, stored)
            .ok_or_else(|| gone(id))?
            .ok_or_else(|| damaged("a work order has an idempotency key without its request"))?;
    if request.agrees(&stored, &[]) {
        return Ok(None);
    }
    let compiled = cache::compiled(tenant, &lifecycle, version)?;
    let mut filled = vec![
        ("priority", json!(compiled.default_priority()).to_string()),
        ("requester", json!(originator).to_string()),
    ];
    if let Some(project) = compiled.project_of(&title) {
        filled.push(("project", json!(project).to_string()));
    }
    if let Some((default, _)) = defaults::of(tenant, None).and_then(|home| home.lifecycle) {
        filled.push(("lifecycle", json!(default).to_string()));
    }
    if request.agrees(&stored, &filled) {
        return Ok(None);
    }
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    let first = as_trail(|| {
        FIRST_ENTRY.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                let mut changes: Value = serde_json::from_str(&rows.get::<String>(0, 1)?).ok()?;
                if let Some(reason) = rows.get::<String>(0, 2) {
                    changes["reason"] = json!({ "new": reason });
                }
                Some(changes)
            })
        })
    });
    // Where the month of its creation has left the database, nothing can be named.
    Ok(Some(first.map(|first| request.differing(&first, &filled)).unwrap_or_default()))
}

/// What is stored of a creation.
struct Stored {
    /// The hash of its request.
    sha256: Vec<u8>,
    /// The lifecycle that the work order pins.
    lifecycle: String,
    version: i32,
    originator: String,
    title: String,
}

fn stored(seen: &WorkOrderRow<'_>) -> Option<Stored> {
    Some(Stored {
        sha256: seen.get(Column::RequestSha256)?,
        lifecycle: seen.get(Column::Lifecycle)?,
        version: seen.get(Column::LifecycleVersion)?,
        originator: seen.get(Column::Originator)?,
        title: seen.field(Field::Title)?,
    })
}
