//! The outbox: the tables.

use crate::schema::groups::{ADMINISTRATORS, ENFORCEMENT};
use crate::schema::{Policy, Role, Section, Sequence, Table, Writer, columns};

/// Consumers of all tenants' events belong to no tenant.
const BRIDGE: Policy = Policy {
    name: "bridge",
    is_restrictive: false,
    command: "all",
    roles: &[Role::Bridge],
    using: "tenant_id = '00000000-0000-0000-0000-000000000000' and wo_private.in_force()",
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

const TABLES: &[Table] = &[
    Table {
        name: "event",
        columns: columns! {
            tenant_id UUID, position BIGINT, timeline INTEGER, type TEXT, subject_id UUID,
            recorded_at TIMESTAMPTZ, traceparent TEXT NULL, data JSON,
        },
        key: &["tenant_id", "position", "recorded_at"],
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Bridge, Role::Ledger],
        partitioned_by: Some("recorded_at"),
        ..Table::LOG
    },
    Table {
        name: "event_consumer",
        columns: columns! {
            tenant_id UUID, consumer TEXT, position BIGINT, acknowledged_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "consumer"],
        writer: Writer::Grantees,
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Worker, Role::Ledger],
        insert: &[Role::User, Role::Admin],
        update: &[Role::User, Role::Admin],
        delete: &[Role::User, Role::Admin],
        policies: &[BRIDGE],
        ..Table::SYSTEM
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section {
    tables: TABLES,
    views: &[],
    sequences: &[
        Sequence { name: "event_position", select: READERS_OF_POSITIONS, usage: ENFORCEMENT },
        Sequence { name: "event_timeline", select: READERS_OF_POSITIONS, usage: ADMINISTRATORS },
    ],
};
