//! Deliverables: what the work hands over, and who accepted it.
//!
//! The bytes stay outside; a row binds their SHA-256. A later version of a deliverable is a row of its own that names
//! the one before, and each review is a row too: nothing of them is ever changed. [`Standing`] says where each
//! deliverable stands.

mod acting;
pub mod guard;
mod standing;
mod tables;
mod view;

pub use acting::{
    Delivered, Delivery, Owner, Performer, ReviewAttempt, check_delivery, check_review,
};
pub use standing::{Received, Review, Standing, State, Verdict, standings};
pub use tables::SCHEMA;
pub use view::{Rows, rows, shown};

#[cfg(test)]
mod tests;
