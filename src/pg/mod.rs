//! Plumbing: PostgreSQL as the other layers use it. Nothing here knows what a work order is, and the
//! `unsafe` code of this crate is meant to be here alone.

pub mod attribute;
pub mod background;
pub mod cache;
pub mod constraint;
pub mod domain;
pub mod epoch;
pub mod error;
pub mod extension;
mod found;
pub mod invalidation;
pub mod jsonb;
pub mod key_file;
mod lasting;
pub mod lock;
pub mod log;
pub mod lookup;
pub mod oid;
pub mod output;
pub mod own_transaction;
pub mod portal;
pub mod process;
pub mod query;
pub mod registered;
pub mod relation;
pub mod row;
pub mod run_as;
pub mod sequence;
pub mod server;
pub mod setting;
pub mod shared_memory;
pub mod source;
pub mod statement;
pub mod storage;
pub mod time_zone;
pub mod to_do;
pub mod transaction;
pub mod trigger;
pub mod value;

/// Has PostgreSQL call the hooks of transactions and caches; called once in a backend.
pub fn register() {
    constraint::register();
    log::register();
    transaction::register();
    cache::register();
    registered::register();
}

/// Keeps backtraces out of refusals: a refusal is raised as a panic, and pgrx would add a backtrace to its
/// DETAIL where the server was started with RUST_BACKTRACE, so that clients would get that instead of
/// JSON. Called when the library is loaded.
pub fn silence_backtraces() {
    // SAFETY: a backend has one thread, and it loads the library before any of our code runs.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
}
