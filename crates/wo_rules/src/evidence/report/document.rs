//! What the page reads of a package. Members that it does not show are passed over, and what is
//! absent is shown as absent, so that a page can be made of every package that can be read.

use super::changes::{Change, changes};
use super::value::Members;
use crate::evidence::verify::Made;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) format: String,
    pub(super) made_at: String,
    #[serde(default)]
    pub(super) manifest: Members,
    pub(super) manifest_sha256: String,
    pub(super) sections: Sections,
}

#[derive(Deserialize)]
pub(super) struct Sections {
    pub(super) tenant: Tenant,
    pub(super) work_order: WorkOrder,
    #[serde(default)]
    pub(super) child_records: Members,
    #[serde(default)]
    pub(super) lifecycle: Lifecycle,
    pub(super) master: Option<Relative>,
    #[serde(default)]
    pub(super) children: Vec<Relative>,
    #[serde(default)]
    pub(super) dependencies: Dependencies,
    pub(super) signatures: Vec<Signature>,
    #[serde(default)]
    pub(super) signing_keys: Vec<SigningKey>,
    #[serde(default)]
    pub(super) delegations: Vec<Delegation>,
    #[serde(default)]
    pub(super) principals: Vec<Principal>,
    #[serde(default)]
    pub(super) findings: Vec<Finding>,
    #[serde(default)]
    pub(super) concepts: Concepts,
    /// Nothing where who made the package may not read them.
    pub(super) refused_attempts: Option<RefusedAttempts>,
    pub(super) made: Option<Made>,
    pub(super) trail: Vec<Entry>,
    pub(super) ledger: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) how_to_verify: String,
}

/// What concepts add under names of their own, of which the page shows these.
#[derive(Deserialize, Default)]
pub(super) struct Concepts {
    pub(super) job_plan: Option<JobPlan>,
    #[serde(default)]
    pub(super) deliverables: Vec<Deliverable>,
    #[serde(default)]
    pub(super) signed_acts: Vec<SignedAct>,
}

/// A deliverable, with its newest version and the newest review of it.
#[derive(Deserialize)]
pub(super) struct Deliverable {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) state: String,
    #[serde(default)]
    pub(super) versions: i64,
    pub(super) uri: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) received_from: Option<String>,
    pub(super) received_at: Option<String>,
    pub(super) verdict: Option<String>,
    pub(super) review_reason: Option<String>,
    pub(super) reviewed_by: Option<String>,
    pub(super) reviewed_at: Option<String>,
}

/// The signature of an act that is no transition.
#[derive(Deserialize)]
pub(super) struct SignedAct {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) meaning: String,
    pub(super) decision: Option<String>,
    pub(super) role: String,
    pub(super) reason: Option<String>,
    pub(super) signer: String,
    pub(super) printed_name: String,
    pub(super) signed_at: String,
    pub(super) time_zone: String,
}

/// The job plan that the work order has pinned.
#[derive(Deserialize)]
pub(super) struct JobPlan {
    pub(super) name: String,
    pub(super) version: i64,
    #[serde(default)]
    pub(super) steps: Vec<Step>,
}

/// One of its steps, with the newest result.
#[derive(Deserialize)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) instruction: Option<String>,
    pub(super) state: String,
    pub(super) unit: Option<String>,
    pub(super) value: Option<String>,
    pub(super) verdict: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) performed_by: Option<String>,
    pub(super) performed_at: Option<String>,
    pub(super) witnessed_by: Option<String>,
    pub(super) disposition: Option<String>,
    pub(super) decided_by: Option<String>,
    #[serde(default)]
    pub(super) corrections: i64,
}

#[derive(Deserialize)]
pub(super) struct Tenant {
    pub(super) tenant_id: Option<String>,
    pub(super) slug: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WorkOrder {
    pub(super) id: String,
    pub(super) wo_number: String,
    pub(super) status: String,
    pub(super) version: Option<i64>,
    pub(super) updated_at: Option<String>,
    pub(super) locked_at: Option<String>,
    pub(super) chain_sequence: i64,
    pub(super) chain_hash: String,
    pub(super) record: Members,
}

#[derive(Deserialize, Default)]
pub(super) struct Lifecycle {
    pub(super) name: Option<String>,
    pub(super) version: Option<i64>,
    pub(super) published_by: Option<String>,
    pub(super) published_at: Option<String>,
    #[serde(default)]
    pub(super) definition: Definition,
}

#[derive(Deserialize, Default)]
pub(super) struct Definition {
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) roles: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) states: Vec<State>,
    #[serde(default)]
    transitions: Vec<serde_json::Value>,
}

impl Definition {
    /// The effects of the edges of that action.
    pub(super) fn effects_of(&self, action: &str) -> Vec<String> {
        let edges = self.transitions.iter().filter(|edge| edge["action"] == action);
        let effects = edges.filter_map(|edge| edge["effects"].as_array()).flatten();
        effects.filter_map(|effect| effect.as_str().map(str::to_owned)).collect()
    }
}

#[derive(Deserialize)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) description: Option<String>,
}

/// Something that QA has to look at. A concept may add members.
#[derive(Deserialize)]
pub(super) struct Finding {
    pub(super) code: Option<String>,
    pub(super) guard: Option<String>,
    pub(super) opened_at: Option<String>,
    pub(super) opened_for: Option<String>,
    pub(super) opened_by: Option<String>,
    #[serde(default)]
    pub(super) actors: Vec<String>,
    pub(super) attempts: Option<i64>,
    pub(super) title: Option<String>,
    pub(super) closed_at: Option<String>,
    pub(super) closed_by: Option<String>,
    pub(super) resolution: Option<String>,
    /// What this page does not know of it.
    #[serde(flatten)]
    pub(super) further: BTreeMap<String, serde_json::Value>,
}

/// The refused attempts: the first of them, and how many there are.
#[derive(Deserialize)]
pub(super) struct RefusedAttempts {
    pub(super) total: usize,
    #[serde(default)]
    pub(super) left_out: usize,
    #[serde(default)]
    pub(super) listed: Vec<RefusedAttempt>,
}

/// What somebody attempted, and the enforcement layer refused.
#[derive(Deserialize)]
pub(super) struct RefusedAttempt {
    pub(super) first_at: String,
    pub(super) last_at: Option<String>,
    pub(super) attempts: Option<i64>,
    pub(super) actor: Option<String>,
    pub(super) code: Option<String>,
    pub(super) action: Option<String>,
    pub(super) from_status: Option<String>,
    pub(super) to_status: Option<String>,
    pub(super) why: Option<String>,
}

/// Another work order: a master, a child, or one at the other end of a dependency.
#[derive(Deserialize)]
pub(super) struct Relative {
    pub(super) id: String,
    pub(super) wo_number: String,
    pub(super) title: Option<String>,
    pub(super) status: Option<String>,
    pub(super) required: Option<bool>,
    pub(super) waived: Option<bool>,
    pub(super) lag: Option<Box<RawValue>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Dependencies {
    #[serde(default)]
    pub(super) waits_for: Vec<Relative>,
    #[serde(default)]
    pub(super) awaited_by: Vec<Relative>,
}

#[derive(Deserialize)]
pub(super) struct Signature {
    pub(super) approval: String,
    pub(super) role: String,
    pub(super) meaning: String,
    pub(super) decision: String,
    pub(super) reason: Option<String>,
    pub(super) signer: String,
    pub(super) printed_name: String,
    pub(super) on_behalf_of: Option<String>,
    pub(super) on_behalf_of_name: Option<String>,
    pub(super) delegation_id: Option<String>,
    pub(super) key_id: String,
    pub(super) signed_at: String,
    pub(super) time_zone: Option<String>,
    pub(super) state: String,
    pub(super) state_reason: Option<String>,
    pub(super) state_at: Option<String>,
    pub(super) action: Option<String>,
    pub(super) from_status: Option<String>,
    pub(super) to_status: Option<String>,
    pub(super) covers: Option<String>,
    pub(super) payload: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SigningKey {
    pub(super) key_id: String,
    pub(super) principal: Option<String>,
    pub(super) name: Option<String>,
    pub(super) enrolled_by: Option<String>,
    pub(super) enrolled_at: Option<String>,
    pub(super) verified_by: Option<String>,
    pub(super) verified_at: Option<String>,
    pub(super) verification: Option<String>,
    pub(super) expires_at: Option<String>,
    pub(super) retired_at: Option<String>,
    pub(super) revoked_at: Option<String>,
    pub(super) revocation_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Delegation {
    pub(super) id: String,
    pub(super) parent_id: Option<String>,
    pub(super) delegator: Option<String>,
    pub(super) delegate: Option<String>,
    pub(super) role: Option<String>,
    pub(super) lifecycle: Option<String>,
    pub(super) meaning: Option<String>,
    pub(super) starts_at: Option<String>,
    pub(super) ends_at: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) revoked_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Principal {
    pub(super) id: String,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) sequence: i64,
    pub(super) recorded_at: String,
    pub(super) action: String,
    pub(super) actor: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) from_status: Option<String>,
    pub(super) to_status: Option<String>,
    pub(super) record_version: Option<i64>,
    #[serde(default)]
    pub(super) changes: String,
    pub(super) client_address: Option<String>,
    pub(super) application: Option<String>,
    pub(super) login_role: Option<String>,
    pub(super) authenticated_by: Option<String>,
}

impl Entry {
    /// Whether the work order got into another state.
    pub(super) fn moved(&self) -> bool {
        self.to_status.is_some() && self.to_status != self.from_status
    }
}

/// A package with what several parts of the page look up in it.
pub(super) struct Facts<'p> {
    pub(super) sections: &'p Sections,
    /// What each entry of the trail changed, in the order of the trail.
    pub(super) changes: Vec<Vec<Change>>,
    names: BTreeMap<&'p str, &'p Principal>,
    places: BTreeMap<&'p str, usize>,
    numbers: BTreeMap<&'p str, &'p str>,
    delegations: BTreeMap<&'p str, usize>,
}

impl<'p> Facts<'p> {
    pub(super) fn of(sections: &'p Sections) -> Self {
        let Dependencies { waits_for, awaited_by } = &sections.dependencies;
        let relatives = sections.children.iter().chain(waits_for).chain(awaited_by);
        let numbers = relatives.chain(&sections.master);
        let signatures = sections.signatures.iter().enumerate();
        let delegations = sections.delegations.iter().enumerate();
        Self {
            sections,
            changes: sections.trail.iter().map(|entry| changes(&entry.changes)).collect(),
            names: sections.principals.iter().map(|one| (one.id.as_str(), one)).collect(),
            places: signatures.map(|(place, one)| (one.approval.as_str(), place + 1)).collect(),
            numbers: numbers.map(|one| (one.id.as_str(), one.wo_number.as_str())).collect(),
            delegations: delegations.map(|(place, one)| (one.id.as_str(), place + 1)).collect(),
        }
    }

    pub(super) fn principal(&self, id: &str) -> Option<&'p Principal> {
        self.names.get(id).copied()
    }

    /// The number on the page of the signature of that approval.
    pub(super) fn place_of_signature(&self, approval: &str) -> Option<usize> {
        self.places.get(approval).copied()
    }

    /// The number on the page of that delegation.
    pub(super) fn place_of_delegation(&self, id: &str) -> Option<usize> {
        self.delegations.get(id).copied()
    }

    /// What people call the work order of that id.
    pub(super) fn number_of(&self, id: &str) -> Option<&'p str> {
        self.numbers.get(id).copied()
    }

    /// What the lifecycle says about that state.
    pub(super) fn state(&self, name: &str) -> Option<&'p str> {
        let states = &self.sections.lifecycle.definition.states;
        states.iter().find(|state| state.name == name)?.description.as_deref()
    }

    /// What the lifecycle says about that role.
    pub(super) fn role(&self, name: &str) -> Option<&'p str> {
        self.sections.lifecycle.definition.roles.get(name).map(String::as_str)
    }
}
