//! Every test against a real cluster: one binary, a module a suite. `cargo test -p wo_cluster_tests
//! SUITE::MODULE::TEST` runs one test; any part of such a name runs all that contain it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

// With the sample concept on the server only what follows the table registry is run, and nothing else compiled.
mod identity;
mod isolation;
mod regress;

#[cfg(not(feature = "sample_concept"))]
mod approval;
#[cfg(not(feature = "sample_concept"))]
mod credential;
#[cfg(not(feature = "sample_concept"))]
mod deliverable;
#[cfg(not(feature = "sample_concept"))]
mod docs;
#[cfg(not(feature = "sample_concept"))]
mod examples;
#[cfg(not(feature = "sample_concept"))]
mod fleet;
#[cfg(not(feature = "sample_concept"))]
mod hierarchy;
#[cfg(not(feature = "sample_concept"))]
mod hierarchy_races;
#[cfg(not(feature = "sample_concept"))]
mod job_plan;
#[cfg(not(feature = "sample_concept"))]
mod ledger;
#[cfg(not(feature = "sample_concept"))]
mod part11;
#[cfg(not(feature = "sample_concept"))]
mod recovery;
#[cfg(not(feature = "sample_concept"))]
mod retention;
#[cfg(not(feature = "sample_concept"))]
mod scenario;
#[cfg(not(feature = "sample_concept"))]
mod soak;
#[cfg(not(feature = "sample_concept"))]
mod worker;
