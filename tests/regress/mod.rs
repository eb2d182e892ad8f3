//! One client at a time: what the SQL answers.

mod catalogue;
mod constraints;
mod definitions;
mod health;
mod hostile_values;
mod install;
mod one_text;
mod registry;
mod role;
mod sqlsmith;
mod uuid_signatures;
