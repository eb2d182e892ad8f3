//! Archives of months that have left the database: the tables.

use crate::schema::{Frozen, Role, Section, Table, columns};

const TABLES: &[Table] = &[
    Table {
        name: "archive",
        columns: columns! {
            tenant_id UUID, name TEXT, source TEXT, from_time TIMESTAMPTZ, to_time TIMESTAMPTZ,
            lines BIGINT, chains BIGINT, first_leaf BIGINT NULL, last_leaf BIGINT NULL,
            first_position BIGINT NULL, last_position BIGINT NULL, data_sha256 SHA256,
            proof_sha256 SHA256, checkpoint_size BIGINT NULL, archived_at TIMESTAMPTZ,
            detached_at TIMESTAMPTZ NULL, restored_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "name"],
        frozen: Frozen::KeyAnd(&[
            "source",
            "from_time",
            "to_time",
            "lines",
            "chains",
            "first_leaf",
            "last_leaf",
            "first_position",
            "last_position",
            "data_sha256",
            "proof_sha256",
            "checkpoint_size",
            "archived_at",
        ]),
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Ledger],
        ..Table::SYSTEM
    },
    Table {
        name: "archived_chain",
        columns: columns! {
            tenant_id UUID, subject_id UUID, archive TEXT, sequence ORDINAL, entry_hash SHA256,
            state_sha256 SHA256, state TEXT,
        },
        key: &["tenant_id", "subject_id", "archive"],
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Ledger],
        ..Table::LOG
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
