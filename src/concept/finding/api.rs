//! The functions that callers use.

use crate::kernel::identity;
use crate::kernel::work_order;
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::statement::{
    Argument, Mode, Statement, argument, optional_text, statement, uuid as uuid_argument,
};
use pgrx::prelude::*;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::work_order::write_suppressed;

statement!(
    OPEN,
    "insert into wo.finding (tenant_id, work_order_id, title, description, severity, category, due_date,
        capa_reference, blocking)
     values ($1, $2, $3, $4, coalesce($5, 'major'), coalesce($6, 'deviation'), $7, $8, $9)
     returning id",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, DATEOID, TEXTOID, BOOLOID]
);
statement!(
    ASSESS,
    "update wo.finding as opened set severity = coalesce($3, opened.severity),
        category = coalesce($4, opened.category), due_date = coalesce($5, opened.due_date),
        capa_reference = coalesce($6, opened.capa_reference), blocking = coalesce($7, opened.blocking)
     where opened.tenant_id = $1 and opened.id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID, DATEOID, TEXTOID, BOOLOID]
);
statement!(
    CLOSE,
    "update wo.finding set resolution = $3 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID]
);
statement!(
    IS_THERE,
    "select true from wo.finding as opened where opened.tenant_id = $1 and opened.id = $2",
    [UUIDOID, UUIDOID]
);

/// Opens a finding of a work order.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)]
fn open_finding(
    work_order: Option<&str>,
    title: Option<&str>,
    description: Option<&str>,
    severity: Option<&str>,
    category: Option<&str>,
    due_date: Option<pgrx::datum::Date>,
    capa_reference: Option<&str>,
    blocking: Option<bool>,
) -> pgrx::Uuid {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let id = work_order::find(acting.tenant, work_order.unwrap_or_default()).or_refuse();
    let arguments = [
        uuid_argument(acting.tenant),
        uuid_argument(id),
        optional_text(title),
        optional_text(description),
        optional_text(severity),
        optional_text(category),
        argument(due_date),
        optional_text(capa_reference),
        argument(blocking),
    ];
    let made: Option<pgrx::Uuid> =
        OPEN.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.get(0, 1)));
    made.unwrap_or_else(|| refuse(write_suppressed("finding")))
}

/// Changes what QA says of a finding.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn assess_finding(
    finding: Option<pgrx::Uuid>,
    severity: Option<&str>,
    category: Option<&str>,
    due_date: Option<pgrx::datum::Date>,
    capa_reference: Option<&str>,
    blocking: Option<bool>,
) -> bool {
    let assessment = [
        optional_text(severity),
        optional_text(category),
        argument(due_date),
        optional_text(capa_reference),
        argument(blocking),
    ];
    update(&ASSESS, finding, &assessment);
    true
}

/// Closes a finding.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn close_finding(finding: Option<pgrx::Uuid>, resolution: Option<&str>) -> bool {
    // A blank text is refused as none is; NULL would change nothing.
    update(&CLOSE, finding, &[optional_text(Some(resolution.unwrap_or_default()))]);
    true
}

/// Updates a finding as the caller.
fn update(which: &'static LocalKey<Statement>, finding: Option<pgrx::Uuid>, values: &[Argument]) {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let id = finding.map_or(Uuid::nil(), |finding| Uuid::from_bytes(*finding.as_bytes()));
    let place = [uuid_argument(acting.tenant), uuid_argument(id)];
    let arguments = [&place, values].concat();
    let count = which.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()));
    if count > 0 {
        return;
    }
    let is_there =
        IS_THERE.with(|statement| statement.run(Mode::Caller, &place, |rows| rows.count() > 0));
    if is_there {
        refuse(write_suppressed("finding"));
    }
    refuse(unknown(id));
}

fn unknown(id: Uuid) -> Refusal {
    Refusal::new(SqlState::BadValue, "finding_unknown", format!("there is no finding {id}"))
        .hint("select * from wo.findings(); lists them.")
}

/// How many rows a page of findings has, where the page is one: its size is in the bounds, and the finding after
/// which it begins is one of the tenant.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn page_of_findings(page_size: Option<i32>, after: Option<pgrx::Uuid>) -> i32 {
    let acting = identity::required().or_refuse();
    if let Some(after) = after {
        let id = Uuid::from_bytes(*after.as_bytes());
        let place = [uuid_argument(acting.tenant), uuid_argument(id)];
        let is_there =
            IS_THERE.with(|statement| statement.run(Mode::Caller, &place, |rows| rows.count() > 0));
        if !is_there {
            refuse(unknown(id));
        }
    }
    wo_rules::list::check_page_size(page_size).or_refuse()
}

/// The open findings that wait for the caller, who may assess and close them.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn findings_for_caller() -> TableIterator<'static, (name!(finding, pgrx::Uuid),)> {
    let waiting = super::write::waiting_for(&identity::required().or_refuse());
    let ids = waiting.into_iter().map(|id| (pgrx::Uuid::from_bytes(*id.as_bytes()),));
    TableIterator::new(ids.collect::<Vec<_>>())
}
