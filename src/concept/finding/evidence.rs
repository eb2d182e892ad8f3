//! The findings in a work order's evidence package.

use crate::kernel::concept::EvidenceSection;
use crate::kernel::document::{required, times_as_in_documents};
use crate::pg::statement::{statement, uuid as uuid_argument};
use uuid::Uuid;
use wo_rules::refusal::Refusal;

// Every column, those of later versions too.
statement!(
    OF_WORK_ORDER,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(opened) - 'tenant_id' order by opened.opened_at, opened.id),
        '[]')
     from wo.finding as opened where opened.tenant_id = $1 and opened.work_order_id = $2",
    [UUIDOID, UUIDOID]
);

/// The section: each finding with all of its columns.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn section(tenant: Uuid, work_order: Uuid) -> Result<EvidenceSection, Refusal> {
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    let mut findings = required(&OF_WORK_ORDER, &place, "the list of findings")?;
    times_as_in_documents(&mut findings);
    let mut section = EvidenceSection::new("findings", &findings)
        .naming(&findings, &["opened_for", "closed_by", "opened_by"]);
    let actors =
        findings.as_array().into_iter().flatten().filter_map(|one| one["actors"].as_array());
    section.principals.extend(actors.flatten().filter_map(|id| id.as_str().map(str::to_owned)));
    Ok(section)
}
