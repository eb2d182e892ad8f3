//! The rules of signatures: what is signed, byte for byte, and what holds as a signature.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod content;
mod payload;
mod properties;
mod support;
mod wycheproof;
