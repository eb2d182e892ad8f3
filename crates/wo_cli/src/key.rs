//! Private keys in files: those of token issuers in the clear, those of signers encrypted.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{SigningKey, VerifyingKey};
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};
use zeroize::Zeroizing;

use crate::{Error, failed};

/// The fewest characters that a new passphrase may have.
const SHORTEST_PASSPHRASE: usize = 8;

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// What scrypt costs, log2(N), r, p: the choice of OWASP that stays below the 32 MiB which OpenSSL
/// allows it, so that OpenSSL can read the file as well.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// A new private key from the operating system's random numbers.
pub fn new_key() -> Result<SigningKey, Error> {
    Ok(SigningKey::from_bytes(&*random::<32>()?))
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(failed("no random numbers"))?;
    Ok(bytes)
}

/// Without the public half: OpenSSL before 3.2 refuses the form that carries both.
fn private_half(key: &SigningKey) -> KeypairBytes {
    KeypairBytes { secret_key: key.to_bytes(), public_key: None }
}

/// The key as PKCS#8 PEM.
pub fn pem(key: &SigningKey) -> Result<Zeroizing<String>, Error> {
    private_half(key).to_pkcs8_pem(LineEnding::LF).map_err(failed("cannot encode the key"))
}

/// Writes the key as PKCS#8 PEM, readable by its owner only. An existing file is never replaced.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<(), Error> {
    write_new(path, pem(key)?.as_bytes())
}

pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let doing = || format!("cannot write {}", path.display());
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed(doing()))?;
    file.write_all(bytes).map_err(failed(doing()))?;
    file.sync_all().map_err(failed(doing()))
}

/// Reads a PKCS#8 PEM file, ours or one of `openssl genpkey -algorithm ed25519`.
pub fn read_key(path: &Path) -> Result<SigningKey, Error> {
    from_pem(path, &read_secret(path)?)
}

fn from_pem(path: &Path, pem: &str) -> Result<SigningKey, Error> {
    SigningKey::from_pkcs8_pem(pem)
        .map_err(failed(format!("{} is no Ed25519 private key", path.display())))
}

/// Reads a file that holds a secret, which is wiped from memory when it is dropped.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, Error> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(failed(format!("cannot read {}", path.display())))
}

/// Where a passphrase comes from.
#[derive(Debug, Clone)]
pub enum Passphrase {
    /// The first line of a file.
    File(PathBuf),
    /// The person at the terminal, who does not see it there.
    Terminal,
}

impl Passphrase {
    /// A file if one is named, else the terminal.
    pub fn from(file: Option<PathBuf>) -> Self {
        file.map_or(Self::Terminal, Self::File)
    }

    fn read(&self, prompt: impl Display) -> Result<Zeroizing<String>, Error> {
        match self {
            Self::File(path) => {
                let text = read_secret(path)?;
                Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
            }
            Self::Terminal if !std::io::stderr().is_terminal() => Err(Error::new(
                "there is no terminal to ask for the passphrase: give --passphrase-file",
            )),
            Self::Terminal => rpassword::prompt_password(format!("{prompt}: "))
                .map(Zeroizing::new)
                .map_err(failed("cannot ask for the passphrase")),
        }
    }

    fn read_new(&self, path: &Path) -> Result<Zeroizing<String>, Error> {
        let passphrase = self.read(format_args!("New passphrase for {}", path.display()))?;
        if passphrase.chars().count() < SHORTEST_PASSPHRASE {
            return Err(Error::new(format!(
                "a passphrase has at least {SHORTEST_PASSPHRASE} characters"
            )));
        }
        if matches!(self, Self::Terminal) && self.read("The same again")? != passphrase {
            return Err(Error::new("the two passphrases are not the same"));
        }
        Ok(passphrase)
    }
}

/// Makes a signer's key and keeps it encrypted with a passphrase (PKCS#8, PBES2 with scrypt and
/// AES-256), readable by its owner only. An existing file is never replaced.
pub fn keep_signing_key(path: &Path, passphrase: &Passphrase) -> Result<SigningKey, Error> {
    if path.exists() {
        return Err(Error::new(format!("cannot write {}: the file exists", path.display())));
    }
    let passphrase = passphrase.read_new(path)?;
    let key = new_key()?;
    let plain = private_half(&key).to_pkcs8_der().map_err(failed("cannot encode the key"))?;
    let (salt, iv) = (random::<16>()?, random::<16>()?);
    let (log_n, r, p) = SCRYPT;
    let encrypted = scrypt::Params::new(log_n, r, p, 32)
        .map_err(failed("cannot encrypt the key"))
        .and_then(|params| {
            pbes2::Parameters::scrypt_aes256cbc(params, &*salt, &iv)
                .map_err(failed("cannot encrypt the key"))
        })
        .and_then(|parameters| {
            PrivateKeyInfo::try_from(plain.as_bytes())
                .and_then(|info| info.encrypt_with_params(parameters, passphrase.as_bytes()))
                .map_err(failed("cannot encrypt the key"))
        })?;
    let pem =
        encrypted.to_pem(ENCRYPTED, LineEnding::LF).map_err(failed("cannot encode the key"))?;
    write_new(path, pem.as_bytes())?;
    Ok(key)
}

/// Reads a key that may be encrypted; the passphrase is asked for only if it is.
pub fn read_signing_key(path: &Path, passphrase: &Passphrase) -> Result<SigningKey, Error> {
    let pem = read_secret(path)?;
    let Ok(("ENCRYPTED PRIVATE KEY", encrypted)) = pkcs8::SecretDocument::from_pem(&pem) else {
        return from_pem(path, &pem);
    };
    let no_key = || format!("{} is no encrypted Ed25519 private key", path.display());
    let encrypted =
        EncryptedPrivateKeyInfo::try_from(encrypted.as_bytes()).map_err(failed(no_key()))?;
    let passphrase = passphrase.read(format_args!("Passphrase of {}", path.display()))?;
    let plain = encrypted.decrypt(passphrase.as_bytes()).map_err(|_| {
        Error::new(format!(
            "the passphrase is not that of {}, or the file is damaged",
            path.display()
        ))
    })?;
    SigningKey::from_pkcs8_der(plain.as_bytes()).map_err(failed(no_key()))
}

/// The public key as JWK and `wo.trusted_issuer` write it: base64url without padding.
pub fn public_key(key: &VerifyingKey) -> String {
    Base64UrlUnpadded::encode_string(key.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::scratch;

    #[test]
    fn a_key_file_is_private_never_replaced_and_read_back() {
        let dir = scratch();
        let path = dir.join("key.pem");
        let key = new_key().unwrap();
        write_key(&path, &key).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_key(&path).unwrap().to_bytes(), key.to_bytes());
        let refused = write_key(&path, &new_key().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("exists"), "{refused}");
        assert_eq!(read_key(&path).unwrap().to_bytes(), key.to_bytes());
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_by_name() {
        let dir = scratch();
        let path = dir.join("note.txt");
        std::fs::write(&path, "not a key").unwrap();
        let refused = read_key(&path).unwrap_err().to_string();
        assert!(refused.contains("note.txt is no Ed25519 private key"), "{refused}");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_public_key_is_that_of_rfc_8037() {
        let secret = Base64UrlUnpadded::decode_vec("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let key = SigningKey::from_bytes(&secret.unwrap().try_into().unwrap());
        assert_eq!(public_key(&key.verifying_key()), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }
}
