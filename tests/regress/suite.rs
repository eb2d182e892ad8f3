//! One client at a time: what the SQL answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod catalogue;
mod health;
mod install;
mod role;
mod sqlsmith;
