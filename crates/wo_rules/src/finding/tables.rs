//! Findings, and the view of the attempts that lead to them: the tables.

use crate::schema::groups::{ENFORCEMENT, NOBODY};
use crate::schema::{Frozen, Role, Section, Table, View, columns};

const TABLES: &[Table] = &[Table {
    name: "finding",
    columns: columns! {
        tenant_id UUID, id UUID, work_order_id UUID, code TEXT, guard TEXT,
        opened_at TIMESTAMPTZ, opened_for TEXT NULL, actors TEXT_LIST, attempts BIGINT,
        summary TEXT, entry_sequence BIGINT, closed_at TIMESTAMPTZ NULL, closed_by TEXT NULL,
        resolution TEXT NULL,
    },
    key: &["tenant_id", "id"],
    frozen: Frozen::KeyAnd(&["work_order_id", "code", "opened_at"]),
    select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Worker],
    insert: ENFORCEMENT,
    update: &[Role::User, Role::Trail],
    ..Table::CONFIGURATION
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section {
    tables: TABLES,
    views: &[View {
        name: "refused_attempt",
        select: &[Role::User, Role::Admin, Role::Auditor],
        insert: NOBODY,
        triggers: &[],
    }],
    sequences: &[],
};
