//! The ledger: sealing, proofs, verification, and what catches each attack of part 11's table.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attacks;
mod forger;
mod health;
mod proofs;
mod recovery;
mod sealing;
mod stage;
mod verification;
mod witness;
