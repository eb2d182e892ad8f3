//! Many clients at once: races on real connections.

mod alone;
mod altering;
mod column_types;
mod events;
mod forgetting;
mod harness;
mod locks;
mod races;
pub mod stage;
