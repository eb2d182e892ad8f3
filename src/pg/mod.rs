//! Plumbing: PostgreSQL as the other layers use it. Nothing here knows what a work order is, and the
//! `unsafe` code of this crate is meant to be here alone.

pub mod error;
pub mod jsonb;
pub mod lock;
pub mod lookup;
pub mod output;
pub mod row;
pub mod run_as;
pub mod setting;
pub mod statement;
pub mod storage;
pub mod transaction;

/// Has PostgreSQL call the hooks of transactions and caches; called once in a backend.
pub fn register() {
    transaction::register();
    storage::checks::register();
}
