//! Engines and the types of task that they execute: the tables.

use crate::schema::groups::ADMINISTRATORS;
use crate::schema::{Child, Kind, Section, Table, columns};

const TABLES: &[Table] = &[
    Table {
        name: "task_type",
        columns: columns! {
            tenant_id UUID, task_type TEXT, cost_class TEXT, description REMARK,
        },
        key: &["tenant_id", "task_type"],
        delete: ADMINISTRATORS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "engine",
        columns: columns! {
            tenant_id UUID, engine TEXT, cost_class TEXT, capabilities TEXT_LIST,
            description REMARK, disabled_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "engine"],
        ..Table::CONFIGURATION
    },
    Table {
        name: "engine_override",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, engine TEXT, reason TEXT, overridden_by TEXT,
            overridden_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: None,
            actions: Some(["engine_overridden", "engine_overridden", "engine_override_withdrawn"]),
            written: Some(("overridden_by", "overridden_at")),
            reason: Some("reason"),
            covers: None,
        }),
        ..Table::CHILD
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
