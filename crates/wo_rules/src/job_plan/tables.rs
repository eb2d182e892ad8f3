//! What work orders have of job plans: the pinned version, and what was recorded of its steps.

use crate::approval::content::Covers;
use crate::definition;
use crate::schema::groups::NOBODY;
use crate::schema::{Child, Frozen, Kind, Section, Table, columns};

const TABLES: &[Table] = &[
    definition::table("job_plan"),
    Table {
        name: "work_order_job_plan",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, name SHORT_TEXT, version INTEGER, sha256 SHA256,
            parameters JSON_MAP, reason REMARK, applied_by TEXT, applied_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: None,
            actions: Some(["job_plan_applied", "job_plan_moved", "job_plan_removed"]),
            written: Some(("applied_by", "applied_at")),
            reason: Some("reason"),
            covers: Some(Covers::Plan),
        }),
        frozen: Frozen::KeyAnd(&["name"]),
        delete: NOBODY,
        ..Table::CHILD
    },
    Table {
        name: "step_result",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, ordinal ORDINAL, step SHORT_TEXT, act TEXT,
            value DOCUMENT NULL, unit SHORT_TEXT NULL, verdict TEXT NULL, sha256 SHA256 NULL, corrects UUID NULL,
            concerns UUID NULL, credentials JSON_MAP NULL, plan_version INTEGER, reason REMARK NULL,
            signature_id UUID NULL, performed_by TEXT, performed_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: Some(["step_recorded", "step_result_changed", "step_result_removed"]),
            written: Some(("performed_by", "performed_at")),
            reason: None,
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
