//! The rules of networks, against oracles that are slow and written a second time: what each field
//! of a schedule means is tried out on the network rather than computed.

#![allow(clippy::unwrap_used)]

mod diagrams;
mod inherited;
mod order;
mod patterns;
mod pictures;
mod random;
mod schedule;
mod slack;
