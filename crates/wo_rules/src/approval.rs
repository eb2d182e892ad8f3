//! Approvals: what is signed, who may sign for whom, and until when.

pub mod act;
pub mod answer;
pub mod content;
pub mod delegation;
pub mod escalation;
pub mod kept;
pub mod keys;
pub mod payload;
pub mod requirement;
pub mod signer;
mod tables;

pub use tables::SCHEMA;
