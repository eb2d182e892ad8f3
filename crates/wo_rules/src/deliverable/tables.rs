//! What work orders have of deliverables: the versions that were received, and their reviews.

use crate::approval::content::Covers;
use crate::schema::groups::NOBODY;
use crate::schema::{Child, Frozen, Kind, Section, Table, columns};

const TABLES: &[Table] = &[
    Table {
        name: "deliverable",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, ordinal ORDINAL, name SHORT_TEXT, kind TEXT, required BOOLEAN,
            uri DOCUMENT, sha256 SHA256, size BIGINT NULL, media_type SHORT_TEXT NULL, supersedes UUID NULL,
            reason REMARK NULL, received_from TEXT, received_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: Some(["deliverable_added", "deliverable_changed", "deliverable_removed"]),
            written: Some(("received_from", "received_at")),
            reason: None,
            covers: Some(Covers::Result),
        }),
        frozen: Frozen::Row,
        update: NOBODY,
        delete: NOBODY,
        ..Table::CHILD
    },
    Table {
        name: "deliverable_review",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, ordinal ORDINAL, deliverable_id UUID, verdict TEXT,
            reason REMARK, reviewed_by TEXT, reviewed_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: Some([
                "deliverable_reviewed",
                "deliverable_review_changed",
                "deliverable_review_removed",
            ]),
            written: Some(("reviewed_by", "reviewed_at")),
            reason: Some("reason"),
            covers: Some(Covers::Result),
        }),
        frozen: Frozen::Row,
        update: NOBODY,
        delete: NOBODY,
        ..Table::CHILD
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
