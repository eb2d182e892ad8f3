//! Signing: what was asked for is looked at anew, under the work order's lock, before it counts.

use super::challenge::{subject_of, use_challenge};
use super::follow_up::{finish, values_of};
use super::{
    APPROVAL, Changes, WAIVER, WorkOrderView, check_authentication, children_of, hash_of, key,
    make_visible, person, request, uuid_of, with_locked_work_order, write_rows,
};
use crate::kernel::identity::memory;
use crate::kernel::identity::{self};
use crate::kernel::work_order::pending::{SystemWrite, as_system_write};
use crate::kernel::work_order::{ActorRoles, Column, Reading, actor_roles, new_id, read_as_trail};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, argument, bigint, bytes, optional_text, optional_uuid, statement, text, timestamp,
    uuid as uuid_argument,
};
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wo_rules::approval::act::ActPayload;
use wo_rules::approval::answer::checked_signature;
use wo_rules::approval::answer::{
    Challenge, Present, check_answer, check_answerable, check_decision, check_present,
};
use wo_rules::approval::payload::{Decision, Payload};
use wo_rules::approval::signer::Signer;
use wo_rules::lifecycle::WAIVER as WAIVER_MEANING;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::utc;

statement!(
    CHALLENGE,
    "select asked.work_order_id, asked.payload, asked.expires_at, asked.used_at is not null
     from wo.signature_challenge as asked
     where asked.tenant_id = $1 and asked.id = $2 and asked.signer = $3",
    [UUIDOID, UUIDOID, TEXTOID]
);
statement!(
    KEEP,
    "insert into wo.approval (tenant_id, work_order_id, id, action, from_status, to_status, role, meaning, covers,
        decision, reason, signer, printed_name, on_behalf_of, delegation_id, key_id, record_version,
        content_sha256, time_zone, signed_at, payload, signature)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
     returning approval.*",
    [
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
        TEXTOID, TEXTOID, UUIDOID, TEXTOID, INT8OID, BYTEAOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BYTEAOID
    ]
);
statement!(
    WAIVE,
    "insert into wo.waiver (tenant_id, work_order_id, child_id, approval_id, reason, waived_by, waived_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     returning waiver.*",
    [UUIDOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID]
);
statement!(
    SEND_BACK,
    "update wo.work_order set status = $3, reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    SEND_BACK_WITH_DEFICIENCY,
    "update wo.work_order set status = $3, reason = $4, deficiencies = array[$4] where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    WITHDRAW,
    "update wo.approval as given set withdrawn_at = $4, state_reason = $5
     where given.tenant_id = $1 and given.work_order_id = $2 and given.id = any($3)
     returning given.*",
    [UUIDOID, UUIDOID, UUIDARRAYOID, TIMESTAMPTZOID, TEXTOID]
);
statement!(
    OWNER_OF,
    "select given.work_order_id, given.signer from wo.approval as given
     where given.tenant_id = $1 and given.id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    STATE_OF,
    "select given.amended_at is null and given.voided_at is null and given.withdrawn_at is null
        and given.decision = 'approved', given.from_status, given.meaning, given.role
     from wo.approval as given where given.tenant_id = $1 and given.id = $2",
    [UUIDOID, UUIDOID]
);

/// Answers a challenge.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn sign(
    challenge: Option<pgrx::Uuid>,
    signature: Option<&str>,
    decision: Option<&str>,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let (acting, signer) = actor_roles::acting().or_refuse();
    check_authentication(&acting).or_refuse();
    let decision = decision
        .and_then(Decision::parse)
        .ok_or_else(|| damaged("a decision that nobody knows"))
        .or_refuse();
    let id = uuid_of(challenge);
    let arguments = [uuid_argument(acting.tenant), uuid_argument(id), text(&signer.id)];
    let found = as_trail(|| {
        CHALLENGE.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                let work_order: pgrx::Uuid = rows.get(0, 1)?;
                let challenge = Challenge {
                    payload: rows.get(0, 2)?,
                    expires_at: rows.timestamp(0, 3)?,
                    used: rows.get(0, 4)?,
                };
                Some((Uuid::from_bytes(*work_order.as_bytes()), challenge))
            })
        })
    });
    let (work_order, found) = found.unzip();
    check_answerable(found.as_ref(), identity::now()).or_refuse();
    let (Some(work_order), Some(found)) = (work_order, found) else {
        crate::pg::error::refuse(damaged("a challenge went away"));
    };
    if ActPayload::is_act(&found.payload) {
        check_decision(Decision::Approved, decision).or_refuse();
        let done = super::act::sign(&acting, &signer, work_order, id, &found.payload, signature);
        return pgrx::JsonB(done);
    }
    let payload = check_answer(Some(&found), decision, identity::now()).or_refuse();
    memory::mark_written();
    let answer = Answer { id, payload: &payload, text: &found.payload, signature };
    let given =
        with_locked_work_order(acting.tenant, work_order, |view| record(view, &signer, &answer))
            .or_refuse();
    if let Some((to, reason, as_deficiency)) = &given.back {
        send_back(acting.tenant, work_order, to, reason, *as_deficiency);
    }
    let now = read_as_trail(Reading::Latest, acting.tenant, work_order, |seen| {
        (seen.text(Column::Status), seen.version())
    });
    let (status, version) = now.unzip();
    pgrx::JsonB(json!({
        "approval": given.approval.to_string(),
        "wo_number": payload.work_order,
        "decision": payload.decision.name(),
        "meaning": payload.meaning,
        "role": payload.role,
        "status": status,
        "version": version,
    }))
}

/// An answer to a challenge.
struct Answer<'a> {
    id: Uuid,
    payload: &'a Payload,
    text: &'a str,
    signature: Option<&'a str>,
}

/// A signature that was recorded.
struct Given {
    approval: Uuid,
    /// The state that the work order goes back to, why, and whether that is a deficiency.
    back: Option<(String, String, bool)>,
}

fn record(
    view: &WorkOrderView<'_>,
    signer: &ActorRoles,
    answer: &Answer<'_>,
) -> Result<Given, Refusal> {
    let WorkOrderView { tenant, seen, facets, lifecycle } = view;
    let payload = answer.payload;
    // One answer counts: a transaction that waited for the work order's lock finds the challenge used.
    let at = identity::now();
    let time = timestamp(at);
    let is_first = use_challenge(*tenant, answer.id, at)?;
    let children = match payload.children.is_empty() {
        true => Vec::new(),
        false => children_of(*tenant, seen.id(), payload.covers, true),
    };
    check_present(
        payload,
        &Present {
            is_first,
            record: &facets.record(),
            version: seen.version(),
            content_sha256: hex::encode(hash_of(*tenant, seen, payload.covers)),
            children,
        },
    )?;
    let child = payload.waives.as_deref().and_then(|child| Uuid::parse_str(child).ok());
    let capacity = person::capacity(
        view,
        signer,
        &payload.role,
        &payload.meaning,
        payload.on_behalf_of.as_deref(),
    )?;
    let delegation = capacity.delegation.map(|id| id.to_string());
    if capacity.on_behalf_of != payload.on_behalf_of || delegation != payload.delegation_id {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            format!(
                "{} may not sign work order {} as {} in the way that was asked for any more",
                signer.id, facets.number, payload.role
            ),
        )
        .with("work_order_id", facets.id.as_str())
        .with("principal", signer.id.as_str())
        .with("role", payload.role.as_str())
        .hint("request the signature anew"));
    }
    let as_whom = Signer {
        id: &signer.id,
        kind: signer.kind,
        on_behalf_of: capacity.on_behalf_of.as_deref(),
    };
    let subject = subject_of(view, &as_whom, &payload.role, &payload.meaning, child)?;
    if subject.action != payload.action {
        return Err(damaged("a challenge for another transition"));
    }
    let key = key::held(*tenant, &signer.id, &payload.key_id)?;
    let named = (facets.number.as_str(), facets.id.as_str());
    let signature = checked_signature(answer.signature, &key, answer.text, named)?;
    let approval = new_id(at);
    let content = hex::decode(&payload.content_sha256).map_err(|_| damaged("a payload"))?;
    let arguments = [
        uuid_argument(*tenant),
        uuid_argument(seen.id()),
        uuid_argument(approval),
        text(&payload.action),
        text(&payload.from_status),
        text(&payload.to_status),
        text(&payload.role),
        text(&payload.meaning),
        text(payload.covers.name()),
        text(payload.decision.name()),
        optional_text(payload.reason.as_deref()),
        text(&signer.id),
        text(&payload.printed_name),
        optional_text(payload.on_behalf_of.as_deref()),
        optional_uuid(capacity.delegation),
        text(&key.id),
        bigint(payload.version),
        bytes(&content),
        text(&payload.time_zone),
        time,
        text(answer.text),
        bytes(&signature),
    ];
    let mut changes = Changes::default();
    write_rows(&KEEP, &arguments, &APPROVAL, &[], &mut changes);
    make_visible();
    let mut action = match payload.decision {
        Decision::Approved => "signed",
        Decision::Rejected => "rejected",
    };
    if let Some(child) = child {
        action = "child_waived";
        let reason = payload.reason.as_deref().unwrap_or_default();
        let arguments = [
            uuid_argument(*tenant),
            uuid_argument(seen.id()),
            uuid_argument(child),
            uuid_argument(approval),
            text(reason),
            text(&signer.id),
            time,
        ];
        write_rows(&WAIVE, &arguments, &WAIVER, &[], &mut changes);
        make_visible();
        crate::concept::hierarchy::settle::waived(*tenant, seen.id());
    }
    let reconciled = request::reconcile(view, &mut changes)?;
    let is_approved = payload.decision == Decision::Approved;
    let requested_at = reconciled
        .requested_at(&payload.action, &payload.role, &payload.meaning)
        .filter(|_| is_approved);
    let data = event_data(payload, approval, requested_at);
    finish(view, action, payload.reason.clone(), changes, reconciled.opened, data);
    let edge = lifecycle.edges_from(&facets.status).find(|edge| edge.action == payload.action);
    let back = edge
        .filter(|_| payload.decision == Decision::Rejected)
        .and_then(|edge| lifecycle.rejection_of(edge, &facets.status))
        .map(|edge| {
            let reason = payload.reason.clone().unwrap_or_default();
            (edge.to.clone(), reason, edge.asks_for_deficiencies())
        });
    Ok(Given { approval, back })
}

/// What the event of a signature says: since when it was waited for, too, where it is the last of those.
fn event_data(payload: &Payload, approval: Uuid, requested_at: Option<i64>) -> Map<String, Value> {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("approval", approval.to_string().into());
    put("role", payload.role.clone().into());
    put("meaning", payload.meaning.clone().into());
    put("decision", payload.decision.name().into());
    put("signer", payload.signer.clone().into());
    put("on_behalf_of", payload.on_behalf_of.clone().into());
    if let Some(child) = &payload.waives {
        put("child", child.clone().into());
    }
    if let Some(requested_at) = requested_at {
        put("requested_at", utc(requested_at).into());
    }
    data
}

/// Takes the way back after a signature was refused: its right was the signature.
fn send_back(tenant: Uuid, work_order: Uuid, to: &str, reason: &str, as_deficiency: bool) {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), text(to), text(reason)];
    as_system_write(SystemWrite::Rejection(work_order), || {
        as_trail(|| {
            let statement = if as_deficiency { &SEND_BACK_WITH_DEFICIENCY } else { &SEND_BACK };
            statement.with(|statement| statement.store(&arguments));
        });
    });
}

/// Takes a signature back.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn withdraw_signature(approval: Option<pgrx::Uuid>, reason: Option<&str>) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let (acting, signer) = actor_roles::acting().or_refuse();
    let id = uuid_of(approval);
    let place = [uuid_argument(acting.tenant), uuid_argument(id)];
    let owner = as_trail(|| {
        OWNER_OF.with(|statement| {
            statement.run(Mode::Latest, &place, |rows| {
                let work_order: pgrx::Uuid = rows.get(0, 1)?;
                Some((Uuid::from_bytes(*work_order.as_bytes()), rows.get::<String>(0, 2)?))
            })
        })
    });
    let Some((work_order, signed_by)) = owner else {
        crate::pg::error::refuse(Refusal::new(
            SqlState::BadValue,
            "approval_unknown",
            format!("there is no signature {id} in the tenant"),
        ));
    };
    if signed_by != signer.id {
        crate::pg::error::refuse(
            Refusal::new(
                SqlState::NotPermitted,
                "signature_of_others",
                "nobody withdraws another's signature",
            )
            .with("approval", id.to_string())
            .hint("reject the work order instead, or ask its signer"),
        );
    }
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        crate::pg::error::refuse(Refusal::reason_missing("a withdrawn signature"));
    };
    memory::mark_written();
    let answer =
        with_locked_work_order(acting.tenant, work_order, |view| withdraw(view, id, reason));
    pgrx::JsonB(answer.or_refuse())
}

fn withdraw(view: &WorkOrderView<'_>, id: Uuid, reason: &str) -> Result<Value, Refusal> {
    let tenant = view.tenant;
    let place = [uuid_argument(tenant), uuid_argument(id)];
    let (stands, from, meaning, role) = STATE_OF.with(|statement| {
        statement.run(Mode::Latest, &place, |rows| {
            if rows.count() == 0 {
                return Default::default();
            }
            let text = |column: i32| rows.required::<String>(0, column);
            (rows.required::<bool>(0, 1), text(2), text(3), text(4))
        })
    });
    let facets = view.facets;
    view.lifecycle.check_open(&facets.record())?;
    if !stands || from != facets.status || meaning == WAIVER_MEANING {
        return Err(Refusal::new(
            SqlState::WrongState,
            "signature_in_effect",
            format!("the signature on work order {} cannot be withdrawn any more", facets.number),
        )
        .with("work_order_id", facets.id.as_str())
        .with("approval", id.to_string())
        .hint("a signature is withdrawn while it counts and before it took effect"));
    }
    let ids = vec![pgrx::Uuid::from_bytes(*id.as_bytes())];
    let which = [uuid_argument(tenant), uuid_argument(view.seen.id()), argument(ids)];
    let before = values_of(&which);
    let at = timestamp(identity::now());
    let mut changes = Changes::default();
    let arguments = [which[0], which[1], which[2], at, text(reason)];
    write_rows(&WITHDRAW, &arguments, &APPROVAL, &before, &mut changes);
    make_visible();
    let opened = request::reconcile(view, &mut changes)?.opened;
    let mut data = Map::new();
    data.insert("approval".to_owned(), id.to_string().into());
    data.insert("role".to_owned(), role.clone().into());
    data.insert("meaning".to_owned(), meaning.clone().into());
    finish(view, "signature_withdrawn", Some(reason.to_owned()), changes, opened, data);
    Ok(json!({
        "approval": id.to_string(),
        "wo_number": facets.number,
        "role": role,
        "meaning": meaning,
        "status": facets.status,
    }))
}
