//! Whole flows through a client driver.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod bad_input;
mod bulk;
mod company;
mod design;
mod direct;
mod harness;
mod lifecycle;
mod place;
mod roles;
mod state_matrix;
mod verifying;
mod work_orders;
