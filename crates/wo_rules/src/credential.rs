//! Credentials that work needs: they are in a vault, and the database stores where.
//!
//! The one who does a step is granted its credential ([`check_request`]): a short-lived token ([`grant::Claims`]),
//! for which the vault gives the secret. What was used is reported with the step's result ([`usage::check`]).

pub mod grant;
pub mod log;
mod request;
mod tables;
pub mod usage;

pub use request::{check_request, only_by_function};
pub use tables::SCHEMA;

#[cfg(test)]
mod tests;
