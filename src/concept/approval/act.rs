//! Signed acts that are no transition: the challenge, and the signature that carries the act out.

use super::challenge::{keep, session_zone, shown, use_challenge};
use super::follow_up::finish;
use super::{Changes, WorkOrderView, check_authentication, key, person, write_rows};
use crate::kernel::concept;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, random_bytes};
use crate::kernel::signed_act::{self, Act, Kind, Signed};
use crate::kernel::work_order::{
    ActorRoles, actor_roles, new_id, with_locked_work_order, with_work_order,
};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::setting;
use crate::pg::statement::{
    bytes, optional_text, statement, text, timestamp, uuid as uuid_argument,
};
use crate::pg::transaction::make_visible;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::approval::act::{
    ActFormat, ActPayload, content_sha256, kind_unknown, meaning_unknown, subject_changed,
};
use wo_rules::approval::answer::{checked_signature, used};
use wo_rules::approval::payload::LONGEST_PAYLOAD;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::schema::ChildTable;
use wo_rules::time::utc;

statement!(
    KEEP,
    "insert into wo.act_signature (tenant_id, work_order_id, id, kind, subject, meaning, decision, role, reason,
        signer, printed_name, key_id, content, content_sha256, time_zone, signed_at, payload, signature)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
     returning act_signature.*",
    [
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
        TEXTOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BYTEAOID
    ]
);

/// The table of the signatures.
const ACT_SIGNATURE: ChildTable = ChildTable::named("act_signature");

/// The kind of subjects of that name.
///
/// # Errors
/// 22023 `act_kind_unknown`.
fn kind_of(name: &str) -> Result<&'static Kind, Refusal> {
    let all = || concept::all().flat_map(|concept| concept.signed_subjects());
    all().find(|kind| kind.name == name).ok_or_else(|| {
        let known: Vec<&str> = all().map(|kind| kind.name).collect();
        kind_unknown(name, &known)
    })
}

/// Makes a challenge for an act.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn request_act_signature(
    kind: Option<&str>,
    id: Option<&str>,
    meaning: Option<&str>,
    reason: Option<&str>,
    decision: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(challenge, pgrx::Uuid),
        name!(payload, String),
        name!(expires_at, TimestampWithTimeZone),
    ),
> {
    crate::kernel::version::check_tables();
    let (acting, standing) = actor_roles::acting().or_refuse();
    check_authentication(&acting).or_refuse();
    let kind = kind_of(kind.unwrap_or_default()).or_refuse();
    let meaning = meaning.unwrap_or_default();
    if !kind.meanings.contains(&meaning) {
        Err(meaning_unknown(meaning, kind.meanings)).or_refuse()
    }
    let (work_order, subject) = (kind.locate)(acting.tenant, id.unwrap_or_default()).or_refuse();
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    crate::kernel::secret::check_argument("wo.request_act_signature", "reason", reason).or_refuse();
    let act = Act {
        subject,
        meaning: meaning.to_owned(),
        decision: decision.map(str::to_owned),
        reason: reason.map(str::to_owned),
    };
    memory::mark_written();
    let made = with_work_order(acting.tenant, work_order, |view| {
        challenge(&acting, &standing, view, kind, act)
    });
    TableIterator::once(made.and_then(shown).or_refuse())
}

fn challenge(
    acting: &Identity,
    standing: &ActorRoles,
    view: &WorkOrderView<'_>,
    kind: &Kind,
    act: Act,
) -> Result<(Uuid, String, i64), Refusal> {
    check_person(view, standing)?;
    let found = (kind.check)(view, standing, &act)?;
    let key = key::usable(acting.tenant, &standing.id)?;
    let at = identity::now();
    let expires = at.saturating_add(i64::from(setting::CHALLENGE_LIFETIME.get()) * 1_000_000);
    let printed_name = person::name_of(acting.tenant, &standing.id)
        .ok_or_else(|| damaged("a principal went away"))?;
    let payload = ActPayload {
        content_sha256: content_sha256(&found.content),
        decision: act.decision,
        expires_at: utc(expires),
        format: ActFormat::default(),
        key_id: key.id,
        kind: kind.name.to_owned(),
        meaning: act.meaning,
        nonce: hex::encode(random_bytes::<32>()),
        printed_name,
        reason: act.reason,
        role: found.role,
        server_time: utc(at),
        signer: standing.id.clone(),
        subject: act.subject,
        tenant_id: acting.tenant.to_string(),
        time_zone: session_zone(),
        work_order: view.facets.number.clone(),
        work_order_id: view.facets.id.clone(),
    };
    let payload = String::from_utf8(payload.canonical()).map_err(|_| damaged("a payload"))?;
    if payload.len() > LONGEST_PAYLOAD {
        return Err(Refusal::new(
            SqlState::NotSupported,
            "payload_too_long",
            "what is to be signed is too long",
        )
        .hint("give a shorter reason"));
    }
    let challenge = keep(acting.tenant, view.seen.id(), &standing.id, &payload, at, expires)?;
    Ok((challenge, payload, expires))
}

/// Agents and services sign nothing.
fn check_person(view: &WorkOrderView<'_>, standing: &ActorRoles) -> Result<(), Refusal> {
    if standing.kind == wo_rules::lifecycle::PrincipalKind::Person {
        return Ok(());
    }
    let number = &view.facets.number;
    Err(Refusal::new(
        SqlState::NotPermitted,
        "person_required",
        format!("acts on work order {number} are signed by persons, and {} is none", standing.id),
    )
    .with("work_order_id", view.facets.id.as_str())
    .with("principal", standing.id.as_str())
    .hint("a human being has to sign"))
}

/// Answers a challenge for an act, and carries the act out as the signer.
pub fn sign(
    acting: &Identity,
    standing: &ActorRoles,
    work_order: Uuid,
    challenge: Uuid,
    payload_text: &str,
    signature: Option<&str>,
) -> Value {
    let payload =
        ActPayload::read(payload_text.as_bytes()).map_err(|why| damaged(&why)).or_refuse();
    let kind = kind_of(&payload.kind).or_refuse();
    memory::mark_written();
    let answer = Answer { challenge, payload: &payload, text: payload_text, signature };
    let signed = with_locked_work_order(acting.tenant, work_order, |view| {
        record(view, standing, kind, &answer)
    })
    .or_refuse();
    let id = signed.signature;
    let recorded = signed_act::carry_out(kind, acting.tenant, signed);
    json!({
        "signature": id.to_string(),
        "wo_number": payload.work_order,
        "kind": payload.kind,
        "subject": payload.subject,
        "meaning": payload.meaning,
        "decision": payload.decision,
        "role": payload.role,
        "recorded": recorded,
    })
}

struct Answer<'a> {
    challenge: Uuid,
    payload: &'a ActPayload,
    text: &'a str,
    signature: Option<&'a str>,
}

fn record(
    view: &WorkOrderView<'_>,
    signer: &ActorRoles,
    kind: &Kind,
    answer: &Answer<'_>,
) -> Result<Signed, Refusal> {
    let (tenant, payload) = (view.tenant, answer.payload);
    let at = identity::now();
    if !use_challenge(tenant, answer.challenge, at)? {
        return Err(used());
    }
    check_person(view, signer)?;
    let act = Act {
        subject: payload.subject.clone(),
        meaning: payload.meaning.clone(),
        decision: payload.decision.clone(),
        reason: payload.reason.clone(),
    };
    let found = (kind.check)(view, signer, &act)?;
    if content_sha256(&found.content) != payload.content_sha256 || found.role != payload.role {
        return Err(subject_changed(payload));
    }
    let key = key::held(tenant, &signer.id, &payload.key_id)?;
    let named = (payload.work_order.as_str(), payload.work_order_id.as_str());
    let signature = checked_signature(answer.signature, &key, answer.text, named)?;
    let id = new_id(at);
    let content = hex::decode(&payload.content_sha256).map_err(|_| damaged("a payload"))?;
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(view.seen.id()),
        uuid_argument(id),
        text(&payload.kind),
        text(&payload.subject),
        text(&payload.meaning),
        optional_text(payload.decision.as_deref()),
        text(&payload.role),
        optional_text(payload.reason.as_deref()),
        text(&signer.id),
        text(&payload.printed_name),
        text(&key.id),
        text(&found.content),
        bytes(&content),
        text(&payload.time_zone),
        timestamp(at),
        text(answer.text),
        bytes(&signature),
    ];
    let mut changes = Changes::default();
    write_rows(&KEEP, &arguments, &ACT_SIGNATURE, &[], &mut changes);
    make_visible();
    finish(
        view,
        "act_signed",
        payload.reason.clone(),
        changes,
        Vec::new(),
        event_data(payload, id),
    );
    Ok(Signed { signature: id, work_order: view.seen.id(), act: Rc::new(act) })
}

fn event_data(payload: &ActPayload, signature: Uuid) -> Map<String, Value> {
    let members = [
        ("signature", json!(signature.to_string())),
        ("kind", json!(payload.kind)),
        ("subject", json!(payload.subject)),
        ("meaning", json!(payload.meaning)),
        ("decision", json!(payload.decision)),
        ("role", json!(payload.role)),
        ("signer", json!(payload.signer)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
