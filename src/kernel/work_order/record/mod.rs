//! The record of a work order: its row, how it is read and locked, and what of it is being written.

pub mod actor_roles;
pub mod child_change;
pub mod columns;
pub mod direct;
pub mod follow_up;
pub mod holder;
pub mod id;
pub mod layout;
pub mod pending;
pub mod placing;
pub mod reference;
pub mod row;
pub mod state_entry;
pub mod tree;
pub mod unfinished;
pub mod view;
