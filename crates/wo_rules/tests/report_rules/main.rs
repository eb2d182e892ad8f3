//! The page of an evidence package, read back with a parser of HTML: what it shows, and that
//! nothing in it can leave its place.

#![allow(clippy::unwrap_used)]

mod course;
mod findings;
mod harmless;
mod ledger;
mod readable;
mod sample;
mod signatures;
mod signed;
mod support;
mod trail;
