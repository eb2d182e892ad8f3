//! Times in state: the table of the figures.

use crate::schema::{Role, Section, Table, columns};

const READERS: &[Role] = &[Role::User, Role::Admin, Role::Auditor, Role::Worker];
const WORKER: &[Role] = &[Role::Worker];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(&[Table {
    name: "state_rollup",
    columns: columns! {
        tenant_id UUID, lifecycle TEXT, state TEXT, entered_count BIGINT, left_count BIGINT,
        entered_seconds NUMERIC, left_seconds NUMERIC,
    },
    key: &["tenant_id", "lifecycle", "state"],
    select: READERS,
    insert: WORKER,
    update: WORKER,
    delete: WORKER,
    ..Table::SYSTEM
}]);
