//! The tables of definitions: one for each kind, all with the same columns, so that foreign keys refer to a kind.

use crate::schema::groups::{ADMINISTRATORS, READERS_AND_GUARDS};
use crate::schema::{Column, Frozen, Kind, Role, Section, TABLES, Table, View, columns};

/// The columns of a table of definitions.
const COLUMNS: &[Column] = columns! {
    tenant_id UUID, name SHORT_TEXT, version INTEGER, definition JSON_MAP, sha256 SHA256, major BOOLEAN,
    published_by TEXT NULL, published_at TIMESTAMPTZ, effective_from DATE NULL, effective_until DATE NULL,
    released_at TIMESTAMPTZ NULL, released_by TEXT NULL, release_work_order UUID NULL,
    retired_at TIMESTAMPTZ NULL, retired_by TEXT NULL, retirement_reason REMARK NULL,
};

const WRITERS: &[Role] = &[Role::User, Role::Admin, Role::Trail];

/// The registry's entry of a kind of definitions: the table has the kind's name.
#[must_use]
pub const fn table(kind: &'static str) -> Table {
    Table {
        name: kind,
        columns: COLUMNS,
        key: &["tenant_id", "name", "version"],
        kind: Kind::Definition,
        frozen: Frozen::KeyAnd(&["definition", "sha256", "major", "published_by", "published_at"]),
        select: READERS_AND_GUARDS,
        insert: WRITERS,
        update: WRITERS,
        ..Table::CONFIGURATION
    }
}

const POLICY: Table = Table {
    name: "definition_policy",
    columns: columns! {
        tenant_id UUID, kind TEXT, release TEXT, author_role TEXT NULL, release_role TEXT NULL,
    },
    key: &["tenant_id", "kind"],
    insert: ADMINISTRATORS,
    update: ADMINISTRATORS,
    ..Table::CONFIGURATION
};

/// What the registry holds of definitions, beside the tables of their kinds.
pub const SCHEMA: Section = Section {
    tables: &[POLICY],
    views: &[View { name: "definition", select: READERS_AND_GUARDS, insert: &[], triggers: &[] }],
    sequences: &[],
};

/// The tables of all kinds, in the order of the registry.
fn all() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().filter(|table| table.kind == Kind::Definition).map(|table| table.name)
}

/// The DDL of the tables of all kinds and of the view of all definitions, with their comments.
#[must_use]
pub fn ddl() -> String {
    let head = "-- The tables of controlled definitions, one for each kind that is registered.\n--\n-- Generated from the table registry (wo_rules::definition); do not edit. After a change of the registry:\n-- WO_GOLDEN=accept cargo test -p wo_rules schema\n\n-- == tables ==\n";
    let tables: String = all().map(ddl_of).collect();
    format!("{head}{tables}\n-- == enforcement ==\n{}", view())
}

/// The columns, each with its comment in words of a kind; quotation marks are doubled.
fn comments(words: &str) -> [(&'static str, String); 16] {
    [
        ("tenant_id", "The tenant.".to_owned()),
        ("name", format!("The name of the {words}, as its document says.")),
        ("version", "Counted from 1 for each name; given by the server.".to_owned()),
        ("definition", "The document; never changed.".to_owned()),
        ("sha256", "SHA-256 of the JCS bytes (RFC 8785) of the document; computed by the server.".to_owned()),
        ("major", "Whether it is a major version: who was trained on the one before is to be trained anew.".to_owned()),
        ("published_by", "The principal who published it; NULL where a database role administered.".to_owned()),
        ("published_at", "When it was published, by the server''s clock.".to_owned()),
        ("effective_from", "The first day on which new work may use it (UTC); NULL where it is the day of its release.".to_owned()),
        ("effective_until", "The day from which on new work does not use it any more (UTC); NULL where it is used until it is retired.".to_owned()),
        ("released_at", "When it was released, by the server''s clock; NULL for a version that new work does not use yet.".to_owned()),
        ("released_by", "Who released it; NULL where it was shipped, or a database role administered.".to_owned()),
        ("release_work_order", "The work order whose end released it, where one did.".to_owned()),
        ("retired_at", "When it was retired, by the server''s clock: new work does not use it any more.".to_owned()),
        ("retired_by", "Who retired it; NULL where a database role administered.".to_owned()),
        ("retirement_reason", "Why it was retired; giving a reason retires it.".to_owned()),
    ]
}

fn ddl_of(kind: &str) -> String {
    let comments: String = comments(&super::words(kind))
        .iter()
        .map(|(column, comment)| format!("comment on column wo.{kind}.{column} is '{comment}';\n"))
        .collect();
    let words = super::words(kind);
    format!(
        "
create table wo.{kind} (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    name wo.short_text not null,
    version integer not null,
    definition wo.json_map not null,
    sha256 wo.sha256 not null,
    major boolean not null default true,
    published_by text,
    published_at timestamptz not null,
    effective_from date,
    effective_until date,
    released_at timestamptz,
    released_by text,
    release_work_order uuid,
    retired_at timestamptz,
    retired_by text,
    retirement_reason wo.remark,
    primary key (tenant_id, name, version),
    constraint {kind}_version_is_positive check (version > 0),
    constraint {kind}_name_is_the_documents check (definition ->> 'name' = name),
    constraint {kind}_is_effective_before_it_ends check (effective_from < effective_until),
    constraint {kind}_release_is_whole check (released_at is not null or released_by is null and release_work_order is null),
    constraint {kind}_retirement_has_a_reason check ((retired_at is null) = (retirement_reason is null) and (retired_at is not null or retired_by is null))
);
comment on table wo.{kind} is 'Each {words} of the tenants: immutable, numbered versions, with their release and retirement. New work uses the newest version that is released, effective and not retired.';
{comments}"
    )
}

/// The view of all definitions.
fn view() -> String {
    let comments: String = comments("definition")
        .iter()
        .map(|(column, comment)| {
            let column = if *column == "definition" { "document" } else { column };
            format!("comment on column wo.definition.{column} is '{comment}';\n")
        })
        .collect();
    let parts: Vec<String> = all()
        .map(|kind| {
            format!(
                "    select '{kind}' as kind, known.tenant_id, known.name, known.version, known.definition as document, known.sha256,
        known.major, known.published_by, known.published_at, known.effective_from, known.effective_until, known.released_at,
        known.released_by, known.release_work_order, known.retired_at, known.retired_by, known.retirement_reason
    from wo.{kind} as known"
            )
        })
        .collect();
    format!(
        "
create or replace view wo.definition with (security_invoker = true) as
{};
comment on view wo.definition is 'Every version of every controlled definition (lifecycles, job plans and the other kinds) that the caller may read.';
comment on column wo.definition.kind is 'The kind: the name of the table that has the version.';
{comments}",
        parts.join("\n    union all\n")
    )
}
