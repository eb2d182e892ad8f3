//! The signatures of acts that are no transition: each is checked as mathematics, against what the trail holds, and
//! against the content that it is of.

use super::Findings;
use super::escaped;
use super::keys::why_unusable;
use super::sections::{Moment, Texts};
use super::signatures::Known;
use crate::approval::act::{ActPayload, KeptAct, REPEATED, why_broken};
use crate::job_plan::signed::{Content, KIND, act_of};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;
use std::collections::BTreeMap;

/// What begins the names of their child records.
const SIGNATURE: &str = "act_signature:";

/// What begins the names of the child records of results.
const RESULT: &str = "step_result:";

/// Checks each signature that the trail holds, each result that says that it was signed, and what is shown of them.
pub fn check(known: &Known<'_, '_>, findings: &mut Findings<'_>) {
    let records = known.child_records;
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let mut signatures: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, value) in &records.0 {
        let Some(id) = name.strip_prefix(SIGNATURE) else { continue };
        let row = read(value.get());
        let signer = row.get("signer").and_then(Value::as_str).map(str::to_owned);
        let mut problems: Vec<String> = why_wrong(known, &row).into_iter().collect();
        if known.trail.added.get(name).is_some_and(|added| added.actor != signer) {
            problems.push("in the trail somebody else made this signature".to_owned());
        }
        for problem in problems {
            let pointer = format!("/sections/child_records/{}", escaped(name));
            findings.found(value, pointer, format!("signature {id}: {problem}"));
        }
        signatures.insert(id, row);
    }
    for (name, value) in &records.0 {
        if !name.starts_with(RESULT) {
            continue;
        }
        let row = read(value.get());
        let Some(id) = row.get("signature_id").and_then(Value::as_str) else { continue };
        if !signatures.get(id).is_some_and(|signature| records_what(signature, &row)) {
            let pointer = format!("/sections/child_records/{}", escaped(name));
            findings.found(value, pointer, "its signature is not there, or is of another act");
        }
    }
    check_shown(&signatures, findings);
}

fn member<'r>(row: &'r Value, name: &str) -> Option<&'r str> {
    row.get(name).and_then(Value::as_str)
}

fn why_wrong(known: &Known<'_, '_>, row: &Value) -> Option<String> {
    let text = |name: &str| member(row, name).unwrap_or_default().to_owned();
    let key = known.keys.get(&text("key_id"));
    let kept = KeptAct {
        tenant_id: known.subject.tenant_id.unwrap_or_default().to_owned(),
        work_order_id: known.subject.work_order_id.unwrap_or_default().to_owned(),
        columns: REPEATED
            .iter()
            .map(|name| (*name, member(row, name).map(str::to_owned)))
            .collect(),
        content: text("content"),
        payload: text("payload"),
        signature: hex::decode(text("signature")).unwrap_or_default(),
        public_key: key
            .and_then(|key| Base64UrlUnpadded::decode_vec(&key.public_key).ok())
            .unwrap_or_default(),
        key_principal: key.map(|key| key.principal.clone()).unwrap_or_default(),
    };
    if let Some(why) = why_broken(&kept) {
        return Some(why);
    }
    let signed_at = text("signed_at");
    let Some(at) = Moment::of(&signed_at) else { return Some("its time is no time".to_owned()) };
    if let Some(why) = key.and_then(|key| why_unusable(key, at)) {
        return Some(why.to_owned());
    }
    let payload = ActPayload::read(kept.payload.as_bytes()).ok()?;
    if known.work_order.is_some_and(|held| held.wo_number != payload.work_order) {
        return Some("it was made for another work order's number".to_owned());
    }
    if Some(at) > Moment::of(&payload.expires_at) {
        return Some("it was made after its challenge had expired".to_owned());
    }
    match known.around.principals.get(&payload.signer) {
        None => return Some("the signer is not among the principals".to_owned()),
        Some(signer) if signer.kind != "person" => {
            return Some("the signer is no person".to_owned());
        }
        Some(_) => {}
    }
    match payload.kind == KIND {
        true => why_content_wrong(&payload, &kept.content, known.child_records),
        false => None,
    }
}

/// The result that was signed is the one that the trail holds.
fn why_content_wrong(payload: &ActPayload, content: &str, records: &Texts<'_>) -> Option<String> {
    let Ok(read) = serde_json::from_str::<Content>(content) else {
        return Some("its content cannot be read".to_owned());
    };
    if read.canonical() != content
        || read.step != payload.subject
        || read.tenant_id != payload.tenant_id
        || read.work_order_id != payload.work_order_id
    {
        return Some("its content is not that of its subject".to_owned());
    }
    let held = read.result.as_ref().and_then(|id| records.get(&format!("{RESULT}{id}")));
    (held.map(serde_json::value::RawValue::get) != read.result_record.as_deref())
        .then(|| "the result that was signed is not the one that the trail holds".to_owned())
}

/// Whether a signature is of what a row of results says.
fn records_what(signature: &Value, row: &Value) -> bool {
    let of_signature = |name| member(signature, name);
    let of_row = |name| member(row, name);
    let content =
        of_signature("content").and_then(|text| serde_json::from_str::<Content>(text).ok());
    let Some(content) = content else { return false };
    let act = act_of(of_signature("meaning").unwrap_or_default(), of_signature("decision"));
    let Ok((act, verdict)) = act else { return false };
    of_signature("kind") == Some(KIND)
        && of_signature("subject") == of_row("step")
        && of_signature("signer") == of_row("performed_by")
        && of_signature("reason") == of_row("reason")
        && of_row("act") == Some(act.name())
        && (verdict.is_none() || verdict == of_row("verdict"))
        && of_row("corrects")
            .or(of_row("concerns"))
            .is_none_or(|id| content.result.as_deref() == Some(id))
}

/// What is shown of signed acts is what the trail holds of them.
fn check_shown(signatures: &BTreeMap<&str, Value>, findings: &mut Findings<'_>) {
    let concepts: Option<Texts<'_>> = findings.section("concepts");
    let section = concepts.as_ref().and_then(|concepts| concepts.get("signed_acts"));
    let shown: Vec<Value> =
        section.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default();
    let is_as_held = |one: &Value| {
        let held = member(one, "signature").and_then(|id| signatures.get(id));
        held.is_some_and(|held| {
            let shown = REPEATED.iter().filter(|name| **name != "content_sha256");
            shown.chain(&["signed_at"]).all(|name| member(held, name) == member(one, name))
        })
    };
    if shown.len() != signatures.len() || !shown.iter().all(is_as_held) {
        findings.found_in("concepts", "signed_acts", "are not those that the trail holds");
    }
}
