//! Where each step of a work order stands, by what was recorded: the newest result of a step counts, and nothing
//! that was recorded before is changed by it.

use super::document::{JobPlan, Step};
use std::collections::{HashMap, HashSet};

/// What a row of `wo.step_result` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// The step was performed.
    Result,
    /// A result was wrong, and this is the right one.
    Correction,
    /// The step is not performed.
    Skip,
    /// Another person confirms the result.
    Witness,
    /// QA decides about a result that failed.
    Disposition,
}

impl Act {
    /// All acts.
    pub const ALL: [Self; 5] =
        [Self::Result, Self::Correction, Self::Skip, Self::Witness, Self::Disposition];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Correction => "correction",
            Self::Skip => "skip",
            Self::Witness => "witness",
            Self::Disposition => "disposition",
        }
    }

    /// The act of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name)
    }

    /// Whether it takes the place of what was recorded of the step before.
    const fn is_newest(self) -> bool {
        matches!(self, Self::Result | Self::Correction | Self::Skip)
    }
}

/// How a result is judged, or what was decided about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Inside the limits, and outside those of the warning.
    Warning,
    /// Outside the limits.
    Fail,
    /// QA accepts the result that failed.
    Accepted,
    /// QA does not: the step is to be done again.
    Rejected,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 5] =
        [Self::Pass, Self::Warning, Self::Fail, Self::Accepted, Self::Rejected];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// One row of `wo.step_result`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: String,
    /// The key of the step.
    pub step: String,
    /// What it is.
    pub act: Act,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// The row that it corrects, confirms or decides about.
    pub concerns: Option<String>,
    /// Who recorded it.
    pub performed_by: String,
}

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// To be done.
    Open,
    /// Done.
    Done,
    /// Done, and outside its limits, or not passed; QA has not decided.
    Failed,
    /// Not done, for a reason.
    Skipped,
    /// Not in the plan any more; what was recorded stays.
    NotApplicable,
}

impl StepState {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Whether what comes after the step may be done.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::NotApplicable)
    }
}

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProgress<'r> {
    /// The step of the plan; nothing where the plan has it no more.
    pub step: Option<&'r Step>,
    /// Its key.
    pub key: &'r str,
    /// Its state.
    pub state: StepState,
    /// The result, correction or skip that counts.
    pub newest: Option<&'r Recorded>,
    /// Who confirmed it.
    pub witness: Option<&'r Recorded>,
    /// What QA decided about it.
    pub disposition: Option<&'r Recorded>,
}

/// Where a work order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress<'r> {
    /// The steps in the order of the plan; those that it has no more come last.
    pub steps: Vec<StepProgress<'r>>,
}

impl<'r> Progress<'r> {
    /// Reads it from the rows, which are given in the order in which they were recorded.
    #[must_use]
    pub fn of(plan: &'r JobPlan, recorded: &'r [Recorded]) -> Self {
        let rows = Rows::of(recorded);
        let mut steps: Vec<StepProgress<'r>> =
            plan.steps.iter().map(|step| rows.progress(Some(step), step.key.as_str())).collect();
        let mut known: HashSet<&str> = steps.iter().map(|step| step.key).collect();
        for row in recorded {
            if known.insert(&row.step) {
                steps.push(rows.progress(None, row.step.as_str()));
            }
        }
        Self { steps }
    }

    /// The step of that key.
    #[must_use]
    pub fn step(&self, key: &str) -> Option<&StepProgress<'r>> {
        self.steps.iter().find(|step| step.key == key)
    }
}

/// The rows that count, each found by what it is about.
struct Rows<'r> {
    /// The newest result, correction or skip of each step.
    newest: HashMap<&'r str, &'r Recorded>,
    /// The newest row of an act about a row.
    about: HashMap<(Act, &'r str), &'r Recorded>,
}

impl<'r> Rows<'r> {
    fn of(recorded: &'r [Recorded]) -> Self {
        let (mut newest, mut about) = (HashMap::new(), HashMap::new());
        for row in recorded {
            if row.act.is_newest() {
                newest.insert(row.step.as_str(), row);
            }
            if let Some(concerns) = &row.concerns {
                about.insert((row.act, concerns.as_str()), row);
            }
        }
        Self { newest, about }
    }

    fn progress(&self, step: Option<&'r Step>, key: &'r str) -> StepProgress<'r> {
        let newest = self.newest.get(key).copied();
        let about = |act: Act| {
            newest.and_then(|newest| self.about.get(&(act, newest.id.as_str())).copied())
        };
        let disposition = about(Act::Disposition);
        let decided = disposition.and_then(|row| row.verdict);
        let state = match (step, newest) {
            (None, _) => StepState::NotApplicable,
            (_, None) => StepState::Open,
            (_, Some(row)) if row.act == Act::Skip => StepState::Skipped,
            (_, Some(row)) if row.verdict != Some(Verdict::Fail) => StepState::Done,
            _ => match decided {
                Some(Verdict::Accepted) => StepState::Done,
                Some(Verdict::Rejected) => StepState::Open,
                _ => StepState::Failed,
            },
        };
        StepProgress { step, key, state, newest, witness: about(Act::Witness), disposition }
    }
}
