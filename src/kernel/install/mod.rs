//! The enforcement layer and the tables: making the records at install, leaving them alone at a restore,
//! putting the enforcement layer back after a DROP, and taking old records to a new version.
//!
//! The extension's members are the functions of `wo_private`. Schema `wo` and everything in it
//! belongs to the database, so that a dump carries it whole.

mod definitions;
mod registry;

use crate::kernel::version::{self, UPGRADES, VERSION};
use crate::kernel::{concept, schema_change};
use crate::pg::error::{damaged, refuse};
use crate::pg::extension::OutsideTheExtension;
use crate::pg::registered;
use crate::pg::setting;
use crate::pg::statement::{Mode, Statement, statement};
use pgrx::prelude::*;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use wo_rules::install::{self as rules, Found, Schema};
use wo_rules::refusal::{Refusal, SqlState};

/// The SQL of the kernel's and the services' tables, each file under its name.
const FILES: &[(&str, &str)] = &[
    ("01_identity", include_str!("../../../sql/01_identity.sql")),
    ("02_lifecycle", include_str!("../../../sql/02_lifecycle.sql")),
    ("03_work_order", include_str!("../../../sql/03_work_order.sql")),
    ("04_audit", include_str!("../../../sql/04_audit.sql")),
    ("05_event", include_str!("../../../sql/05_event.sql")),
    ("06_partition", include_str!("../../../sql/06_partition.sql")),
    ("07_schema_version", include_str!("../../../sql/07_schema_version.sql")),
    ("08_health", include_str!("../../../sql/08_health.sql")),
    ("14_evidence", include_str!("../../../sql/14_evidence.sql")),
    ("15_refused_attempt", include_str!("../../../sql/15_refused_attempt.sql")),
    ("16_ledger", include_str!("../../../sql/16_ledger.sql")),
    ("17_retention", include_str!("../../../sql/17_retention.sql")),
    ("18_worker", include_str!("../../../sql/18_worker.sql")),
    ("19_consumer", include_str!("../../../sql/19_consumer.sql")),
    ("20_rollup", include_str!("../../../sql/20_rollup.sql")),
    ("22_metrics", include_str!("../../../sql/22_metrics.sql")),
    ("26_definition", include_str!("../../../sql/26_definition.sql")),
    ("23_schema_change", include_str!("../../../sql/23_schema_change.sql")),
    ("28_secret", include_str!("../../../sql/28_secret.sql")),
    ("91_uuid_signatures", include_str!("../../../sql/91_uuid_signatures.sql")),
    ("98_grant", include_str!("../../../sql/98_grant.sql")),
];

/// All SQL that makes the tables and their enforcement, in the order of the files' names. That of the
/// concepts is their own, and the tables of definitions, row security, policies, grants and triggers follow from the
/// table registry (`sql/90_enforcement.sql` shows the latter).
fn files() -> Vec<(&'static str, Cow<'static, str>)> {
    let of_concepts = concept::all().flat_map(|concept| concept.sql());
    let written = FILES.iter().chain(of_concepts).map(|(name, sql)| (*name, Cow::Borrowed(*sql)));
    let generated = [
        ("02_definition", wo_rules::definition::ddl()),
        ("90_enforcement", wo_rules::schema::enforcement_sql()),
    ];
    let generated = generated.into_iter().map(|(name, sql)| (name, Cow::Owned(sql)));
    let mut all: Vec<_> = written.chain(generated).collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

/// The database roles and the enforcement layer's own privileges, which an update renews.
const ROLES: &str = include_str!("../../../sql/00_role.sql");
const PRIVILEGES: &str = include_str!("../../../sql/99_privilege.sql");

/// What every script of ours begins with: names and operators are the catalogue's own.
const PINNED_PATH: &str = "set local search_path = pg_catalog, pg_temp";

statement!(
    EXTENSION_VERSION,
    "select installed.extversion from pg_catalog.pg_extension as installed where installed.extname = 'wo_core'",
    []
);
statement!(RECORDS_VERSION, "select wo_private.tables_version()", []);
statement!(
    NEWEST_VERSION,
    "select installed.version from wo.schema_version as installed
     order by installed.installed_at desc, installed.version desc limit 1",
    []
);
/// The versions of the extension and of the records, where they are there.
pub fn versions() -> (Option<String>, Option<String>) {
    (
        EXTENSION_VERSION.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1))),
        RECORDS_VERSION.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1))),
    )
}

/// Why the extension in this database cannot be served by this library, if it cannot.
pub fn extension_problem() -> Option<String> {
    let installed: Option<String> =
        EXTENSION_VERSION.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1)));
    match installed {
        None => Some("the extension wo_core is not in this database".to_owned()),
        Some(version) if version != VERSION => Some(format!(
            "the extension is of version {version}, the library that was loaded of version {VERSION}"
        )),
        Some(_) => None,
    }
}

/// True. Every permissive policy asks it, so that a DROP EXTENSION … CASCADE takes the policies
/// along and the records show themselves to nobody; the planner folds it away.
#[pg_extern(schema = "wo_private", immutable, parallel_safe)]
fn in_force() -> bool {
    true
}

/// The version of the records; NULL where there is none to be seen.
#[pg_extern(schema = "wo_private", stable, parallel_restricted, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn tables_version() -> Option<String> {
    NEWEST_VERSION.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1)))
}

fn digest() -> String {
    let mut hash = Sha256::new();
    for (name, sql) in files() {
        hash.update(name);
        hash.update(sql.as_ref());
    }
    hex::encode(hash.finalize())
}

/// Runs the parts of the records' SQL as `wo_owner`, outside the extension.
fn run_as_owner(parts: &[String]) {
    let outside = OutsideTheExtension::enter();
    // What these parts repair or upgrade is not as registered yet.
    registered::suspended(|| {
        run(
            "set local check_function_bodies = off; set local search_path = pg_catalog, pg_temp; set local role wo_owner",
        );
        for part in parts {
            run(part);
        }
        run("reset role; select wo.make_partitions()");
    });
    drop(outside);
}

fn run(sql: &str) {
    Statement::new(sql, &[]).run_unkept();
}

/// The tables and the enforcement of each concept in turn: later tables call the functions of earlier concepts.
fn everything() -> Vec<String> {
    files()
        .iter()
        .flat_map(|(_, sql)| [rules::tables(sql).to_owned(), rules::enforcement(sql).to_owned()])
        .collect()
}

fn enforcement() -> Vec<String> {
    files().iter().map(|(_, sql)| rules::enforcement(sql).to_owned()).collect()
}

/// What stands in the way of making schema wo, or what is there already.
fn found() -> Found {
    let statement = Statement::new(
        "select pg_catalog.pg_get_userbyid(home.nspowner) in ('wo_owner', current_user, session_user),
            exists (
                select from pg_catalog.pg_class as held
                where held.oid = pg_catalog.to_regclass('wo.schema_version')
                    and pg_catalog.pg_get_userbyid(held.relowner) in ('wo_owner', current_user, session_user)
            ),
            not exists (
                select from pg_catalog.pg_depend as held
                where held.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and held.refobjid = home.oid
            ),
            pg_catalog.current_setting('row_security') = 'off'
         from pg_catalog.pg_namespace as home where home.nspname = 'wo'",
        &[],
    );
    statement.run(Mode::Latest, &[], |rows| {
        if rows.count() == 0 {
            return rules::found(None, false);
        }
        let flag = |column| rows.required(0, column);
        let schema = Schema { is_ours: flag(1), has_records: flag(2), is_empty: flag(3) };
        // What pg_dump writes and pg_restore runs begins with SET row_security = off.
        rules::found(Some(schema), setting::RESTORING.get() || flag(4))
    })
}

/// Makes the records, or leaves those that are there: called last by the extension's script.
#[pg_extern(schema = "wo_private")]
fn install() {
    superuser_only();
    run(PINNED_PATH);
    run(ROLES);
    run(PRIVILEGES);
    match found() {
        Found::Nothing => {
            let outside = OutsideTheExtension::enter();
            run("create schema wo authorization wo_owner");
            drop(outside);
            run_as_owner(&everything());
            schema_change::install();
            run(&version_row());
        }
        Found::Restoring => say(
            "wo_core: a restore is expected to fill the schema wo; only the enforcement layer was installed",
        ),
        Found::Records => say(
            "wo_core: schema wo holds records already; only the enforcement layer was installed. Put triggers and policies back with: select wo_private.enforce();",
        ),
        Found::Empty => refuse(rules::schema_empty()),
        Found::Stranger => refuse(
            Refusal::new(
                SqlState::NotPermitted,
                "schema_taken",
                "the schema wo exists and is not wo_core's",
            )
            .hint("Rename it (alter schema wo rename to ...), then create the extension again."),
        ),
    }
}

/// Reports something to the role that creates the extension; while its script runs, PostgreSQL would
/// keep notices to itself.
fn say(text: &str) {
    run("set local client_min_messages = notice");
    notice!("{text}");
}

fn version_row() -> String {
    format!("insert into wo.schema_version (version, sha256) values ('{VERSION}', '{}')", digest())
}

/// Puts the enforcement layer back on tables that outlived it: triggers, policies, views, functions, grants.
#[pg_extern(schema = "wo_private")]
fn enforce() {
    superuser_only();
    if matches!(found(), Found::Nothing | Found::Restoring | Found::Empty) {
        refuse(rules::tables_missing());
    }
    version::forget();
    schema_change::as_one_command("select wo_private.enforce()", || {
        run_as_owner(&enforcement());
        schema_change::install();
    });
    registered::refuse_problems();
    notice!("wo_core: the enforcement layer is in force on every table");
}

/// Takes records of the version before to this one: called last by an update's script.
#[pg_extern(schema = "wo_private")]
fn migrate() {
    superuser_only();
    schema_change::as_one_command("select wo_private.migrate()", take_to_this_version);
}

fn take_to_this_version() {
    let from: Option<String> = Statement::new(
        "select version from wo.schema_version order by installed_at desc, version desc limit 1",
        &[],
    )
    .run(Mode::Latest, &[], |rows| rows.get(0, 1));
    let from = from.unwrap_or_default();
    run(PINNED_PATH);
    run(ROLES);
    run(PRIVILEGES);
    let Some((_, _, upgrade)) =
        UPGRADES.iter().find(|(old, new, _)| *old == from && *new == VERSION)
    else {
        if from != VERSION {
            refuse(damaged(&format!("there is no way from version {from} to {VERSION}")));
        }
        return;
    };
    let mut parts = vec![(*upgrade).to_owned()];
    parts.extend(enforcement());
    version::forget();
    run_as_owner(&parts);
    schema_change::install();
    run(&version_row());
}

fn superuser_only() {
    if !crate::pg::server::is_superuser() {
        refuse(Refusal::new(
            SqlState::NotPermitted,
            "superuser_required",
            "only a superuser may change the enforcement layer of wo_core",
        ));
    }
}

/// What is wrong with the tables, their partitions, the views, the sequences and the event triggers, one
/// sentence each.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn table_problems() -> Vec<String> {
    let mut problems: Vec<String> =
        registered::problems().iter().map(ToString::to_string).collect();
    problems.extend(schema_change::problems());
    problems.extend(definitions::problems());
    problems
}
