//! Signing what `wo.request_signature` and `wo.request_act_signature` ask for.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use wo_rules::approval::act::ActPayload;
use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::{Decision, LONGEST_PAYLOAD, Payload, key_id};

use crate::{Error, public_key, shown};

/// A payload that is to be signed: the exact bytes, and what they say.
#[derive(Debug)]
pub struct Request {
    bytes: Vec<u8>,
    payload: Asked,
}

/// What a payload asks for.
#[derive(Debug)]
enum Asked {
    Approval(Box<Payload>),
    Act(Box<ActPayload>),
}

impl Asked {
    fn key_id(&self) -> &str {
        match self {
            Self::Approval(payload) => &payload.key_id,
            Self::Act(payload) => &payload.key_id,
        }
    }
}

impl Request {
    /// Reads at most the longest payload.
    ///
    /// # Errors
    /// Whatever is not, byte for byte, a canonical payload of `wo_core.signature.v1` or
    /// `wo_core.act_signature.v1`; one line break behind it is no part of it.
    pub fn read(input: impl std::io::Read) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let longest = u64::try_from(LONGEST_PAYLOAD).unwrap_or(u64::MAX);
        std::io::Read::read_to_end(&mut input.take(longest + 1), &mut bytes)
            .map_err(crate::failed("cannot read the payload"))?;
        crate::drop_line_break(&mut bytes);
        let is_act = std::str::from_utf8(&bytes).is_ok_and(ActPayload::is_act);
        let read = match is_act {
            true => ActPayload::read(&bytes).map(|payload| Asked::Act(Box::new(payload))),
            false => Payload::read(&bytes).map(|payload| Asked::Approval(Box::new(payload))),
        };
        match read {
            Ok(payload) => Ok(Self { bytes, payload }),
            Err(why) => Err(Error::new(shown(&why))),
        }
    }
}

/// What is to be signed, in plain words for the signer.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.payload {
            Asked::Approval(payload) => approval_in_words(payload, f),
            Asked::Act(payload) => act_in_words(payload, f),
        }
    }
}

fn act_in_words(payload: &ActPayload, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut line = |name: &str, text: String| writeln!(f, "  {name:<14} {}", shown(&text));
    line("work order", payload.work_order.clone())?;
    line(&payload.kind, payload.subject.clone())?;
    if let Some(decision) = &payload.decision {
        line("decision", decision.to_uppercase())?;
    }
    line("meaning", payload.meaning.clone())?;
    line("role", payload.role.clone())?;
    line("as", format!("{} ({})", payload.printed_name, payload.signer))?;
    if let Some(reason) = &payload.reason {
        line("reason", reason.clone())?;
    }
    line("tenant", payload.tenant_id.clone())?;
    line("asked for at", format!("{} ({})", payload.server_time, payload.time_zone))?;
    line("to be given by", payload.expires_at.clone())
}

fn approval_in_words(payload: &Payload, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Payload { work_order, version, action, from_status, to_status, .. } = payload;
    let mut line = |name: &str, text: String| writeln!(f, "  {name:<14} {}", shown(&text));
    line("work order", format!("{work_order}, version {version}"))?;
    let decision = match payload.decision {
        Decision::Approved => "APPROVED",
        Decision::Rejected => "REJECTED",
    };
    line("decision", format!("{decision}: {action}, from {from_status} to {to_status}"))?;
    line("meaning", payload.meaning.clone())?;
    line("role", payload.role.clone())?;
    let name = &payload.printed_name;
    line(
        "as",
        match &payload.on_behalf_of {
            None => format!("{name} ({})", payload.signer),
            Some(other) => format!("{name} ({}), on behalf of {other}", payload.signer),
        },
    )?;
    if let Some(reason) = &payload.reason {
        line("reason", reason.clone())?;
    }
    let covers = match payload.covers {
        Covers::Plan => "the plan",
        Covers::Result => "the plan and the result",
    };
    line("covers", covers.to_owned())?;
    if !payload.children.is_empty() {
        let numbers: Vec<&str> =
            payload.children.iter().map(|child| child.work_order.as_str()).collect();
        line("and its children", numbers.join(", "))?;
    }
    if let Some(part) = &payload.waives {
        line("waives child", part.clone())?;
    }
    line("tenant", payload.tenant_id.clone())?;
    line("asked for at", format!("{} ({})", payload.server_time, payload.time_zone))?;
    line("to be given by", payload.expires_at.clone())
}

/// Signs, if the payload asks for this key: the signature as base64url without padding.
///
/// # Errors
/// A payload that asks for another key.
pub fn sign(key: &SigningKey, request: &Request) -> Result<String, Error> {
    let public = key.verifying_key();
    let mine = key_id(public.as_bytes());
    if mine != request.payload.key_id() {
        return Err(Error::new(format!(
            "the payload is to be signed with the key {}, and this is {mine}, whose public half is {}",
            request.payload.key_id(),
            public_key(&public)
        )));
    }
    Ok(Base64UrlUnpadded::encode_string(&key.sign(&request.bytes).to_bytes()))
}
