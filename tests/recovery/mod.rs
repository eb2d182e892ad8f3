//! Crashes, dumps, restores and upgrades.

mod catalogue;
mod company;
mod crashes;
mod drops;
mod dumps;
mod fixture;
mod harness;
mod partitions;
mod strangers;
mod upgrades;
