//! Where a work order takes no more children or predecessors, because the gate that looks at them is behind it;
//! and the guards that stand on the edges to a good end, so that what came in anyway is asked for again.

use std::collections::BTreeSet;

use super::definition::{Effect, Guard, Lifecycle, State, Transition};
use super::write::Record;
use crate::refusal::{Refusal, SqlState};

/// The states behind the gates of a lifecycle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PastGates {
    children: BTreeSet<String>,
    predecessors: BTreeSet<String>,
}

fn looks_at_children(edge: &Transition) -> bool {
    let is_gate = |guard: &Guard| matches!(guard, Guard::ChildrenSettled | Guard::ChildrenInReview);
    edge.guards.iter().any(is_gate)
}

fn looks_at_predecessors(edge: &Transition) -> bool {
    edge.guards.contains(&Guard::DependenciesSatisfied)
}

/// Whether the state is a good end: one that settles the master.
fn is_good_end(states: &[State], name: &str) -> bool {
    states.iter().any(|state| state.name == name && state.terminal && state.settles_master)
}

/// Puts the guards on the edges to a good end that other edges of the lifecycle have. An edge whose signatures
/// cover the children takes them along: they have to be in review.
pub(super) fn imply_guards(states: &[State], transitions: &mut [Transition]) {
    let children = transitions.iter().any(looks_at_children);
    let predecessors = transitions.iter().any(looks_at_predecessors);
    for edge in transitions.iter_mut().filter(|edge| is_good_end(states, &edge.to)) {
        let mut imply = |guard: Guard| {
            if !edge.guards.contains(&guard) {
                edge.implied_guards.push(guard);
            }
        };
        if children && edge.effects.contains(&Effect::ApproveChildren) {
            imply(Guard::ChildrenInReview);
        } else if children {
            imply(Guard::ChildrenSettled);
        }
        if predecessors {
            imply(Guard::DependenciesSatisfied);
        }
    }
}

impl PastGates {
    pub(super) fn of(states: &[State], transitions: &[Transition]) -> Self {
        let mut children = BTreeSet::new();
        for gate in transitions.iter().filter(|edge| looks_at_children(edge)) {
            children.extend(behind(states, transitions, |from, to| gate.leads(from, to)));
        }
        let looking: Vec<&Transition> =
            transitions.iter().filter(|edge| looks_at_predecessors(edge)).collect();
        let is_gate = |from: &str, to: &str| looking.iter().any(|edge| edge.leads(from, to));
        let predecessors = behind(states, transitions, is_gate);
        Self { children, predecessors }
    }
}

/// The states that are reached through these gates, and from which a good end is reached without them. A gate is an
/// edge from one state to another.
pub(super) fn behind(
    states: &[State],
    transitions: &[Transition],
    is_gate: impl Fn(&str, &str) -> bool,
) -> BTreeSet<String> {
    let edges: Vec<(&str, &str, bool)> = transitions
        .iter()
        .flat_map(|edge| edge.from.iter().map(move |from| (from.as_str(), edge.to.as_str())))
        .map(|(from, to)| (from, to, is_gate(from, to)))
        .collect();
    let gates = edges.iter().filter(|(_, _, is_gate)| *is_gate);
    let mut reached: BTreeSet<&str> = gates.map(|(_, to, _)| *to).collect();
    while let Some((_, next, _)) = edges
        .iter()
        .find(|(from, to, is_gate)| !is_gate && reached.contains(from) && !reached.contains(to))
    {
        reached.insert(next);
    }
    let ends = states.iter().map(|state| state.name.as_str());
    let mut ending: BTreeSet<&str> = ends.filter(|name| is_good_end(states, name)).collect();
    while let Some((before, ..)) = edges
        .iter()
        .find(|(from, to, is_gate)| !is_gate && ending.contains(to) && !ending.contains(from))
    {
        ending.insert(before);
    }
    reached.intersection(&ending).map(|name| (*name).to_owned()).collect()
}

impl Transition {
    /// Whether it leads from the one state to the other.
    pub(super) fn leads(&self, from: &str, to: &str) -> bool {
        self.to == to && self.from.iter().any(|state| state == from)
    }

    /// Its guards, and those that stand on every edge to a good end.
    pub fn all_guards(&self) -> impl Iterator<Item = &Guard> {
        self.guards.iter().chain(&self.implied_guards)
    }
}

impl Lifecycle {
    /// Whether any of its edges looks at the children.
    pub fn gates_children(&self) -> bool {
        self.transitions.iter().any(looks_at_children)
    }

    /// Checks that a work order in this state still takes children.
    ///
    /// # Errors
    /// 55000 `gate_passed`.
    pub fn check_child(&self, record: &Record) -> Result<(), Refusal> {
        match self.past_gates.children.contains(record.status) {
            true => Err(passed(record, "children")),
            false => Ok(()),
        }
    }

    /// Checks that a work order in this state still takes predecessors.
    ///
    /// # Errors
    /// 55000 `gate_passed`.
    pub fn check_predecessor(&self, record: &Record) -> Result<(), Refusal> {
        match self.past_gates.predecessors.contains(record.status) {
            true => Err(passed(record, "predecessors")),
            false => Ok(()),
        }
    }
}

fn passed(record: &Record, what: &str) -> Refusal {
    let Record { id, number, status, .. } = record;
    Refusal::new(
        SqlState::WrongState,
        "gate_passed",
        format!("work order {number} is {status}: it has passed the gate that looks at its {what}, and takes no more of them"),
    )
    .with("work_order_id", *id)
    .with("status", *status)
    .hint("Send it back to work first; select * from wo.allowed_transitions('...'); lists its ways.")
}
