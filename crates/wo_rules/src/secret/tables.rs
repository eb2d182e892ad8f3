//! False alarms that were released: the table.

use crate::schema::{Frozen, Kind, Section, Table, columns};

const TABLES: &[Table] = &[Table {
    name: "false_alarm",
    columns: columns! {
        tenant_id UUID, id UUID, table_name TEXT, object TEXT NULL, column_name TEXT, pointer TEXT, kind TEXT,
        value_sha256 SHA256, reason REMARK, released_by TEXT, released_at TIMESTAMPTZ,
        withdrawn_by TEXT NULL, withdrawn_at TIMESTAMPTZ NULL, withdrawal_reason REMARK NULL,
    },
    key: &["tenant_id", "id"],
    kind: Kind::Configuration,
    frozen: Frozen::KeyAnd(&[
        "table_name",
        "object",
        "column_name",
        "pointer",
        "kind",
        "value_sha256",
        "reason",
        "released_by",
        "released_at",
    ]),
    ..Table::SYSTEM
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
