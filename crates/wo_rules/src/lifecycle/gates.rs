//! The gates of an edge: needs and reason, guards, approvals (spec/2 §2.1, spec/4 "Transition
//! gates"). All that is unmet is found in one go, so that nobody has to try again and again.

use serde_json::{Value, json};

use super::condition::{Condition, Need, Scalar, Values};
use super::definition::{ApprovalRequirement, Guard, Lifecycle, Transition, When};
use super::write::{Along, Facts};
use crate::field::{Field, FieldKind, FieldSet};

/// The meaning of the signatures that a plan is approved with.
const PLAN: &str = "plan";

/// A guard that does not let the work order pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetGuard {
    /// The guard's name.
    pub guard: String,
    /// What it found.
    pub detail: String,
}

/// A signature that is required and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingApproval {
    /// The role that is to sign.
    pub role: String,
    /// What the signature is to say.
    pub meaning: String,
}

/// Everything that keeps an edge shut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unmet {
    /// Fields to be filled or put right; `reason` where no field is named for it.
    pub missing_fields: Vec<&'static str>,
    /// The conditions among the needs, as the definition writes them.
    pub conditions: Vec<String>,
    /// The guards that refuse.
    pub guards: Vec<UnmetGuard>,
    /// The signatures that are missing.
    pub approvals: Vec<MissingApproval>,
}

impl Unmet {
    /// Whether the edge is open.
    pub fn is_empty(&self) -> bool {
        self.missing_fields.is_empty() && self.guards.is_empty() && self.approvals.is_empty()
    }

    /// The code of the refusal: the first kind of gate that is not met.
    pub(super) fn code(&self) -> &'static str {
        if !self.missing_fields.is_empty() {
            "fields_missing"
        } else if !self.guards.is_empty() {
            "guards_not_met"
        } else {
            "approvals_missing"
        }
    }

    /// The arrays of the DETAIL object; only those that hold something.
    pub(super) fn arrays(&self) -> Vec<(&'static str, Value)> {
        let guards: Vec<Value> = self
            .guards
            .iter()
            .map(|unmet| json!({ "guard": unmet.guard, "detail": unmet.detail }))
            .collect();
        let approvals: Vec<Value> = self
            .approvals
            .iter()
            .map(|missing| json!({ "role": missing.role, "meaning": missing.meaning }))
            .collect();
        [
            ("missing_fields", Value::from(self.missing_fields.clone())),
            ("conditions", Value::from(self.conditions.clone())),
            ("guards", Value::from(guards)),
            ("approvals", Value::from(approvals)),
        ]
        .into_iter()
        .filter(|(_, array)| array.as_array().is_some_and(|array| !array.is_empty()))
        .collect()
    }

    /// What is missing, in words.
    pub(super) fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if !self.missing_fields.is_empty() {
            let mut part = format!("it needs {}", self.missing_fields.join(", "));
            if !self.conditions.is_empty() {
                part.push_str(&format!(" ({})", self.conditions.join(", ")));
            }
            parts.push(part);
        }
        parts.extend(self.guards.iter().map(|unmet| format!("{}: {}", unmet.guard, unmet.detail)));
        if !self.approvals.is_empty() {
            let missing: Vec<String> = self
                .approvals
                .iter()
                .map(|missing| format!("{} ({})", missing.role, missing.meaning))
                .collect();
            parts.push(format!("it waits for the approval of {}", missing.join(", ")));
        }
        parts.join("; ")
    }

    /// What to do next.
    pub(super) fn hint(&self) -> String {
        let mut steps = Vec::new();
        if !self.missing_fields.is_empty() {
            steps.push(format!("give {} in the same write", self.missing_fields.join(", ")));
        }
        if !self.guards.is_empty() {
            let names: Vec<&str> = self.guards.iter().map(|unmet| unmet.guard.as_str()).collect();
            steps.push(format!("see to {}", names.join(", ")));
        }
        if !self.approvals.is_empty() {
            steps.push("have the missing approvals signed".to_owned());
        }
        steps.join("; ")
    }
}

/// The work order as its gates see it.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub lifecycle: &'a Lifecycle,
    /// True if it was or will be regulatory: a write cannot shed a gate that it passes.
    pub regulatory: bool,
    pub changed: FieldSet,
    pub filled: FieldSet,
    pub values: &'a dyn Values,
    pub facts: &'a Facts,
    /// False where this very write voids the signatures.
    pub approvals_count: bool,
}

impl Situation<'_> {
    /// What the condition looks at: a field, or a member of the metadata.
    fn value(&self, condition: &Condition) -> Option<Scalar> {
        match (condition.field(), condition.member()) {
            (Field::Regulatory, _) => Some(Scalar::Flag(self.regulatory)),
            (field, _) if !self.filled.contains(field) => None,
            (_, Some(name)) => self.values.member(name),
            (field, None) => self.values.get(field),
        }
    }

    fn meets(&self, need: &Need) -> bool {
        match need {
            Need::New(field) => self.changed.contains(*field) && self.filled.contains(*field),
            Need::Holds(Condition::Filled(field)) if field.kind() != FieldKind::Flag => {
                self.filled.contains(*field)
            }
            Need::Holds(condition) => condition.met_by(self.value(condition).as_ref()),
        }
    }

    pub(super) fn requires(&self, when: &When) -> bool {
        match when {
            When::Always => true,
            When::If(conditions) => {
                conditions.iter().all(|condition| condition.holds(self.value(condition).as_ref()))
            }
        }
    }

    /// How many of the signatures that a requirement asks for are still missing.
    pub fn missing(&self, action: &str, required: &ApprovalRequirement) -> u32 {
        let collected = self.facts.approvals.iter().filter(|approval| {
            self.approvals_count
                && approval.action == action
                && approval.role == required.role.name()
                && approval.meaning == required.meaning
        });
        required.count.saturating_sub(u32::try_from(collected.count()).unwrap_or(u32::MAX))
    }

    /// The signatures that the edge asks for: its own, and the tenant's.
    pub fn required_approvals<'e>(
        &'e self,
        edge: &'e Transition,
    ) -> impl Iterator<Item = &'e ApprovalRequirement> {
        let additional = self
            .facts
            .additional_approvals
            .iter()
            .filter(|(action, _)| *action == edge.action)
            .map(|(_, required)| required);
        edge.approvals.iter().chain(additional).filter(|approval| self.requires(&approval.when))
    }

    fn missing_approvals(&self, edge: &Transition) -> Vec<MissingApproval> {
        let mut missing: Vec<MissingApproval> = Vec::new();
        for required in self.required_approvals(edge) {
            let one = MissingApproval {
                role: required.role.name().to_owned(),
                meaning: required.meaning.clone(),
            };
            if self.missing(&edge.action, required) > 0 && !missing.contains(&one) {
                missing.push(one);
            }
        }
        missing
    }

    /// The approvals of the plan that are required now and not there, or not any more.
    fn missing_of_the_plan(&self) -> Vec<MissingApproval> {
        self.lifecycle
            .transitions()
            .iter()
            .flat_map(|edge| self.missing_approvals(edge))
            .filter(|missing| missing.meaning == PLAN)
            .collect()
    }

    /// Whether there is anything that the edge waits for, met by now or not.
    pub fn waits(&self, edge: &Transition) -> bool {
        if edge.of_masters {
            let children = Guard::ChildrenSettled;
            return self.facts.along == Along::Children
                && self.facts.attached.contains_key(children.name());
        }
        self.facts.along == Along::Others
            || edge.needs.iter().any(|needed| self.requires(&needed.when))
            || !edge.sql_guards.is_empty()
            || edge.guards.iter().any(|guard| self.facts.attached.contains_key(guard.name()))
            || self.required_approvals(edge).next().is_some()
    }

    /// Everything that keeps the edge shut.
    pub fn unmet(&self, edge: &Transition, reason_given: bool) -> Unmet {
        let mut unmet = Unmet::default();
        let needed = edge.needs.iter().filter(|needed| self.requires(&needed.when));
        for need in needed.map(|needed| &needed.need).filter(|need| !self.meets(need)) {
            unmet.miss(need.field().name());
            if !matches!(need, Need::Holds(Condition::Filled(_))) {
                unmet.conditions.push(need.to_string());
            }
        }
        if (edge.reason.required || self.regulatory) && !reason_given {
            unmet.miss(edge.reason.field.map_or("reason", Field::name));
        }
        unmet.guards.extend(edge.all_guards().filter_map(|guard| self.refused_by(guard)));
        if !self.facts.beginning.is_empty() && self.lifecycle.begins_work(edge) {
            let refused = self.facts.beginning.iter().filter(|(_, fact)| !fact.passed);
            unmet.guards.extend(refused.map(|(guard, fact)| UnmetGuard {
                guard: guard.clone(),
                detail: fact.detail.clone(),
            }));
        }
        unmet.approvals = self.missing_approvals(edge);
        unmet
    }

    fn refused_by(&self, guard: &Guard) -> Option<UnmetGuard> {
        let refused = |detail: &str| {
            Some(UnmetGuard { guard: guard.name().to_owned(), detail: detail.to_owned() })
        };
        match (self.facts.attached.get(guard.name()), guard) {
            (Some(fact), _) if fact.passed => None,
            (Some(fact), _) => refused(&fact.detail),
            // Whether somebody is assigned is on the record itself: nothing has to be attached.
            (None, Guard::AssigneeSet) if !self.filled.contains(Field::Assignee) => {
                refused("nobody is assigned")
            }
            (None, Guard::PlanApprovalsUnamended) => {
                let missing = self.missing_of_the_plan();
                let roles: Vec<&str> = missing.iter().map(|one| one.role.as_str()).collect();
                if roles.is_empty() {
                    return None;
                }
                refused(&format!("the plan as it is now was not approved by {}", roles.join(", ")))
            }
            (None, Guard::Sql(_) | Guard::OfConcept(_)) => refused("it was not evaluated"),
            (None, _) => None,
        }
    }
}

impl Unmet {
    /// Notes a missing field once.
    pub(super) fn miss(&mut self, field: &'static str) {
        if !self.missing_fields.contains(&field) {
            self.missing_fields.push(field);
        }
    }
}
