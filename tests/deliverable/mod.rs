//! Deliverables: what is received, reviewed and asked for.

mod documents;
mod gate;
mod lasting;
mod raw;
mod signed;
mod stand;
