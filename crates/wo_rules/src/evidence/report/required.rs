//! Which signatures the gates of the work order require, and which of them are in force.

use super::document::{Facts, Signature};
use super::signatures::counts;
use super::value::Members;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the page reads of a request for signatures.
#[derive(Deserialize)]
struct Request {
    action: String,
    role: String,
    meaning: String,
    #[serde(default = "one")]
    required: usize,
    requested_at: Option<String>,
    closed_at: Option<String>,
}

fn one() -> usize {
    1
}

/// Signatures of one role that one gate requires.
pub(super) struct Requirement {
    pub(super) role: String,
    pub(super) meaning: String,
    pub(super) needed: usize,
    pub(super) in_force: usize,
    /// Whether the work order has passed the gate. Before that, what is missing is waited for.
    pub(super) is_passed: bool,
}

/// What is required, and what of it is there.
#[derive(Default)]
pub(super) struct Required {
    pub(super) all: Vec<Requirement>,
    /// The places of the signatures in force that count for it, from 0.
    pub(super) counted: BTreeSet<usize>,
}

impl Required {
    pub(super) fn of(facts: &Facts) -> Self {
        let mut required = Self::default();
        for request in newest_requests(&facts.sections.child_records) {
            let is_of_it = |one: &Signature| {
                one.decision == "approved"
                    && one.action.as_ref() == Some(&request.action)
                    && (&one.role, &one.meaning) == (&request.role, &request.meaning)
            };
            let signatures = facts.sections.signatures.iter().enumerate();
            let given: BTreeMap<&str, usize> = signatures
                .filter(|(_, one)| counts(one) && is_of_it(one))
                .map(|(index, one)| (one.signer.as_str(), index))
                .collect();
            let is_passed = is_passed(facts, &request);
            let is_met = given.len() >= request.required;
            // A request that was closed without its signatures and without the gate behind it is of a round that was
            // given up.
            if is_passed || request.closed_at.is_none() || is_met {
                required.counted.extend(given.values());
                required.all.push(Requirement {
                    in_force: given.len().min(request.required),
                    needed: request.required,
                    role: request.role,
                    meaning: request.meaning,
                    is_passed,
                });
            }
        }
        required
    }

    pub(super) fn needed(&self) -> usize {
        self.all.iter().map(|one| one.needed).sum()
    }

    pub(super) fn in_force(&self) -> usize {
        self.all.iter().map(|one| one.in_force).sum()
    }

    /// Those of which signatures are missing.
    pub(super) fn missing(&self) -> Vec<&Requirement> {
        self.all.iter().filter(|one| one.in_force < one.needed).collect()
    }
}

/// The newest request for each role and meaning of each gate.
fn newest_requests(child_records: &Members) -> Vec<Request> {
    let mut newest: BTreeMap<(String, String, String), Request> = BTreeMap::new();
    for (name, value) in &child_records.0 {
        if !name.starts_with("approval_request:") {
            continue;
        }
        let Ok(request) = serde_json::from_str::<Request>(value.get()) else { continue };
        let key = (request.action.clone(), request.meaning.clone(), request.role.clone());
        let is_older =
            newest.get(&key).is_some_and(|known| known.requested_at > request.requested_at);
        if !is_older {
            newest.insert(key, request);
        }
    }
    let mut all: Vec<Request> = newest.into_values().collect();
    all.sort_by(|one, other| one.requested_at.cmp(&other.requested_at));
    all
}

/// Whether the work order went through the gate, and was not sent back to before it.
fn is_passed(facts: &Facts, request: &Request) -> bool {
    let voids = format!("void_approvals({})", request.meaning);
    let mut is_passed = false;
    for entry in facts.sections.trail.iter().filter(|entry| entry.moved()) {
        if entry.action == request.action {
            is_passed = true;
        } else if facts.sections.lifecycle.definition.effects_of(&entry.action).contains(&voids) {
            is_passed = false;
        }
    }
    is_passed
}
