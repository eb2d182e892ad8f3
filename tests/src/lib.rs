//! The harness of the cluster tests: throwaway PostgreSQL servers, databases with the extension
//! in them, clients that race, and what an error must look like.
//!
//! `WO_PG_CONFIG` names the server under test, by default Debian's PostgreSQL 15. The extension
//! must be installed there already.

// A helper of tests: it fails by panicking, with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod chance;
mod clients;
mod cluster;
mod database;
mod fields;
mod founded;
mod guardian;
pub mod hostile;
mod issuer;
mod log;
mod openbao;
mod pgbouncer;
mod program;
mod race;
mod refusal;
mod replica;
mod sealing;
mod server;
pub mod signing;
mod tamper;

pub use chance::Chance;
pub use clients::{BrokenChain, Clients, administering, broken_chains, one, tried};
pub use cluster::{Cluster, patiently};
pub use database::{Database, Psql};
pub use fields::{literal, new_value};
pub use issuer::{ISSUER, Issuer, KEY_ID};
pub use openbao::OpenBao;
pub use pgbouncer::PgBouncer;
pub use program::{Output, built, run_wo, wo_program};
pub use race::{backend_pid, race};
pub use refusal::{db_error, refused};
pub use sealing::Sealing;
pub use server::Server;
pub use tamper::{behind_the_back, rehash};

/// How often a test tries: less often in CI than in `make test-full`.
pub fn count(in_ci: usize, in_full: usize) -> usize {
    if std::env::var_os("WO_FULL").is_some() { in_full } else { in_ci }
}
