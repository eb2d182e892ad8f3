//! Lifecycles as data: a document says which states a work order has, who may move it between
//! them and what must hold for that. [`validate`] reads a document, and the [`Lifecycle`] that it
//! gives decides about one write at a time.
//!
//! The shell reads the row and what is attached to it, asks [`Lifecycle::create`] or
//! [`Lifecycle::decide`], and carries out the verdict. Guards that look at other records
//! (dependencies, children, steps) are evaluated by the shell and handed in as [`Facts`].

mod approving;
mod beginning;
mod blocker;
mod capture;
mod condition;
mod decide;
mod definition;
mod diagram;
mod explain;
mod gates;
mod graph;
mod guard_lock;
pub mod migration;
mod past_gate;
pub(crate) mod reader;
mod rework;
mod rights;
mod shipped;
mod tables;
mod time_limit;
mod title;
mod unknown;
mod validation;
mod write;

pub use approving::{WAIVER, Wanted};
pub use blocker::blocker;
pub use capture::{Captured, GENERATED};
pub use condition::{Comparison, Condition, Literal, Need, Scalar, Values};
pub use decide::{Creation, Decision, VoidApprovals};
pub use definition::{
    ApprovalRequirement, ConditionalNeed, Effect, FieldRight, Guard, Lifecycle, ReasonRule,
    RegulatoryGrant, RegulatoryRules, Role, State, Transition, When,
};
pub use explain::EdgeReport;
pub use gates::{MissingApproval, Unmet, UnmetGuard};
pub use guard_lock::check_guard_lock;
pub use reader::Problem;
pub use shipped::SHIPPED;
pub use tables::SCHEMA;
pub use time_limit::{check_limit, deadline, given_hours};
pub use title::TitleConvention;
pub use unknown::unknown;
pub use validation::{Known, MAXIMUM_EDGES, MAXIMUM_STATES, validate};
pub use write::{
    Actor, Along, CollectedApproval, Facts, GuardFact, PrincipalKind, Proposal, Record,
};
