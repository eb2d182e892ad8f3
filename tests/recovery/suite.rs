//! Crashes, dumps, restores and upgrades.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod catalogue;
mod company;
mod crashes;
mod drops;
mod dumps;
mod fixture;
mod harness;
mod partitions;
// The suites share what their tests begin with.
#[allow(dead_code)]
#[path = "../isolation/stage.rs"]
mod stage;
mod strangers;
mod upgrades;
