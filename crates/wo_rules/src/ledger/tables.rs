//! The ledger of all tenants' audit entries: the tables.

use crate::schema::{ColumnGrant, Role, Section, Table, Tenancy, Trigger, columns};

const LEDGER: &[Role] = &[Role::Ledger];

/// A tile grows at its end until it is full; what it holds never changes.
const FORBID_HASH_CHANGE: Trigger = Trigger {
    name: "forbid_hash_change",
    event: "before update",
    when: Some(
        "octet_length(old.hashes) >= 8192
        or substr(new.hashes, 1, octet_length(old.hashes)) is distinct from old.hashes
        or substr(new.names, 1, octet_length(old.names)) is distinct from old.names",
    ),
    function: "refuse_change",
    is_always: true,
    is_deferred: false,
};

const TABLES: &[Table] = &[
    Table {
        name: "ledger_tile",
        columns: columns! {
            level SMALLINT, tile_index BIGINT, hashes BYTEA, names BYTEA NULL,
            last_position BIGINT NULL,
        },
        key: &["level", "tile_index"],
        tenancy: Tenancy::Installation,
        select: LEDGER,
        insert: LEDGER,
        update: LEDGER,
        select_columns: Some(ColumnGrant {
            roles: &[Role::User, Role::Admin, Role::Auditor, Role::Monitor, Role::Bridge],
            columns: &["level", "tile_index", "hashes", "last_position"],
        }),
        triggers: &[FORBID_HASH_CHANGE],
        ..Table::SYSTEM
    },
    Table {
        name: "ledger_checkpoint",
        columns: columns! {
            size BIGINT, root SHA256, position BIGINT, timeline INTEGER, sealed_at TIMESTAMPTZ,
            signed_by TEXT, note TEXT,
        },
        key: &["size"],
        tenancy: Tenancy::Installation,
        select: &[
            Role::User,
            Role::Admin,
            Role::Auditor,
            Role::Monitor,
            Role::Bridge,
            Role::Ledger,
        ],
        insert: LEDGER,
        ..Table::LOG
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
