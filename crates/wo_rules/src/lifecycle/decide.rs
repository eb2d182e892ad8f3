//! Decisions about one write: may this actor do this to that work order now?

use super::capture::GENERATED;
use super::condition::Scalar;
use super::definition::{Effect, Lifecycle, Transition};
use super::gates::{Situation, Unmet};
use super::write::{Actor, Facts, Proposal, Record};
use crate::field::Field;
use crate::refusal::{Refusal, SqlState};
use crate::work_order::check_nothing_done;

/// The verdict on a new work order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Creation<'a> {
    /// The state it is born in.
    pub status: &'a str,
    /// Its priority: what was asked for, else the default.
    pub priority: &'a str,
}

/// Which signatures a write voids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VoidApprovals<'a> {
    /// None.
    #[default]
    None,
    /// Those of these meanings.
    Meanings(Vec<&'a str>),
    /// Every one.
    All,
}

/// The verdict on an accepted write: what the shell has to do beside storing it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision<'a> {
    /// The edge that is taken; `None` where only fields are written.
    pub transition: Option<&'a Transition>,
    /// The field that the mailbox's reason is copied into: the edge names it, and the writer
    /// gave a reason and did not write the field.
    pub reason_field: Option<Field>,
    /// The reason for the trail, where it stands in the edge's field and not in the mailbox.
    pub reason_text: Option<String>,
    /// Whether the record is locked from now on.
    pub lock: bool,
    /// Whether a new revision begins.
    pub new_revision: bool,
    /// Whether nobody is assigned from now on.
    pub release_assignment: bool,
    /// Which signatures are void.
    pub void_approvals: VoidApprovals<'a>,
    /// The effects of the edge, all of them.
    pub effects: &'a [Effect],
}

impl Lifecycle {
    /// Decides about a new work order. Anybody who is somebody may create one, and may give every
    /// field (spec/5 "Who can create") but those that say what was done.
    ///
    /// # Errors
    /// - 55000 `not_initial_state`: a state is given, and not the initial one.
    /// - 22023 `title_convention`, `unknown_priority`: a value that cannot be.
    /// - 23514 `regulatory_refused`: no work order of this lifecycle is regulatory.
    /// - 55000 `field_not_permitted`: a cause is given why it is blocked, or what was done.
    pub fn create(&self, actor: &Actor, proposal: &Proposal) -> Result<Creation<'_>, Refusal> {
        self.import(actor, proposal).and_then(|creation| {
            check_nothing_done(proposal.filled)?;
            Ok(creation)
        })
    }

    /// The same for an import, which may say what was done elsewhere.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn import(&self, actor: &Actor, proposal: &Proposal) -> Result<Creation<'_>, Refusal> {
        if !proposal.status.is_empty() && proposal.status != self.initial {
            return Err(Refusal::new(
                SqlState::WrongState,
                "not_initial_state",
                format!("a new work order of {} cannot be {}", self.name, proposal.status),
            )
            .hint(format!("create it as {}, then take the transitions", self.initial))
            .with("to_status", proposal.status)
            .with("allowed", vec![self.initial.as_str()])
            .with("principal", actor.id));
        }
        self.check_title(proposal, "the new work order")?;
        let priority = self.check_priority(proposal, true, "the new work order")?;
        if proposal.regulatory && !self.regulatory.allowed {
            return Err(self.never_regulatory("the new work order"));
        }
        if proposal.filled.contains(Field::BlockCause) {
            return Err(Refusal::new(
                SqlState::WrongState,
                "field_not_permitted",
                "a new work order is not blocked, and has no block_cause",
            )
            .hint("give block_cause with the transition into a blocked state")
            .with("fields", vec![Field::BlockCause.name()]));
        }
        Ok(Creation { status: &self.initial, priority })
    }

    /// Decides about a write to a work order: a transition, a change of fields, or both in one.
    ///
    /// # Errors
    /// The first of these that applies:
    /// - 55000 `record_locked`: nobody writes a locked record, captains included.
    /// - 22023 `unknown_state`; 55000 `illegal_transition`: there is no such edge.
    /// - 42501 `role_missing`, `person_required`: somebody else may take the edge.
    /// - 42501 `field_not_permitted`: somebody else may change the fields (spec/4 "RBAC
    ///   permissions").
    /// - 22023 `title_convention`, `unknown_priority`; 42501 or 23514 `regulatory_refused`.
    /// - 23514 `fields_missing`, `guards_not_met`, `approvals_missing`: gates, all of them in one
    ///   refusal (spec/2 §2.1, spec/4 "Transition gates").
    pub fn decide(
        &self,
        actor: &Actor,
        record: &Record,
        proposal: &Proposal,
        facts: &Facts,
    ) -> Result<Decision<'_>, Refusal> {
        let edge = self.find_edge(Some(actor), record, proposal.status)?;
        if let Some(edge) = edge {
            self.check_who(edge, actor, record)?;
        }
        self.check_fields(edge, actor, record, proposal)?;
        let name = format!("work order {}", record.number);
        let at = |refusal| placed(refusal, record, proposal.status);
        if proposal.changed.contains(Field::Title) {
            self.check_title(proposal, &name).map_err(at)?;
        }
        if proposal.changed.contains(Field::Priority) {
            self.check_priority(proposal, false, &name).map_err(at)?;
        }
        self.check_regulatory(actor, record, proposal)?;
        self.verdict(edge, record, proposal, facts)
    }

    /// Decides about an edge that the system takes because its gates became true. The shell finds
    /// the edge with [`auto_edge`](Self::auto_edge) and gives a reason of its own making.
    ///
    /// # Errors
    /// As [`decide`](Self::decide) for locks, states and gates; 55000 `not_automatic` where the
    /// edge is left to people, 42501 `field_not_permitted` where fields are written as well.
    pub fn decide_auto(
        &self,
        record: &Record,
        proposal: &Proposal,
        facts: &Facts,
    ) -> Result<Decision<'_>, Refusal> {
        let edge = self.find_edge(None, record, proposal.status)?;
        let situation = self.situation(record, proposal, facts, false);
        if !edge.is_some_and(|edge| edge.auto && situation.waits(edge)) {
            let message = format!(
                "work order {} is not moved from {} to {} by the system",
                record.number, record.status, proposal.status
            );
            let refusal = Refusal::new(SqlState::WrongState, "not_automatic", message)
                .hint("somebody with the right to it has to take this transition");
            return Err(placed(refusal, record, proposal.status));
        }
        let mut changed = proposal.changed;
        changed.remove(Field::Regulatory);
        if edge.is_some_and(|edge| edge.of_masters) {
            let generated =
                GENERATED.iter().filter(|field| !proposal.filled_before.contains(**field));
            generated.for_each(|field| changed.remove(*field));
        }
        if proposal.regulatory != record.regulatory {
            changed.insert(Field::Regulatory);
        }
        if !changed.is_empty() {
            return Err(self.field_refusal(changed, record, proposal));
        }
        self.verdict(edge, record, proposal, facts)
    }

    /// Decides about an edge that follows from what happened to the master (`approve_children`,
    /// `cascade_cancel`). Rights and gates were decided there: the master's signatures cover its
    /// children (spec/3 §3.1).
    ///
    /// # Errors
    /// 55000 `record_locked`, `illegal_transition`; 22023 `unknown_state`.
    pub fn decide_consequence(
        &self,
        record: &Record,
        to_status: &str,
    ) -> Result<Decision<'_>, Refusal> {
        Ok(match self.find_edge(None, record, to_status)? {
            Some(edge) => self.consequences(edge, record.status),
            None => Decision::default(),
        })
    }

    fn verdict<'a>(
        &'a self,
        edge: Option<&'a Transition>,
        record: &Record,
        proposal: &Proposal,
        facts: &Facts,
    ) -> Result<Decision<'a>, Refusal> {
        let set = proposal.regulatory && !record.regulatory;
        let voids_all = set && record.status != self.initial;
        let cleared = record.regulatory && !proposal.regulatory;

        let mailbox = proposal.reason.is_some_and(|reason| !reason.trim().is_empty());
        let reason_field = edge.and_then(|edge| edge.reason.field);
        let in_field = reason_field
            .filter(|field| proposal.changed.contains(*field) && proposal.filled.contains(*field));
        let reason_given = mailbox || in_field.is_some();

        let mut unmet = match edge {
            Some(edge) => {
                self.situation(record, proposal, facts, voids_all).unmet(edge, reason_given)
            }
            None => Unmet::default(),
        };
        if cleared && !reason_given {
            unmet.miss(reason_field.map_or("reason", Field::name));
        }
        if !unmet.is_empty() {
            return Err(gates_refusal(&unmet, edge, record, proposal));
        }

        let mut decision =
            edge.map_or_else(Decision::default, |edge| self.consequences(edge, record.status));
        decision.reason_field =
            reason_field.filter(|field| mailbox && !proposal.changed.contains(*field));
        decision.reason_text = match in_field.filter(|_| !mailbox) {
            Some(field) => match proposal.values.get(field) {
                Some(Scalar::Text(text)) => Some(text),
                _ => None,
            },
            None => None,
        };
        if voids_all {
            decision.void_approvals = VoidApprovals::All;
        }
        Ok(decision)
    }

    fn consequences<'a>(&'a self, edge: &'a Transition, from: &str) -> Decision<'a> {
        let terminal = self.state(&edge.to).is_none_or(|state| state.terminal);
        let meanings: Vec<&str> = edge
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::VoidApprovals(meaning) => Some(meaning.as_str()),
                _ => None,
            })
            .collect();
        Decision {
            transition: Some(edge),
            reason_field: None,
            reason_text: None,
            lock: terminal || edge.effects.contains(&Effect::LockRecord),
            new_revision: self.sends_back(from, &edge.to),
            release_assignment: edge.effects.contains(&Effect::ReleaseAssignment),
            void_approvals: match meanings.is_empty() {
                true => VoidApprovals::None,
                false => VoidApprovals::Meanings(meanings),
            },
            effects: &edge.effects,
        }
    }

    /// Whether nobody may write it: terminal states lock even if the row does not say so.
    pub(super) fn is_locked(&self, record: &Record) -> bool {
        record.locked || self.state(record.status).is_some_and(|state| state.terminal)
    }

    /// Where an action leads from a record's state.
    ///
    /// # Errors
    /// 55000 `record_locked`, `illegal_transition` where the action leads out of other states; 22023
    /// `unknown_action` where the lifecycle has none of that name.
    pub fn target_of(&self, actor: &Actor, action: &str, record: &Record) -> Result<&str, Refusal> {
        self.check_open(record)?;
        if let Some(edge) = self.transitions.iter().find(|edge| {
            edge.action == action && edge.from.iter().any(|state| state == record.status)
        }) {
            return Ok(&edge.to);
        }
        let refuse = |state, code, message: String| {
            Refusal::new(state, code, message)
                .with("work_order_id", record.id)
                .with("from_status", record.status)
                .with("action", action)
        };
        let number = record.number;
        let shown: String = action.chars().take(63).collect();
        if !self.transitions.iter().any(|edge| edge.action == action) {
            let message = format!("work order {number} has no action \"{shown}\" in {}", self.name);
            return Err(refuse(SqlState::BadValue, "unknown_action", message).hint(
                "select * from wo.allowed_transitions('...'); lists what can be done with it",
            ));
        }
        let edges = self.edges_for(Some(actor), record);
        let here: Vec<&str> = edges.iter().map(|edge| edge.action.as_str()).collect();
        let message = format!(
            "work order {number} is {}, and the action {shown} leads nowhere from there",
            record.status
        );
        Err(refuse(SqlState::WrongState, "illegal_transition", message)
            .hint(match here.is_empty() {
                true => format!("from {} only somebody else can move it", record.status),
                false => format!("from {} you can take {}", record.status, here.join(", ")),
            })
            .with("allowed", here))
    }

    /// Checks that the record, and what belongs to it, may still change.
    ///
    /// # Errors
    /// 55000 `record_locked`.
    pub fn check_open(&self, record: &Record) -> Result<(), Refusal> {
        match self.is_locked(record) {
            true => Err(locked(record, record.status)),
            false => Ok(()),
        }
    }

    /// The edges from the record's state that the actor may take; all of them where nobody in particular acts.
    fn edges_for<'a>(&'a self, actor: Option<&Actor>, record: &Record<'a>) -> Vec<&'a Transition> {
        self.edges_from(record.status)
            .filter(|edge| actor.is_none_or(|actor| self.check_who(edge, actor, record).is_ok()))
            .collect()
    }

    fn find_edge(
        &self,
        actor: Option<&Actor>,
        record: &Record,
        to: &str,
    ) -> Result<Option<&Transition>, Refusal> {
        let Record { number, status: from, .. } = *record;
        let refuse =
            |state, code, message: String| placed(Refusal::new(state, code, message), record, to);
        if self.is_locked(record) {
            return Err(locked(record, to));
        }
        if let Some(unknown) = [to, from].into_iter().find(|name| self.state(name).is_none()) {
            let states: Vec<&str> = self.states.iter().map(|state| state.name.as_str()).collect();
            let message =
                format!("work order {number} has no state named \"{unknown}\" in {}", self.name);
            return Err(refuse(SqlState::BadValue, "unknown_state", message)
                .hint(format!("the states are {}", states.join(", ")))
                .with("states", states));
        }
        if from == to {
            return Ok(None);
        }
        self.edge(from, to).map(Some).ok_or_else(|| {
            let edges = self.edges_for(actor, record);
            let allowed: Vec<&str> = edges.iter().map(|edge| edge.to.as_str()).collect();
            let message = format!("work order {number} cannot go from {from} to {to}");
            refuse(SqlState::WrongState, "illegal_transition", message)
                .hint(match (allowed.is_empty(), actor) {
                    (true, _) => format!("from {from} only somebody else can move it"),
                    (false, None) => format!("from {from} it can go to {}", allowed.join(", ")),
                    (false, Some(_)) => {
                        format!("from {from} you can move it to {}", allowed.join(", "))
                    }
                })
                .with("allowed", allowed)
        })
    }
}

impl Lifecycle {
    /// The work order as its gates see it. Regulatory is what it was or will be: clearing the flag
    /// in the same write does not shed a gate.
    pub(super) fn situation<'a>(
        &'a self,
        record: &Record,
        proposal: &'a Proposal<'a>,
        facts: &'a Facts,
        voids_all: bool,
    ) -> Situation<'a> {
        Situation {
            lifecycle: self,
            regulatory: record.regulatory || proposal.regulatory,
            changed: proposal.changed,
            filled: proposal.filled,
            values: proposal.values,
            facts,
            approvals_count: !voids_all,
        }
    }
}

fn locked(record: &Record, to: &str) -> Refusal {
    let message = format!("work order {} is {} and locked", record.number, record.status);
    let refusal = Refusal::new(SqlState::WrongState, "record_locked", message)
        .hint("nobody changes a locked work order; create a new one that refers to it");
    placed(refusal, record, to)
}

pub(super) fn placed(refusal: Refusal, record: &Record, to: &str) -> Refusal {
    refusal
        .with("work_order_id", record.id)
        .with("from_status", record.status)
        .with("to_status", to)
}

fn gates_refusal(
    unmet: &Unmet,
    edge: Option<&Transition>,
    record: &Record,
    proposal: &Proposal,
) -> Refusal {
    let number = record.number;
    let message = match edge {
        Some(edge) => format!(
            "work order {number} cannot go from {} to {} yet: {}",
            record.status,
            edge.to,
            unmet.sentence()
        ),
        None => format!("work order {number} cannot be changed so: {}", unmet.sentence()),
    };
    let refusal = Refusal::new(SqlState::GateNotMet, unmet.code(), message).hint(unmet.hint());
    unmet
        .arrays()
        .into_iter()
        .fold(placed(refusal, record, proposal.status), |refusal, (key, array)| {
            refusal.with(key, array)
        })
}
