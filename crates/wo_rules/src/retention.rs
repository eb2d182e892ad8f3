//! Retention: how long things stay in the database, and what keeps them after that.
//!
//! The trail and the outbox leave it a month at a time, as an archive of two files: the data, one
//! JSON object a line, and the proof that every line of it was sealed in the ledger. What a chain
//! must know of its entries that left stays behind as a [`stub`]. An ended work order leaves its row
//! and number, and its content as evidence package.

pub mod line;
pub mod name;
pub mod proof;
pub mod stub;
mod tables;

pub use tables::SCHEMA;

use crate::field::Field;

/// The fields that an ended work order loses when its evidence package takes its place: whatever
/// may be long or free. What finds it again stays: number, title, people, dates and state.
pub const CONTENT: &[Field] = &[
    Field::Description,
    Field::Tags,
    Field::AcceptanceCriteria,
    Field::Deliverables,
    Field::Notes,
    Field::ReviewNotes,
    Field::CompletionSummary,
    Field::Deficiencies,
    Field::Metadata,
];
