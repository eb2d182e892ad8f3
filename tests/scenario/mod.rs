//! Whole flows through a client driver.

mod administration;
mod audit;
mod bad_input;
mod bulk;
mod bulk_time;
mod company;
mod conflicts;
mod constraints;
mod design;
mod direct;
mod given;
mod harness;
mod hostile_settings;
mod idempotency;
mod lifecycle;
mod limits;
mod memory;
mod numbers;
mod odd_columns;
mod place;
mod roles;
mod snapshot;
mod state_matrix;
mod unknown_names;
mod verifying;
mod work_orders;
