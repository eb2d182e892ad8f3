//! Many clients at once on one hierarchy: no cycle is ever committed, and a master always learns
//! that the last of its children has ended.

mod findings;
mod half_cycles;
mod last_part;
mod random_edges;
mod settling;
mod stage;
