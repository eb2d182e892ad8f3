//! Masters, their children, and what waits for what.

pub mod cycle;
pub mod diagram;
pub mod inherit;
pub mod network;
pub mod pattern;
pub mod plan;
pub mod policy;
mod tables;

pub use tables::SCHEMA;
