//! Signing keys: whose may be used, and who may change them (21 CFR 11.100, 11.300).

use crate::lifecycle::PrincipalKind;
use crate::refusal::{Refusal, SqlState};

/// A signing key as the tenant keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its fingerprint.
    pub id: String,
    /// Whose it is.
    pub principal: String,
    /// The Ed25519 public key.
    pub public_key: Vec<u8>,
    /// Whether its owner's identity verification is on record.
    pub verified: bool,
    /// From when on nothing can be signed with it (microseconds since 2000-01-01 UTC).
    pub expires_at: i64,
    /// Whether it is out of use.
    pub retired: bool,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// What may be done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Putting on record how its owner was identified.
    Verify,
    /// Taking it out of use.
    Retire,
    /// Revoking it.
    Revoke,
}

/// Checks that a key can be enrolled for a principal of that kind.
///
/// # Errors
/// 22023 `principal_unknown`; 42501 `person_required`: signers are persons.
pub fn check_enrolment(principal: &str, kind: Option<PrincipalKind>) -> Result<(), Refusal> {
    let shown: String = principal.chars().take(60).collect();
    match kind {
        Some(PrincipalKind::Person) => Ok(()),
        Some(_) => Err(Refusal::new(
            SqlState::NotPermitted,
            "person_required",
            format!("signing keys are for persons, and {shown} is none"),
        )
        .hint("enrol the key of a human being")),
        None => Err(crate::identity::no_such_principal(principal)),
    }
}

/// The first of a person's keys that may be used at `now`.
///
/// # Errors
/// 42501 `identity_not_verified` where only that is missing; 55000 `signing_key_missing`, whose DETAIL
/// says of each key why not.
pub fn choose(principal: &str, keys: Vec<Key>, now: i64) -> Result<Key, Refusal> {
    let why_not = |key: &Key| match key {
        _ if key.principal != principal => Some("of somebody else"),
        _ if key.revoked => Some("revoked"),
        _ if key.retired => Some("retired"),
        _ if key.expires_at <= now => Some("expired"),
        _ if !key.verified => Some("not verified"),
        _ => None,
    };
    let unusable: Vec<(String, &str)> =
        keys.iter().filter_map(|key| Some((key.id.clone(), why_not(key)?))).collect();
    if let Some(key) = keys.into_iter().find(|key| why_not(key).is_none()) {
        return Ok(key);
    }
    let list: Vec<serde_json::Value> = unusable
        .iter()
        .map(|(id, why)| serde_json::json!({ "key_id": id, "state": why }))
        .collect();
    if unusable.iter().any(|(_, why)| *why == "not verified") {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "identity_not_verified",
            format!("nobody has put on record yet how {principal} was identified"),
        )
        .with("principal", principal)
        .with("keys", list)
        .hint("an administrator does that with wo.record_identity_verification(key, how)"));
    }
    let states: Vec<&str> = unusable.iter().map(|(_, why)| *why).collect();
    let message = match states.is_empty() {
        true => format!("{principal} has no signing key"),
        false => format!("{principal} has no signing key that may be used: {}", states.join(", ")),
    };
    Err(Refusal::new(SqlState::WrongState, "signing_key_missing", message)
        .with("principal", principal)
        .with("keys", list)
        .hint("make a key with wo key new --for signer, and have an administrator enrol it with wo.enroll_signing_key(...)"))
}

/// Checks that a key may be changed so.
///
/// # Errors
/// 22023 `signing_key_unknown`; 42501 `not_an_administrator`; 23514 `fields_missing`; 55000
/// `signing_key_state` where that was done already, or the key is revoked.
pub fn check_change(
    id: &str,
    key: Option<&Key>,
    change: Change,
    why: Option<&str>,
    principal: Option<&str>,
    is_administrator: bool,
) -> Result<(), Refusal> {
    let shown: String = id.chars().take(60).collect();
    let is_own = key.is_some_and(|key| principal == Some(key.principal.as_str()));
    let may_change = is_administrator || (is_own && change == Change::Revoke);
    if !may_change {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "not_an_administrator",
            "only members of wo_admin change the signing keys of others",
        )
        .hint("one's own key can be revoked at once with wo.revoke_signing_key(key, reason)"));
    }
    let Some(key) = key else {
        return Err(Refusal::new(
            SqlState::BadValue,
            "signing_key_unknown",
            format!("there is no signing key \"{shown}\" in the tenant"),
        ));
    };
    if change != Change::Retire && why.is_none() {
        let (what, column) = match change {
            Change::Verify => ("how its owner was identified", "verification"),
            _ => ("why", "reason"),
        };
        return Err(Refusal::new(
            SqlState::GateNotMet,
            "fields_missing",
            format!("the signing key {shown} needs {what}"),
        )
        .with("missing_fields", vec![column])
        .hint(format!("say {what}")));
    }
    let state = match change {
        _ if key.revoked => "revoked",
        Change::Verify if key.verified => "verified",
        Change::Retire if key.retired => "retired",
        _ => return Ok(()),
    };
    Err(Refusal::new(
        SqlState::WrongState,
        "signing_key_state",
        format!("the signing key {shown} is {state} already"),
    )
    .with("key_id", shown))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(id: &str) -> Key {
        Key {
            id: id.to_owned(),
            principal: "ann".to_owned(),
            public_key: vec![1; 32],
            verified: true,
            expires_at: 100,
            retired: false,
            revoked: false,
        }
    }

    fn code(key: Key) -> &'static str {
        choose("ann", vec![key], 99).err().map_or("", |refusal| refusal.code)
    }

    #[test]
    fn only_a_verified_living_key_of_ones_own_signs() {
        assert_eq!(code(key("k")), "");
        assert_eq!(code(Key { verified: false, ..key("k") }), "identity_not_verified");
        for unusable in [
            Key { expires_at: 99, ..key("k") },
            Key { retired: true, ..key("k") },
            Key { revoked: true, ..key("k") },
            Key { principal: "bob".to_owned(), ..key("k") },
        ] {
            assert_eq!(code(unusable), "signing_key_missing");
        }
        let keys = vec![Key { revoked: true, ..key("old") }, key("new")];
        assert_eq!(choose("ann", keys, 99).unwrap().id, "new");
        assert_eq!(choose("ann", Vec::new(), 99).unwrap_err().code, "signing_key_missing");
    }

    #[test]
    fn keys_are_for_persons() {
        assert!(check_enrolment("ann", Some(PrincipalKind::Person)).is_ok());
        let agent = check_enrolment("bot", Some(PrincipalKind::Agent)).unwrap_err();
        assert_eq!(agent.code, "person_required");
        assert_eq!(check_enrolment("", None).unwrap_err().code, "principal_unknown");
    }

    #[test]
    fn one_revokes_ones_own_key_and_nothing_else() {
        let own = key("k");
        let change = |change, why, principal, is_administrator| {
            check_change("k", Some(&own), change, why, principal, is_administrator)
                .err()
                .map_or("", |refusal| refusal.code)
        };
        assert_eq!(change(Change::Revoke, Some("lost"), Some("ann"), false), "");
        assert_eq!(change(Change::Revoke, None, Some("ann"), false), "fields_missing");
        assert_eq!(change(Change::Revoke, Some("x"), Some("bob"), false), "not_an_administrator");
        assert_eq!(change(Change::Retire, None, Some("ann"), false), "not_an_administrator");
        assert_eq!(change(Change::Verify, Some("x"), Some("ann"), false), "not_an_administrator");
        assert_eq!(change(Change::Verify, Some("passport"), None, true), "signing_key_state");
        assert_eq!(change(Change::Retire, None, None, true), "");
        let unknown = check_change("k", None, Change::Retire, None, None, true).unwrap_err();
        assert_eq!(unknown.code, "signing_key_unknown");
        let revoked = Key { revoked: true, ..key("k") };
        let again = check_change("k", Some(&revoked), Change::Revoke, Some("x"), None, true);
        assert_eq!(again.unwrap_err().code, "signing_key_state");
    }
}
