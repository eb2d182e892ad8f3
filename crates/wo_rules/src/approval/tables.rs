//! Signatures, the keys that they are made with, and who has to sign: the tables.

use crate::schema::groups::{ADMINISTRATORS, ENFORCEMENT, READERS_AND_GUARDS};
use crate::schema::{Child, Frozen, Kind, Role, Section, Table, Trigger, columns};

const WORKER: &[Role] = &[Role::Worker];

const TABLES: &[Table] = &[
    Table {
        name: "signing_key",
        columns: columns! {
            tenant_id UUID, key_id TEXT, principal TEXT, public_key BYTEA, enrolled_by TEXT,
            enrolled_at TIMESTAMPTZ, verified_by TEXT NULL, verified_at TIMESTAMPTZ NULL,
            verification REMARK NULL, expires_at TIMESTAMPTZ, expiry_notified_at TIMESTAMPTZ NULL,
            retired_at TIMESTAMPTZ NULL, revoked_at TIMESTAMPTZ NULL,
            revocation_reason REMARK NULL,
        },
        key: &["tenant_id", "key_id"],
        kind: Kind::Configuration,
        frozen: Frozen::KeyAnd(&[
            "principal",
            "public_key",
            "enrolled_by",
            "enrolled_at",
            "expires_at",
        ]),
        opaque: &["key_id"],
        ..Table::SYSTEM
    },
    Table {
        name: "delegation",
        columns: columns! {
            tenant_id UUID, id UUID, parent_id UUID NULL, delegator TEXT, delegate TEXT, role TEXT,
            lifecycle SHORT_TEXT NULL, meaning SHORT_TEXT NULL, starts_at TIMESTAMPTZ,
            ends_at TIMESTAMPTZ, end_notified_at TIMESTAMPTZ NULL, reason REMARK,
            created_at TIMESTAMPTZ, revoked_at TIMESTAMPTZ NULL, revocation_reason REMARK NULL,
        },
        key: &["tenant_id", "id"],
        kind: Kind::Configuration,
        frozen: Frozen::KeyAnd(&[
            "parent_id",
            "delegator",
            "delegate",
            "role",
            "lifecycle",
            "meaning",
            "starts_at",
            "ends_at",
            "reason",
            "created_at",
        ]),
        ..Table::SYSTEM
    },
    Table {
        name: "approval_requirement",
        columns: columns! {
            tenant_id UUID, name TEXT, lifecycle SHORT_TEXT NULL, action SHORT_TEXT, role TEXT,
            meaning TEXT, count INTEGER, ordinal INTEGER, when REMARK NULL, covers TEXT,
            disabled_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "name"],
        is_cached: true,
        ..Table::CONFIGURATION
    },
    Table {
        name: "business_calendar",
        columns: columns! {
            tenant_id UUID, name TEXT, time_zone SHORT_TEXT, working_hours JSON_DOCUMENT,
            holidays DATE_LIST,
        },
        key: &["tenant_id", "name"],
        delete: ADMINISTRATORS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "approval_sla",
        columns: columns! {
            tenant_id UUID, role TEXT, hours NUMERIC, calendar TEXT NULL, escalation JSON_DOCUMENT,
        },
        key: &["tenant_id", "role"],
        delete: ADMINISTRATORS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "signature_challenge",
        columns: columns! {
            tenant_id UUID, id UUID, work_order_id UUID, signer TEXT, payload TEXT,
            requested_at TIMESTAMPTZ, expires_at TIMESTAMPTZ, used_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "id"],
        frozen: Frozen::KeyAnd(&[
            "work_order_id",
            "signer",
            "payload",
            "requested_at",
            "expires_at",
        ]),
        delete: ENFORCEMENT,
        // What nobody answered in time proves nothing; what was answered stays, so that it is answered once.
        undeletable: Some("old.used_at is not null or old.expires_at > now() - interval '1 day'"),
        ..Table::SYSTEM
    },
    Table {
        name: "approval",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, action TEXT, from_status TEXT,
            to_status TEXT, role TEXT, meaning TEXT, covers TEXT, decision TEXT, reason TEXT NULL,
            signer TEXT, printed_name TEXT, on_behalf_of TEXT NULL, delegation_id UUID NULL,
            key_id TEXT, record_version BIGINT, content_sha256 SHA256, time_zone TEXT,
            signed_at TIMESTAMPTZ, payload TEXT, signature BYTEA, amended_at TIMESTAMPTZ NULL,
            voided_at TIMESTAMPTZ NULL, withdrawn_at TIMESTAMPTZ NULL, state_reason TEXT NULL,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: None,
            written: None,
            reason: None,
            covers: None,
        }),
        frozen: Frozen::KeyAnd(&[
            "action",
            "from_status",
            "to_status",
            "role",
            "meaning",
            "covers",
            "decision",
            "reason",
            "signer",
            "printed_name",
            "on_behalf_of",
            "delegation_id",
            "key_id",
            "record_version",
            "content_sha256",
            "time_zone",
            "signed_at",
            "payload",
            "signature",
        ]),
        opaque: &["key_id", "payload"],
        select: READERS_AND_GUARDS,
        ..Table::SYSTEM
    },
    Table {
        name: "approval_request",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, action TEXT, role TEXT, meaning TEXT,
            required INTEGER, ordinal INTEGER, requested_at TIMESTAMPTZ, deadline TIMESTAMPTZ NULL,
            next_escalation TIMESTAMPTZ NULL, escalations INTEGER, closed_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: None,
            written: None,
            reason: None,
            covers: None,
        }),
        frozen: Frozen::KeyAnd(&[
            "action",
            "role",
            "meaning",
            "required",
            "ordinal",
            "requested_at",
            "deadline",
        ]),
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Trail, Role::Worker],
        ..Table::SYSTEM
    },
    Table {
        name: "waiver",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, child_id UUID, approval_id UUID, reason TEXT,
            waived_by TEXT, waived_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id", "child_id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("child_id"),
            actions: None,
            written: None,
            reason: None,
            covers: None,
        }),
        select: READERS_AND_GUARDS,
        triggers: &[Trigger {
            name: "settle",
            event: "after insert",
            when: None,
            function: "settle",
            is_always: false,
            is_deferred: true,
        }],
        ..Table::LOG
    },
    Table {
        name: "act_signature",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, kind TEXT, subject TEXT, meaning TEXT,
            decision TEXT NULL, role TEXT, reason TEXT NULL, signer TEXT, printed_name TEXT, key_id TEXT,
            content TEXT, content_sha256 SHA256, time_zone TEXT, signed_at TIMESTAMPTZ, payload TEXT,
            signature BYTEA,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: None,
            written: None,
            reason: None,
            covers: None,
        }),
        opaque: &["key_id", "content", "payload"],
        select: READERS_AND_GUARDS,
        ..Table::LOG
    },
    Table {
        name: "approval_rollup",
        columns: columns! {
            tenant_id UUID, role TEXT, within_seconds NUMERIC, signed_count BIGINT,
            waited_seconds NUMERIC,
        },
        key: &["tenant_id", "role", "within_seconds"],
        select: &[Role::User, Role::Admin, Role::Auditor, Role::Worker],
        insert: WORKER,
        update: WORKER,
        delete: WORKER,
        ..Table::SYSTEM
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
