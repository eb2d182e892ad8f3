//! The exact bytes that a person signs, and the check of the signature over them.
//!
//! The bytes are JCS (RFC 8785) of one object of strings and one small integer. They name
//! everything that the signature is to mean (21 CFR 11.50, 11.70), so that a signature pasted
//! anywhere else does not hold there.

use crate::approval::content::Covers;
use crate::refusal::{Refusal, SqlState};
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest payload that is looked at, in bytes.
pub const LONGEST_PAYLOAD: usize = 1 << 20;

/// The largest integer that JCS writes exactly.
const LARGEST_INTEGER: i64 = (1 << 53) - 1;

/// Distinguishes a signature of ours from anything else that the same key may have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Format {
    /// The first layout.
    #[default]
    #[serde(rename = "wo_core.signature.v1")]
    V1,
}

/// What the signer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It may go on.
    Approved,
    /// It goes back, for the reason that the payload holds.
    Rejected,
}

impl Decision {
    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "approved" => Some(Self::Approved),
            "rejected" => Some(Self::Rejected),
            _ => None,
        }
    }

    /// The name as tables and payloads write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// The content of a child that a master's signature covers as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildContent {
    /// Its content hash, in hexadecimal; covered as the signature covers the master's.
    pub content_sha256: String,
    /// The child's UUID.
    pub id: String,
    /// The child's number.
    pub work_order: String,
}

/// What is signed. The members stand in the order of JCS, so that writing them one after the other
/// *is* JCS; a test holds it against an implementation of the standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The action that is approved, or that a rejection takes.
    pub action: String,
    /// The children whose content is covered.
    pub children: Vec<ChildContent>,
    /// The work order's content hash, in hexadecimal: [`crate::approval::content::content_hash`].
    pub content_sha256: String,
    /// What that hash is of.
    pub covers: Covers,
    /// The signer's decision.
    pub decision: Decision,
    /// The delegation that the signer acts by.
    pub delegation_id: Option<String>,
    /// Until when the challenge may be answered: see [`crate::time::utc`].
    pub expires_at: String,
    /// The layout of these bytes.
    pub format: Format,
    /// The state that the work order is in.
    pub from_status: String,
    /// The key that signs: [`key_id`].
    pub key_id: String,
    /// What the signature means (21 CFR 11.50(a)(3)).
    pub meaning: String,
    /// 32 random bytes in hexadecimal, so that no two payloads are alike.
    pub nonce: String,
    /// The principal for whom a delegate signs.
    pub on_behalf_of: Option<String>,
    /// The signer's name as it was then (21 CFR 11.50(a)(1)).
    pub printed_name: String,
    /// Why, in the signer's words.
    pub reason: Option<String>,
    /// The role that is signed for.
    pub role: String,
    /// The server's clock when the signature was asked for: see [`crate::time::utc`].
    pub server_time: String,
    /// The signer's identifier.
    pub signer: String,
    /// The tenant's UUID.
    pub tenant_id: String,
    /// The zone in which the time is shown (21 CFR 11.50(a)(2)).
    pub time_zone: String,
    /// The state that the action leads to.
    pub to_status: String,
    /// The work order's version.
    pub version: i64,
    /// The UUID of the child that a waiver is about.
    pub waives: Option<String>,
    /// The work order's number.
    pub work_order: String,
    /// The work order's UUID.
    pub work_order_id: String,
}

impl Payload {
    /// The bytes to sign.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        // Writing strings and integers into memory has no way to fail; were there one, no signature
        // would ever match.
        let _ = serde_json::to_writer(&mut bytes, self);
        bytes
    }

    /// Reads bytes that were or are to be signed.
    ///
    /// # Errors
    /// One plain sentence where they are not, byte for byte, what [`Payload::canonical`] writes of a
    /// well-formed payload.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LONGEST_PAYLOAD {
            return Err(format!("the payload is longer than {LONGEST_PAYLOAD} bytes"));
        }
        let payload: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("the payload cannot be read: {error}"))?;
        payload.check()?;
        if payload.canonical() != bytes {
            return Err("the payload is not written in its one canonical form".to_owned());
        }
        Ok(payload)
    }

    fn check(&self) -> Result<(), String> {
        let hashes = self.children.iter().map(|child| ("children", &child.content_sha256));
        for (member, text) in [("content_sha256", &self.content_sha256), ("nonce", &self.nonce)]
            .into_iter()
            .chain(hashes)
        {
            if !is_hash(text) {
                return Err(format!(
                    "the payload's {member} is not 64 lower-case hexadecimal digits"
                ));
            }
        }
        let children = self.children.iter().map(|child| ("children", Some(&child.id)));
        let ids = [
            ("tenant_id", Some(&self.tenant_id)),
            ("work_order_id", Some(&self.work_order_id)),
            ("delegation_id", self.delegation_id.as_ref()),
            ("waives", self.waives.as_ref()),
        ];
        for (member, id) in ids.into_iter().chain(children) {
            if id.is_some_and(|id| !is_id(id)) {
                return Err(format!("the payload's {member} is no UUID"));
            }
        }
        for (member, time) in [("server_time", &self.server_time), ("expires_at", &self.expires_at)]
        {
            if !is_time(time) {
                return Err(format!("the payload's {member} is no time in UTC with microseconds"));
            }
        }
        if !is_key_id(&self.key_id) {
            return Err("the payload's key_id is no fingerprint of a key".to_owned());
        }
        if !(1..=LARGEST_INTEGER).contains(&self.version) {
            return Err("the payload's version is out of range".to_owned());
        }
        let texts = [
            ("action", &self.action),
            ("from_status", &self.from_status),
            ("meaning", &self.meaning),
            ("printed_name", &self.printed_name),
            ("role", &self.role),
            ("signer", &self.signer),
            ("time_zone", &self.time_zone),
            ("to_status", &self.to_status),
            ("work_order", &self.work_order),
        ];
        check_not_empty(&texts)
    }
}

/// Whether a text is a SHA-256 as we write it.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text is a UUID as we write it.
pub(crate) fn is_id(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

/// Whether a text is a moment as [`crate::time::utc`] writes it, in a year of four digits. Such texts
/// stand in the order of the moments.
pub(crate) fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000000Z";
    let number = |from: usize| text[from..from + 2].parse::<u8>().unwrap_or(u8::MAX);
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *form,
        })
        && (1..=12).contains(&number(5))
        && (1..=31).contains(&number(8))
        && (number(11) < 24 && number(14) < 60 && number(17) < 60)
}

/// Checks that none of these members of a payload is blank.
pub(super) fn check_not_empty(texts: &[(&str, &String)]) -> Result<(), String> {
    match texts.iter().find(|(_, text)| text.trim().is_empty()) {
        Some((member, _)) => Err(format!("the payload's {member} is empty")),
        None => Ok(()),
    }
}

/// Whether a text is the fingerprint of a key, see [`key_id`].
pub(crate) fn is_key_id(text: &str) -> bool {
    Base64UrlUnpadded::decode_vec(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether the key made that signature over that message.
///
/// Strict as RFC 8032 allows: no signature but the one that the signer made passes, nor does any
/// under a weak key. Whatever is malformed does not hold.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) =
        (<&[u8; 32]>::try_from(public_key), Signature::from_slice(signature))
    else {
        return false;
    };
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Checks a public key that somebody wants to sign with: 32 bytes, a point of the curve in its one
/// spelling, not of small order.
///
/// # Errors
/// 22023 `public_key_invalid`.
pub fn check_public_key(bytes: &[u8]) -> Result<(), Refusal> {
    <&[u8; 32]>::try_from(bytes)
        .ok()
        .and_then(|bytes| VerifyingKey::from_bytes(bytes).ok())
        .filter(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes)
        .map(|_| ())
        .ok_or_else(|| {
            Refusal::new(
                SqlState::BadValue,
                "public_key_invalid",
                "the public key is not an Ed25519 public key that can be signed with",
            )
            .hint("Give what wo key new --for signer prints: the 32 bytes of the key as base64url.")
        })
}

/// The name of a public key: base64url without padding of the SHA-256 of its 32 bytes.
pub fn key_id(public_key: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(public_key))
}
