//! What is called when the record of a regulatory work order is closed.

use std::cell::Cell;
use uuid::Uuid;

thread_local! {
    /// What is called when the record of a regulatory work order is closed.
    static AT_REGULATORY_END: Cell<Option<fn(Uuid)>> = const { Cell::new(None) };
}

/// Registers what is called when the record of a regulatory work order is closed.
pub fn at_regulatory_end(hook: fn(Uuid)) {
    AT_REGULATORY_END.set(Some(hook));
}

/// The record of a regulatory work order is closed.
pub fn ended(work_order: Uuid) {
    if let Some(hook) = AT_REGULATORY_END.get() {
        hook(work_order);
    }
}
