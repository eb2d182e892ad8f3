//! Acts on steps that are signed.

use super::super::document::{Step, StepKind};
use super::super::progress::Act;
use super::Attempt;
use crate::refusal::{Refusal, SqlState};
use serde::{Deserialize, Serialize};

/// What a signature on a step may mean.
pub const MEANINGS: &[&str] = &["disposition", "acceptance"];

/// The kind of the subjects of such signatures.
pub const KIND: &str = "step";

/// The layout of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ContentFormat {
    /// The first layout.
    #[default]
    #[serde(rename = "wo_core.step.v1")]
    V1,
}

/// A step with its newest result, as it is signed. The members stand in the order of JCS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The layout.
    pub format: ContentFormat,
    /// The text that the trail has of the pinned plan.
    pub plan: String,
    /// The id of the newest result, correction or skip; nothing where there is none.
    pub result: Option<String>,
    /// The text that the trail has of it.
    pub result_record: Option<String>,
    /// The key of the step.
    pub step: String,
    /// The tenant's UUID.
    pub tenant_id: String,
    /// The work order's UUID.
    pub work_order_id: String,
}

impl Content {
    /// The text that is hashed.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut bytes = Vec::with_capacity(1024);
        // Writing strings into memory has no way to fail; were there one, no signature would ever match.
        let _ = serde_json::to_writer(&mut bytes, self);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The act that a signature on a step carries out, and its verdict.
///
/// # Errors
/// 22023 `decision_unknown`.
pub fn act_of(
    meaning: &str,
    decision: Option<&str>,
) -> Result<(Act, Option<&'static str>), Refusal> {
    match (meaning, decision) {
        ("disposition", Some("accepted")) => Ok((Act::Disposition, Some("accepted"))),
        ("disposition", Some("rejected")) => Ok((Act::Disposition, Some("rejected"))),
        ("acceptance", Some("performed")) => Ok((Act::Result, None)),
        ("acceptance", Some("corrected")) => Ok((Act::Correction, None)),
        ("acceptance", Some("witnessed")) => Ok((Act::Witness, None)),
        ("acceptance", Some("skipped")) => Ok((Act::Skip, None)),
        _ => Err(Refusal::new(
            SqlState::BadValue,
            "decision_unknown",
            "the decision about a step is none that such a signature may have",
        )
        .with("meaning", meaning)
        .hint("A disposition is accepted or rejected; an acceptance performed, corrected, witnessed or skipped.")),
    }
}

/// The work order and the step that an id names.
///
/// # Errors
/// 22023 `subject_malformed`.
pub fn located(id: &str) -> Result<(&str, &str), Refusal> {
    let found = id.rsplit_once('/').filter(|(order, step)| !order.is_empty() && !step.is_empty());
    found.ok_or_else(|| {
        Refusal::new(
            SqlState::BadValue,
            "subject_malformed",
            "a step is named by its work order and its key",
        )
        .hint("For example 'WO-2026-000001/mains_voltage'.")
    })
}

/// The role in which an act on a step is signed.
pub fn role_of(act: Act, attempt: &Attempt<'_>, step: &Step) -> String {
    let of_step = || step.role.clone().unwrap_or_else(|| "assignee".to_owned());
    match act {
        Act::Disposition | Act::Skip => super::QA.to_owned(),
        Act::Witness => match &step.witness {
            Some(super::Witness::OfRole(role)) => role.clone(),
            _ => "witness".to_owned(),
        },
        Act::Result | Act::Correction => match attempt.work.assignee {
            Some(id) if step.role.is_none() && id == attempt.performer.id => "assignee".to_owned(),
            _ => of_step(),
        },
    }
}

/// Regulatory work asks for a signature where QA decides about a result, and wherever a step of kind `sign` is
/// performed, corrected or witnessed, or is skipped although it is required.
pub(super) fn check_signed(attempt: &Attempt<'_>, act: Act, step: &Step) -> Result<(), Refusal> {
    let is_due = match act {
        Act::Disposition => true,
        Act::Skip => step.kind == StepKind::Sign && step.required,
        Act::Result | Act::Correction | Act::Witness => step.kind == StepKind::Sign,
    };
    if !attempt.work.regulatory || !is_due || attempt.given.is_signed {
        return Ok(());
    }
    let message = format!("in regulatory work that act on step {} is signed", attempt.step);
    Err(attempt.refusal(SqlState::NotPermitted, "signature_required", message).hint(
        "wo.request_act_signature('step', ...) gives what to sign, and wo.sign records the act.",
    ))
}
