//! Crashes, dumps, restores and upgrades.

mod catalogue;
mod company;
mod crashes;
mod drops;
mod dumps;
mod fixture;
mod harness;
mod image;
mod partitions;
mod pg_upgrade;
mod removal;
mod restoring;
mod strangers;
mod upgrades;
