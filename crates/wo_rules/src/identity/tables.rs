//! Identity and tenancy: the tables.

use crate::schema::groups::{ADMINISTRATORS, NOBODY, READERS_AND_GUARDS};
use crate::schema::{Frozen, Role, Section, Table, Trigger, Writer, columns};

const TABLES: &[Table] = &[
    Table {
        name: "tenant",
        columns: columns! {
            tenant_id UUID, slug TEXT, name TEXT, default_lifecycle SHORT_TEXT,
            number_format SHORT_TEXT, hierarchy_policy JSON_MAP, linked_work_needs_plan BOOLEAN,
            disabled_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id"],
        frozen: Frozen::KeyAnd(&["slug"]),
        select: READERS_AND_GUARDS,
        is_cached: true,
        ..Table::CONFIGURATION
    },
    Table {
        name: "role",
        columns: columns! {
            tenant_id UUID, role TEXT, description REMARK,
        },
        key: &["tenant_id", "role"],
        select: READERS_AND_GUARDS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "principal",
        columns: columns! {
            tenant_id UUID, id TEXT, kind TEXT, name TEXT, db_role SHORT_TEXT NULL,
            assignable BOOLEAN, manager TEXT NULL, disabled_at TIMESTAMPTZ NULL, attributes JSON_MAP,
        },
        key: &["tenant_id", "id"],
        select: READERS_AND_GUARDS,
        // Where nobody gives a name, it is the id.
        opaque: &["id", "name"],
        is_cached: true,
        triggers: &[Trigger {
            name: "directory",
            event: "after insert or update of db_role",
            when: None,
            function: "principal_directory",
            is_always: false,
            is_deferred: false,
        }],
        ..Table::CONFIGURATION
    },
    Table {
        name: "principal_role",
        columns: columns! {
            tenant_id UUID, principal TEXT, role TEXT,
        },
        key: &["tenant_id", "principal", "role"],
        frozen: Frozen::Row,
        select: READERS_AND_GUARDS,
        update: NOBODY,
        delete: ADMINISTRATORS,
        is_cached: true,
        ..Table::CONFIGURATION
    },
    Table {
        name: "login_directory",
        columns: columns! {
            db_role TEXT, tenant_id UUID, principal TEXT,
        },
        key: &["db_role"],
        writer: Writer::Grantees,
        frozen: Frozen::Row,
        select: &[Role::Admin, Role::Auditor, Role::Identity],
        insert: &[Role::Identity],
        update: NOBODY,
        delete: &[Role::Identity],
        ..Table::SYSTEM
    },
    Table {
        name: "trusted_issuer",
        columns: columns! {
            tenant_id UUID, issuer TEXT, key_id TEXT, public_key BYTEA, audience SHORT_TEXT,
            disabled_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "issuer", "key_id"],
        frozen: Frozen::KeyAnd(&["public_key"]),
        opaque: &["key_id"],
        is_cached: true,
        ..Table::CONFIGURATION
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
