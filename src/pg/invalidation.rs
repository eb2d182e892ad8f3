//! Invalidation messages: what PostgreSQL tells every backend of changes of the catalogues.

use crate::pg::server::database;
use crate::pg::transaction::is_parallel;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;

/// The oids of `pg_policy` and `pg_rewrite`, which no header that pgrx binds names.
pub const POLICIES: pg_sys::Oid = pg_sys::Oid::from_u32(3256);
const RULES: pg_sys::Oid = pg_sys::Oid::from_u32(2618);

thread_local! {
    static AT_ALTERATION: RefCell<Vec<fn(pg_sys::Oid)>> = const { RefCell::new(Vec::new()) };
}

/// Registers what is called when a relation was altered, or every relation, for which the oid is
/// invalid. It touches Rust memory alone and never raises an ERROR. Called once in a backend.
pub fn on_alteration(hook: fn(pg_sys::Oid)) {
    let is_first = AT_ALTERATION.with_borrow_mut(|hooks| {
        hooks.push(hook);
        hooks.len() == 1
    });
    if is_first {
        // SAFETY: the callback lives as long as the library, touches Rust memory alone and never
        // raises an ERROR.
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(at_alteration), pg_sys::Datum::from(0));
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_alteration(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    let _ = AT_ALTERATION.try_with(|hooks| {
        if let Ok(hooks) = hooks.try_borrow() {
            hooks.iter().for_each(|hook| hook(relation));
        }
    });
}

/// Receives what other sessions have committed until now. False in a parallel query, which reads under
/// an older snapshot.
pub fn accept() -> bool {
    if is_parallel() {
        return false;
    }
    // SAFETY: messages are received where a table could be opened, and what they call back touches
    // Rust memory alone.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    true
}

/// Has every backend be told, when this transaction commits, that a relation was invalidated.
pub fn invalidate(relation: pg_sys::Oid) {
    // SAFETY: the relation exists; the message is sent by the commit, and dropped by a rollback.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}

/// Whether other sessions will be told of an alteration when this transaction has committed: of a table
/// that is not temporary, a role, a schema, a function, an operator or a database. Called when the
/// commit begins.
pub fn has_altered() -> bool {
    let mut messages = std::ptr::null_mut();
    let mut of_init_file = false;
    // SAFETY: called before the commit, as the commit itself does, when no subtransaction is open:
    // it gives an array of so many messages, which is copied memory of the transaction.
    let messages: &[pg_sys::SharedInvalidationMessage] = unsafe {
        let count = pg_sys::xactGetCommittedInvalidationMessages(&mut messages, &mut of_init_file);
        match usize::try_from(count) {
            Ok(count) if count > 0 => std::slice::from_raw_parts(messages, count),
            _ => &[],
        }
    };
    messages.iter().any(is_alteration)
}

fn is_alteration(message: &pg_sys::SharedInvalidationMessage) -> bool {
    use pg_sys::SysCacheIdentifier::*;
    // SAFETY: the first byte of every message says what it is.
    unsafe {
        match i32::from(message.id) {
            pg_sys::SHAREDINVALRELCACHE_ID => is_lasting_table(message.rc.relId),
            cache if cache >= 0 => {
                [AUTHOID, DATABASEOID, NAMESPACEOID, OPEROID, PROCOID].contains(&(cache as _))
            }
            _ => false,
        }
    }
}

/// Whether that is, or was, a table that others may see. What is gone may have been one.
fn is_lasting_table(relation: pg_sys::Oid) -> bool {
    // SAFETY: the look-ups answer from the catalogue caches, with zero for what is not there.
    let (kind, persistence) = unsafe {
        match pg_sys::get_rel_relkind(relation) as u8 {
            0 => return true,
            kind => (kind, pg_sys::get_rel_persistence(relation) as u8),
        }
    };
    let is_index = [pg_sys::RELKIND_INDEX, pg_sys::RELKIND_PARTITIONED_INDEX].contains(&kind);
    !is_index && persistence != pg_sys::RELPERSISTENCE_TEMP
}

/// Whether this transaction writes rows of `pg_trigger`, `pg_rewrite` or `pg_policy` by a statement of its own.
pub fn writes_catalogue() -> bool {
    [pg_sys::TriggerRelationId, RULES, POLICIES].into_iter().any(|table| {
        let tag = pg_sys::LOCKTAG {
            locktag_field1: database(),
            locktag_field2: table.to_u32(),
            locktag_field3: 0,
            locktag_field4: 0,
            locktag_type: pg_sys::LockTagType::LOCKTAG_RELATION as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        };
        let mode = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
        // SAFETY: looks into this backend's own table of locks.
        unsafe {
            #[cfg(feature = "pg18")]
            return pg_sys::LockHeldByMe(&tag, mode, false);
            #[cfg(not(feature = "pg18"))]
            pg_sys::LockHeldByMe(&tag, mode)
        }
    })
}
