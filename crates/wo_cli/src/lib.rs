//! The client side of `wo_core`: private keys, the tokens and signatures made with them, the
//! verification of evidence packages, and the witness of the ledger.

mod credential;
mod evidence;
mod key;
mod ledger;
mod shown;
mod signing;
mod token;
mod witness;

use std::fmt;
use std::io::Read;
use std::path::Path;

pub(crate) use wo_rules::ledger::one_line_break;

pub use credential::{
    Got, Grant, Policy, Vaults, exchange, keep_grant_key, public_pem, read_public_pem, role_name,
    run_with_secret,
};
pub use evidence::{Known, Verdict, Verified, verify};
pub use key::{
    Passphrase, keep_signing_key, new_key, pem, public_key, read_key, read_signing_key, write_key,
};
pub use ledger::{Recovery, keep_sealing_key, public_half, read_sealing_key, read_verifier_key};
pub use shown::shown;
pub use signing::{Request, sign};
pub use token::{TokenRequest, after, parse_moment, parse_span, token};
pub use witness::{Database, Failure, Files, Seen, Source, Stop, Witness, follow};

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

/// The longest text that is read beside evidence packages, in bytes.
const LONGEST_TEXT: u64 = 1 << 26;

/// Reads a text from a file; `-` is the standard input.
///
/// # Errors
/// A file that cannot be read, is no text, or is too long.
pub fn read_text(file: &Path) -> Result<String, Error> {
    let doing = || format!("cannot read {}", file.display());
    let input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(failed(doing()))?)
    };
    let mut text = String::new();
    let length = input.take(LONGEST_TEXT).read_to_string(&mut text).map_err(failed(doing()))?;
    if u64::try_from(length).is_ok_and(|length| length == LONGEST_TEXT) {
        return Err(Error::new(format!("{} is longer than {LONGEST_TEXT} bytes", file.display())));
    }
    Ok(text)
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
