//! Who may do what: edges, fields and the regulatory flag (spec/4 "RBAC permissions").

use super::condition::{Need, Scalar};
use super::decide::placed;
use super::definition::{Lifecycle, RegulatoryGrant, Role, Transition};
use super::gates::Situation;
use super::write::{Actor, Facts, PrincipalKind, Proposal, Record};
use crate::field::{Field, FieldSet};
use crate::refusal::{Refusal, SqlState};

impl Actor<'_> {
    /// Whether the actor is this to the record as it was before the write: nobody gains a right
    /// by the write that needs it.
    pub(super) fn is(&self, role: &Role, record: &Record) -> bool {
        match role {
            Role::Assignee => record.assignee == Some(self.id),
            Role::Originator => record.originator == self.id,
            Role::Requester => record.requester == Some(self.id),
            Role::OfTenant(name) => self.roles.iter().any(|role| role == name),
        }
    }
}

impl Lifecycle {
    pub(super) fn check_who(
        &self,
        edge: &Transition,
        actor: &Actor,
        record: &Record,
    ) -> Result<(), Refusal> {
        let Transition { action, to, .. } = edge;
        let roles = role_names(&edge.who);
        let (code, message, hint) = if !edge.who.iter().any(|role| actor.is(role, record)) {
            let who = roles.join(", ");
            (
                "role_missing",
                format!("you may not {action} work order {}", record.number),
                format!("this is for {who} of the work order; ask one of them"),
            )
        } else if edge.persons_only && actor.kind != PrincipalKind::Person {
            (
                "person_required",
                format!("only a human being may {action} work order {}", record.number),
                "ask a person with the role to decide".to_owned(),
            )
        } else {
            return Ok(());
        };
        let refusal = Refusal::new(SqlState::NotPermitted, code, message)
            .hint(hint)
            .with("action", action.as_str())
            .with("roles", roles);
        Err(placed(refusal, record, to))
    }

    /// Checks that the actor may change what this work order is made of: its children, its
    /// dependencies, its policy.
    ///
    /// # Errors
    /// 55000 `record_locked`; 42501 `role_missing`.
    pub fn check_link(&self, actor: &Actor, record: &Record) -> Result<(), Refusal> {
        self.check_open(record)?;
        self.check_one_of(&self.link, actor, record, "change the plan of")
    }

    /// Checks that the actor may name another engine than the cost rules choose.
    ///
    /// # Errors
    /// 55000 `record_locked`; 42501 `role_missing`.
    pub fn check_engine_override(&self, actor: &Actor, record: &Record) -> Result<(), Refusal> {
        self.check_open(record)?;
        self.check_one_of(&self.engine_override, actor, record, "choose an engine for")
    }

    /// Checks that the actor may change what is planned: what belongs to the plan may be written by those who may
    /// write the description.
    ///
    /// # Errors
    /// 55000 `record_locked`; 42501 `role_missing`.
    pub fn check_plan(&self, actor: &Actor, record: &Record) -> Result<(), Refusal> {
        self.check_open(record)?;
        if self.fields_of(actor, record).contains(Field::Description) {
            return Ok(());
        }
        let writers: Vec<Role> = self
            .field_rights
            .iter()
            .filter(|right| holds_in(&right.states, record.status))
            .filter(|right| right.fields.contains(Field::Description))
            .map(|right| right.role.clone())
            .collect();
        self.check_one_of(&writers, actor, record, "change the plan of")
    }

    fn check_one_of(
        &self,
        who: &[Role],
        actor: &Actor,
        record: &Record,
        what: &str,
    ) -> Result<(), Refusal> {
        if who.iter().any(|role| actor.is(role, record)) {
            return Ok(());
        }
        let roles = role_names(who);
        let hint = match roles.is_empty() {
            true => format!("nobody may in {}", self.name),
            false => format!("this is for {} of the work order; ask one of them", roles.join(", ")),
        };
        let message = format!("you may not {what} work order {}", record.number);
        let refusal = Refusal::new(SqlState::NotPermitted, "role_missing", message)
            .hint(hint)
            .with("roles", roles);
        Err(placed(refusal, record, record.status))
    }

    /// The fields that the actor may change while the work order is in the record's state.
    pub(super) fn fields_of(&self, actor: &Actor, record: &Record) -> FieldSet {
        self.field_rights
            .iter()
            .filter(|right| holds_in(&right.states, record.status))
            .filter(|right| actor.is(&right.role, record))
            .fold(FieldSet::EMPTY, |fields, right| fields.union(right.fields))
    }

    pub(super) fn check_fields(
        &self,
        edge: Option<&Transition>,
        actor: &Actor,
        record: &Record,
        proposal: &Proposal,
    ) -> Result<(), Refusal> {
        let mut refused = proposal.changed.minus(self.fields_of(actor, record));
        refused.remove(Field::Regulatory);
        if let Some(edge) = edge {
            let facts = Facts::default();
            let situation = self.situation(record, proposal, &facts, false);
            refused = refused.minus(fillable(edge, proposal.filled_before, &situation));
            if self.state(&edge.to).is_some_and(|state| state.blocked) {
                refused.remove(Field::BlockCause);
            }
        }
        match refused.is_empty() {
            true => Ok(()),
            false => Err(self.field_refusal(refused, record, proposal)),
        }
    }

    pub(super) fn field_refusal(
        &self,
        refused: FieldSet,
        record: &Record,
        proposal: &Proposal,
    ) -> Refusal {
        let names: Vec<&str> = refused.iter().map(Field::name).collect();
        let who: Vec<String> = refused
            .iter()
            .map(|field| {
                let rights = self.field_rights.iter().filter(|right| {
                    right.fields.contains(field) && holds_in(&right.states, record.status)
                });
                let roles = role_names(rights.map(|right| &right.role));
                match roles.is_empty() {
                    true => format!("{} by nobody now", field.name()),
                    false => format!("{} by {}", field.name(), roles.join(", ")),
                }
            })
            .collect();
        let message = format!(
            "you may not change {} of work order {} while it is {}",
            names.join(", "),
            record.number,
            record.status
        );
        let refusal = Refusal::new(SqlState::NotPermitted, "field_not_permitted", message)
            .hint(format!("in this state may be changed: {}", who.join("; ")))
            .with("fields", names);
        placed(refusal, record, proposal.status)
    }

    pub(super) fn check_title(&self, proposal: &Proposal, what: &str) -> Result<(), Refusal> {
        let Some(convention) = &self.title_convention else { return Ok(()) };
        let title = match proposal.values.get(Field::Title) {
            Some(Scalar::Text(title)) => title,
            _ => String::new(),
        };
        if convention.accepts(&title) {
            return Ok(());
        }
        let message = format!("the title of {what} does not start with [Project-Category]");
        Err(Refusal::new(SqlState::BadValue, "title_convention", message)
            .hint(convention.hint())
            .with("title", title))
    }

    /// Gives the label that the work order will have.
    pub(super) fn check_priority(
        &self,
        proposal: &Proposal,
        created: bool,
        what: &str,
    ) -> Result<&str, Refusal> {
        let asked = match proposal.values.get(Field::Priority) {
            Some(Scalar::Text(label)) => label,
            _ if created => return Ok(&self.default_priority),
            _ => String::new(),
        };
        if let Some(label) = self.priorities.iter().find(|label| **label == asked) {
            return Ok(label);
        }
        let message = match asked.is_empty() {
            true => format!("{what} cannot be without a priority"),
            false => format!("\"{asked}\" is no priority that {what} can have"),
        };
        Err(Refusal::new(SqlState::BadValue, "unknown_priority", message)
            .hint(format!("lowest first, there are {}", self.priorities.join(", ")))
            .with("priorities", self.priorities.clone()))
    }

    pub(super) fn never_regulatory(&self, what: &str) -> Refusal {
        let message = format!("{what} is of {}, which has no regulatory work orders", self.name);
        Refusal::new(SqlState::GateNotMet, "regulatory_refused", message)
            .hint("create it with a lifecycle for regulated changes")
    }

    /// The regulatory flag has rules of its own, which no right on all fields touches (spec/2
    /// §2.4: the flag decides whether approvals are mandatory).
    pub(super) fn check_regulatory(
        &self,
        actor: &Actor,
        record: &Record,
        proposal: &Proposal,
    ) -> Result<(), Refusal> {
        let (verb, grants) = match (record.regulatory, proposal.regulatory) {
            (false, true) => ("set", &self.regulatory.set_by),
            (true, false) => ("clear", &self.regulatory.cleared_by),
            _ => return Ok(()),
        };
        let at = |refusal| placed(refusal, record, proposal.status);
        let number = record.number;
        if proposal.regulatory && !self.regulatory.allowed {
            return Err(at(self.never_regulatory(&format!("work order {number}"))));
        }
        let here: Vec<&RegulatoryGrant> =
            grants.iter().filter(|grant| holds_in(&grant.states, record.status)).collect();
        let may = here.iter().flat_map(|grant| &grant.who).any(|role| actor.is(role, record));
        if may {
            return Ok(());
        }
        let roles = role_names(here.iter().flat_map(|grant| &grant.who));
        let (state, hint) = if roles.is_empty() {
            let states: Vec<&str> = grants
                .iter()
                .filter_map(|grant| grant.states.as_ref())
                .flatten()
                .map(String::as_str)
                .collect();
            let hint = match states.is_empty() {
                true => format!("nobody may {verb} it"),
                false => format!("it can be done in {} only", states.join(", ")),
            };
            (SqlState::GateNotMet, hint)
        } else {
            (SqlState::NotPermitted, format!("in this state it is for {}", roles.join(", ")))
        };
        let message = format!(
            "you may not {verb} the regulatory flag of work order {number} while it is {}",
            record.status
        );
        Err(at(Refusal::new(state, "regulatory_refused", message).hint(hint).with("roles", roles)))
    }
}

/// What the actor that takes the edge may write beyond their field rights: what the edge asks for and is
/// still empty, what it wants given anew, and its reason.
fn fillable(edge: &Transition, filled_before: FieldSet, situation: &Situation) -> FieldSet {
    let needed = edge.needs.iter().filter(|needed| situation.requires(&needed.when));
    let needed = needed.filter_map(|needed| match &needed.need {
        Need::New(field) => Some(*field),
        Need::Holds(condition) => {
            Some(condition.field()).filter(|field| !filled_before.contains(*field))
        }
    });
    needed.chain(edge.reason.field).collect()
}

fn holds_in(states: &Option<Vec<String>>, status: &str) -> bool {
    states.as_ref().is_none_or(|states| states.iter().any(|state| state == status))
}

/// The names, each once, in the order of the definition.
pub(super) fn role_names<'r>(roles: impl IntoIterator<Item = &'r Role>) -> Vec<&'r str> {
    let mut names = Vec::new();
    for role in roles {
        if !names.contains(&role.name()) {
            names.push(role.name());
        }
    }
    names
}
