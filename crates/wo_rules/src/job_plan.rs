//! Job plans: what is done in a work order, step by step.
//!
//! [`validate`] reads a document; a work order pins one version of it, with the values of its parameters. The steps
//! of the work order are those of the pinned version, and what was recorded of them is never changed:
//! [`Progress`] says where each stands.

mod acting;
mod decimal;
mod difference;
mod document;
mod expansion;
pub mod guard;
mod parameter;
pub mod pinning;
mod progress;
mod shipped;
mod tables;
mod validation;
mod view;

pub use acting::signed;
pub use acting::{
    Attempt, Given, Judged, Performer, Work, check, check_performing, credential_unknown,
    unknown_act,
};
pub use decimal::Decimal;
pub use difference::{Difference, check_move};
pub use document::{
    DELIVERABLE_KINDS, Deliverable, JobPlan, Limits, Parameter, ParameterType, Step, StepKind,
    Witness,
};
pub use expansion::{Application, MEMBERS, expanded, take, take_application};
pub use parameter::{same_values, substituted, substituted_in};
pub use progress::{Act, Progress, Recorded, StepProgress, StepState, Verdict};
pub use shipped::SHIPPED;
pub use tables::SCHEMA;
pub use validation::{Known, MOST_STEPS, validate};
pub use view::shown;

#[cfg(test)]
mod tests;
