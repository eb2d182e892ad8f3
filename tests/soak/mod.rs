//! Crashes over and over, under load: `make test` runs a few rounds, `make soak` a hundred.

mod killing;
mod mixed;
mod promotion;
mod witness;
mod works;
