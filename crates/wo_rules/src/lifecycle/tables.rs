//! Lifecycles and the guard functions that they name: the tables.

use crate::schema::groups::{ADMINISTRATORS, READERS_AND_GUARDS};
use crate::schema::{Section, Table, columns};

const TABLES: &[Table] = &[
    crate::definition::table("lifecycle"),
    Table {
        name: "guard_function",
        columns: columns! {
            tenant_id UUID, name TEXT, function_name SHORT_TEXT, description REMARK,
        },
        key: &["tenant_id", "name"],
        select: READERS_AND_GUARDS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "state_limit",
        columns: columns! {
            tenant_id UUID, lifecycle SHORT_TEXT, state SHORT_TEXT, maximum_hours NUMERIC NULL,
        },
        key: &["tenant_id", "lifecycle", "state"],
        delete: ADMINISTRATORS,
        ..Table::CONFIGURATION
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
