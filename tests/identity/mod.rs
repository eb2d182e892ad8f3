//! Who is acting, and what others can see or do: tokens, memory, login roles, tenancy, poolers.

mod attack;
mod harness;
mod law;
mod login;
mod memory;
mod pooler;
mod session;
mod tenancy;
mod token;
