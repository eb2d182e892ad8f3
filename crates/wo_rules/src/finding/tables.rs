//! Findings, and the view of the attempts that lead to them: the tables.

use crate::schema::groups::{ADMINISTRATORS, NOBODY};
use crate::schema::{Frozen, Role, Section, Table, View, columns};

const TABLES: &[Table] = &[
    Table {
        name: "finding_policy",
        columns: columns! { tenant_id UUID, source FINDING_SOURCE, blocking BOOLEAN },
        key: &["tenant_id", "source"],
        delete: ADMINISTRATORS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "finding",
        columns: columns! {
            tenant_id UUID, id UUID, work_order_id UUID NULL, source FINDING_SOURCE,
            severity FINDING_SEVERITY, category FINDING_CATEGORY, title TITLE, description DOCUMENT NULL,
            blocking BOOLEAN, due_date DATE NULL, capa_reference SHORT_TEXT NULL, opened_at TIMESTAMPTZ,
            opened_by TEXT NULL, code TEXT NULL, guard TEXT NULL, opened_for TEXT NULL, actors TEXT_LIST,
            attempts BIGINT NULL, entry_sequence BIGINT NULL, closed_at TIMESTAMPTZ NULL,
            closed_by TEXT NULL, resolution TEXT NULL, decided_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "id"],
        frozen: Frozen::KeyAnd(&["work_order_id", "source", "opened_at", "opened_by", "code"]),
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Worker],
        insert: &[Role::User, Role::Trail],
        update: &[Role::User, Role::Trail],
        ..Table::CONFIGURATION
    },
];

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
