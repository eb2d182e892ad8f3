//! The rules of the evidence package: an honest one verifies, and whatever is changed in it, hashed
//! again or not, is found and named.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bytes;
mod forgery;
mod honest;
mod hostile;
mod ledger;
mod reformatted;
mod sample;
mod signing;
