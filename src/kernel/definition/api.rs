//! The functions that callers use. Those that write do so as the caller, so that a raw write meets the same checks.

use super::kind::Kind;
use super::stored;
use super::{kind, read};
use crate::kernel::identity;
use crate::kernel::work_order;
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::statement::{
    Argument, Mode, Statement, argument, optional_text, optional_uuid, text, uuid as uuid_argument,
};
use pgrx::datum::Date;
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::json;
use uuid::Uuid;
use wo_rules::definition::{check_usable, diff};
use wo_rules::json::parse;
use wo_rules::refusal::Refusal;
use wo_rules::work_order::write_suppressed;

/// Every problem of a document of a kind.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn validate_definition(
    kind_name: Option<&str>,
    document: Option<&str>,
) -> TableIterator<'static, (name!(pointer, String), name!(problem, String))> {
    let kind = kind(kind_name.unwrap_or_default()).or_refuse();
    let tenant = identity::current().map(|acting| acting.tenant);
    let checked = read(document.unwrap_or("null"))
        .and_then(|document| (kind.validate)(tenant, &document).map(drop));
    let problems = checked.err().unwrap_or_default();
    TableIterator::new(problems.into_iter().map(|problem| (problem.pointer, problem.problem)))
}

/// Stores a document as the next version of its name.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn publish_definition(
    kind_name: Option<&str>,
    document: Option<&str>,
    major: Option<bool>,
    effective_from: Option<Date>,
    effective_until: Option<Date>,
) -> i32 {
    crate::kernel::version::check_tables();
    let kind = kind(kind_name.unwrap_or_default()).or_refuse();
    let acting = identity::required().or_refuse();
    let sql = format!(
        "insert into wo.{} (tenant_id, name, version, definition, major, published_at, effective_from, effective_until)
         values ($1, coalesce($2::jsonb ->> 'name', ''), null, $2::jsonb, $3, null, $4, $5) returning version",
        kind.name
    );
    let types =
        [pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::BOOLOID, pg_sys::DATEOID, pg_sys::DATEOID];
    let arguments = [
        uuid_argument(acting.tenant),
        text(document.unwrap_or("null")),
        argument(major.unwrap_or(true)),
        argument(effective_from),
        argument(effective_until),
    ];
    let statement = Statement::new(sql, &types);
    let stored: Option<i32> = statement.run(Mode::Write, &arguments, |rows| rows.get(0, 1));
    stored.unwrap_or_else(|| refuse(write_suppressed(kind.name)))
}

/// Releases a version.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn release_definition(
    kind_name: Option<&str>,
    name: Option<&str>,
    version: Option<i32>,
    work_order: Option<&str>,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let work_order = work_order.map(|name| work_order::find(acting.tenant, name).or_refuse());
    let set = "released_at = pg_catalog.now(), release_work_order = $4";
    update(kind_name, name, version, set, (pg_sys::UUIDOID, optional_uuid(work_order)))
}

/// Retires a version.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn retire_definition(
    kind_name: Option<&str>,
    name: Option<&str>,
    version: Option<i32>,
    reason: Option<&str>,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let kind = kind(kind_name.unwrap_or_default()).or_refuse();
    let tenant = identity::required().or_refuse().tenant;
    let place = (name.unwrap_or_default(), version.unwrap_or_default());
    // A second retirement for the same reason would change nothing.
    let (found, ()) = stored::version(kind, tenant, place.0, place.1, stored::unread).or_refuse();
    check_usable(&found.stored(kind.name, place.0), true).or_refuse();
    // NULL would change nothing; a blank reason is refused.
    let reason = optional_text(Some(reason.unwrap_or_default()));
    update(kind_name, name, version, "retirement_reason = $4", (pg_sys::TEXTOID, reason))
}

/// Updates a version as the caller, and gives what is recorded of it then.
fn update(
    kind_name: Option<&str>,
    name: Option<&str>,
    version: Option<i32>,
    set: &str,
    (value_type, value): (pg_sys::Oid, Argument),
) -> pgrx::JsonB {
    let kind = kind(kind_name.unwrap_or_default()).or_refuse();
    let tenant = identity::required().or_refuse().tenant;
    let (name, number) = (name.unwrap_or_default(), version.unwrap_or_default());
    let sql = format!(
        "update wo.{} as known set {set} where known.tenant_id = $1 and known.name = $2 and known.version = $3
         returning pg_catalog.jsonb_build_object('kind', '{}', 'name', known.name, 'version', known.version,
            'released_at', known.released_at, 'released_by', known.released_by,
            'release_work_order', known.release_work_order, 'retired_at', known.retired_at,
            'retired_by', known.retired_by)",
        kind.name, kind.name
    );
    let types = [pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::INT4OID, value_type];
    let arguments = [uuid_argument(tenant), text(name), argument(number), value];
    let statement = Statement::new(sql, &types);
    let stored: Option<pgrx::JsonB> = statement.run(Mode::Write, &arguments, |rows| rows.get(0, 1));
    stored.unwrap_or_else(|| refuse(not_updated(kind, tenant, name, number)))
}

/// Why an update met no row.
fn not_updated(kind: &Kind, tenant: Uuid, name: &str, number: i32) -> Refusal {
    match stored::version(kind, tenant, name, number, stored::unread) {
        Ok(_) => write_suppressed(kind.name),
        Err(unknown) => unknown,
    }
}

/// The places where two versions of a definition differ.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn definition_diff(
    kind_name: Option<&str>,
    name: Option<&str>,
    from_version: Option<i32>,
    to_version: Option<i32>,
) -> TableIterator<
    'static,
    (
        name!(pointer, String),
        name!(change, String),
        name!(before, Option<pgrx::JsonB>),
        name!(after, Option<pgrx::JsonB>),
    ),
> {
    let kind = kind(kind_name.unwrap_or_default()).or_refuse();
    let tenant = identity::required().or_refuse().tenant;
    let name = name.unwrap_or_default();
    let document = |number: Option<i32>| {
        let number = number.unwrap_or_default();
        let found = stored::version(kind, tenant, name, number, stored::as_text).or_refuse();
        parse(&found.1).or_refuse()
    };
    let found = diff::diff(&document(from_version), &document(to_version));
    TableIterator::new(found.into_iter().map(|one| {
        (one.pointer, one.what.to_owned(), one.before.map(pgrx::JsonB), one.after.map(pgrx::JsonB))
    }))
}

/// The newest version of a definition that new work may use, as JSON.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn newest_definition(kind_name: Option<&str>, name: Option<&str>) -> pgrx::JsonB {
    let kind = kind(kind_name.unwrap_or_default()).or_refuse();
    let tenant = identity::required().or_refuse().tenant;
    let newest = stored::newest(kind, tenant, name.unwrap_or_default(), stored::as_text);
    let (found, document) = newest.or_refuse();
    pgrx::JsonB(json!({
        "kind": kind.name,
        "name": name,
        "version": found.version,
        "sha256": hex::encode(&found.sha256),
        "major": found.is_major,
        "document": parse(&document).or_refuse(),
    }))
}
