//! The refusal of a cycle: work orders that would wait for each other.

use crate::refusal::{Refusal, SqlState};
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use std::collections::HashMap;
use uuid::Uuid;

/// How many work orders of a cycle the sentence names.
const NAMED: usize = 12;

/// A work order on the way around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its UUID.
    pub id: String,
    /// Its number.
    pub number: String,
}

/// The refusal of a cycle: each waits for the next, and the last is the first again.
pub fn refusal(cycle: &[Step]) -> Refusal {
    let numbers: Vec<&str> = cycle.iter().map(|step| step.number.as_str()).collect();
    let shown = match numbers.len() {
        length if length > NAMED => {
            let (first, last) = (&numbers[..NAMED - 2], &numbers[length - 2..]);
            format!("{} → … → {}", first.join(" → "), last.join(" → "))
        }
        _ => numbers.join(" → "),
    };
    let refusal = Refusal::new(
        SqlState::GateNotMet,
        "dependency_cycle",
        format!("the work orders would wait for each other: {shown}"),
    )
    .with("cycle", numbers)
    .hint("Each waits for the next: as its child, or by a dependency. Leave one of them out.");
    match cycle.first() {
        Some(first) => refusal.with("work_order_id", first.id.as_str()),
        None => refusal,
    }
}

/// The groups of nodes that wait for each other: more than one node, or one for itself.
pub fn cycles(waiting: &[(Uuid, Uuid)]) -> Vec<Vec<Uuid>> {
    let mut graph: DiGraph<Uuid, ()> = DiGraph::new();
    let mut places = HashMap::new();
    for (from, to) in waiting {
        let [from, to] =
            [from, to].map(|id| *places.entry(*id).or_insert_with(|| graph.add_node(*id)));
        graph.add_edge(from, to, ());
    }
    let mut cycles: Vec<Vec<Uuid>> = tarjan_scc(&graph)
        .into_iter()
        .filter(|group| {
            group.len() > 1 || group.iter().any(|node| graph.find_edge(*node, *node).is_some())
        })
        .map(|group| {
            let mut ids: Vec<Uuid> = group.into_iter().map(|node| graph[node]).collect();
            ids.sort();
            ids
        })
        .collect();
    cycles.sort();
    cycles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(length: usize) -> Vec<Step> {
        let step = |index: usize| Step { id: format!("id{index}"), number: format!("WO-{index}") };
        (0..length).map(step).chain([step(0)]).collect()
    }

    #[test]
    fn circles_are_found_and_nothing_else_is() {
        let id = Uuid::from_u128;
        let chain = [(id(1), id(2)), (id(2), id(3)), (id(1), id(3))];
        assert!(cycles(&chain).is_empty());
        let knotted = [(id(1), id(2)), (id(2), id(3)), (id(3), id(2)), (id(4), id(4))];
        assert_eq!(cycles(&knotted), [vec![id(2), id(3)], vec![id(4)]]);
    }

    #[test]
    fn the_whole_way_is_told() {
        let refusal = refusal(&cycle(3));
        assert_eq!(refusal.code, "dependency_cycle");
        assert!(refusal.message.ends_with("WO-0 → WO-1 → WO-2 → WO-0"), "{}", refusal.message);
        assert_eq!(refusal.detail["cycle"].as_array().map(Vec::len), Some(4));
    }

    #[test]
    fn a_long_way_is_shortened_in_the_sentence_alone() {
        let refusal = refusal(&cycle(50));
        assert!(refusal.message.contains("…") && refusal.message.ends_with("WO-49 → WO-0"));
        assert_eq!(refusal.detail["cycle"].as_array().map(Vec::len), Some(51));
    }
}
