//! Records that belong to a work order: each is written into the work order's own chain, and locked
//! with it. They move the chain's head, not the record's version.

mod chain;
pub mod kind;
mod triggers;
mod value;

pub use super::record::child_change::ChildChange;
pub use chain::{not_written, record, upkeep};
pub use kind::{FILL_NOTHING, Filled, Kind, Owner};
pub use value::{name_of, value_of};
