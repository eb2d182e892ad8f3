//! Which edges send work back that was handed in: each of them begins a new revision of the work order.
//!
//! Work is handed in for an approval of the plan, and handed in as done. A gate is the set of edges that hand in. The
//! states behind it are those from which a good end is reached without handing in again. An edge that leaves them for
//! a state before the gate sends the work back, and so does an edge that hands in again from a state behind it.

use std::collections::BTreeSet;

use super::definition::{Effect, State, Transition};
use super::past_gate::behind;
use crate::approval::content::Covers;

/// Edges of a lifecycle, as (from, to).
pub(super) type Edges = BTreeSet<(String, String)>;

/// The edges that send work back.
pub(super) fn sent_back(states: &[State], transitions: &[Transition]) -> Edges {
    let is_completion = |edge: &Transition| edge.effects.contains(&Effect::RecordActualEnd);
    let result = match transitions.iter().any(is_completion) {
        true => edges(transitions.iter().filter(|edge| is_completion(edge))),
        false => handing_in(states, transitions, Covers::Result),
    };
    let mut sent_back = Edges::new();
    for gate in [handing_in(states, transitions, Covers::Plan), result] {
        let is_gate = |from: &str, to: &str| gate.contains(&(from.to_owned(), to.to_owned()));
        let behind = behind(states, transitions, is_gate);
        let is_end = |to: &str| states.iter().any(|state| state.name == to && state.terminal);
        sent_back.extend(edges(transitions.iter()).into_iter().filter(|(from, to)| {
            behind.contains(from) && (is_gate(from, to) || !behind.contains(to) && !is_end(to))
        }));
    }
    let named = transitions.iter().filter(|edge| edge.effects.contains(&Effect::NewRevision));
    sent_back.extend(edges(named));
    sent_back
}

fn edges<'a>(transitions: impl Iterator<Item = &'a Transition>) -> Edges {
    transitions
        .flat_map(|edge| edge.from.iter().map(|from| (from.clone(), edge.to.clone())))
        .collect()
}

/// The edges into a state that waits for approvals which cover that, from states that do not. A blocked state that is
/// entered from waiting states alone is a pause of the waiting.
fn handing_in(states: &[State], transitions: &[Transition], covers: Covers) -> Edges {
    let mut waiting: BTreeSet<&str> = transitions
        .iter()
        .filter(|edge| edge.approvals.iter().any(|approval| approval.covers == covers))
        .flat_map(|edge| edge.from.iter().map(String::as_str))
        .collect();
    let all = edges(transitions.iter());
    let is_pause = |name: &str, waiting: &BTreeSet<&str>| {
        let mut entering = all.iter().filter(|(_, to)| to == name).peekable();
        entering.peek().is_some() && entering.all(|(from, _)| waiting.contains(from.as_str()))
    };
    let blocked = states.iter().filter(|state| state.blocked).map(|state| state.name.as_str());
    let pauses: Vec<&str> = blocked.filter(|name| is_pause(name, &waiting)).collect();
    waiting.extend(pauses);
    let is_waiting = |name: &str| waiting.contains(name);
    all.iter().filter(|(from, to)| is_waiting(to) && !is_waiting(from)).cloned().collect()
}
