//! The outbox: the tables.

use crate::schema::groups::{ADMINISTRATORS, ENFORCEMENT, USERS};
use crate::schema::{Policy, Role, Section, Sequence, Table, columns};

/// What was noticed of a refused attempt is for those who may read attempts in the trail.
const ATTEMPTS: Policy = Policy {
    name: "refused_attempts",
    is_restrictive: true,
    command: "select",
    roles: USERS,
    using: "type <> 'wo.guard_violation' or (select wo_private.may_read_attempts())",
    deparsed: "((type <> 'wo.guard_violation'::text) OR (SELECT wo_private.may_read_attempts() AS may_read_attempts))",
};

const READERS_OF_POSITIONS: &[Role] = &[
    Role::User,
    Role::Admin,
    Role::Auditor,
    Role::Monitor,
    Role::Bridge,
    Role::Trail,
    Role::Worker,
];

const TABLES: &[Table] = &[Table {
    name: "event",
    columns: columns! {
        tenant_id UUID, position BIGINT, timeline INTEGER, type TEXT, subject_id UUID,
        recorded_at TIMESTAMPTZ, traceparent TEXT NULL, data JSON,
    },
    key: &["tenant_id", "position", "recorded_at"],
    select: &[Role::User, Role::Admin, Role::Auditor, Role::Bridge, Role::Ledger, Role::Worker],
    partitioned_by: Some("recorded_at"),
    policies: &[ATTEMPTS],
    ..Table::LOG
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section {
    tables: TABLES,
    views: &[],
    sequences: &[
        Sequence { name: "event_position", select: READERS_OF_POSITIONS, usage: ENFORCEMENT },
        Sequence { name: "event_timeline", select: READERS_OF_POSITIONS, usage: ADMINISTRATORS },
    ],
};
