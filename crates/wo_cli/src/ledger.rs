//! The ledger's key, and recovery statements signed with it.

use std::fmt;
use std::path::Path;

use wo_rules::ledger::hash_text;
use wo_rules::ledger::key::{SealingKey, VerifierKey, is_sealing_key};
use wo_rules::ledger::recovery::Statement;

use crate::key::{Passphrase, public_key, random, read_secret, read_signing_key, write_new};
use crate::{Error, failed, one_line_break, read_text, shown};

/// Makes a sealing key and keeps it in a file that its owner alone can read. An existing file is
/// never replaced.
///
/// # Errors
/// A name that no key can have; a file that is there or cannot be made.
pub fn keep_sealing_key(path: &Path, name: &str) -> Result<VerifierKey, Error> {
    let key = SealingKey::new(name, &*random::<32>()?).map_err(Error::new)?;
    let mut text = key.text();
    text.push('\n');
    write_new(path, text.as_bytes())?;
    Ok(key.verifier().clone())
}

/// Reads a sealing key.
///
/// # Errors
/// A file that cannot be read or holds no such key; nothing of what it holds is repeated.
pub fn read_sealing_key(path: &Path) -> Result<SealingKey, Error> {
    SealingKey::read(&read_secret(path)?).map_err(failed(path.display()))
}

/// The public half of the key in a file, of a sealing key or another one.
///
/// # Errors
/// A file that cannot be read or holds no key.
pub fn public_half(path: &Path, passphrase: &Passphrase) -> Result<String, Error> {
    if is_sealing_key(&read_secret(path)?) {
        return Ok(read_sealing_key(path)?.verifier().to_string());
    }
    Ok(public_key(&read_signing_key(path, passphrase)?.verifying_key()))
}

/// Reads a ledger's public key: the key itself, or `@` and the file that holds it.
///
/// # Errors
/// A file that cannot be read; what is no such key.
pub fn read_verifier_key(text: &str) -> Result<VerifierKey, Error> {
    let read = match text.strip_prefix('@') {
        Some(file) => VerifierKey::read(&read_text(Path::new(file))?),
        None => VerifierKey::read(text),
    };
    read.map_err(|why| Error::new(format!("the sealing key: {why}")))
}

/// A recovery statement that is to be signed.
#[derive(Debug)]
pub struct Recovery(Statement);

impl Recovery {
    /// Reads what `wo.recovery_statement` gives; line breaks behind it are no part of it.
    ///
    /// # Errors
    /// What is no recovery statement.
    pub fn read(text: &str) -> Result<Self, Error> {
        Statement::read(&one_line_break(text)).map(Self).map_err(|why| Error::new(shown(&why)))
    }

    /// The signed statement.
    ///
    /// # Errors
    /// A key of another ledger.
    pub fn sign(&self, key: &SealingKey) -> Result<String, Error> {
        let name = key.verifier().name();
        if name != self.0.origin {
            return Err(Error::new(format!(
                "the statement is about the ledger {}, and the key is that of {}",
                shown(&self.0.origin),
                shown(name)
            )));
        }
        Ok(self.0.sign(key))
    }
}

/// What is to be signed, in plain words for the signer.
impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statement = &self.0;
        let mut line = |name: &str, text: &str| writeln!(f, "  {name:<10} {}", shown(text));
        line("ledger", &statement.origin)?;
        let tree = |size: u64, root| format!("size {size}, root {}", hash_text(root));
        line("LOST", &tree(statement.lost_size, &statement.lost_root))?;
        line("goes on", &format!("from {}", tree(statement.kept_size, &statement.kept_root)))?;
        line("at", &statement.at)?;
        line("reason", &statement.reason)
    }
}
