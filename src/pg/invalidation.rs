//! Invalidation messages: what PostgreSQL sends to every backend about changes of the catalogues.

use crate::pg::transaction::is_parallel;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;

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

/// Has PostgreSQL notify every backend, when this transaction commits, that a relation was invalidated.
pub fn invalidate(relation: pg_sys::Oid) {
    // SAFETY: the relation exists; the message is sent by the commit, and dropped by a rollback.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}
