//! The value of a result, and its verdict.

use super::super::decimal::Decimal;
use super::super::document::{Limits, Step, StepKind};
use super::super::progress::Verdict;
use super::{Attempt, Judged};
use crate::credential::usage::{self, Usage};
use crate::refusal::{Refusal, SqlState};

/// The longest value, in characters.
const LONGEST: usize = 10_000;

/// What is given with an act.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The value: a number, `pass` or `fail`, where something is, or what was done.
    pub value: Option<&'a str>,
    /// Its unit.
    pub unit: Option<&'a str>,
    /// Whether there is a hash of what is attached.
    pub has_sha256: bool,
    /// The verdict.
    pub verdict: Option<&'a str>,
    /// The row that it corrects, confirms or decides about.
    pub concerns: Option<&'a str>,
    /// The versions of credentials that were used.
    pub usage: Usage<'a>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Whether it was signed for by the signature of this very act.
    pub is_signed: bool,
}

/// How a measurement is judged. The limits themselves are inside.
pub fn verdict_of(limits: &Limits, value: &Decimal) -> Verdict {
    let below = |limit: &Option<Decimal>| limit.as_ref().is_some_and(|limit| value < limit);
    let above = |limit: &Option<Decimal>| limit.as_ref().is_some_and(|limit| value > limit);
    if below(&limits.lower) || above(&limits.upper) {
        Verdict::Fail
    } else if below(&limits.warn_lower) || above(&limits.warn_upper) {
        Verdict::Warning
    } else {
        Verdict::Pass
    }
}

fn invalid(attempt: &Attempt<'_>, what: &str, hint: &str) -> Refusal {
    let message = format!("step {} {what}", attempt.step);
    attempt.refusal(SqlState::BadValue, "step_value_invalid", message).hint(hint)
}

/// Checks that an act which is no result gives none.
pub(super) fn check_nothing_given(attempt: &Attempt<'_>) -> Result<(), Refusal> {
    let given = attempt.given;
    let is_given = given.value.is_some()
        || given.unit.is_some()
        || given.has_sha256
        || given.usage.reported.is_some();
    match is_given {
        true => Err(invalid(
            attempt,
            "takes no value with that",
            "Leave value, unit, sha256 and credentials out.",
        )),
        false => Ok(()),
    }
}

/// Judges the value that is given for a step.
///
/// # Errors
/// 22023 `step_value_invalid`, `unit_differs`; those of [`usage::check`].
pub(super) fn judged(
    attempt: &Attempt<'_>,
    step: &Step,
    is_result: bool,
) -> Result<Judged, Refusal> {
    let given = attempt.given;
    check_plain(attempt, step)?;
    let differing = usage::check(attempt, step, is_result)?;
    let value = given.value.map(str::trim).filter(|value| !value.is_empty());
    let verdict = match step.kind {
        StepKind::Measure => {
            let number = value.and_then(Decimal::parse);
            let number = number.ok_or_else(|| {
                invalid(attempt, "is measured: its value is a number", "For example '7.25'.")
            })?;
            verdict_of(&step.limits, &number)
        }
        StepKind::Check => match value {
            Some("pass") => Verdict::Pass,
            Some("fail") => Verdict::Fail,
            _ => {
                let what = "is a check: its value is pass or fail";
                return Err(invalid(
                    attempt,
                    what,
                    "Say 'pass' or 'fail', and more in the reason.",
                ));
            }
        },
        StepKind::Attach => match value {
            Some(_) if given.has_sha256 => Verdict::Pass,
            _ => {
                let what = "attaches something: its value says where that is, with its sha256";
                return Err(invalid(attempt, what, "The bytes stay outside; the hash binds them."));
            }
        },
        StepKind::Do | StepKind::Sign | StepKind::HoldPoint => Verdict::Pass,
    };
    // Somebody has to look at it: the version was rotated, or taken from elsewhere.
    let verdict = match verdict {
        Verdict::Pass if !differing.is_empty() => Verdict::Warning,
        verdict => verdict,
    };
    if given.verdict.is_some_and(|given| given != verdict.name()) {
        let what = format!("has the verdict {}, which follows from its value", verdict.name());
        return Err(invalid(attempt, &what, "Leave the verdict out."));
    }
    Ok(Judged { verdict: Some(verdict), unit: step.unit.clone(), concerns: None })
}

fn check_plain(attempt: &Attempt<'_>, step: &Step) -> Result<(), Refusal> {
    let given = attempt.given;
    if given.value.is_some_and(|value| value.chars().count() > LONGEST) {
        let what = format!("has a value of more than {LONGEST} characters");
        return Err(invalid(attempt, &what, "Keep the document elsewhere, and attach it."));
    }
    if given.has_sha256 && step.kind != StepKind::Attach {
        return Err(invalid(attempt, "attaches nothing", "Leave the sha256 out."));
    }
    if let Some(unit) = given.unit
        && Some(unit) != step.unit.as_deref()
    {
        let message = match &step.unit {
            Some(wanted) => format!("step {} is measured in {wanted}", attempt.step),
            None => format!("step {} has no unit", attempt.step),
        };
        return Err(attempt
            .refusal(SqlState::BadValue, "unit_differs", message)
            .with("unit", step.unit.clone())
            .hint("Give the value in the unit of the plan, or leave the unit out."));
    }
    Ok(())
}

/// The refusal of a credential that the plan does not name for the step.
pub fn credential_unknown(attempt: &Attempt<'_>, step: &Step, name: &str) -> Refusal {
    let shown: String = name.chars().take(63).collect();
    let message = format!("step {} uses no credential \"{shown}\"", attempt.step);
    attempt
        .refusal(SqlState::BadValue, "credential_unknown", message)
        .with("credentials", step.credentials.clone())
        .hint("The plan names the credentials of a step: select step, credentials from wo.steps('...');")
}
