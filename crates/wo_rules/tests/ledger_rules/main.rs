//! The rules of the ledger: the tree is the one of RFC 6962, its proofs and notes are those that
//! independent implementations make and accept, and nothing else passes.

#![allow(clippy::unwrap_used)]

mod bundles;
mod checkpoints;
mod hostile;
mod keys;
mod known_answers;
mod names;
mod oracle;
mod proofs;
mod recovery;
mod support;
mod tiles;
mod witness;
