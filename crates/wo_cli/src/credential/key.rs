//! The key that signs grants: made here, read by the server; the vault has the public half.

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use p256::pkcs8::{DecodePublicKey, EncodePrivateKey, LineEnding};
use wo_rules::credential::grant::{Algorithm, GrantKey};

use crate::key::{new_key, random, read_secret, write_key, write_new};
use crate::{Error, failed};

/// How often random bytes are tried: one in 2^32 is no number below the order of P-256.
const MOST_TRIES: usize = 8;

/// Makes a key and keeps it in a file that its owner alone can read: Ed25519, or P-256 for ES256. An existing file
/// is never replaced.
///
/// # Errors
/// A file that is there or cannot be made.
pub fn keep_grant_key(path: &Path, is_es256: bool) -> Result<(), Error> {
    if !is_es256 {
        return write_key(path, &new_key()?);
    }
    for _ in 0..MOST_TRIES {
        if let Ok(key) = p256::SecretKey::from_slice(&*random::<32>()?) {
            let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(failed("cannot encode the key"))?;
            return write_new(path, pem.as_bytes());
        }
    }
    Err(Error::new("no random numbers"))
}

/// Reads the key that signs grants.
///
/// # Errors
/// A file that cannot be read or holds no such key; nothing of what it holds is repeated.
pub fn read_grant_key(path: &Path) -> Result<GrantKey, Error> {
    GrantKey::read(&read_secret(path)?).map_err(failed(path.display()))
}

/// The public half of the key in a file, as SubjectPublicKeyInfo in PEM.
///
/// # Errors
/// A file that cannot be read or holds no such key.
pub fn public_pem(path: &Path) -> Result<String, Error> {
    let pem = read_grant_key(path)?.public_pem().map_err(Error::new)?;
    Ok(pem.trim_end().to_owned())
}

/// Reads a public key in PEM. Gives it with the algorithm that its private half signs with.
///
/// # Errors
/// A file that cannot be read, or holds no public key of Ed25519 or P-256.
pub fn read_public_pem(path: &Path) -> Result<(String, &'static str), Error> {
    let text = crate::read_text(path)?;
    let pem = text.trim_end().to_owned();
    let algorithm = if VerifyingKey::from_public_key_pem(&pem).is_ok() {
        Algorithm::EdDsa
    } else if p256::PublicKey::from_public_key_pem(&pem).is_ok() {
        Algorithm::Es256
    } else {
        return Err(Error::new(format!(
            "{} is no public key of Ed25519 or P-256 in PEM: wo key public --pem prints it",
            path.display()
        )));
    };
    Ok((pem, algorithm.name()))
}
