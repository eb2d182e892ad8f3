//! The client side of `wo_core`: private keys, the tokens and signatures made with them, and the
//! verification of evidence packages.

mod evidence;
mod key;
mod shown;
mod signing;
mod token;

use std::fmt;

pub use evidence::{Verified, verify};
pub use key::{
    Passphrase, keep_signing_key, new_key, public_key, read_key, read_signing_key, write_key,
};
pub use shown::shown;
pub use signing::{Request, sign};
pub use token::{TokenRequest, after, parse_moment, parse_span, token};

/// What went wrong, in words for the person at the terminal.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

pub(crate) fn failed<E: fmt::Display>(doing: impl fmt::Display) -> impl FnOnce(E) -> Error {
    move |error| Error(format!("{doing}: {error}"))
}

/// Drops one line break at the end: psql and editors write it behind what they were given, and it is
/// no part of it.
pub(crate) fn drop_line_break(bytes: &mut Vec<u8>) {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
}

#[cfg(test)]
mod testing {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    /// A new directory that is the test's own.
    pub fn scratch() -> PathBuf {
        let path = std::env::temp_dir().join(format!("wo_cli.{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        path
    }
}
