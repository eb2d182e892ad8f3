//! Whether the tables are as the enforcement layer made them, asked before anything is done with them.

use super::{UPGRADES, VERSION, files, shared};
use crate::pg::catalogue;
use crate::pg::error::{damaged, refuse};
use crate::pg::lookup::find;
use crate::pg::storage::checks;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use wo_rules::install::catalogue as rules;
use wo_rules::install::{Trigger, enforcement, triggers};

/// How often a check begins anew because a table was altered meanwhile.
const TRIES: u32 = 3;

thread_local! {
    /// The generation in which this backend has found the records in order: see [`checks::generation`].
    static CHECKED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Refuses to work on records that are not as the enforcement layer made them: another version, another owner,
/// a trigger that is missing or switched off. WorkOrderView up again whenever a table is altered.
pub fn check_tables() {
    if is_checked() {
        return;
    }
    for _ in 0..TRIES {
        let heard = checks::generation();
        let are_in_order = are_in_order();
        // What was heard while it looked may be of something that it had seen as it was before.
        if checks::generation() == heard {
            CHECKED.set(are_in_order.then_some(heard));
            return;
        }
    }
}

/// Whether this backend has found the records in order since they were last altered.
pub fn is_checked() -> bool {
    CHECKED.get() == Some(checks::generation())
}

/// Looks at the records again before anything else is done with them.
pub fn forget() {
    CHECKED.set(None);
}

/// Refuses records that cannot be worked on; false for those of the version before, which may be
/// worked on for the moment until they are taken to this one.
fn are_in_order() -> bool {
    // Each session reads the version itself: its rows are no part of the catalogue, so whoever writes
    // one by hand does not announce it.
    is_of_this_version() && shared::cached_verdict(|| crate::pg::run_as::as_trail(are_as_made))
}

fn is_of_this_version() -> bool {
    let previous = UPGRADES.iter().find(|(_, to, _)| *to == VERSION).map(|(from, _, _)| *from);
    match version() {
        Some(version) if version == VERSION => true,
        Some(version) if Some(version.as_str()) == previous => false,
        Some(version) => refuse(
            damaged(&format!("they are of version {version}, the library is of version {VERSION}"))
                .hint("alter extension wo_core update;"),
        ),
        None => refuse(
            damaged("wo.schema_version is empty")
                .hint("As a superuser: select wo_private.enforce();"),
        ),
    }
}

/// True, or a refusal that names what is not as the enforcement layer made it.
fn are_as_made() -> bool {
    if let Some(problem) = problems().into_iter().next() {
        refuse(damaged(&problem).hint("As a superuser: select wo_private.enforce(); wo.health() lists everything that is wrong."));
    }
    true
}

/// The version of the records: that which was installed last.
fn version() -> Option<String> {
    let mut newest: Option<(i64, String)> = None;
    find::<()>("schema_version", "schema_version_pkey", &[], |row| {
        let this: (i64, String) = (row.timestamp_named("installed_at")?, row.named("version")?);
        newest = newest.take().max(Some(this));
        None
    });
    newest.map(|(_, version)| version)
}

/// Has PostgreSQL tell this backend when a table is altered; called once in a backend.
pub fn register() {
    crate::pg::invalidation::on_alteration(at_alteration);
    shared::register();
}

/// A relation was altered, or every relation. It touches Rust memory alone and never raises an ERROR.
fn at_alteration(relation: pg_sys::Oid) {
    if crate::kernel::identity::known::hear(relation) {
        return;
    }
    crate::pg::storage::forget();
    crate::kernel::work_order::direct::forget();
    crate::kernel::work_order::layout::forget();
    crate::pg::lookup::forget();
    crate::pg::lock::forget();
}

/// What is wrong with the records' tables and triggers, one sentence each.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn table_problems() -> Vec<String> {
    problems()
}

/// The same; the search path must be pinned.
pub fn problems() -> Vec<String> {
    let files = files();
    let expected: Vec<Trigger<'_>> =
        files.iter().flat_map(|(_, sql)| triggers(enforcement(sql))).collect();
    let found = catalogue::read(&rules::protected(&expected));
    rules::problems(&expected, &found, catalogue::role_name)
}
