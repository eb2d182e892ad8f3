//! The deliverables of a work order in its evidence package.

use super::stored::Stored;
use crate::kernel::concept::EvidenceSection;
use crate::pg::statement::Mode;
use uuid::Uuid;
use wo_rules::refusal::Refusal;

/// The section `deliverables`; nothing where none is expected and none was received.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn section(tenant: Uuid, work_order: Uuid) -> Result<Vec<EvidenceSection>, Refusal> {
    let stored = Stored::read(Mode::Latest, tenant, work_order)?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let shown = stored.shown()?;
    let named = EvidenceSection::new("deliverables", &shown);
    Ok(vec![named.naming(&shown, &["received_from", "reviewed_by"])])
}
