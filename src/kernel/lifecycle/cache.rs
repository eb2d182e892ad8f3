//! Lifecycles, compiled once in a backend for each version. A version never changes, so the cache
//! never goes stale, but for one thing: a version that this transaction published and rolled back
//! was never one. So what was compiled in an aborted transaction is dropped.

use crate::pg::error::damaged;
use crate::pg::lookup::{Key, find};
use crate::pg::transaction::{self, End};
use foldhash::HashMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::lifecycle::{Lifecycle, validate};
use wo_rules::refusal::Refusal;

type Version = (Uuid, String, i32);

thread_local! {
    static COMPILED: RefCell<HashMap<Version, Rc<Lifecycle>>> = RefCell::default();
    static PUBLISHED_HERE: Cell<bool> = const { Cell::new(false) };
}

/// The compiled version.
///
/// # Errors
/// 55000 `tables_damaged` where it is not there or cannot be read.
pub fn compiled(tenant: Uuid, name: &str, version: i32) -> Result<Rc<Lifecycle>, Refusal> {
    let key = (tenant, name.to_owned(), version);
    if let Some(known) = COMPILED.with_borrow(|all| all.get(&key).cloned()) {
        return Ok(known);
    }
    let parts = [Key::Uuid("tenant_id", tenant), Key::Text("name", name)];
    let document = find("lifecycle", "lifecycle_pkey", &parts, |row| {
        (row.named::<i32>("version") == Some(version))
            .then(|| row.named::<crate::pg::jsonb::Document>("definition"))?
    });
    let lifecycle = document
        .and_then(|document| validate(&document.0, None).ok())
        .map(Rc::new)
        .ok_or_else(|| damaged(&format!("version {version} of the lifecycle {name}")))?;
    COMPILED.with_borrow_mut(|all| all.insert(key, Rc::clone(&lifecycle)));
    Ok(lifecycle)
}

/// Marks that this transaction published a version, which a rollback would undo.
pub fn mark_published() {
    PUBLISHED_HERE.set(true);
}

/// Registers what forgets the compiled versions that a rollback has undone; called once in a
/// backend.
pub fn register() {
    transaction::at_end(|end| {
        if end == End::RolledBack {
            forget_unpublished();
        }
        PUBLISHED_HERE.set(false);
    });
    transaction::at_rollback_to_savepoint(forget_unpublished);
}

fn forget_unpublished() {
    if PUBLISHED_HERE.get() {
        COMPILED.with_borrow_mut(HashMap::clear);
    }
}
