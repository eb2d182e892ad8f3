//! The signers' public keys, and whether they could sign at a moment.

use super::Findings;
use super::sections::{Moment, Principal, SigningKey};
use crate::approval::payload::{check_public_key, key_id};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::collections::BTreeMap;

/// The keys by their names.
pub type Keys = BTreeMap<String, SigningKey>;

pub fn read(principals: &BTreeMap<String, Principal>, findings: &mut Findings<'_>) -> Keys {
    let mut keys = Keys::new();
    for (place, key) in findings.list::<SigningKey>("signing_keys") {
        let public = Base64UrlUnpadded::decode_vec(&key.public_key).unwrap_or_default();
        if check_public_key(&public).is_err() {
            findings.found_at(&place, "public_key", "this is no Ed25519 public key");
        } else if key_id(&public) != key.key_id {
            findings.found_at(&place, "key_id", "the key's name is not the hash of its public key");
        }
        let times = [
            ("enrolled_at", Some(&key.enrolled_at)),
            ("verified_at", key.verified_at.as_ref()),
            ("expires_at", key.expires_at.as_ref()),
            ("retired_at", key.retired_at.as_ref()),
            ("revoked_at", key.revoked_at.as_ref()),
        ];
        for (member, time) in times {
            if time.is_some_and(|time| Moment::of(time).is_none()) {
                findings.found_at(&place, member, format!("the key's {member} is no time"));
            }
        }
        if principals.get(&key.principal).is_some_and(|named| named.name != key.name) {
            findings.found_at(&place, "name", "the name is not that of the principal");
        }
        if keys.contains_key(&key.key_id) {
            findings.found_at(&place, "key_id", format!("the key {} stands twice", key.key_id));
        }
        keys.insert(key.key_id.clone(), key);
    }
    keys
}

/// Why a key could not sign at that moment, if it could not.
pub fn why_unusable(key: &SigningKey, at: Moment<'_>) -> Option<&'static str> {
    let began = |time: Option<&String>| {
        time.and_then(|time| Moment::of(time)).is_some_and(|from| from <= at)
    };
    if !began(Some(&key.enrolled_at)) {
        return Some("the key was not enrolled yet when it signed");
    }
    if !began(key.verified_at.as_ref()) {
        return Some("the identity behind the key was not verified when it signed");
    }
    let over = [
        (&key.expires_at, "the key had expired when it signed"),
        (&key.retired_at, "the key was retired when it signed"),
        (&key.revoked_at, "the key was revoked when it signed"),
    ];
    over.into_iter().find(|(time, _)| began(time.as_ref())).map(|(_, why)| why)
}
