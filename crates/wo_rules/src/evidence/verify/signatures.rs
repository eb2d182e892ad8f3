//! The signatures: each is checked as mathematics, and against everything that the package says of
//! it elsewhere.

mod columns;
mod delegation;

use super::keys::{Keys, why_unusable};
use super::sections::{Approval, Moment, Signature, State, Texts, Waiver, WorkOrder};
use super::surroundings::Around;
use super::trail::{Subject, Trail};
use super::{Findings, Place, SignatureCounts, escaped};
use crate::approval::content::{Covers, content_hash};
use crate::approval::payload::{self, ChildContent, Decision, Payload};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::collections::BTreeMap;

/// What signatures are held against.
pub struct Known<'k, 'a> {
    pub subject: Subject<'k>,
    pub work_order: Option<&'k WorkOrder<'a>>,
    pub child_records: &'k Texts<'a>,
    pub trail: &'k Trail,
    pub keys: &'k Keys,
    pub around: &'k Around,
}

/// The record's content hashes as it is now.
struct Content {
    plan: String,
    result: String,
}

pub fn check(known: &Known<'_, '_>, findings: &mut Findings<'_>) -> SignatureCounts {
    let mut counts = SignatureCounts::default();
    let content = content_of(known);
    // The approvals shown, and the part that each waives.
    let mut shown: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut last = None;
    for (place, signature) in findings.list::<Signature>("signatures") {
        let before = findings.count();
        let mut one = One { known, place: &place, signature: &signature, findings };
        let payload = one.check(content.as_ref());
        let name = format!("approval:{}", signature.approval);
        let added = known.trail.added.get(&name).map(|added| added.entry);
        if added.is_some() && added < last {
            one.found("", "it stands behind one that was made later");
        }
        last = added.or(last);
        if shown.contains_key(&signature.approval) {
            one.found("approval", "it stands twice");
        }
        shown.insert(signature.approval.clone(), payload.and_then(|payload| payload.waives));
        *match (findings.count() > before, signature.state, signature.decision) {
            (true, ..) => &mut counts.broken,
            (_, State::Valid, Decision::Approved) => &mut counts.valid,
            (_, State::Valid, Decision::Rejected) => &mut counts.rejected,
            (_, State::Amended, _) => &mut counts.amended,
            (_, State::Void, _) => &mut counts.void,
            (_, State::Withdrawn, _) => &mut counts.withdrawn,
        } += 1;
    }
    check_complete(&shown, known.child_records, findings);
    counts
}

/// Nothing that the trail holds as signed is left out.
fn check_complete(
    shown: &BTreeMap<String, Option<String>>,
    child_records: &Texts<'_>,
    findings: &mut Findings<'_>,
) {
    for (name, value) in &child_records.0 {
        if let Some(approval) = name.strip_prefix("approval:")
            && !shown.contains_key(approval)
        {
            let problem = format!("the signature {approval} stands in the trail but is not shown");
            findings.found_in("signatures", "", problem);
        }
        if let Some(part) = name.strip_prefix("waiver:") {
            let waiver = serde_json::from_str::<Waiver>(value.get()).ok();
            let approval = waiver.and_then(|waiver| waiver.approval_id);
            let waived = approval.and_then(|approval| shown.get(&approval)).cloned().flatten();
            if waived.as_deref() != Some(part) {
                let pointer = format!("/sections/child_records/{}", escaped(name));
                findings.found(value, pointer, "no signature waives this child");
            }
        }
    }
}

fn content_of(known: &Known<'_, '_>) -> Option<Content> {
    let (tenant, work_order) = (known.subject.tenant_id?, known.work_order?);
    let hash = |covers| {
        let (values, records) = (work_order.record.each(), known.child_records.each());
        hex::encode(content_hash(tenant, covers, values, records))
    };
    Some(Content { plan: hash(Covers::Plan), result: hash(Covers::Result) })
}

/// One signature under examination.
struct One<'o, 'k, 'a, 'f> {
    known: &'o Known<'k, 'a>,
    place: &'o Place<'f>,
    signature: &'o Signature,
    findings: &'o mut Findings<'f>,
}

impl One<'_, '_, '_, '_> {
    fn found(&mut self, member: &str, problem: impl std::fmt::Display) {
        let problem = format!("signature {}: {problem}", self.signature.approval);
        self.findings.found_at(self.place, member, problem);
    }

    fn check(&mut self, content: Option<&Content>) -> Option<Payload> {
        let signature = self.signature;
        let read = Payload::read(signature.payload.as_bytes());
        let payload = match read {
            Ok(payload) => Some(payload),
            Err(why) => {
                self.found("payload", why);
                None
            }
        };
        let public = Base64UrlUnpadded::decode_vec(&signature.public_key).unwrap_or_default();
        let made = Base64UrlUnpadded::decode_vec(&signature.signature).unwrap_or_default();
        if !payload::verify(&public, signature.payload.as_bytes(), &made) {
            self.found("signature", "the signature does not hold under its public key");
        }
        self.check_key();
        self.check_people();
        self.check_trail(payload.as_ref(), &made);
        if let Some(payload) = &payload {
            self.check_payload(payload);
            // A rejection is given so that the content changes, and a waiver is about a part.
            let covers = payload.decision == Decision::Approved && payload.waives.is_none();
            if covers && signature.state == State::Valid {
                self.check_content(payload, content);
            }
        }
        payload
    }

    fn check_key(&mut self) {
        let Some(key) = self.known.keys.get(&self.signature.key_id) else {
            return self.found("key_id", "its key is not among the signing keys");
        };
        if key.public_key != self.signature.public_key {
            self.found("public_key", "the public key is not the one of that name");
        }
        if key.principal != self.signature.signer {
            self.found("signer", "the key is not the signer's");
        }
        match Moment::of(&self.signature.signed_at) {
            None => self.found("signed_at", "its time is no time"),
            Some(at) => {
                if let Some(why) = why_unusable(key, at) {
                    self.found("signed_at", why);
                }
            }
        }
    }

    fn check_people(&mut self) {
        let signature = self.signature;
        let principals = &self.known.around.principals;
        match principals.get(&signature.signer) {
            None => self.found("signer", "the signer is not among the principals"),
            Some(signer) if signer.kind != "person" => {
                self.found("signer", "the signer is no person")
            }
            Some(_) => {}
        }
        let delegator = signature.on_behalf_of.as_ref().map(|id| principals.get(id));
        match delegator {
            Some(None) => {
                self.found(
                    "on_behalf_of",
                    "on whose behalf it was signed is not among the principals",
                );
            }
            named
                if named.flatten().and_then(|named| named.name.as_ref())
                    != signature.on_behalf_of_name.as_ref() =>
            {
                self.found("on_behalf_of_name", "the name is not that of the principal");
            }
            _ => {}
        }
        if let Some(why) = delegation::why_not(signature, self.known) {
            self.found("delegation_id", why);
        }
    }

    fn check_trail(&mut self, payload: Option<&Payload>, made: &[u8]) {
        let name = format!("approval:{}", self.signature.approval);
        let Some(kept) = self.known.child_records.get(&name) else {
            return self.found("approval", "it does not stand in the trail");
        };
        let Ok(kept) = serde_json::from_str::<Approval>(kept.get()) else {
            return self.found("approval", "what the trail holds of it cannot be read");
        };
        for column in columns::differing_from_trail(self.signature, &kept, made) {
            self.found(column, format_args!("its {column} is not what the trail holds"));
        }
        if let Some(payload) = payload
            && (kept.record_version != Some(payload.version)
                || kept.content_sha256.as_ref() != Some(&payload.content_sha256))
        {
            self.found("payload", "the version or content signed is not what the trail holds");
        }
        if let Some(member) = columns::state_not_of_trail(self.signature, &kept) {
            self.found(member, "its state is not what the trail holds");
        }
        if let Some(added) = self.known.trail.added.get(&name)
            && added.actor.as_ref() != Some(&self.signature.signer)
        {
            self.found("signer", "in the trail somebody else made this signature");
        }
    }

    fn check_payload(&mut self, payload: &Payload) {
        for column in columns::differing_from_payload(self.signature, payload) {
            self.found(column, format_args!("its {column} is not what was signed"));
        }
        let number = self.known.work_order.map(|work_order| work_order.wo_number.as_str());
        let package = [
            ("tenant", self.known.subject.tenant_id, &payload.tenant_id),
            ("work order", self.known.subject.work_order_id, &payload.work_order_id),
            ("work order's number", number, &payload.work_order),
        ];
        for (what, held, signed) in package {
            if held.is_some_and(|held| held != signed) {
                self.found("payload", format_args!("it was made for another {what}"));
            }
        }
        if self.known.work_order.is_some_and(|held| payload.version > held.version) {
            self.found("payload", "it is about a version that the work order has not reached");
        }
        if Moment::of(&self.signature.signed_at) > Moment::of(&payload.expires_at) {
            self.found("signed_at", "it was made after its challenge had expired");
        }
    }

    /// A signature in force covers the content as it is now.
    fn check_content(&mut self, payload: &Payload, content: Option<&Content>) {
        let now = content.map(|content| match payload.covers {
            Covers::Plan => &content.plan,
            Covers::Result => &content.result,
        });
        if now.is_some_and(|now| *now != payload.content_sha256) {
            self.found("state", "it is shown as valid, but the content has changed since");
        }
        let is_as_signed = |child: &&ChildContent| {
            self.known.around.children.get(&child.id).is_some_and(|held| {
                held.content(payload.covers) == child.content_sha256
                    && held.wo_number == child.work_order
            })
        };
        if let Some(child) = payload.children.iter().find(|child| !is_as_signed(child)) {
            let part = &child.work_order;
            let problem = "has changed since or is gone";
            self.found(
                "state",
                format_args!("it is shown as valid, but the child {part} {problem}"),
            );
        }
    }
}
