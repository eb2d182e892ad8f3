//! A figure that is derived from the outbox.

use crate::pg::statement::{Argument, argument, bigint};

/// A figure that follows from events.
pub struct Rollup {
    /// The types of the events that it counts.
    pub events: &'static [&'static str],
    /// Adds the events of a batch to the figures, as the role `wo_worker`.
    pub fold: fn(&Batch),
    /// Removes all figures, as the role `wo_worker`.
    pub clear: fn(),
}

/// The events of a batch: those of the rollup's types at positions above the first and up to the second.
pub struct Batch(pub(super) i64, pub(super) i64, pub(super) &'static [&'static str]);

impl Batch {
    /// The positions and the types, as arguments of a statement.
    pub fn arguments(&self) -> [Argument; 3] {
        let types: Vec<String> = self.2.iter().map(|name| (*name).to_owned()).collect();
        [bigint(self.0), bigint(self.1), argument(types)]
    }
}
