//! What a job plan says, understood.

use super::decimal::Decimal;
use super::parameter::substituted;
use crate::secret::reference::Reference;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is done in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Something is done; what was done may be written down.
    Do,
    /// Something is looked at: it passes or fails.
    Check,
    /// Something is measured: a number with a unit, judged by limits.
    Measure,
    /// Something is attached: where it is, and the SHA-256 of its bytes.
    Attach,
    /// A person says so by their own identity.
    Sign,
    /// A person of a role lets the work go on; what comes after it waits.
    HoldPoint,
}

impl StepKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Do, Self::Check, Self::Measure, Self::Attach, Self::Sign, Self::HoldPoint];

    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Do => "do",
            Self::Check => "check",
            Self::Measure => "measure",
            Self::Attach => "attach",
            Self::Sign => "sign",
            Self::HoldPoint => "hold_point",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether only a person records it.
    #[must_use]
    pub const fn is_of_persons(self) -> bool {
        matches!(self, Self::Sign | Self::HoldPoint)
    }
}

/// Who confirms a step beside the one who performs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// Any other person.
    Anybody,
    /// Another person who has that role.
    OfRole(String),
}

/// The limits of a measurement; each is inside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Below it the measurement fails.
    pub lower: Option<Decimal>,
    /// Below it the measurement is a warning.
    pub warn_lower: Option<Decimal>,
    /// Above it the measurement is a warning.
    pub warn_upper: Option<Decimal>,
    /// Above it the measurement fails.
    pub upper: Option<Decimal>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in the plan.
    pub key: String,
    /// What is to be done; may hold `{{parameter}}`.
    pub instruction: String,
    /// What is done.
    pub kind: StepKind,
    /// The unit of a measurement.
    pub unit: Option<String>,
    /// The limits of a measurement.
    pub limits: Limits,
    /// Whether the work is not done without it.
    pub required: bool,
    /// The role of those who perform it; without one the assignee does.
    pub role: Option<String>,
    /// Who confirms it.
    pub witness: Option<Witness>,
    /// The credentials that it uses, by their names in the plan.
    pub credentials: Vec<String>,
    /// The steps that come before it.
    pub after: Vec<String>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
}

impl ParameterType {
    /// All types.
    pub const ALL: [Self; 3] = [Self::Text, Self::Number, Self::Flag];

    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
        }
    }

    /// Whether a value is of that type.
    #[must_use]
    pub fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
        }
    }
}

/// A value that is given when the plan is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: ParameterType,
    /// Whether it must be given.
    pub required: bool,
    /// Its value where it is not given.
    pub default: Option<Value>,
}

/// The kinds of deliverables.
pub const DELIVERABLE_KINDS: [&str; 10] = [
    "iq",
    "oq",
    "pq",
    "certificate",
    "report",
    "photo",
    "document",
    "golden_image",
    "evidence",
    "other",
];

/// What the work hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliverable {
    /// Its name; may hold `{{parameter}}`.
    pub name: String,
    /// One of [`DELIVERABLE_KINDS`].
    pub kind: String,
    /// Whether the work is not done without it.
    pub required: bool,
}

/// A job plan, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPlan {
    /// Its name.
    pub name: String,
    /// The values that are given when it is applied.
    pub parameters: Vec<Parameter>,
    /// Where the credentials are that its steps use, by their names.
    pub credentials: BTreeMap<String, Reference>,
    /// The steps of the work order to which it is applied.
    pub steps: Vec<Step>,
    /// What the work hands over.
    pub deliverables: Vec<Deliverable>,
    /// The children of the master that it makes, as `wo.create_from_plan` takes them.
    pub children: Vec<Map<String, Value>>,
    /// What kind of task it is.
    pub task_type: Option<String>,
}

impl JobPlan {
    /// The step of that key.
    #[must_use]
    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.key == key)
    }

    /// What the work hands over, with the values of the parameters in the names.
    #[must_use]
    pub fn expected(&self, parameters: &Map<String, Value>) -> Vec<Deliverable> {
        let named = |one: &Deliverable| Deliverable {
            name: substituted(&one.name, parameters),
            ..one.clone()
        };
        self.deliverables.iter().map(named).collect()
    }
}
