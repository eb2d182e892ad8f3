//! What is recorded of steps: checks before a row of `wo.step_result` is stored.

use super::stored::{granted, latest, recorded};
use super::work_of;
use crate::kernel::given;
use crate::kernel::signed_act::{self, Act as Signed};
use crate::kernel::work_order::ActorRoles;
use crate::kernel::work_order::child_records::{Filled, Owner};
use crate::pg::row::Row;
use crate::pg::statement::{argument, bigint, optional_text, optional_uuid};
use serde_json::Value;
use uuid::Uuid;
use wo_rules::credential::usage::Usage;
use wo_rules::job_plan::{
    Act, Attempt, Given, Performer, Progress, check, pinning, signed, unknown_act,
};
use wo_rules::refusal::Refusal;

/// Checks the act, and fills in what follows from it: its place in the order, the verdict, the unit, the result that
/// it is about, and the version of the plan.
///
/// # Errors
/// 55000 `job_plan_missing`; 22023 `step_act_unknown`; 42501 `column_not_writable`; those of
/// [`check`](wo_rules::job_plan::check).
pub fn fill(
    standing: &ActorRoles,
    owner: &Owner,
    _old: Option<&Row>,
    new: &Row,
) -> Result<Filled, Refusal> {
    let work = work_of(owner);
    let pinned = latest(owner.tenant, owner.id);
    let pinned = pinned.ok_or_else(|| pinning::missing(&work))?;
    let plan = &pinned.compiled(owner.tenant)?.plan;
    let own: Vec<&str> = ["ordinal", "plan_version", "signature_id"]
        .into_iter()
        .filter(|name| new.column(name).is_some_and(|index| !new.is_null(index)))
        .collect();
    given::check_none_given(&own, "a result of a step")?;
    let value = |name: &str| new.named::<String>(name);
    let named = value("act").unwrap_or_default();
    let act = Act::parse(&named).ok_or_else(|| unknown_act(&named))?;
    let (step, text, unit) = (value("step").unwrap_or_default(), value("value"), value("unit"));
    let (verdict, reason) = (value("verdict"), value("reason"));
    let id_in = |name: &str| new.named::<pgrx::Uuid>(name).map(|id| id.to_string());
    let (corrects, concerns) = (id_in("corrects"), id_in("concerns"));
    let credentials = match new.column("credentials").and_then(|index| new.json(index)) {
        Some(credentials) => wo_rules::json::parse(&credentials)?,
        None => Value::Null,
    };
    let uses_credentials = plan.step(&step).is_some_and(|step| !step.credentials.is_empty());
    let granted = match uses_credentials {
        true => granted(owner.tenant, owner.id, &step, &standing.id),
        false => Vec::new(),
    };
    let recorded = recorded(owner.tenant, owner.id)?;
    let progress = Progress::of(plan, &recorded);
    let signature = signed_act::take(owner.id)
        .filter(|signed| is_signed_so(&signed.act, &step, act, verdict.as_deref()))
        .map(|signed| signed.signature);
    let given = Given {
        value: text.as_deref(),
        unit: unit.as_deref(),
        has_sha256: new.column("sha256").is_some_and(|index| !new.is_null(index)),
        verdict: verdict.as_deref(),
        concerns: corrects.as_deref().or(concerns.as_deref()),
        usage: Usage { reported: credentials.as_object(), granted: &granted },
        reason: reason.as_deref(),
        is_signed: signature.is_some(),
    };
    let judged = check(
        act,
        &Attempt {
            work,
            plan,
            progress: &progress,
            recorded: &recorded,
            performer: Performer { id: &standing.id, kind: standing.kind, roles: &standing.roles },
            step: &step,
            given: &given,
        },
    )?;
    let subject = judged.concerns.as_deref().and_then(|id| Uuid::parse_str(id).ok());
    let (corrects, concerns) = match act {
        Act::Correction => (subject, None),
        _ => (None, subject),
    };
    let ordinal = i64::try_from(recorded.len()).unwrap_or(i64::MAX).saturating_add(1);
    Ok(vec![
        ("ordinal", bigint(ordinal)),
        ("plan_version", argument(pinned.version)),
        ("verdict", optional_text(judged.verdict.map(|verdict| verdict.name()))),
        ("unit", optional_text(judged.unit.as_deref())),
        ("corrects", optional_uuid(corrects)),
        ("concerns", optional_uuid(concerns)),
        ("signature_id", optional_uuid(signature)),
    ])
}

/// Whether what was signed is what is recorded.
fn is_signed_so(signed: &Signed, step: &str, act: Act, verdict: Option<&str>) -> bool {
    signed.subject == step
        && signed::act_of(&signed.meaning, signed.decision.as_deref())
            .is_ok_and(|wanted| wanted == (act, verdict))
}
