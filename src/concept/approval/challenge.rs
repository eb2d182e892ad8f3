//! Asking for a signature: the database makes exactly what is to be signed.

use super::{
    WorkOrderView, check_authentication, children_of, hash_of, key, person, request,
    with_work_order,
};
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, random_bytes};
use crate::kernel::work_order::{self, ActorRoles, actor_roles};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::run_as::as_trail;
use crate::pg::setting;
use crate::pg::statement::{Mode, statement, text, timestamp, uuid as uuid_argument};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::{Decision, Format, LONGEST_PAYLOAD, Payload};
use wo_rules::approval::signer::{self, Signer};
use wo_rules::lifecycle::{Effect, WAIVER};
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::utc;
use wo_rules::work_order::write_suppressed;

statement!(
    KEEP,
    "insert into wo.signature_challenge (tenant_id, id, work_order_id, signer, payload, requested_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7)",
    [UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID]
);
statement!(
    UNANSWERED,
    "select pg_catalog.count(*) from wo.signature_challenge as asked
     where asked.tenant_id = $1 and asked.signer = $2 and asked.used_at is null and asked.expires_at > $3",
    [UUIDOID, TEXTOID, TIMESTAMPTZOID]
);
statement!(
    USE,
    "update wo.signature_challenge set used_at = $3 where tenant_id = $1 and id = $2 and used_at is null",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID]
);
statement!(
    IS_USED,
    "select made.used_at is not null from wo.signature_challenge as made where made.tenant_id = $1 and made.id = $2",
    [UUIDOID, UUIDOID]
);
statement!(ZONE, "select pg_catalog.current_setting('TimeZone')", []);
statement!(
    IS_PART,
    "select child.id from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2 and child.id = $3
        and not exists (select from wo.waiver as waived
            where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.child_id = $3)",
    [UUIDOID, UUIDOID, UUIDOID]
);

/// What somebody asks to sign.
struct Asked<'a> {
    role: &'a str,
    meaning: &'a str,
    decision: Decision,
    reason: Option<&'a str>,
    on_behalf_of: Option<&'a str>,
    child: Option<Uuid>,
}

/// What is signed, and for which edge.
pub struct Subject {
    /// The transition.
    pub action: String,
    /// The state it leads to.
    pub to: String,
    /// What of the record is signed.
    pub covers: Covers,
    /// Whether the children are signed along.
    pub with_children: bool,
}

/// Makes a challenge.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)]
fn request_signature(
    work_order: Option<&str>,
    role: Option<&str>,
    meaning: Option<&str>,
    decision: Option<&str>,
    reason: Option<&str>,
    on_behalf_of: Option<&str>,
    child: Option<&str>,
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
    let number = work_order.unwrap_or_default();
    let id = work_order::find(acting.tenant, number).or_refuse();
    let decision = Decision::parse(decision.unwrap_or("approved"))
        .ok_or_else(|| {
            Refusal::new(
                SqlState::BadValue,
                "decision_unknown",
                "a decision is approved or rejected",
            )
        })
        .or_refuse();
    let child = child.map(|child| work_order::find(acting.tenant, child).or_refuse());
    let asked = Asked {
        role: role.unwrap_or_default(),
        meaning: meaning.unwrap_or_default(),
        decision,
        reason: reason.map(str::trim).filter(|reason| !reason.is_empty()),
        on_behalf_of,
        child,
    };
    crate::kernel::secret::check_argument("wo.request_signature", "reason", asked.reason)
        .or_refuse();
    memory::mark_written();
    let made =
        with_work_order(acting.tenant, id, |view| challenge(&acting, &standing, view, &asked));
    TableIterator::once(made.and_then(shown).or_refuse())
}

/// A challenge as callers get it: its id, what to sign, and until when.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn shown(
    (challenge, payload, expires): (Uuid, String, i64),
) -> Result<(pgrx::Uuid, String, TimestampWithTimeZone), Refusal> {
    let expires =
        TimestampWithTimeZone::try_from(expires).map_err(|_| damaged("the server's clock"))?;
    Ok((pgrx::Uuid::from_bytes(*challenge.as_bytes()), payload, expires))
}

/// What a signature is about, where the work order waits for it.
///
/// # Errors
/// Those of [`wo_rules::lifecycle::Lifecycle::sought`] and of the signer's checks.
pub fn subject_of(
    view: &WorkOrderView<'_>,
    signer: &Signer<'_>,
    role: &str,
    meaning: &str,
    child: Option<Uuid>,
) -> Result<Subject, Refusal> {
    let record = view.facets.record();
    if let (WAIVER, Some(child)) = (meaning, child) {
        view.lifecycle.check_waiver(role, &record)?;
        check_child(view, child)?;
        signer::check(signer, &record, WAIVER, role, &[])?;
        return Ok(Subject {
            action: WAIVER.to_owned(),
            to: view.facets.status.clone(),
            covers: Covers::Plan,
            with_children: false,
        });
    }
    let (facts, standing) = request::facts_of(view);
    let wanted = view.lifecycle.wanted(&record, view.seen.filled(), view.seen, &facts);
    let found = view.lifecycle.sought(&wanted, &record, &facts, role, meaning)?;
    let signed: Vec<signer::Signed> = standing.into_iter().map(|one| one.signed).collect();
    signer::check(signer, &record, &found.edge.action, role, &signed)?;
    Ok(Subject {
        action: found.edge.action.clone(),
        to: found.edge.to.clone(),
        covers: found.required.covers,
        with_children: found.edge.effects.contains(&Effect::ApproveChildren),
    })
}

fn check_child(view: &WorkOrderView<'_>, child: Uuid) -> Result<(), Refusal> {
    let arguments =
        [uuid_argument(view.tenant), uuid_argument(view.seen.id()), uuid_argument(child)];
    let is_part =
        IS_PART.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0));
    match is_part {
        true => Ok(()),
        false => Err(Refusal::new(
            SqlState::WrongState,
            "nothing_to_sign",
            format!("work order {} does not wait for that child", view.facets.number),
        )
        .with("work_order_id", view.facets.id.as_str())
        .with("child", child.to_string())),
    }
}

fn challenge(
    acting: &Identity,
    standing: &ActorRoles,
    view: &WorkOrderView<'_>,
    asked: &Asked<'_>,
) -> Result<(Uuid, String, i64), Refusal> {
    let WorkOrderView { tenant, seen, facets, lifecycle } = view;
    let record = facets.record();
    let needs_reason = asked.decision == Decision::Rejected || asked.meaning == WAIVER;
    if needs_reason && asked.reason.is_none() {
        return Err(Refusal::new(
            SqlState::GateNotMet,
            "fields_missing",
            format!("work order {} needs a reason for that", facets.number),
        )
        .with("work_order_id", facets.id.as_str())
        .with("missing_fields", vec!["reason"])
        .hint("say why: the reason is part of what is signed"));
    }
    if (asked.meaning == WAIVER) != asked.child.is_some() {
        return Err(Refusal::new(
            SqlState::BadValue,
            "meaning_unknown",
            "a waiver names the child that the master does not wait for, and nothing else does",
        )
        .with("work_order_id", facets.id.as_str())
        .with("meaning", asked.meaning)
        .hint("give child => '...' with the meaning waiver"));
    }
    let capacity = person::capacity(view, standing, asked.role, asked.meaning, asked.on_behalf_of)?;
    let signer = Signer {
        id: &standing.id,
        kind: standing.kind,
        on_behalf_of: capacity.on_behalf_of.as_deref(),
    };
    let subject = subject_of(view, &signer, asked.role, asked.meaning, asked.child)?;
    let to = match asked.decision {
        Decision::Approved => subject.to.clone(),
        Decision::Rejected => {
            let edge =
                lifecycle.edges_from(record.status).find(|edge| edge.action == subject.action);
            edge.and_then(|edge| lifecycle.rejection_of(edge, record.status))
                .map(|edge| edge.to.clone())
                .unwrap_or_else(|| record.status.to_owned())
        }
    };
    let key = key::usable(*tenant, &standing.id)?;
    let at = identity::now();
    let expires = at.saturating_add(i64::from(setting::CHALLENGE_LIFETIME.get()) * 1_000_000);
    let children = match subject.with_children {
        true => children_of(*tenant, seen.id(), subject.covers, false),
        false => Vec::new(),
    };
    let printed_name =
        person::name_of(*tenant, &standing.id).ok_or_else(|| damaged("a principal went away"))?;
    let payload = Payload {
        action: subject.action,
        children,
        content_sha256: hex::encode(hash_of(*tenant, seen, subject.covers)),
        covers: subject.covers,
        decision: asked.decision,
        delegation_id: capacity.delegation.map(|id| id.to_string()),
        expires_at: utc(expires),
        format: Format::default(),
        from_status: record.status.to_owned(),
        key_id: key.id,
        meaning: asked.meaning.to_owned(),
        nonce: hex::encode(random_bytes::<32>()),
        on_behalf_of: capacity.on_behalf_of,
        printed_name,
        reason: asked.reason.map(str::to_owned),
        role: asked.role.to_owned(),
        server_time: utc(at),
        signer: standing.id.clone(),
        tenant_id: tenant.to_string(),
        time_zone: session_zone(),
        to_status: to,
        version: seen.version(),
        waives: asked.child.map(|child| child.to_string()),
        work_order: facets.number.clone(),
        work_order_id: facets.id.clone(),
    };
    let payload = String::from_utf8(payload.canonical()).map_err(|_| damaged("a payload"))?;
    if payload.len() > LONGEST_PAYLOAD {
        return Err(Refusal::new(
            SqlState::NotSupported,
            "payload_too_long",
            format!("work order {} has too many children for one signature", facets.number),
        )
        .with("work_order_id", facets.id.as_str())
        .hint("put masters between them, and sign those"));
    }
    let challenge = keep(acting.tenant, seen.id(), &standing.id, &payload, at, expires)?;
    Ok((challenge, payload, expires))
}

/// The time zone of the session.
pub fn session_zone() -> String {
    let zone: Option<String> =
        ZONE.with(|statement| statement.run(Mode::Caller, &[], |rows| rows.get(0, 1)));
    zone.unwrap_or_else(|| "UTC".to_owned())
}

/// Keeps a challenge, and gives its id.
///
/// # Errors
/// 55000 `too_many_challenges`.
pub fn keep(
    tenant: Uuid,
    work_order: Uuid,
    signer: &str,
    payload: &str,
    at: i64,
    expires: i64,
) -> Result<Uuid, Refusal> {
    let of_signer = [uuid_argument(tenant), text(signer), timestamp(at)];
    let unanswered = UNANSWERED
        .with(|statement| statement.run(Mode::Latest, &of_signer, |rows| rows.required(0, 1)));
    signer::check_unanswered(signer, unanswered)?;
    let challenge = work_order::new_id(at);
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(challenge),
        uuid_argument(work_order),
        text(signer),
        text(payload),
        timestamp(at),
        timestamp(expires),
    ];
    memory::as_enforcement(|| {
        as_trail(|| KEEP.with(|statement| statement.store(&arguments)));
    });
    Ok(challenge)
}

/// Uses a challenge up. False where another answer was first.
///
/// # Errors
/// 55000 `write_suppressed`.
pub fn use_challenge(tenant: Uuid, challenge: Uuid, at: i64) -> Result<bool, Refusal> {
    let using = [uuid_argument(tenant), uuid_argument(challenge), timestamp(at)];
    let is_first = memory::as_enforcement(|| {
        as_trail(|| {
            USE.with(|statement| statement.run(Mode::Write, &using, |rows| rows.count() > 0))
        })
    });
    if !is_first && !is_used(tenant, challenge) {
        return Err(write_suppressed("signature_challenge"));
    }
    Ok(is_first)
}

fn is_used(tenant: Uuid, challenge: Uuid) -> bool {
    let arguments = [uuid_argument(tenant), uuid_argument(challenge)];
    as_trail(|| {
        IS_USED
            .with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.required(0, 1)))
    })
}
