//! Masters, their children, and what waits for what.

pub mod cycle;
pub mod diagram;
pub mod inherit;
pub mod network;
pub mod pattern;
pub mod plan;
pub mod policy;
mod tables;

pub use tables::SCHEMA;

use crate::refusal::{Refusal, SqlState};

/// The refusal of a lag that is negative or longer than 100 years.
pub fn lag_invalid(lag: &str) -> Refusal {
    Refusal::new(
        SqlState::BadValue,
        "field_invalid",
        format!("a lag is between 0 and 100 years, not {lag}"),
    )
    .with("field", "lag")
    .with("value", lag)
    .hint("Give how long the successor waits after its predecessor has ended; without a lag it waits for the end alone.")
}
