//! The functions that callers use. They say what to write; the triggers say whether it may be.

mod bulk;
pub mod change;
mod create;
mod import;
mod migration;
mod suppressed;
mod transitions;

pub use change::{Change, transition_to};
