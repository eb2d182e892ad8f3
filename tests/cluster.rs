//! Every test against a real cluster: one binary, a module a suite. `cargo test -p wo_cluster_tests
//! SUITE::MODULE::TEST` runs one test; any part of such a name runs all that contain it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod approval;
mod docs;
mod fleet;
mod hierarchy;
mod hierarchy_races;
mod identity;
mod isolation;
mod ledger;
mod part11;
mod recovery;
mod regress;
mod retention;
mod scenario;
mod soak;
mod worker;
