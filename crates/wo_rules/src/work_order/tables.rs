//! Work orders: the tables.

use crate::schema::groups::{NOBODY, READERS_AND_GUARDS, USERS};
use crate::schema::{Frozen, Kind, Role, Section, Table, Trigger, View, columns};

const TABLES: &[Table] = &[Table {
    name: "work_order",
    columns: columns! {
        tenant_id UUID, id UUID, wo_number ORDER_NUMBER, lifecycle TEXT,
        lifecycle_version INTEGER, status TEXT, version BIGINT, revision INTEGER, title TITLE,
        description DOCUMENT NULL, priority TEXT NULL, project SHORT_TEXT NULL,
        requester TEXT NULL, originator TEXT, assignee TEXT NULL, source WORK_SOURCE,
        regulatory BOOLEAN, asset SHORT_TEXT NULL, task_type TEXT NULL, due_date DATE NULL,
        planned_start TIMESTAMPTZ NULL, planned_end TIMESTAMPTZ NULL,
        actual_start TIMESTAMPTZ NULL, actual_end TIMESTAMPTZ NULL, estimated_hours HOURS NULL,
        actual_hours HOURS NULL, tags TEXT_LIST, acceptance_criteria DOCUMENT NULL,
        deliverables DOCUMENT NULL, notes DOCUMENT NULL, review_notes DOCUMENT NULL,
        completion_summary DOCUMENT NULL, deficiencies TEXT_LIST, block_cause BLOCK_CAUSE NULL, metadata JSON_MAP,
        reason TEXT NULL, idempotency_key IDEMPOTENCY_KEY NULL, request_sha256 SHA256 NULL,
        created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, locked_at TIMESTAMPTZ NULL, archived_at TIMESTAMPTZ NULL,
        state_deadline TIMESTAMPTZ NULL, state_deadline_notified_at TIMESTAMPTZ NULL,
        master_id UUID NULL, required BOOLEAN, hierarchy_policy JSON_MAP NULL,
        chain_sequence ORDINAL, chain_hash SHA256,
    },
    key: &["tenant_id", "id"],
    kind: Kind::WorkOrder,
    frozen: Frozen::KeyAnd(&[
        "wo_number",
        "originator",
        "created_at",
        "idempotency_key",
        "request_sha256",
    ]),
    select: READERS_AND_GUARDS,
    opaque: &["idempotency_key"],
    insert: USERS,
    update: &[Role::User, Role::Admin, Role::Trail],
    triggers: &[Trigger {
        name: "settle",
        event: "after update",
        when: Some(
            "old.locked_at is distinct from new.locked_at or old.master_id is distinct from new.master_id",
        ),
        function: "settle",
        is_always: false,
        is_deferred: true,
    }],
    ..Table::CONFIGURATION
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section {
    tables: TABLES,
    views: &[
        View {
            name: "work_order_import",
            select: USERS,
            insert: USERS,
            triggers: &[Trigger {
                name: "import",
                event: "instead of insert",
                when: None,
                function: "work_order_import",
                is_always: false,
                is_deferred: false,
            }],
        },
        View {
            name: "overdue",
            select: &[Role::User, Role::Admin, Role::Auditor],
            insert: NOBODY,
            triggers: &[],
        },
    ],
    sequences: &[],
};
