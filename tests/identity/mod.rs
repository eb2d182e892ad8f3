//! Who is acting, and what others can see or do: tokens, memory, login roles, tenancy, poolers.

mod attack;
mod credential_log;
mod cursors;
mod enforcement;
mod harness;
mod login;
mod memory;
mod pooler;
#[cfg(feature = "sample_concept")]
mod sample;
mod search_path;
mod secret_log;
mod secrets;
mod session;
mod statistics;
mod tampering;
mod tenancy;
mod token;
