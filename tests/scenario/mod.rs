//! Whole flows through a client driver.

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
