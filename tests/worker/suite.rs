//! The worker: its life beside a server and its databases, the event pump, refused attempts and
//! findings, and the masters that are told at once.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attempts;
mod databases;
mod findings;
mod flood;
mod lifecycle;
mod masters;
mod pump;
mod readers;
// The suites share what their tests begin with.
#[allow(dead_code)]
#[path = "../isolation/stage.rs"]
mod stage;
mod works;
