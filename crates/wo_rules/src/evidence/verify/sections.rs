//! What the sections of a package hold.

use crate::approval::content::Covers;
use crate::approval::payload::{Decision, is_time};
use crate::evidence::members::Members;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An object whose members are kept as the texts that they are. A name that stands twice is refused:
/// readers differ in which one they take.
#[derive(Debug, Default)]
pub struct Texts<'a>(pub BTreeMap<String, &'a RawValue>);

impl<'a> Texts<'a> {
    /// A member's text.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    /// Each member's name and text.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.get()))
    }

    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|text| serde_json::from_str(text.get()).ok())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = BTreeMap::new();
        for (name, value) in Members::<&RawValue>::deserialize(deserializer)?.0 {
            if members.contains_key(&name) {
                return Err(D::Error::custom(format!("the member {name:?} stands twice")));
            }
            members.insert(name, value);
        }
        Ok(Self(members))
    }
}

/// A moment as packages write it, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment<'a> {
    /// Before all others.
    Always,
    /// A moment, see [`crate::time::utc`].
    At(&'a str),
    /// After all others.
    Never,
}

impl<'a> Moment<'a> {
    /// Reads a moment.
    pub fn of(text: &'a str) -> Option<Self> {
        match text {
            "-infinity" => Some(Self::Always),
            "infinity" => Some(Self::Never),
            text => is_time(text).then_some(Self::At(text)),
        }
    }
}

/// Who made the package and with what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The principal that was acting; absent where a job or an administrator made it.
    pub by: Option<String>,
    /// The role that had logged in.
    pub login_role: String,
    /// Why it was made: "request", or "end" of a regulatory work order.
    pub occasion: String,
    /// The version of the extension.
    pub wo_core: String,
    /// The version of the server.
    pub postgresql: String,
}

/// A finding: what is known of it in every version, with more members where there are more.
#[derive(Deserialize)]
pub struct Finding {
    pub id: String,
    pub work_order_id: String,
}

/// The refused attempts: the first of them, and how many there are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedAttempts {
    pub total: u64,
    pub left_out: u64,
    pub listed: Vec<RefusedAttempt>,
}

/// A refused attempt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedAttempt {
    #[serde(rename = "sequence")]
    _sequence: i64,
    #[serde(rename = "first_at")]
    _first_at: String,
    #[serde(rename = "last_at")]
    _last_at: String,
    #[serde(rename = "attempts")]
    _attempts: i64,
    #[serde(rename = "actor")]
    _actor: Option<String>,
    #[serde(rename = "code")]
    _code: String,
    #[serde(rename = "guards")]
    _guards: Vec<String>,
    #[serde(rename = "action")]
    _action: Option<String>,
    #[serde(rename = "from_status")]
    _from_status: Option<String>,
    #[serde(rename = "to_status")]
    _to_status: Option<String>,
    #[serde(rename = "why")]
    _why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    pub tenant_id: String,
    #[serde(rename = "slug")]
    _slug: String,
    #[serde(rename = "name")]
    _name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkOrder<'a> {
    pub id: String,
    pub wo_number: String,
    pub status: String,
    pub version: i64,
    pub updated_at: String,
    pub locked_at: Option<String>,
    pub chain_sequence: i64,
    pub chain_hash: String,
    #[serde(borrow)]
    pub record: Texts<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle<'a> {
    pub name: String,
    pub version: i64,
    #[serde(rename = "published_by")]
    _published_by: Option<String>,
    #[serde(rename = "published_at")]
    _published_at: Option<String>,
    #[serde(borrow, rename = "definition")]
    _definition: Texts<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Master {
    pub id: String,
    #[serde(rename = "wo_number")]
    _wo_number: String,
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "status")]
    _status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    pub id: String,
    pub wo_number: String,
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "status")]
    _status: String,
    #[serde(rename = "required")]
    _required: bool,
    pub content_sha256_plan: String,
    pub content_sha256_result: String,
    pub waived: bool,
}

impl Child {
    /// The hash of the content that a signature covers.
    pub fn content(&self, covers: Covers) -> &str {
        match covers {
            Covers::Plan => &self.content_sha256_plan,
            Covers::Result => &self.content_sha256_result,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependencies<'a> {
    #[serde(borrow)]
    pub waits_for: Vec<&'a RawValue>,
    #[serde(borrow)]
    pub awaited_by: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predecessor<'a> {
    pub id: String,
    #[serde(rename = "wo_number")]
    _wo_number: String,
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "status")]
    _status: String,
    #[serde(borrow)]
    pub lag: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    pub id: String,
    pub kind: String,
    pub name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    pub id: String,
    pub parent_id: Option<String>,
    pub delegator: String,
    pub delegate: String,
    pub role: String,
    pub lifecycle: Option<String>,
    pub meaning: Option<String>,
    pub starts_at: String,
    pub ends_at: String,
    #[serde(rename = "reason")]
    _reason: Option<String>,
    #[serde(rename = "created_at")]
    _created_at: String,
    pub revoked_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    pub key_id: String,
    pub principal: String,
    pub name: Option<String>,
    pub public_key: String,
    #[serde(rename = "enrolled_by")]
    _enrolled_by: Option<String>,
    pub enrolled_at: String,
    #[serde(rename = "verified_by")]
    _verified_by: Option<String>,
    pub verified_at: Option<String>,
    #[serde(rename = "verification")]
    _verification: Option<String>,
    pub expires_at: Option<String>,
    pub retired_at: Option<String>,
    pub revoked_at: Option<String>,
    #[serde(rename = "revocation_reason")]
    _revocation_reason: Option<String>,
}

/// How a signature is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Valid,
    Amended,
    Void,
    Withdrawn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub approval: String,
    pub role: String,
    pub meaning: String,
    pub decision: Decision,
    pub reason: Option<String>,
    pub signer: String,
    pub printed_name: String,
    pub on_behalf_of: Option<String>,
    pub on_behalf_of_name: Option<String>,
    pub delegation_id: Option<String>,
    pub key_id: String,
    pub public_key: String,
    pub signed_at: String,
    pub time_zone: String,
    pub state: State,
    pub state_reason: Option<String>,
    pub state_at: Option<String>,
    pub action: String,
    pub from_status: String,
    pub to_status: String,
    pub covers: Covers,
    pub payload: String,
    pub signature: String,
}

/// What the trail keeps of a signature: the columns of `wo.approval`, without those that are NULL.
#[derive(Deserialize)]
pub struct Approval {
    pub action: Option<String>,
    pub from_status: Option<String>,
    pub to_status: Option<String>,
    pub role: Option<String>,
    pub meaning: Option<String>,
    pub covers: Option<String>,
    pub decision: Option<String>,
    pub reason: Option<String>,
    pub signer: Option<String>,
    pub printed_name: Option<String>,
    pub on_behalf_of: Option<String>,
    pub delegation_id: Option<String>,
    pub key_id: Option<String>,
    pub record_version: Option<i64>,
    pub content_sha256: Option<String>,
    pub time_zone: Option<String>,
    pub signed_at: Option<String>,
    pub payload: Option<String>,
    pub signature: Option<String>,
    pub amended_at: Option<String>,
    pub voided_at: Option<String>,
    pub withdrawn_at: Option<String>,
    pub state_reason: Option<String>,
}

/// What the trail keeps of a waiver.
#[derive(Deserialize)]
pub struct Waiver {
    pub approval_id: Option<String>,
}

/// An entry of the trail: [`crate::audit::Entry`] with its hashes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrailEntry {
    pub action: String,
    pub actor: Option<String>,
    pub application: Option<String>,
    pub authenticated_by: String,
    pub changes: String,
    pub client_address: Option<String>,
    pub from_status: Option<String>,
    pub login_role: String,
    pub previous_hash: String,
    pub reason: Option<String>,
    pub record_version: Option<i64>,
    pub recorded_at: String,
    pub sequence: i64,
    pub subject: String,
    pub subject_id: String,
    pub tenant_id: String,
    pub to_status: Option<String>,
    pub transaction_id: String,
    pub entry_hash: String,
}
