//! Crashes over and over, under load: `make test` runs a few rounds, `make soak` a hundred.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod killing;
mod promotion;
#[allow(dead_code)]
#[path = "../isolation/stage.rs"]
mod stage;
mod witness;
mod works;
