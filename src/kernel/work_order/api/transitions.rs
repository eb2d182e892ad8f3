//! What can be done next: every edge from where a work order stands.

use crate::kernel::identity;
use crate::kernel::work_order::record::reference::find;
use crate::kernel::work_order::record::row::{RecordView, lifecycle_of};
use crate::kernel::work_order::record::view::{Reading, read};
use crate::kernel::work_order::record::{actor_roles, unfinished};
use crate::kernel::work_order::triggers::facts::facts_for;
use crate::pg::error::OrRefuse;
use pgrx::prelude::*;
use serde_json::json;
use wo_rules::lifecycle::Transition;
use wo_rules::reference::unknown;
use wo_rules::refusal::Refusal;

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
    crate::kernel::version::check_tables();
    TableIterator::new(edges(work_order.unwrap_or_default()).or_refuse())
}

fn edges(work_order: &str) -> Result<Vec<Edge>, Refusal> {
    let acting = identity::required()?;
    let id = find(acting.tenant, work_order)?;
    let standing = actor_roles::of(&acting)?;
    // As the calling statement sees it, so that it agrees with what wo.get_work_order_detail gives.
    let reports = read(Reading::AsCaller, acting.tenant, id, |seen| {
        let lifecycle = lifecycle_of(acting.tenant, seen);
        let view = RecordView::of(seen);
        let from_here: Vec<&Transition> = lifecycle.edges_from(&view.status).collect();
        let facts = facts_for(acting.tenant, seen, &lifecycle, &from_here, false)
            .map_err(unfinished::refusal)?;
        Ok(lifecycle
            .allowed_transitions(&standing.actor(), &view.record(), seen.filled(), seen, &facts)
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
    });
    reports.unwrap_or_else(|| Err(unknown(work_order)))
}
