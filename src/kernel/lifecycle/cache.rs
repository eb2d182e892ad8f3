//! Lifecycles, compiled once in a backend for each definition: tenants that published the same one
//! share it, as those do that use a shipped lifecycle.
//!
//! A version never changes, so the cache never goes stale, but for one thing: a version that this
//! transaction published and rolled back was never one. So what a version is, is forgotten where a
//! transaction that published is rolled back.

use crate::kernel::definition::stored;
use crate::pg::cache::Cached;
use crate::pg::error::damaged;
use crate::pg::jsonb::Document;
use crate::pg::lookup::{Key, find};
use crate::pg::transaction::{self, End};
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::json::{jsonb_text, parse};
use wo_rules::lifecycle::{Lifecycle, SHIPPED, validate};
use wo_rules::refusal::Refusal;

type Version = (Uuid, String, i32);

/// The SHA-256 of a definition, as PostgreSQL writes it.
type Hash = [u8; 32];

/// Of how many versions a backend keeps what they are, about 130 bytes each.
const MOST_VERSIONS: usize = 16_384;

/// How many different lifecycles a backend keeps compiled, about 60 kB each.
const MOST_COMPILED: usize = 128;

thread_local! {
    static VERSIONS: RefCell<Cached<Version, Hash>> = RefCell::new(Cached::lasting(MOST_VERSIONS));
    static COMPILED: RefCell<Cached<Hash, Rc<Lifecycle>>> =
        RefCell::new(Cached::lasting(MOST_COMPILED));
    /// Versions that were released, which they stay.
    static RELEASED: RefCell<Cached<Version, ()>> = RefCell::new(Cached::lasting(MOST_VERSIONS));
    static PUBLISHED_HERE: Cell<bool> = const { Cell::new(false) };
}

/// The compiled version.
///
/// # Errors
/// 55000 `tables_damaged` where it is not there or cannot be read.
pub fn compiled(tenant: Uuid, name: &str, version: i32) -> Result<Rc<Lifecycle>, Refusal> {
    let key = (tenant, name.to_owned(), version);
    let hash = VERSIONS.with_borrow_mut(|all| all.get(&key));
    if let Some(known) = hash.and_then(|hash| COMPILED.with_borrow_mut(|all| all.get(&hash))) {
        return Ok(known);
    }
    let parts = [Key::Uuid("tenant_id", tenant), Key::Text("name", name)];
    let found = find("lifecycle", "lifecycle_pkey", &parts, |row| {
        if row.named::<i32>("version") != Some(version) {
            return None;
        }
        let definition = row.column("definition")?;
        let hash: Hash = Sha256::digest(row.json(definition)?).into();
        let known = COMPILED.with_borrow_mut(|all| all.get(&hash));
        let compile = || {
            let document = row.get::<Document>(definition)?;
            validate(&document.0, None).ok().map(Rc::new)
        };
        Some((hash, known.or_else(compile)?))
    });
    let (hash, lifecycle) =
        found.ok_or_else(|| damaged(&format!("version {version} of the lifecycle {name}")))?;
    VERSIONS.with_borrow_mut(|all| all.insert(key, hash));
    COMPILED.with_borrow_mut(|all| all.insert(hash, Rc::clone(&lifecycle)));
    Ok(lifecycle)
}

/// Compiles the shipped lifecycles from the texts that `jsonb` prints of them, by whose hash a version is
/// found: processes that are forked after this have them. A tenant's version that differs in anything has
/// another hash.
pub fn prepare() {
    let shipped = SHIPPED.iter().filter_map(|(_, definition)| {
        let stored = jsonb_text(&parse(definition).ok()?);
        let compiled = validate(&parse(&stored).ok()?, None).ok()?;
        Some((Hash::from(Sha256::digest(&stored)), Rc::new(compiled)))
    });
    COMPILED.with_borrow_mut(|all| {
        shipped.for_each(|(hash, compiled)| all.insert(hash, compiled));
    });
}

/// Checks that a version was released.
///
/// # Errors
/// 55000 `definition_not_released`; 55000 `tables_damaged` where it is not there.
pub fn check_released(tenant: Uuid, name: &str, version: i32) -> Result<(), Refusal> {
    let key = (tenant, name.to_owned(), version);
    if RELEASED.with_borrow_mut(|all| all.get(&key)).is_some() {
        return Ok(());
    }
    let place = (tenant, name);
    let (found, ()) =
        stored::read("lifecycle", "lifecycle_pkey", place, version, stored::unread)
            .ok_or_else(|| damaged(&format!("version {version} of the lifecycle {name}")))?;
    if !found.is_released {
        return Err(wo_rules::definition::not_released(&found.stored("lifecycle", name)));
    }
    RELEASED.with_borrow_mut(|all| all.insert(key, ()));
    Ok(())
}

/// Marks that this transaction published or released a version, which a rollback would undo.
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
        VERSIONS.with_borrow_mut(Cached::clear);
        RELEASED.with_borrow_mut(Cached::clear);
    }
}
