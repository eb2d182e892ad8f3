//! Archives and stubs: what reads back, and that whatever was changed is named.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod archive;
mod stubs;
