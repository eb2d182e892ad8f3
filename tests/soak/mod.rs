//! Crashes over and over, under load: `make test` runs a few rounds, `make soak` a hundred.

mod killing;
mod promotion;
mod witness;
mod works;
