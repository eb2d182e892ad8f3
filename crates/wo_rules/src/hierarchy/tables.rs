//! Dependencies and the checks of the hierarchy: the tables.

use crate::schema::groups::READERS_AND_GUARDS;
use crate::schema::{Child, Kind, Section, Table, Writer, columns};

const TABLES: &[Table] = &[
    Table {
        name: "hierarchy_check",
        columns: columns! {
            tenant_id UUID, checked_at TIMESTAMPTZ, problems JSONB,
        },
        key: &["tenant_id"],
        ..Table::SYSTEM
    },
    Table {
        name: "hierarchy_head",
        columns: columns! {
            tenant_id UUID, changes BIGINT,
        },
        key: &["tenant_id"],
        writer: Writer::Grantees,
        ..Table::SYSTEM
    },
    Table {
        name: "dependency",
        columns: columns! {
            tenant_id UUID, successor_id UUID, predecessor_id UUID, kind TEXT, lag INTERVAL,
            holds_children BOOLEAN, added_by TEXT, added_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "successor_id", "predecessor_id"],
        kind: Kind::Child(Child {
            work_order: "successor_id",
            item: Some("predecessor_id"),
            actions: Some(["dependency_added", "dependency_changed", "dependency_removed"]),
            written: Some(("added_by", "added_at")),
            reason: None,
            covers: None,
        }),
        select: READERS_AND_GUARDS,
        ..Table::CHILD
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
