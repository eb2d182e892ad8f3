//! The policy of a tenant for a kind of definitions.

use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use uuid::Uuid;
use wo_rules::definition::{Policy, Release};

/// The policy of a tenant for a kind; the strictest where there is none.
pub fn of(tenant: Uuid, kind: &str) -> Policy {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("kind", kind)];
    find("definition_policy", "definition_policy_pkey", &key, in_row).unwrap_or_default()
}

/// The policy in a row; nothing where it releases in no known way, which the table's CHECK refuses.
pub fn in_row(row: &Row) -> Option<Policy> {
    Some(Policy {
        release: Release::parse(&row.named::<String>("release")?)?,
        author_role: row.named("author_role"),
        release_role: row.named("release_role"),
    })
}
