//! A package as the database writes it: a work order with parts and a predecessor, and signatures of
//! every state, one of them by a delegate and one a waiver.

#[path = "story.rs"]
mod story;

pub use story::{Signing, Story};

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::{Decision, key_id};
use wo_rules::audit::{Entry, GENESIS};
use wo_rules::evidence::package::assemble;

pub const TENANT: &str = "019a0000-0000-7000-8000-000000000001";
pub const WORK_ORDER: &str = "019a0000-0000-7000-8000-000000000002";
pub const PART: &str = "019a0000-0000-7000-8000-000000000003";
pub const WAIVED_PART: &str = "019a0000-0000-7000-8000-000000000004";
pub const PREDECESSOR: &str = "019a0000-0000-7000-8000-000000000005";
pub const DELEGATION: &str = "019a0000-0000-7000-8000-000000000006";
pub const REQUEST: &str = "019a0000-0000-7000-8000-000000000007";
pub const FINDING: &str = "019a0000-0000-7000-8000-000000000008";

/// The moment so many seconds into the story.
pub fn time(seconds: usize) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("2026-11-21T{hours:02}:{minutes:02}:{:02}.000006Z", seconds % 60)
}

/// A person's key; the same in every run.
pub fn key_of(person: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(format!("the key of {person} in tests")).into())
}

pub fn public_of(person: &str) -> [u8; 32] {
    key_of(person).verifying_key().to_bytes()
}

pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The id of the signature of that number.
pub fn approval(number: usize) -> String {
    format!("019a0000-0000-7000-8000-0000000001{number:02}")
}

/// The sections as values that a test can change. Record and child_records are texts, as the trail has
/// them.
#[derive(Clone)]
pub struct Sample {
    pub made_at: String,
    pub record: BTreeMap<String, String>,
    pub child_records: BTreeMap<String, String>,
    /// All other sections; of `work_order` what stands beside the record.
    pub sections: BTreeMap<&'static str, Value>,
}

fn object_of(texts: &BTreeMap<String, String>) -> String {
    let members: Vec<String> =
        texts.iter().map(|(name, text)| format!("{}:{text}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

impl Sample {
    /// The file: with a new manifest, whatever was changed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut texts = vec![("child_records", object_of(&self.child_records))];
        for (name, value) in &self.sections {
            let mut text = value.to_string();
            if *name == "work_order" {
                text.truncate(text.len() - 1);
                text.push_str(&format!(",\"record\":{}}}", object_of(&self.record)));
            }
            texts.push((name, text));
        }
        assemble(&self.made_at, texts).unwrap().into_bytes()
    }

    pub fn section(&mut self, name: &str) -> &mut Value {
        self.sections.get_mut(name).unwrap()
    }

    /// Hashes the chain anew from that entry on and moves the head: what a forger does who changes
    /// an entry.
    pub fn rehash_chain(&mut self) {
        let mut previous = GENESIS;
        let mut last = 0;
        for value in self.section("trail").as_array_mut().unwrap() {
            let entry = entry_of(value);
            let hash = entry.hash(&previous);
            value["previous_hash"] = json!(hex::encode(previous));
            value["entry_hash"] = json!(hex::encode(hash));
            (previous, last) = (hash, entry.sequence);
        }
        self.section("work_order")["chain_hash"] = json!(hex::encode(previous));
        self.section("work_order")["chain_sequence"] = json!(last);
    }
}

fn entry_of(value: &Value) -> Entry {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Entry {
        tenant_id: text("tenant_id").unwrap(),
        subject: text("subject").unwrap(),
        subject_id: text("subject_id").unwrap(),
        sequence: value["sequence"].as_i64().unwrap(),
        recorded_at: text("recorded_at").unwrap(),
        action: text("action").unwrap(),
        actor: text("actor"),
        reason: text("reason"),
        from_status: text("from_status"),
        to_status: text("to_status"),
        record_version: value["record_version"].as_i64(),
        changes: text("changes").unwrap(),
        client_address: text("client_address"),
        application: text("application"),
        login_role: text("login_role").unwrap(),
        authenticated_by: text("authenticated_by").unwrap(),
        transaction_id: text("transaction_id").unwrap(),
    }
}

fn name_of(id: &str) -> String {
    format!("{id} Example")
}

fn key_value(person: &str) -> Value {
    json!({
        "key_id": key_id(&public_of(person)), "principal": person, "name": name_of(person),
        "public_key": base64url(&public_of(person)), "enrolled_by": "olga",
        "enrolled_at": time(0), "verified_by": "olga", "verified_at": time(0),
        "verification": "passport seen", "expires_at": time(3_600), "retired_at": null,
        "revoked_at": null, "revocation_reason": null,
    })
}

/// The whole story.
pub fn story() -> Story {
    let mut story = Story::begin();
    let dependency = json!({"kind": "finish_to_start", "lag": "00:00:00", "added_by": "olga"});
    let dependency = dependency.to_string();
    let name = format!("dependency:{PREDECESSOR}");
    story.write("dependency_added", "olga", None, false, &[(&name, Some(&dependency))]);
    story.write("plan", "olga", Some("planned"), true, &[("asset", Some("\"P-100\""))]);
    story.sign(&Signing { decision: Decision::Rejected, ..Signing::of(1, "rob") });
    story.end(&[1], "void", "olga");
    let request = format!("approval_request:{REQUEST}");
    let text = json!({"action": "assign", "role": "qa"}).to_string();
    story.write("approval_requested", "olga", None, false, &[(&request, Some(&text))]);
    story.sign(&Signing { covers: Covers::Result, ..Signing::of(2, "rob") });
    story.end(&[2], "withdrawn", "rob");
    story.sign(&Signing { covers: Covers::Result, ..Signing::of(3, "rob") });
    story.write("changed", "olga", None, true, &[("actual_hours", Some("3"))]);
    story.end(&[3], "amended", "olga");
    story.sign(&Signing { children: true, ..Signing::of(4, "ann") });
    story.sign(&Signing { role: "owner", on_behalf_of: Some("mia"), ..Signing::of(5, "max") });
    story.sign(&Signing { waives: Some(WAIVED_PART), ..Signing::of(6, "ann") });
    story.write("assign", "ann", Some("assigned"), true, &[("assignee", Some("\"olga\""))]);
    let locked = json!(time(story.now())).to_string();
    story.write("close", "olga", Some("closed"), true, &[("locked_at", Some(&locked))]);
    story
}

/// A package with everything in it.
pub fn sample() -> Sample {
    story().package()
}

/// A short package: one signature.
pub fn short() -> Sample {
    let mut story = Story::begin();
    story.sign(&Signing::of(1, "ann"));
    let mut short = story.package();
    *short.section("delegations") = json!([]);
    for section in ["children", "signing_keys", "principals"] {
        short.section(section).as_array_mut().unwrap().truncate(1);
    }
    short
}
