//! The key that seals, and the one that verifies, in the text forms of signed notes.
//!
//! The private key is a file outside the database: `PRIVATE+KEY+<name>+<id>+<base64 of 0x01 and the
//! seed>`. The public one is `<name>+<id>+<base64 of 0x01 and the public key>`. The id is 8 hexadecimal
//! digits: the beginning of SHA-256 of the name, a line break, 0x01 and the public key.

use crate::approval::payload::{check_public_key, verify};
use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The type of Ed25519 keys and signatures.
const ED25519: u8 = 1;

const PRIVATE: &str = "PRIVATE+KEY+";

/// Whether a text is meant to be a sealing key, be it whole or damaged.
pub fn is_sealing_key(text: &str) -> bool {
    text.starts_with(PRIVATE)
}

/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 200;

/// The longest text of a key that is looked at, in bytes.
const LONGEST_TEXT: usize = 512;

/// Checks the name of a key, which is the name of its ledger too.
///
/// # Errors
/// One plain sentence. Beside what signed notes ask for, a name cannot be taken for the first line of
/// a recovery statement.
pub fn check_name(name: &str) -> Result<(), String> {
    let wrong = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST_NAME {
        "is longer than 200 bytes"
    } else if name.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        "has a space or a control character in it"
    } else if name.contains('+') {
        "has a plus sign in it"
    } else if name.starts_with(super::recovery::TAG) {
        "begins like a recovery statement"
    } else {
        return Ok(());
    };
    Err(format!("the name of the key {wrong}"))
}

/// The id of a key: four bytes.
fn id_of(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public_key)
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The key that signs checkpoints. It shows its secret only to who asks for [`SealingKey::text`], and
/// wipes it from memory when it is dropped.
pub struct SealingKey {
    key: SigningKey,
    verifier: VerifierKey,
}

impl SealingKey {
    /// The key of that name with that seed.
    ///
    /// # Errors
    /// A name that no key can have.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, String> {
        check_name(name)?;
        let key = SigningKey::from_bytes(seed);
        let public_key = key.verifying_key().to_bytes();
        let verifier =
            VerifierKey { name: name.to_owned(), id: id_of(name, &public_key), public_key };
        Ok(Self { key, verifier })
    }

    /// Reads a key's text; a line break behind it is no part of it.
    ///
    /// # Errors
    /// One plain sentence, which repeats nothing of the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = without_line_break(text);
        let Some(parts) = text.strip_prefix(PRIVATE).and_then(Parts::of) else {
            return Err("the text is no private key of signed notes (PRIVATE+KEY+…)".to_owned());
        };
        let key = Self::new(parts.name, &parts.key)?;
        if key.verifier.id != parts.id {
            return Err("the private key is not the one that its id names".to_owned());
        }
        Ok(key)
    }

    /// The text to keep in a file that nobody else can read.
    pub fn text(&self) -> Zeroizing<String> {
        let VerifierKey { name, id, .. } = &self.verifier;
        let key = text_of_key(&Zeroizing::new(self.key.to_bytes()));
        let mut text = Zeroizing::new(String::with_capacity(LONGEST_TEXT));
        for part in [PRIVATE, name, "+", &hex::encode(id), "+", &key] {
            text.push_str(part);
        }
        text
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature over a message.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// The key that verifies checkpoints. Its text ([`fmt::Display`]) is public.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public_key: [u8; 32],
}

impl VerifierKey {
    /// Reads a key's text; a line break behind it is no part of it.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = without_line_break(text);
        if text.starts_with(PRIVATE) {
            return Err("this is a private key, and here the public one is needed".to_owned());
        }
        let Some(parts) = Parts::of(text) else {
            return Err("the text is no public key of signed notes (name+id+key)".to_owned());
        };
        check_name(parts.name)?;
        let key = Self { name: parts.name.to_owned(), id: parts.id, public_key: *parts.key };
        check_public_key(&key.public_key)
            .map_err(|_| "this is not an Ed25519 public key that can be signed with".to_owned())?;
        if id_of(&key.name, &key.public_key) != key.id {
            return Err("the public key is not the one that its id names".to_owned());
        }
        Ok(key)
    }

    /// The name, which is the name of the ledger too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that stands before its signatures.
    pub(super) fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether the key made that signature over that message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        verify(&self.public_key, message, signature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = text_of_key(&self.public_key);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), key.as_str())
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// The parts of a key's text: name, id and 32 bytes.
struct Parts<'t> {
    name: &'t str,
    id: [u8; 4],
    key: Zeroizing<[u8; 32]>,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Option<Self> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        // The base64 may have plus signs of its own.
        let mut parts = text.splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let is_lower = id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let mut bytes = Zeroizing::new([0; 33]);
        let decoded = Base64::decode(encoded, &mut *bytes).ok()?;
        let (&[kind], key) = decoded.split_first_chunk::<1>()?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(key).ok()?);
        let id = <[u8; 4]>::try_from(hex::decode(id).ok()?).ok()?;
        (kind == ED25519 && is_lower).then_some(Self { name, id, key })
    }
}

/// Base64 of the type and the key.
fn text_of_key(key: &[u8; 32]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([ED25519; 33]);
    bytes[1..].copy_from_slice(key);
    Zeroizing::new(Base64::encode_string(&*bytes))
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
