//! What is taken for a secret and what is not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod corpus;
mod documents;
mod references;
mod texts;
