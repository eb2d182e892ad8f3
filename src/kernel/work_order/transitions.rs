//! What can be done next: every edge from where a work order stands.

use super::layout::{Column, Layout};
use super::row::{RecordView, WorkOrderRow, lifecycle_of};
use super::{actor_roles, facts_for};
use crate::kernel::identity;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::row::Row;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::json;
use wo_rules::lifecycle::Transition;
use wo_rules::refusal::Refusal;

statement!(
    WHOLE,
    "select held.* from wo.work_order as held where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID]
);

type Edge =
    (String, String, bool, bool, bool, Vec<String>, pgrx::JsonB, pgrx::JsonB, Vec<String>, String);

/// Every edge from the work order's state, and what the caller lacks for it.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn allowed_transitions(
    work_order: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(action, String),
        name!(to_status, String),
        name!(allowed, bool),
        name!(permitted, bool),
        name!(reason_required, bool),
        name!(missing_fields, Vec<String>),
        name!(guards, pgrx::JsonB),
        name!(approvals, pgrx::JsonB),
        name!(who, Vec<String>),
        name!(why, String),
    ),
> {
    crate::kernel::install::check_tables();
    TableIterator::new(edges(work_order.unwrap_or_default()).or_refuse())
}

fn edges(work_order: &str) -> Result<Vec<Edge>, Refusal> {
    let acting = identity::required()?;
    let id = super::find(acting.tenant, work_order)?;
    let standing = actor_roles::of(&acting)?;
    let arguments = [uuid_argument(acting.tenant), uuid_argument(id)];
    WHOLE.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            let row = Row::of_rows(rows, 0).ok_or_else(|| damaged("a work order went away"))?;
            let layout = Layout::found_in(&row);
            let seen = WorkOrderRow::new(&row, &layout);
            let lifecycle = lifecycle_of(acting.tenant, &seen);
            let facets = RecordView::of(&seen);
            let status: String = row.get(layout.column(Column::Status)).unwrap_or_default();
            let edges = || lifecycle.edges_from(&status);
            let from_here: Vec<&Transition> = edges().collect();
            let facts = facts_for(acting.tenant, &seen, &lifecycle, &from_here, false);
            let reports = lifecycle.allowed_transitions(
                &standing.actor(),
                &facets.record(),
                seen.filled(),
                &seen,
                &facts,
            );
            Ok(reports
                .into_iter()
                .map(|edge| {
                    let approvals: Vec<_> = edge
                        .approvals
                        .iter()
                        .map(|missing| json!({"role": missing.role, "meaning": missing.meaning}))
                        .collect();
                    (
                        edge.action.to_owned(),
                        edge.to.to_owned(),
                        edge.allowed,
                        edge.permitted,
                        edge.reason_required,
                        edge.missing_fields.iter().map(|field| (*field).to_owned()).collect(),
                        pgrx::JsonB(json!(edge.guards)),
                        pgrx::JsonB(json!(approvals)),
                        edge.who.iter().map(|role| (*role).to_owned()).collect(),
                        edge.why,
                    )
                })
                .collect())
        })
    })
}
