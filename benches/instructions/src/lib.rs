//! Pieces of the functional core that are counted here and timed by the benchmarks.

mod cases;
mod tree;

pub use cases::{CASES, Case, case};
