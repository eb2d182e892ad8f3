//! Consumers of events: the table.

use crate::schema::groups::ENFORCEMENT;
use crate::schema::{Frozen, Policy, Role, Section, Table, columns};

/// Consumers of all tenants' events belong to no tenant.
const BRIDGE: Policy = Policy {
    name: "bridge",
    is_restrictive: false,
    command: "select",
    roles: &[Role::Bridge],
    using: "tenant_id = '00000000-0000-0000-0000-000000000000' and wo_private.in_force()",
    deparsed: "((tenant_id = '00000000-0000-0000-0000-000000000000'::uuid) AND wo_private.in_force())",
};

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(&[Table {
    name: "event_consumer",
    columns: columns! {
        tenant_id UUID, consumer TEXT, owner TEXT NULL, owner_role TEXT NULL, position BIGINT,
        fetched_position BIGINT, start_position BIGINT, moved_from BIGINT NULL,
        acknowledged_at TIMESTAMPTZ,
    },
    key: &["tenant_id", "consumer"],
    frozen: Frozen::Key,
    select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Worker, Role::Ledger],
    delete: ENFORCEMENT,
    audited_columns: &["owner", "owner_role", "start_position", "moved_from"],
    policies: &[BRIDGE],
    ..Table::SYSTEM
}]);
