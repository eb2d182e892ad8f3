//! An answer to a challenge: whether it may still be given, and whether what was to be signed is
//! still what there is.

use super::keys::Key;
use super::payload::{ChildContent, Decision, Payload, verify};
use crate::identity::bytes_from_text;
use crate::lifecycle::Record;
use crate::refusal::{Refusal, SqlState};

/// A challenge as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What was to be signed.
    pub payload: String,
    /// Until when it may be answered (microseconds since 2000-01-01 UTC).
    pub expires_at: i64,
    /// Whether it was answered.
    pub used: bool,
}

/// Checks that a challenge may be answered now with that decision, and reads what it asks.
///
/// # Errors
/// 22023 `challenge_unknown`, `challenge_decision`; 55000 `challenge_used`, `challenge_expired`,
/// `tables_damaged`.
pub fn check_answer(
    challenge: Option<&Challenge>,
    decision: Decision,
    now: i64,
) -> Result<Payload, Refusal> {
    let challenge = check_answerable(challenge, now)?;
    let payload = Payload::read(challenge.payload.as_bytes()).map_err(|why| {
        Refusal::new(
            SqlState::WrongState,
            "tables_damaged",
            format!("the records of wo_core cannot be used: {why}"),
        )
    })?;
    check_decision(payload.decision, decision)?;
    Ok(payload)
}

/// Checks that a challenge may be answered with that decision, where it asks for one.
///
/// # Errors
/// 22023 `challenge_decision`.
pub fn check_decision(asked: Decision, given: Decision) -> Result<(), Refusal> {
    if asked == given {
        return Ok(());
    }
    let (asks, other) = match asked {
        Decision::Approved => ("approves", "wo.sign"),
        Decision::Rejected => ("rejects", "wo.reject"),
    };
    Err(Refusal::new(
        SqlState::BadValue,
        "challenge_decision",
        format!("the challenge is for a signature that {asks}"),
    )
    .hint(format!("give it to {other}(challenge, signature)")))
}

/// Checks that a challenge may be answered now.
///
/// # Errors
/// 22023 `challenge_unknown`; 55000 `challenge_used`, `challenge_expired`.
pub fn check_answerable(challenge: Option<&Challenge>, now: i64) -> Result<&Challenge, Refusal> {
    let Some(challenge) = challenge else {
        return Err(Refusal::new(
            SqlState::BadValue,
            "challenge_unknown",
            "the signer has no such challenge",
        )
        .hint("request a signature first; a challenge is answered by who asked for it"));
    };
    if challenge.used {
        return Err(used());
    }
    if now >= challenge.expires_at {
        return Err(Refusal::new(
            SqlState::WrongState,
            "challenge_expired",
            "the challenge may not be answered any more",
        )
        .hint("request the signature again"));
    }
    Ok(challenge)
}

/// The refusal of a second answer.
pub fn used() -> Refusal {
    Refusal::new(SqlState::WrongState, "challenge_used", "the challenge was answered already")
        .hint("a challenge is answered once; request another signature")
}

/// The work order as it is when the signature is given.
#[derive(Debug)]
pub struct Present<'a> {
    /// Whether nobody answered the challenge meanwhile.
    pub is_first: bool,
    /// The record.
    pub record: &'a Record<'a>,
    /// Its version.
    pub version: i64,
    /// The hash of its content.
    pub content_sha256: String,
    /// The content of its children, where the signature covers them.
    pub children: Vec<ChildContent>,
}

/// Checks that what is signed is what there is (21 CFR 11.70).
///
/// # Errors
/// 55000 `challenge_used`; 40001 `record_changed`.
pub fn check_present(payload: &Payload, present: &Present<'_>) -> Result<(), Refusal> {
    if !present.is_first {
        return Err(used());
    }
    let record = present.record;
    let changed = if payload.from_status != record.status {
        Some("its state")
    } else if payload.version != present.version || payload.content_sha256 != present.content_sha256
    {
        Some("the record")
    } else if payload.children != present.children {
        Some("one of its children")
    } else {
        None
    };
    match changed {
        None => Ok(()),
        Some(what) => Err(Refusal::new(
            SqlState::VersionConflict,
            "record_changed",
            format!(
                "work order {}: {what} changed since the signature was requested",
                record.number
            ),
        )
        .with("work_order_id", record.id)
        .with("version", present.version)
        .with("requested_version", payload.version)
        .hint("look at it again, and request the signature anew")),
    }
}

/// Reads a signature as callers write it: base64url without padding, or hexadecimal.
///
/// # Errors
/// 22023 `signature_malformed`.
fn signature_from_text(text: Option<&str>) -> Result<[u8; 64], Refusal> {
    let bytes = bytes_from_text(text.unwrap_or_default());
    bytes.try_into().map_err(|_| {
        Refusal::new(
            SqlState::BadValue,
            "signature_malformed",
            "an Ed25519 signature has 64 bytes, written as base64url",
        )
        .hint("sign the payload with the command wo sign, which writes signatures in this form")
    })
}

/// A signature that a caller hands in for a payload of a work order `(number, id)`, where it holds under the key.
///
/// # Errors
/// 22023 `signature_malformed`; 42501 `signature_invalid`.
pub fn checked_signature(
    text: Option<&str>,
    key: &Key,
    payload: &str,
    (number, id): (&str, &str),
) -> Result<[u8; 64], Refusal> {
    let signature = signature_from_text(text)?;
    if verify(&key.public_key, payload.as_bytes(), &signature) {
        return Ok(signature);
    }
    Err(Refusal::new(
        SqlState::NotPermitted,
        "signature_invalid",
        format!("the signature for work order {number} does not hold"),
    )
    .with("work_order_id", id)
    .with("key_id", key.id.as_str())
    .hint("sign exactly the challenge's payload, byte for byte, with the key that it names"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use base64ct::Encoding;

    #[test]
    fn signatures_are_read_in_both_spellings() {
        let bytes = [7u8; 64];
        let base64 = base64ct::Base64UrlUnpadded::encode_string(&bytes);
        for text in [hex::encode(bytes), base64.clone(), format!(" {base64}== ")] {
            assert_eq!(signature_from_text(Some(&text)).unwrap(), bytes, "{text}");
        }
        for text in [None, Some(""), Some("zz"), Some("AAAA")] {
            assert_eq!(signature_from_text(text).unwrap_err().code, "signature_malformed");
        }
    }

    #[test]
    fn a_challenge_is_answered_once_and_in_time() {
        let code = |challenge: Option<&Challenge>| {
            check_answer(challenge, Decision::Approved, 100).unwrap_err().code
        };
        let challenge = Challenge { payload: "{}".to_owned(), expires_at: 101, used: false };
        assert_eq!(code(None), "challenge_unknown");
        assert_eq!(code(Some(&Challenge { used: true, ..challenge.clone() })), "challenge_used");
        assert_eq!(
            code(Some(&Challenge { expires_at: 100, ..challenge.clone() })),
            "challenge_expired"
        );
        assert_eq!(code(Some(&challenge)), "tables_damaged");
    }
}
