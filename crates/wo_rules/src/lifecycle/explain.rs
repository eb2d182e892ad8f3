//! What can be done next: for user interfaces, and for the system's own edges.

use super::condition::Values;
use super::definition::{Lifecycle, Transition};
use super::gates::{MissingApproval, Situation};
use super::rights::role_names;
use super::write::{Actor, Facts, PrincipalKind, Record};
use crate::field::{Field, FieldSet};

/// One edge from here, as a user interface shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeReport<'a> {
    /// The action.
    pub action: &'a str,
    /// The state it leads to.
    pub to: &'a str,
    /// Whether the actor could take it now, giving a reason where one is required.
    pub allowed: bool,
    /// Whether the actor has the right to it, whatever the gates say.
    pub permitted: bool,
    /// Fields to be filled, put right or given in the same write.
    pub missing_fields: Vec<&'static str>,
    /// The conditions among them, for example `actual_hours > 0`.
    pub conditions: Vec<String>,
    /// The names of the guards that refuse.
    pub guards: Vec<String>,
    /// The signatures that are missing.
    pub approvals: Vec<MissingApproval>,
    /// Whether a reason has to be given.
    pub reason_required: bool,
    /// The field that the reason goes into, where the edge names one.
    pub reason_field: Option<Field>,
    /// The roles that may take it.
    pub who: Vec<&'a str>,
    /// One sentence: why it is open or shut.
    pub why: String,
}

impl Lifecycle {
    /// Every edge from the record's state, and what the actor lacks for it. A locked record has
    /// edges only where its state is not terminal, and none of them is open.
    pub fn allowed_transitions(
        &self,
        actor: &Actor,
        record: &Record,
        filled: FieldSet,
        values: &dyn Values,
        facts: &Facts,
    ) -> Vec<EdgeReport<'_>> {
        let situation = self.as_it_is(record, filled, values, facts);
        let locked = self.is_locked(record);
        self.transitions
            .iter()
            .filter(|edge| edge.from.iter().any(|from| from == record.status))
            .map(|edge| report(edge, actor, record, &situation, locked))
            .collect()
    }

    /// The edge that the system takes by itself now, if there is one: automatic, with something
    /// to wait for, and with nothing more to wait for. Where there never was anything to wait for
    /// it is left to people, because there is no moment at which it became true.
    pub fn auto_edge(
        &self,
        record: &Record,
        filled: FieldSet,
        values: &dyn Values,
        facts: &Facts,
    ) -> Option<&Transition> {
        if self.is_locked(record) {
            return None;
        }
        let situation = self.as_it_is(record, filled, values, facts);
        self.transitions.iter().find(|edge| {
            edge.auto
                && edge.from.iter().any(|from| from == record.status)
                && situation.waits(edge)
                && situation.unmet(edge, true).is_empty()
        })
    }
}

impl Lifecycle {
    pub(super) fn as_it_is<'a>(
        &'a self,
        record: &Record,
        filled: FieldSet,
        values: &'a dyn Values,
        facts: &'a Facts,
    ) -> Situation<'a> {
        Situation {
            lifecycle: self,
            regulatory: record.regulatory,
            changed: FieldSet::EMPTY,
            filled,
            values,
            facts,
            approvals_count: true,
        }
    }
}

fn report<'e>(
    edge: &'e Transition,
    actor: &Actor,
    record: &Record,
    situation: &Situation,
    locked: bool,
) -> EdgeReport<'e> {
    let who = role_names(&edge.who);
    let has_role = edge.who.iter().any(|role| actor.is(role, record));
    let permitted = has_role && (!edge.persons_only || actor.kind == PrincipalKind::Person);
    let reason_required = edge.reason.required || record.regulatory;
    let unmet = situation.unmet(edge, true);
    let allowed = permitted && !locked && unmet.is_empty();
    let why = if locked {
        "the work order is locked".to_owned()
    } else if !has_role {
        match who.is_empty() {
            true => "the system takes it when its gates are met".to_owned(),
            false => format!("it is for {}", who.join(", ")),
        }
    } else if !permitted {
        "it is for a human being".to_owned()
    } else if !unmet.is_empty() {
        unmet.sentence()
    } else if reason_required {
        match edge.reason.field {
            Some(field) => format!("it can be taken with a reason, kept in {}", field.name()),
            None => "it can be taken with a reason".to_owned(),
        }
    } else {
        "it can be taken".to_owned()
    };
    EdgeReport {
        action: &edge.action,
        to: &edge.to,
        allowed,
        permitted,
        missing_fields: unmet.missing_fields,
        conditions: unmet.conditions,
        guards: unmet.guards.into_iter().map(|unmet| unmet.guard).collect(),
        approvals: unmet.approvals,
        reason_required,
        reason_field: edge.reason.field,
        who,
        why,
    }
}
