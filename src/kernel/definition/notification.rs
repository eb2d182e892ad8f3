//! Events of definitions: a version was published, released or retired.

use super::kinds;
use crate::kernel::event::Event;
use crate::kernel::identity;
use crate::kernel::identity::memory::{self, Identity};
use crate::pg::row::Row;
use serde_json::json;
use std::cell::Cell;

/// The events, and the column that says since when.
const EVENTS: [(&str, &str); 3] = [
    ("wo.definition_published", "published_at"),
    ("wo.definition_released", "released_at"),
    ("wo.definition_retired", "retired_at"),
];

thread_local! {
    /// Whether a tenant is being made.
    static FOUNDING: Cell<bool> = const { Cell::new(false) };
}

/// Ends the making of a tenant, whichever way it ends.
struct Founding;

impl Drop for Founding {
    fn drop(&mut self) {
        FOUNDING.set(false);
    }
}

/// Publishes what a new tenant begins with: nobody waits for events of that.
pub fn founding<T>(act: impl FnOnce() -> T) -> T {
    FOUNDING.set(true);
    let _ends = Founding;
    act()
}

/// Writes the events of a write to a table of definitions; none for another table.
pub fn notify(table: &str, old: Option<&Row>, new: &Row, acting: &Identity) {
    if FOUNDING.get() || kinds().all(|kind| kind.name != table) {
        return;
    }
    let is_set = |row: &Row, name: &str| row.column(name).is_some_and(|index| !row.is_null(index));
    for (kind, since) in EVENTS {
        if !is_set(new, since) || old.is_some_and(|old| is_set(old, since)) {
            continue;
        }
        let data = json!({
            "kind": table,
            "name": new.required_named::<String>("name"),
            "version": new.required_named::<i32>("version"),
            "actor": acting.principal,
        });
        memory::as_enforcement(|| {
            Event::new(kind, data.to_string()).write(acting.tenant, acting.tenant, identity::now());
        });
    }
}
