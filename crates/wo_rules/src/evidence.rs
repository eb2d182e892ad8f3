//! The evidence package: everything about one work order in one document that can be verified
//! without the database.

pub mod package;
pub mod report;
pub mod verify;
