//! Many clients at once: races on real connections.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alone;
mod altering;
mod events;
mod forgetting;
mod harness;
mod races;
mod stage;
