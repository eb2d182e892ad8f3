//! Whether the tables are those of this version of the library, asked before anything is done with
//! them. Whether each is as registered is asked when it is opened: see [`crate::pg::registered`].

use crate::pg::cache;
use crate::pg::error::{damaged, refuse};
use crate::pg::lookup::each;
use crate::pg::registered;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;

/// This version of the library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How records of an older version become records of the next: from, to, SQL.
pub const UPGRADES: &[(&str, &str, &str)] =
    &[("0.0.1", "0.1.0", include_str!("../../sql/upgrade/0.0.1--0.1.0.sql"))];

/// How often the check begins anew because a table was altered meanwhile.
const TRIES: u32 = 3;

thread_local! {
    /// The generation in which this backend has found the tables of this version: see
    /// [`cache::generation`].
    static CHECKED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Refuses tables of another version, but for the version before: they may be worked on until they are
/// upgraded. Looks again whenever a table is altered.
pub fn check_tables() {
    if is_checked() {
        return;
    }
    for _ in 0..TRIES {
        let generation = cache::generation();
        // The rows of this table are no part of the catalogue: no backend is notified of one that is
        // written by hand.
        let is_of_this_version = is_of_this_version();
        if cache::generation() == generation {
            CHECKED.set(is_of_this_version.then_some(generation));
            return;
        }
    }
}

/// The same, before or after a row is written: the table of the row must be as registered, also for
/// those whose statements are not checked.
pub fn check_written(trigger: &PgTrigger<'_>) {
    check_tables();
    registered::verify(crate::pg::trigger::table_of(trigger));
}

/// Whether this backend has found the tables of this version since one was last altered.
pub fn is_checked() -> bool {
    CHECKED.get() == Some(cache::generation())
}

/// Looks at the version again before anything else is done.
pub fn forget() {
    CHECKED.set(None);
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

/// The version of the tables: that which was installed last.
fn version() -> Option<String> {
    let mut newest: Option<(i64, String)> = None;
    each("schema_version", |row| {
        let this = row.timestamp_named("installed_at").zip(row.named::<String>("version"));
        newest = newest.take().max(this);
    });
    newest.map(|(_, version)| version)
}

/// Has PostgreSQL notify this backend when a table is altered; called once in a backend.
pub fn register() {
    crate::pg::invalidation::on_alteration(at_alteration);
    registered::when(|| {
        check_tables();
        is_checked()
    });
}

/// A relation was altered, or every relation. It touches Rust memory alone and never raises an ERROR.
fn at_alteration(relation: pg_sys::Oid) {
    if crate::kernel::identity::known::hear(relation) {
        return;
    }
    registered::forget(relation);
    cache::advance();
}
