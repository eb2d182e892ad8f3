//! What work orders have of credentials: who was granted which, for which step.

use crate::schema::groups::NOBODY;
use crate::schema::{Child, Frozen, Kind, Section, Table, columns};

const TABLES: &[Table] = &[Table {
    name: "credential_grant",
    columns: columns! {
        tenant_id UUID, work_order_id UUID, jti UUID, step SHORT_TEXT, credential SHORT_TEXT, reference REMARK,
        principal TEXT, requested_at TIMESTAMPTZ, expires_at TIMESTAMPTZ,
    },
    key: &["tenant_id", "work_order_id", "jti"],
    kind: Kind::Child(Child {
        work_order: "work_order_id",
        item: Some("jti"),
        actions: Some([
            "credential_granted",
            "credential_grant_changed",
            "credential_grant_removed",
        ]),
        written: Some(("principal", "requested_at")),
        reason: None,
        covers: None,
    }),
    frozen: Frozen::Row,
    update: NOBODY,
    delete: NOBODY,
    ..Table::CHILD
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
