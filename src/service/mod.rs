//! Services: what runs beside the work orders, over the concepts and the kernel.

pub mod consumer;
pub mod evidence;
pub mod ledger;
pub mod metrics;
pub mod refused_attempt;
pub mod retention;
pub mod settle;
pub mod verification;
pub mod worker;

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    evidence::register();
    ledger::register();
    refused_attempt::register();
    settle::register();
    worker::register();
}
