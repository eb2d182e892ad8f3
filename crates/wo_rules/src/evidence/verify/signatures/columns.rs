//! The columns of a signature that are kept in several places.

use crate::approval::payload::Payload;
use crate::evidence::verify::sections::{Approval, Signature, State};

type Column<'a> = (&'static str, Option<&'a str>);

/// The columns that are shown and were signed.
fn shown(signature: &Signature) -> [Column<'_>; 14] {
    [
        ("action", Some(&signature.action)),
        ("covers", Some(signature.covers.name())),
        ("decision", Some(signature.decision.name())),
        ("delegation_id", signature.delegation_id.as_deref()),
        ("from_status", Some(&signature.from_status)),
        ("key_id", Some(&signature.key_id)),
        ("meaning", Some(&signature.meaning)),
        ("on_behalf_of", signature.on_behalf_of.as_deref()),
        ("printed_name", Some(&signature.printed_name)),
        ("reason", signature.reason.as_deref()),
        ("role", Some(&signature.role)),
        ("signer", Some(&signature.signer)),
        ("time_zone", Some(&signature.time_zone)),
        ("to_status", Some(&signature.to_status)),
    ]
}

/// The columns that are not as they were signed.
pub fn differing_from_payload(
    signature: &Signature,
    payload: &Payload,
) -> impl Iterator<Item = &'static str> {
    let signed = [
        Some(payload.action.as_str()),
        Some(payload.covers.name()),
        Some(payload.decision.name()),
        payload.delegation_id.as_deref(),
        Some(&payload.from_status),
        Some(&payload.key_id),
        Some(&payload.meaning),
        payload.on_behalf_of.as_deref(),
        Some(&payload.printed_name),
        payload.reason.as_deref(),
        Some(&payload.role),
        Some(&payload.signer),
        Some(&payload.time_zone),
        Some(&payload.to_status),
    ];
    shown(signature)
        .into_iter()
        .zip(signed)
        .filter(|((_, shown), signed)| shown != signed)
        .map(|((column, _), _)| column)
}

/// The columns that are not as the trail holds them.
pub fn differing_from_trail(
    signature: &Signature,
    kept: &Approval,
    made: &[u8],
) -> impl Iterator<Item = &'static str> {
    let held = [
        kept.action.as_deref(),
        kept.covers.as_deref(),
        kept.decision.as_deref(),
        kept.delegation_id.as_deref(),
        kept.from_status.as_deref(),
        kept.key_id.as_deref(),
        kept.meaning.as_deref(),
        kept.on_behalf_of.as_deref(),
        kept.printed_name.as_deref(),
        kept.reason.as_deref(),
        kept.role.as_deref(),
        kept.signer.as_deref(),
        kept.time_zone.as_deref(),
        kept.to_status.as_deref(),
    ];
    let beside = [
        ("payload", kept.payload.as_deref() == Some(&signature.payload)),
        ("signature", kept.signature.as_ref() == Some(&hex::encode(made))),
        ("signed_at", kept.signed_at.as_deref() == Some(&signature.signed_at)),
        ("state_reason", kept.state_reason == signature.state_reason),
    ];
    shown(signature)
        .into_iter()
        .zip(held)
        .filter(|((_, shown), held)| shown != held)
        .map(|((column, _), _)| column)
        .chain(beside.into_iter().filter(|(_, holds)| !holds).map(|(column, _)| column))
        .collect::<Vec<_>>()
        .into_iter()
}

/// The member that shows another state than the trail holds, if one does.
pub fn state_not_of_trail(signature: &Signature, kept: &Approval) -> Option<&'static str> {
    let changed = [&kept.amended_at, &kept.voided_at, &kept.withdrawn_at];
    let at = match signature.state {
        State::Valid => {
            let is_valid = changed.iter().all(|at| at.is_none());
            return match (is_valid, &signature.state_at) {
                (false, _) => Some("state"),
                (true, Some(_)) => Some("state_at"),
                (true, None) => None,
            };
        }
        State::Amended => &kept.amended_at,
        State::Void => &kept.voided_at,
        State::Withdrawn => &kept.withdrawn_at,
    };
    match at {
        None => Some("state"),
        Some(_) if *at != signature.state_at => Some("state_at"),
        Some(_) => None,
    }
}
