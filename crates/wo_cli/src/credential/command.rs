//! A command that is run with a secret in its environment.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::{Error, failed};

/// How a command exits that a signal ended, as far as it can be said.
const SIGNALLED: u8 = 128;

/// Runs a command with the secret in that variable of its environment, and gives how it exited.
///
/// # Errors
/// A command that cannot be run; a secret that no variable can hold.
pub fn run_with_secret(
    program: &OsStr,
    arguments: &[OsString],
    name: &str,
    secret: &[u8],
) -> Result<u8, Error> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(Error::new("the variable needs a name without an equals sign"));
    }
    if secret.contains(&0) {
        return Err(Error::new("the secret has a zero byte in it, which no variable can hold"));
    }
    let status = Command::new(program)
        .args(arguments)
        .env(name, OsStr::from_bytes(secret))
        .status()
        .map_err(failed(format!("cannot run {}", program.display())))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(SIGNALLED))
}
