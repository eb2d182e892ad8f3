//! The signatures of the sample, in all four states.

use super::sample::{at, hash, uuid};
use serde_json::{Value, json};

/// One signature as the sample shows it.
pub struct Signed {
    pub signer: &'static str,
    pub printed_name: &'static str,
    pub role: &'static str,
    pub meaning: &'static str,
    pub hours: f64,
    pub zone: &'static str,
    pub state: &'static str,
    pub why: Option<&'static str>,
    pub since: Option<f64>,
    pub on_behalf_of: Option<(&'static str, &'static str)>,
}

/// Signatures in all four states.
pub const SIGNED: &[Signed] = &[
    Signed {
        signer: "olga",
        printed_name: "Olga Owner",
        role: "system_owner",
        meaning: "plan",
        hours: 20.0,
        zone: "Europe/Berlin",
        state: "void",
        why: Some("returned to draft: the rollback plan was missing"),
        since: Some(26.5),
        on_behalf_of: None,
    },
    Signed {
        signer: "quentin",
        printed_name: "Quentin Quality",
        role: "qa",
        meaning: "plan",
        hours: 22.0,
        zone: "America/New_York",
        state: "withdrawn",
        why: Some("signed the wrong work order"),
        since: Some(22.5),
        on_behalf_of: None,
    },
    Signed {
        signer: "olga",
        printed_name: "Olga Owner",
        role: "system_owner",
        meaning: "plan",
        hours: 70.0,
        zone: "Europe/Berlin",
        state: "valid",
        why: None,
        since: None,
        on_behalf_of: None,
    },
    Signed {
        signer: "dora",
        printed_name: "Dora Delegate",
        role: "qa",
        meaning: "plan",
        hours: 75.25,
        zone: "Asia/Tokyo",
        state: "valid",
        why: None,
        since: None,
        on_behalf_of: Some(("quentin", "Quentin Quality")),
    },
    Signed {
        signer: "olga",
        printed_name: "Olga Owner",
        role: "system_owner",
        meaning: "completion",
        hours: 320.0,
        zone: "Europe/Berlin",
        state: "amended",
        why: Some("the content was changed at version 14: completion_summary"),
        since: Some(331.0),
        on_behalf_of: None,
    },
    Signed {
        signer: "quentin",
        printed_name: "Quentin Quality",
        role: "qa",
        meaning: "completion",
        hours: 340.0,
        zone: "America/New_York",
        state: "valid",
        why: None,
        since: None,
        on_behalf_of: None,
    },
];

pub fn signature(index: usize, one: &Signed) -> Value {
    let plan = one.meaning == "plan";
    let (action, from, to) = if plan {
        ("assign", "pending_approval", "assigned")
    } else {
        ("close", "completed", "closed")
    };
    let key = hash(&format!("key of {}", one.signer));
    let payload = json!({
        "content_sha256": hash(one.meaning), "format": "wo_core.signature.v1", "version": 2 + index,
        "signer": one.signer,
    });
    json!({
        "approval": uuid(&format!("approval {index}")), "role": one.role, "meaning": one.meaning,
        "decision": "approved", "reason": null, "signer": one.signer, "printed_name": one.printed_name,
        "on_behalf_of": one.on_behalf_of.map(|who| who.0),
        "on_behalf_of_name": one.on_behalf_of.map(|who| who.1),
        "delegation_id": one.on_behalf_of.map(|_| uuid("delegation")),
        "key_id": &key[..43], "public_key": &key[..43], "signed_at": at(one.hours),
        "time_zone": one.zone, "state": one.state, "state_reason": one.why,
        "state_at": one.since.map(at), "action": action, "from_status": from, "to_status": to,
        "covers": if plan { "plan" } else { "result" }, "payload": payload.to_string(),
        "signature": "c2lnbmF0dXJl",
    })
}
