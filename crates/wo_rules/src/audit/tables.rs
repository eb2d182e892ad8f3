//! The audit trail: the tables.

use crate::schema::groups::USERS;
use crate::schema::{Frozen, Policy, Role, Section, Table, columns};

/// Who attempted what, from which address, is for QA, administrators and auditors: it is personal
/// data, and it would show an intruder what was noticed.
const ATTEMPTS: Policy = Policy {
    name: "refused_attempts",
    is_restrictive: true,
    command: "select",
    roles: USERS,
    using: "subject <> 'refused_attempt' or (select wo_private.may_read_attempts())",
    deparsed: "((subject <> 'refused_attempt'::text) OR (SELECT wo_private.may_read_attempts() AS may_read_attempts))",
};

const TABLES: &[Table] = &[
    Table {
        name: "audit_entry",
        columns: columns! {
            tenant_id UUID, subject TEXT, subject_id UUID, sequence ORDINAL,
            recorded_at TIMESTAMPTZ, action TEXT, actor TEXT NULL, reason TEXT NULL,
            from_status TEXT NULL, to_status TEXT NULL, record_version BIGINT NULL, changes JSON,
            client_address TEXT NULL, application TEXT NULL, login_role TEXT,
            authenticated_by TEXT, transaction_id TEXT, previous_hash SHA256, entry_hash SHA256,
            position BIGINT,
        },
        key: &["tenant_id", "subject_id", "sequence", "recorded_at"],
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Ledger],
        partitioned_by: Some("recorded_at"),
        policies: &[ATTEMPTS],
        ..Table::LOG
    },
    Table {
        name: "audit_chain",
        columns: columns! {
            tenant_id UUID, subject TEXT, subject_key TEXT, subject_id UUID, chain_sequence BIGINT,
            chain_hash SHA256,
        },
        key: &["tenant_id", "subject", "subject_key"],
        frozen: Frozen::KeyAnd(&["subject_id"]),
        policies: &[ATTEMPTS],
        ..Table::SYSTEM
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
