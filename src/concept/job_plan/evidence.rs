//! The plan and the steps of a work order, as they are read, and as they stand in its evidence package.

use super::stored::{Pinned, pinned};
use crate::kernel::concept::EvidenceSection;
use crate::kernel::document::times_as_in_documents;
use crate::pg::error::damaged;
use crate::pg::jsonb::Document;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_rules::job_plan::shown;
use wo_rules::refusal::Refusal;

statement!(
    ROWS,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(recorded) - 'tenant_id' - 'work_order_id'
            || pg_catalog.jsonb_build_object('sha256', pg_catalog.encode(recorded.sha256, 'hex')) order by recorded.ordinal), '[]')
     from wo.step_result as recorded where recorded.tenant_id = $1 and recorded.work_order_id = $2",
    [UUIDOID, UUIDOID]
);

/// The steps of a work order with what was recorded of them, as the mode shows them to the current user.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn steps(
    mode: Mode,
    tenant: Uuid,
    work_order: Uuid,
    pinned: &Pinned,
) -> Result<Value, Refusal> {
    let compiled = as_trail(|| pinned.compiled(tenant))?;
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    let mut rows = ROWS
        .with(|statement| statement.run(mode, &place, |rows| rows.required::<Document>(0, 1).0));
    times_as_in_documents(&mut rows);
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    shown(&compiled.plan, &compiled.document, &pinned.parameters, rows)
        .map_err(|what| damaged(&what))
}

/// The section `job_plan`: the pinned version with its document, and the steps; nothing where there is no plan.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn section(tenant: Uuid, work_order: Uuid) -> Result<Vec<EvidenceSection>, Refusal> {
    let Some(pinned) = pinned(Mode::Latest, tenant, work_order) else { return Ok(Vec::new()) };
    let steps = steps(Mode::Latest, tenant, work_order, &pinned)?;
    let document = pinned.compiled(tenant)?.document.clone();
    let section = json!({
        "name": pinned.name,
        "version": pinned.version,
        "sha256": hex::encode(&pinned.sha256),
        "parameters": pinned.parameters,
        "document": document,
        "steps": steps,
    });
    let named = EvidenceSection::new("job_plan", &section);
    Ok(vec![named.naming(&section["steps"], &["performed_by", "witnessed_by", "decided_by"])])
}
