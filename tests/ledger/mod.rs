//! The ledger: sealing, proofs, verification, and what catches each attack of part 11's table.

mod attacks;
mod concurrent;
mod forger;
mod health;
mod proofs;
mod recovery;
mod sealing;
mod stage;
mod verification;
mod witness;
