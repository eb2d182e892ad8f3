//! Public keys of the curve Ed25519.

use crate::refusal::{Refusal, SqlState};
use base64ct::Encoding;
use ed25519_dalek::VerifyingKey;

/// Reads a public key: the 32 bytes of a point of the curve in its canonical encoding (RFC 8032 §5.1.2),
/// and not a weak one.
///
/// # Errors
/// 22023 `bad_public_key`.
pub fn public_key_of(bytes: &[u8]) -> Result<VerifyingKey, Refusal> {
    <&[u8; 32]>::try_from(bytes)
        .ok()
        .and_then(|bytes| VerifyingKey::from_bytes(bytes).ok())
        .filter(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes)
        .ok_or_else(|| {
            Refusal::new(
                SqlState::BadValue,
                "bad_public_key",
                "the public key is not an Ed25519 public key",
            )
            .hint("Give the 32 bytes of the key as base64url without padding, or as 64 hexadecimal digits.")
        })
}

/// Reads a public key as people paste it: 64 hexadecimal digits, or base64url without padding.
///
/// # Errors
/// 22023 `bad_public_key`.
pub fn public_key_from_text(text: &str) -> Result<Vec<u8>, Refusal> {
    public_key_of(&bytes_from_text(text)).map(|key| key.to_bytes().to_vec())
}

/// Bytes as people paste them; none where the text is neither hexadecimal nor base64url.
pub fn bytes_from_text(text: &str) -> Vec<u8> {
    let text = text.trim();
    hex::decode(text)
        .ok()
        .or_else(|| base64ct::Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).ok())
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    /// The encoding of y = p + 3 is another text of the point with y = 3: one key with two fingerprints.
    #[test]
    fn a_public_key_in_another_encoding_than_its_own_is_refused() {
        let accepted = (0u8..=18).filter(|low| {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xed + low;
            bytes[31] = 0x7f;
            public_key_of(&bytes).is_ok()
        });
        assert_eq!(accepted.collect::<Vec<_>>(), Vec::<u8>::new());
    }

    #[test]
    fn a_public_key_is_read_as_people_paste_it() {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
        let base64 = base64ct::Base64UrlUnpadded::encode_string(&key);
        assert_eq!(public_key_from_text(&hex::encode(key)).unwrap(), key);
        assert_eq!(public_key_from_text(&format!(" {base64}\n")).unwrap(), key);
        assert!(public_key_from_text("secret").is_err());
    }

    #[test]
    fn a_weak_or_short_public_key_is_refused() {
        assert_eq!(public_key_of(&[0; 32]).unwrap_err().code, "bad_public_key");
        assert_eq!(public_key_of(&[1; 31]).unwrap_err().code, "bad_public_key");
    }
}
