//! What may be recorded of a step, by whom, and how it is judged.

pub mod signed;
mod value;

pub use value::{Given, credential_unknown};

use super::document::{JobPlan, Step, StepKind, Witness};
use super::progress::{Act, Progress, Recorded, StepProgress, StepState, Verdict};
use crate::lifecycle::PrincipalKind;
use crate::refusal::{Refusal, SqlState};
use std::collections::BTreeSet;

/// The role that decides about what failed, and skips what is required of regulatory work.
const QA: &str = "qa";

/// The work order.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// Its UUID.
    pub id: &'a str,
    /// Its number.
    pub number: &'a str,
    /// Whether its state is one in which the work is done.
    pub is_under_way: bool,
    /// Its state.
    pub status: &'a str,
    /// Whether it is regulatory.
    pub regulatory: bool,
    /// Who does it.
    pub assignee: Option<&'a str>,
    /// Who asked for it, as the server knows.
    pub originator: Option<&'a str>,
}

/// Who records something.
#[derive(Debug, Clone, Copy)]
pub struct Performer<'a> {
    /// The principal.
    pub id: &'a str,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its standing roles.
    pub roles: &'a [String],
}

impl Performer<'_> {
    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }
}

/// What the enforcement layer fills in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// The unit.
    pub unit: Option<String>,
    /// The row that it corrects, confirms or decides about.
    pub concerns: Option<String>,
}

/// One act: what is recorded of which step, by whom.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The work order.
    pub work: Work<'a>,
    /// The pinned plan.
    pub plan: &'a JobPlan,
    /// Where its steps stand.
    pub progress: &'a Progress<'a>,
    /// Everything that was recorded, in its order.
    pub recorded: &'a [Recorded],
    /// Who records it.
    pub performer: Performer<'a>,
    /// The key of the step.
    pub step: &'a str,
    /// What is given.
    pub given: &'a Given<'a>,
}

impl<'a> Attempt<'a> {
    /// A refusal that names the work order and the step.
    pub(crate) fn refusal(&self, state: SqlState, code: &'static str, message: String) -> Refusal {
        Refusal::new(state, code, message)
            .with("work_order_id", self.work.id)
            .with("wo_number", self.work.number)
            .with("step", self.step)
    }

    fn found(&self) -> Result<(&'a Step, &'a StepProgress<'a>), Refusal> {
        let found = self.progress.step(self.step);
        match found.and_then(|found| Some((found.step?, found))) {
            Some(found) => Ok(found),
            None => {
                let shown: String = self.step.chars().take(63).collect();
                let message = format!(
                    "the job plan of work order {} has no step \"{shown}\"",
                    self.work.number
                );
                Err(self
                    .refusal(SqlState::BadValue, "step_unknown", message)
                    .hint("select * from wo.steps('...'); lists the steps."))
            }
        }
    }

    fn check_under_way(&self) -> Result<(), Refusal> {
        if self.work.is_under_way {
            return Ok(());
        }
        let Work { number, status, .. } = self.work;
        let message = format!("no step is done while work order {number} is {status}");
        Err(self
            .refusal(SqlState::WrongState, "work_not_under_way", message)
            .with("status", status)
            .hint("Steps are recorded while the work is in progress: start it, or resume it."))
    }

    fn check_person(&self, what: &str) -> Result<(), Refusal> {
        if self.performer.kind == PrincipalKind::Person {
            return Ok(());
        }
        let message = format!("only a human being may {what} step {}", self.step);
        Err(self
            .refusal(SqlState::NotPermitted, "person_required", message)
            .hint("Ask a person to do it by their own identity."))
    }

    fn role_missing(&self, role: &str, what: &str) -> Refusal {
        let message = format!("{what} step {} needs the role {role}", self.step);
        self.refusal(SqlState::NotPermitted, "role_missing", message).with("role", role).hint(
            match role {
                "assignee" => "Ask the assignee of the work order.".to_owned(),
                _ => format!("Ask somebody who has the role {role}."),
            },
        )
    }

    fn check_may_perform(&self, step: &Step, what: &str) -> Result<(), Refusal> {
        if step.kind.is_of_persons() {
            self.check_person(match step.kind {
                StepKind::HoldPoint => "release",
                _ => "sign",
            })?;
        }
        match &step.role {
            Some(role) if self.performer.has(role) => Ok(()),
            Some(role) => Err(self.role_missing(role, what)),
            None if self.work.assignee == Some(self.performer.id) => Ok(()),
            None => Err(self.role_missing("assignee", what)),
        }
    }

    /// What comes after an open hold point waits for it, however far behind; and each step waits for those right
    /// before it.
    fn check_order(&self, step: &Step) -> Result<(), Refusal> {
        let mut to_visit: Vec<&str> = step.after.iter().map(String::as_str).collect();
        let mut before = BTreeSet::new();
        while let Some(key) = to_visit.pop() {
            if before.insert(key)
                && let Some(earlier) = self.plan.step(key)
            {
                to_visit.extend(earlier.after.iter().map(String::as_str));
            }
        }
        let held: Vec<&str> = self
            .progress
            .steps
            .iter()
            .filter(|found| before.contains(found.key) && !found.state.is_settled())
            .filter(|found| found.step.is_some_and(|step| step.kind == StepKind::HoldPoint))
            .map(|found| found.key)
            .collect();
        if !held.is_empty() {
            let message =
                format!("step {} waits for the hold point {}", self.step, held.join(", "));
            return Err(self
                .refusal(SqlState::GateNotMet, "hold_point_open", message)
                .with("hold_points", held)
                .hint("Somebody of the hold point's role releases it with wo.record_step."));
        }
        let waiting: Vec<&str> = self
            .progress
            .steps
            .iter()
            .filter(|found| step.after.iter().any(|key| key == found.key))
            .filter(|found| !found.state.is_settled())
            .map(|found| found.key)
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let message = format!("step {} comes after {}", self.step, waiting.join(", "));
        Err(self
            .refusal(SqlState::GateNotMet, "step_out_of_order", message)
            .with("waiting_for", waiting)
            .hint("Record those first. What failed needs a disposition by QA before the work goes on."))
    }

    fn check_reason(&self, what: &str) -> Result<(), Refusal> {
        match self.given.reason.is_some_and(|reason| !reason.trim().is_empty()) {
            true => Ok(()),
            false => Err(Refusal::reason_missing(what)
                .with("work_order_id", self.work.id)
                .with("step", self.step)),
        }
    }

    /// Who a hold point holds back does not release it.
    fn check_independent(&self, step: &Step) -> Result<(), Refusal> {
        let is_own = |key: &String| {
            let newest = self.progress.step(key).and_then(|found| found.newest);
            newest.is_some_and(|row| row.performed_by == self.performer.id)
        };
        if step.kind != StepKind::HoldPoint || !step.after.iter().any(is_own) {
            return Ok(());
        }
        let message = format!(
            "{} performed a step before the hold point {}, and cannot release it",
            self.performer.id, self.step
        );
        Err(self
            .refusal(SqlState::NotPermitted, "step_of_ones_own", message)
            .hint("Ask somebody else who has the role."))
    }

    /// Whether the work is the performer's own: QA decides about the work of others.
    fn is_of_own_work(&self) -> bool {
        [self.work.assignee, self.work.originator].contains(&Some(self.performer.id))
    }

    /// Everybody who recorded a value of the step, the corrected ones too.
    fn is_performer(&self) -> bool {
        self.recorded.iter().any(|row| {
            row.step == self.step
                && matches!(row.act, Act::Result | Act::Correction)
                && row.performed_by == self.performer.id
        })
    }

    /// The result that an act concerns: the newest one, and no other.
    fn result(&self, found: &StepProgress<'a>, what: &str) -> Result<&'a Recorded, Refusal> {
        let newest = found.newest.filter(|row| row.act != Act::Skip);
        let Some(newest) = newest else {
            let message = format!("step {} has no result to {what}", self.step);
            return Err(self
                .refusal(SqlState::WrongState, "step_without_result", message)
                .hint("select * from wo.steps('...'); shows where each step stands."));
        };
        match self.given.concerns {
            Some(given) if given != newest.id => {
                let message =
                    format!("another result of step {} was recorded meanwhile", self.step);
                Err(self
                    .refusal(SqlState::WrongState, "step_result_superseded", message)
                    .with("newest", newest.id.as_str())
                    .hint("Look at the newest result; the older ones stay as they are."))
            }
            _ => Ok(newest),
        }
    }
}

/// A step is performed.
///
/// # Errors
/// - 22023 `step_unknown`, `step_value_invalid`, `unit_differs`.
/// - 55000 `work_not_under_way`, `step_done_already`, `disposition_missing`.
/// - 42501 `role_missing`, `person_required`, `step_of_ones_own`.
/// - 23514 `hold_point_open`, `step_out_of_order`, `fields_missing`.
pub fn check_result(attempt: &Attempt<'_>) -> Result<Judged, Refusal> {
    let step = check_performing(attempt, "recording")?;
    let judged = value::judged(attempt, step, true)?;
    signed::check_signed(attempt, Act::Result, step)?;
    Ok(judged)
}

/// The step may be performed now, by this performer; `what` begins the sentence of a refusal.
///
/// # Errors
/// - 22023 `step_unknown`.
/// - 55000 `work_not_under_way`, `step_done_already`, `disposition_missing`.
/// - 42501 `role_missing`, `person_required`, `step_of_ones_own`.
/// - 23514 `hold_point_open`, `step_out_of_order`.
pub fn check_performing<'a>(attempt: &Attempt<'a>, what: &str) -> Result<&'a Step, Refusal> {
    let (step, found) = attempt.found()?;
    attempt.check_under_way()?;
    attempt.check_may_perform(step, what)?;
    match found.state {
        StepState::Done => {
            let message = format!("step {} is done already", attempt.step);
            return Err(attempt
                .refusal(SqlState::WrongState, "step_done_already", message)
                .hint("wo.correct_step records that the result was wrong, and keeps it."));
        }
        StepState::Failed if attempt.work.regulatory => {
            let message = format!("step {} failed, and QA has not decided about it", attempt.step);
            return Err(attempt
                .refusal(SqlState::WrongState, "disposition_missing", message)
                .hint("QA signs whether the result is accepted (wo.request_act_signature, disposition); after a rejection the step is done again."));
        }
        _ => {}
    }
    attempt.check_order(step)?;
    attempt.check_independent(step)?;
    Ok(step)
}

/// A result was wrong, and this is the right one.
///
/// # Errors
/// As [`check_result`]; 55000 `step_without_result`, `step_result_superseded`.
pub fn check_correction(attempt: &Attempt<'_>) -> Result<Judged, Refusal> {
    let (step, found) = attempt.found()?;
    let corrected = attempt.result(found, "correct")?;
    attempt.check_may_perform(step, "correcting")?;
    attempt.check_reason("a correction")?;
    let judged = value::judged(attempt, step, false)?;
    signed::check_signed(attempt, Act::Correction, step)?;
    Ok(Judged { concerns: Some(corrected.id.clone()), ..judged })
}

/// A step is not performed.
///
/// # Errors
/// 22023 `step_unknown`, `step_value_invalid`; 55000 `work_not_under_way`, `step_done_already`,
/// `hold_point_not_skipped`; 42501 `role_missing`, `person_required`, `step_of_ones_own`; 23514 `hold_point_open`,
/// `step_out_of_order`, `fields_missing`.
pub fn check_skip(attempt: &Attempt<'_>) -> Result<Judged, Refusal> {
    let (step, found) = attempt.found()?;
    attempt.check_under_way()?;
    if step.kind == StepKind::HoldPoint {
        let message = format!("step {} is a hold point, which is never skipped", attempt.step);
        return Err(attempt.refusal(SqlState::WrongState, "hold_point_not_skipped", message).hint(
            "Somebody of its role releases it; another version of the plan may leave it out.",
        ));
    }
    if matches!(found.state, StepState::Done | StepState::Failed | StepState::Skipped) {
        let message = format!("step {} is {} already", attempt.step, found.state.name());
        return Err(attempt
            .refusal(SqlState::WrongState, "step_done_already", message)
            .hint("Only an open step is skipped."));
    }
    if attempt.work.regulatory && step.required {
        if !attempt.performer.has(QA) {
            return Err(attempt.role_missing(QA, "skipping a required"));
        }
        attempt.check_person("skip")?;
        if attempt.is_of_own_work() {
            let message = format!(
                "{} does or asked for the work, and cannot skip its required step {}",
                attempt.performer.id, attempt.step
            );
            return Err(attempt
                .refusal(SqlState::NotPermitted, "step_of_ones_own", message)
                .hint("Ask somebody else of QA."));
        }
    } else if !attempt.performer.has(QA) {
        attempt.check_may_perform(step, "skipping")?;
    }
    attempt.check_reason("a step that is not performed")?;
    attempt.check_order(step)?;
    value::check_nothing_given(attempt)?;
    signed::check_signed(attempt, Act::Skip, step)?;
    Ok(Judged::default())
}

/// Another person confirms a result.
///
/// # Errors
/// 22023 `step_unknown`, `step_value_invalid`; 55000 `step_without_result`, `step_result_superseded`,
/// `witnessed_already`; 42501 `person_required`, `role_missing`, `witness_is_performer`.
pub fn check_witness(attempt: &Attempt<'_>) -> Result<Judged, Refusal> {
    let (step, found) = attempt.found()?;
    let confirmed = attempt.result(found, "confirm")?;
    attempt.check_person("witness")?;
    if attempt.is_performer() {
        let message = format!(
            "{} performed step {}, and cannot witness it",
            attempt.performer.id, attempt.step
        );
        return Err(attempt
            .refusal(SqlState::NotPermitted, "witness_is_performer", message)
            .hint("Ask somebody else who saw it."));
    }
    if let Some(Witness::OfRole(role)) = &step.witness
        && !attempt.performer.has(role)
    {
        return Err(attempt.role_missing(role, "witnessing"));
    }
    if found.witness.is_some() {
        let message = format!("the result of step {} has its witness already", attempt.step);
        return Err(attempt.refusal(SqlState::WrongState, "witnessed_already", message));
    }
    value::check_nothing_given(attempt)?;
    signed::check_signed(attempt, Act::Witness, step)?;
    Ok(Judged { concerns: Some(confirmed.id.clone()), ..Judged::default() })
}

/// QA decides about a result that failed.
///
/// # Errors
/// 22023 `step_unknown`, `step_value_invalid`, `verdict_unknown`; 55000 `step_without_result`,
/// `step_result_superseded`, `nothing_to_decide`; 42501 `person_required`, `role_missing`, `step_of_ones_own`; 23514
/// `fields_missing`.
pub fn check_disposition(attempt: &Attempt<'_>) -> Result<Judged, Refusal> {
    let (step, found) = attempt.found()?;
    let decided = attempt.result(found, "decide about")?;
    if found.state != StepState::Failed {
        let message = format!("the result of step {} waits for no disposition", attempt.step);
        return Err(attempt
            .refusal(SqlState::WrongState, "nothing_to_decide", message)
            .with("state", found.state.name())
            .hint("QA decides once about a result that failed."));
    }
    if !attempt.performer.has(QA) {
        return Err(attempt.role_missing(QA, "deciding about"));
    }
    attempt.check_person("decide about")?;
    if attempt.is_performer() || attempt.is_of_own_work() {
        let message = format!(
            "{} did or asked for the work of step {}, and cannot decide about it",
            attempt.performer.id, attempt.step
        );
        return Err(attempt
            .refusal(SqlState::NotPermitted, "step_of_ones_own", message)
            .hint("Ask somebody else of QA."));
    }
    attempt.check_reason("a disposition")?;
    value::check_nothing_given(attempt)?;
    let verdict = attempt.given.verdict.and_then(Verdict::parse);
    match verdict {
        Some(Verdict::Accepted | Verdict::Rejected) => {
            signed::check_signed(attempt, Act::Disposition, step)?;
            Ok(Judged { verdict, concerns: Some(decided.id.clone()), unit: None })
        }
        _ => Err(attempt
            .refusal(
                SqlState::BadValue,
                "verdict_unknown",
                format!("the disposition of step {} is accepted or rejected", attempt.step),
            )
            .hint("Accepted lets the work go on with the result as it is; rejected has the step done again.")),
    }
}

/// Checks an act of any kind.
///
/// # Errors
/// Those of the check of its kind.
pub fn check(act: Act, attempt: &Attempt<'_>) -> Result<Judged, Refusal> {
    match act {
        Act::Result => check_result(attempt),
        Act::Correction => check_correction(attempt),
        Act::Skip => check_skip(attempt),
        Act::Witness => check_witness(attempt),
        Act::Disposition => check_disposition(attempt),
    }
}

/// The refusal of an act that there is not.
#[must_use]
pub fn unknown_act(name: &str) -> Refusal {
    let shown: String = name.chars().take(63).collect();
    let known = Act::ALL.map(Act::name).join(", ");
    Refusal::new(
        SqlState::BadValue,
        "step_act_unknown",
        format!("\"{shown}\" is nothing that is recorded of a step"),
    )
    .hint(format!("Known are {known}."))
}
