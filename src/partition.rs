//! Partitions of the trail and the outbox: making them ahead.

use crate::statement::{Mode, statement};

statement!(MAKE, "select wo.make_partitions()", []);

/// Makes the leaves ahead that are not there yet. Gives how many.
pub fn make_ahead() -> i32 {
    MAKE.with(|statement| statement.run(Mode::Write, &[], |rows| rows.get(0, 1))).unwrap_or(0)
}
