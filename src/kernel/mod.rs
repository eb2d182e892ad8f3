//! The kernel: who acts, what a work order is, what is recorded of it, and how the tables are made.
//! It uses the plumbing below; the concepts build on it.

pub mod audit;
pub mod concept;
pub mod configuration;
pub mod definition;
pub mod document;
pub mod event;
pub mod given;
pub mod identity;
pub mod install;
pub mod job;
pub mod lifecycle;
pub mod partition;
pub mod rollup;
pub mod schema_change;
pub mod secret;
pub mod signed_act;
pub mod timeline;
pub mod version;
pub mod work_order;

/// Registers the hooks of transactions and caches, and the concepts; called once in a backend.
pub fn register(concepts: concept::Concepts) {
    identity::register();
    lifecycle::cache::register();
    work_order::register();
    version::register();
    concept::register(concepts);
}

/// Makes what depends on no database. Called while the postmaster preloads the library: every backend
/// inherits it.
pub fn prepare() {
    lifecycle::cache::prepare();
    wo_rules::schema::compare::prepare();
}
