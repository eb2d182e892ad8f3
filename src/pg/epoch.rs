//! The epoch: a count of the alterations of what relations are compared by.

use std::cell::Cell;

thread_local! {
    /// Counts the alterations of functions, roles, schemas and verified relations.
    static EPOCH: Cell<u64> = const { Cell::new(1) };
}

/// Counts the alterations of what a relation was compared by.
pub fn epoch() -> u64 {
    EPOCH.get()
}

/// Counts an alteration. It touches Rust memory alone and never raises an ERROR.
pub fn advance() {
    let _ = EPOCH.try_with(|epoch| epoch.set(epoch.get() + 1));
}
