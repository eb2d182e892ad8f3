//! The versions of the tables: the tables.

use crate::schema::groups::NOBODY;
use crate::schema::{Role, Section, Table, Tenancy, Writer, columns};

const TABLES: &[Table] = &[Table {
    name: "schema_version",
    columns: columns! {
        version TEXT, sha256 TEXT, installed_at TIMESTAMPTZ, installed_by TEXT,
    },
    key: &["version"],
    writer: Writer::Grantees,
    tenancy: Tenancy::Installation,
    select: &[Role::User, Role::Admin, Role::Auditor, Role::Monitor, Role::Identity],
    insert: NOBODY,
    ..Table::LOG
}];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);
