//! Many clients at once: races on real connections.

mod alone;
mod altering;
mod events;
mod forgetting;
mod harness;
mod locks;
mod races;
pub mod stage;
