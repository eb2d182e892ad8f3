//! One client at a time: what the SQL answers.

mod catalogue;
mod health;
mod install;
mod role;
mod sqlsmith;
