//! Which findings block, by the tenant's policy.

use crate::pg::lookup::{Key, find};
use uuid::Uuid;
use wo_rules::finding::Source;

/// Whether findings of that source block in the tenant.
pub fn blocks(tenant: Uuid, source: Source) -> bool {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("source", source.name())];
    find("finding_policy", "finding_policy_pkey", &key, |row| row.named::<bool>("blocking"))
        .unwrap_or(source.blocks_by_default())
}
