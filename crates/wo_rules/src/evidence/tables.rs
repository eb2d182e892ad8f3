//! Evidence packages: the tables.

use crate::schema::{Section, Table, columns};

const TABLES: &[Table] = &[Table {
    name: "evidence",
    columns: columns! {
        tenant_id UUID, work_order_id UUID, made_at TIMESTAMPTZ, package TEXT, sha256 SHA256,
    },
    key: &["tenant_id", "work_order_id"],
    ..Table::LOG
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
