//! What the shell hands to a decision: who writes, the record as it is, the record as it would
//! be, and what is attached to it.

use std::collections::BTreeMap;

use super::condition::Values;
use super::definition::ApprovalRequirement;
use crate::field::FieldSet;

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A human being.
    Person,
    /// A program that decides for itself.
    Agent,
    /// Somebody of another company.
    Vendor,
    /// A program without judgement of its own: a schedule, a webhook, the worker.
    System,
}

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The principal.
    pub id: &'a str,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its standing roles in the tenant.
    pub roles: &'a [String],
}

/// The work order as it is, before the write.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its identifier.
    pub id: &'a str,
    /// The number that people know it by.
    pub number: &'a str,
    /// Its state.
    pub status: &'a str,
    /// Who verifiably created it.
    pub originator: &'a str,
    /// Who is said to have asked for it.
    pub requester: Option<&'a str>,
    /// Who is to do it.
    pub assignee: Option<&'a str>,
    /// Whether it changes a regulated system.
    pub regulatory: bool,
    /// Whether nobody may write it any more.
    pub locked: bool,
}

/// The work order as it would be after the write.
#[derive(Clone, Copy)]
pub struct Proposal<'a> {
    /// Its state; the old one where only fields are written.
    pub status: &'a str,
    /// Whether it changes a regulated system.
    pub regulatory: bool,
    /// The fields whose values differ from the record's; `regulatory` is compared by itself.
    pub changed: FieldSet,
    /// The fields that were filled before the write.
    pub filled_before: FieldSet,
    /// The fields that are filled after it: neither null, nor blank, nor an empty list.
    pub filled: FieldSet,
    /// The values after the write.
    pub values: &'a dyn Values,
    /// The reason that the writer gives in the mailbox.
    pub reason: Option<&'a str>,
}

/// A valid signature that the work order has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedApproval {
    /// The action that it is for.
    pub action: String,
    /// The role that was signed in.
    pub role: String,
    /// What the signature says.
    pub meaning: String,
}

/// What a guard found about something that is attached to the work order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardFact {
    /// Whether it lets the work order pass.
    pub passed: bool,
    /// What it found, in one sentence.
    pub detail: String,
}

/// With what a work order moves along, where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Along {
    /// With nothing.
    #[default]
    Alone,
    /// With its master, or with the completion that its children brought about: its edges have nothing of their
    /// own to wait for.
    Others,
    /// With its children, the last of which has ended.
    Children,
}

/// What the shell found out for the guards. The default is a work order with nothing attached.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The signatures that are valid now.
    pub approvals: Vec<CollectedApproval>,
    /// Signatures that the tenant asks for beyond the definition, each with the action that waits
    /// for them (spec/2 §2.4 "Additional").
    pub additional_approvals: Vec<(String, ApprovalRequirement)>,
    /// With what the work order moves along.
    pub along: Along,
    /// What each guard that has something attached found, by the guard's name
    /// (`children_settled`, `sql:budget_released`).
    pub attached: BTreeMap<String, GuardFact>,
    /// What is asked where work begins, beyond the definition, by the guard's name.
    pub beginning: BTreeMap<String, GuardFact>,
}
