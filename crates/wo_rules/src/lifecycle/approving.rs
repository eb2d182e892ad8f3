//! Which signatures a work order waits for where it stands, and what one of them is about.

use super::condition::Values;
use super::definition::{ApprovalRequirement, Lifecycle, Role, Transition};
use super::write::{Actor, Facts, Record};
use crate::field::{Field, FieldSet};
use crate::refusal::{Refusal, SqlState};

/// The meaning of a signature by which a master goes on without one of its children.
pub const WAIVER: &str = "waiver";

/// Signatures that a work order waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted<'a> {
    /// The edge that they open.
    pub edge: &'a Transition,
    /// What is asked for.
    pub required: &'a ApprovalRequirement,
    /// How many are still missing.
    pub missing: u32,
    /// Whether those with a lower order are all there.
    pub in_turn: bool,
}

impl Lifecycle {
    /// Whether any edge asks for a signature.
    pub fn asks_for_approvals(&self) -> bool {
        self.transitions.iter().any(|edge| !edge.approvals.is_empty())
    }

    /// Every signature that the edges from the record's state ask for, collected or not.
    pub fn wanted<'a>(
        &'a self,
        record: &Record,
        filled: FieldSet,
        values: &'a dyn Values,
        facts: &'a Facts,
    ) -> Vec<Wanted<'a>> {
        let situation = self.as_it_is(record, filled, values, facts);
        let mut all = Vec::new();
        for edge in self.transitions.iter().filter(|edge| edge.leads_out_of(record.status)) {
            let additional = facts
                .additional_approvals
                .iter()
                .filter(|(action, _)| *action == edge.action)
                .map(|(_, required)| required);
            let of_edge: Vec<(&ApprovalRequirement, u32)> = edge
                .approvals
                .iter()
                .chain(additional)
                .filter(|required| situation.requires(&required.when))
                .map(|required| (required, situation.missing(&edge.action, required)))
                .collect();
            let earliest =
                of_edge.iter().filter(|(_, missing)| *missing > 0).map(|(one, _)| one.order).min();
            all.extend(of_edge.iter().map(|(required, missing)| Wanted {
                edge,
                required,
                missing: *missing,
                in_turn: earliest.is_none_or(|order| required.order <= order),
            }));
        }
        all
    }

    /// Finds what a signature in that role and of that meaning is for.
    ///
    /// # Errors
    /// 55000 `record_locked`, `nothing_to_sign`, `approval_out_of_order`; 22023 `meaning_unknown`
    /// (21 CFR 11.50(a)(3): an empty or unlisted meaning).
    pub fn sought<'a>(
        &self,
        wanted: &[Wanted<'a>],
        record: &Record,
        facts: &Facts,
        role: &str,
        meaning: &str,
    ) -> Result<Wanted<'a>, Refusal> {
        self.check_open(record)?;
        let number = record.number;
        let place = |refusal: Refusal| {
            refusal.with("work_order_id", record.id).with("role", role).with("meaning", meaning)
        };
        let mut known: Vec<&str> = self
            .transitions
            .iter()
            .flat_map(|edge| edge.approvals.iter())
            .chain(facts.additional_approvals.iter().map(|(_, required)| required))
            .map(|required| required.meaning.as_str())
            .collect();
        known.dedup();
        if !known.contains(&meaning) {
            let shown: String = meaning.chars().take(63).collect();
            let message = format!("a signature of work order {number} cannot mean \"{shown}\"");
            return Err(place(Refusal::new(SqlState::BadValue, "meaning_unknown", message))
                .hint(format!("the meanings are {}", known.join(", "))));
        }
        let of_role =
            |one: &&Wanted<'a>| one.required.role.name() == role && one.required.meaning == meaning;
        let candidates: Vec<&Wanted<'a>> = wanted.iter().filter(of_role).collect();
        let open = candidates.iter().find(|one| one.missing > 0).or(candidates.first());
        let Some(found) = open else {
            let waits: Vec<String> = wanted
                .iter()
                .filter(|one| one.missing > 0)
                .map(|one| format!("{} ({})", one.required.role.name(), one.required.meaning))
                .collect();
            let message = format!(
                "work order {number} is {} and waits for no signature of {role} that means {meaning}",
                record.status
            );
            let hint = match waits.is_empty() {
                true => "it waits for no signature at all in this state".to_owned(),
                false => format!("it waits for {}", waits.join(", ")),
            };
            return Err(
                place(Refusal::new(SqlState::WrongState, "nothing_to_sign", message)).hint(hint)
            );
        };
        if found.missing == 0 {
            let message = format!(
                "work order {number} has every signature of {role} that means {meaning} already"
            );
            return Err(place(Refusal::new(SqlState::WrongState, "nothing_to_sign", message)));
        }
        if !found.in_turn {
            let message = format!(
                "work order {number} waits for the signatures of others before {role} may sign"
            );
            return Err(place(Refusal::new(
                SqlState::WrongState,
                "approval_out_of_order",
                message,
            ))
            .hint("select * from wo.pending_approvals('...'); says who is next"));
        }
        Ok(**found)
    }

    /// Checks that a role may sign that a master goes on without one of its children.
    ///
    /// # Errors
    /// 55000 `record_locked`; 42501 `role_missing` where no such role may.
    pub fn check_waiver(&self, role: &str, record: &Record) -> Result<(), Refusal> {
        self.check_open(record)?;
        if self.waive.iter().any(|known| known.name() == role) {
            return Ok(());
        }
        let roles: Vec<&str> = self.waive.iter().map(Role::name).collect();
        let message = format!("{role} cannot waive a child of work order {}", record.number);
        let hint = match roles.is_empty() {
            true => format!("in {} nobody can", self.name),
            false => format!("it is for {}", roles.join(", ")),
        };
        Err(Refusal::new(SqlState::NotPermitted, "role_missing", message)
            .with("work_order_id", record.id)
            .hint(hint))
    }

    /// Whether the actor is in that role for this record, by standing or by relation.
    pub fn is_in_role(&self, actor: &Actor, role: &str, record: &Record) -> bool {
        actor.is(&Role::named(role), record)
    }

    /// Where a refused signature for an edge sends the work order.
    pub fn rejection_of(&self, edge: &Transition, from: &str) -> Option<&Transition> {
        let action = edge.rejection.as_deref()?;
        self.transitions.iter().find(|other| other.action == action && other.leads_out_of(from))
    }
}

impl Transition {
    /// Whether it needs deficiencies that are given with it.
    pub fn asks_for_deficiencies(&self) -> bool {
        self.needs.iter().any(|needed| needed.need.field() == Field::Deficiencies)
    }

    /// Whether it leads out of that state.
    pub fn leads_out_of(&self, state: &str) -> bool {
        self.from.iter().any(|from| from == state)
    }
}
