//! The refusal of a cycle: work orders that would wait for each other.

use crate::refusal::{Refusal, SqlState};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::HashMap;
use std::hash::Hash;

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

/// Who waits for whom, by starts and finishes: a successor starts after its predecessor has
/// finished, a child starts after whatever its master waits for, and a master finishes after its
/// children.
#[derive(Debug)]
pub struct Waits<T> {
    graph: DiGraph<T, ()>,
    nodes: HashMap<T, (NodeIndex, NodeIndex)>,
}

impl<T> Default for Waits<T> {
    fn default() -> Self {
        Self { graph: DiGraph::new(), nodes: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash + Ord> Waits<T> {
    /// Adds a dependency: the successor waits for the predecessor.
    pub fn dependency(&mut self, successor: T, predecessor: T) {
        let (start, _) = self.node(successor);
        let (_, finish) = self.node(predecessor);
        self.graph.add_edge(start, finish, ());
    }

    /// Adds a child of a master.
    pub fn child(&mut self, master: T, child: T) {
        let (master_start, master_finish) = self.node(master);
        let (child_start, child_finish) = self.node(child);
        self.graph.add_edge(master_finish, child_finish, ());
        self.graph.add_edge(child_start, master_start, ());
    }

    /// The groups of work orders that wait for each other, or one for itself; each group sorted.
    pub fn cycles(&self) -> Vec<Vec<T>> {
        let mut cycles: Vec<Vec<T>> = tarjan_scc(&self.graph)
            .into_iter()
            .filter(|group| {
                group.len() > 1 || group.iter().any(|node| self.graph.contains_edge(*node, *node))
            })
            .map(|group| {
                let mut members: Vec<T> = group.into_iter().map(|node| self.graph[node]).collect();
                members.sort();
                members.dedup();
                members
            })
            .collect();
        cycles.sort();
        cycles.dedup();
        cycles
    }

    /// The nodes of a work order's start and finish.
    fn node(&mut self, of: T) -> (NodeIndex, NodeIndex) {
        let graph = &mut self.graph;
        *self.nodes.entry(of).or_insert_with(|| {
            let (start, finish) = (graph.add_node(of), graph.add_node(of));
            graph.add_edge(finish, start, ());
            (start, finish)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(length: usize) -> Vec<Step> {
        let step = |index: usize| Step { id: format!("id{index}"), number: format!("WO-{index}") };
        (0..length).map(step).chain([step(0)]).collect()
    }

    #[test]
    fn cycles_are_found_and_nothing_else_is() {
        let mut chain = Waits::default();
        for (successor, predecessor) in [(1, 2), (2, 3), (1, 3)] {
            chain.dependency(successor, predecessor);
        }
        chain.child(1, 4);
        chain.child(2, 5);
        assert!(chain.cycles().is_empty());
        chain.dependency(3, 2);
        chain.dependency(6, 6);
        chain.child(7, 7);
        // The child of 2 waits for what its master waits for, which waits for the child.
        assert_eq!(chain.cycles(), [vec![2, 3, 5], vec![6], vec![7]]);
    }

    /// Without it a plan is accepted whose first phase waits for a child of the second.
    #[test]
    fn a_predecessor_of_a_master_that_waits_for_a_child_of_it_is_a_cycle() {
        let mut waits = Waits::default();
        let [first, second, child, grandchild] = [1, 2, 3, 4];
        waits.dependency(second, first);
        waits.child(second, child);
        waits.child(child, grandchild);
        assert!(waits.cycles().is_empty());
        waits.dependency(first, grandchild);
        assert_eq!(waits.cycles(), [[first, second, child, grandchild]]);
    }

    #[test]
    fn parents_in_a_cycle_are_told_once() {
        let mut waits = Waits::default();
        waits.child(1, 2);
        waits.child(2, 1);
        assert_eq!(waits.cycles(), [[1, 2]]);
        waits = Waits::default();
        waits.child(1, 2);
        waits.dependency(2, 1);
        assert_eq!(waits.cycles(), [[1, 2]]);
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
