//! Who is acting, and what others can see or do: tokens, memory, login roles, tenancy, poolers.

mod attack;
mod credential_log;
mod enforcement;
mod harness;
mod login;
mod memory;
mod pooler;
mod search_path;
mod session;
mod statistics;
mod tenancy;
mod token;
