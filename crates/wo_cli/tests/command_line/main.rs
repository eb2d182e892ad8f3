//! What people and scripts see of `wo`: its output, its exit codes, the files that it makes.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../../../wo_rules/tests/evidence_rules/sample.rs"]
mod sample;

mod credential;
mod keys;
mod ledger;
mod program;
mod signing;
mod support;
mod verification;
mod witness;
