//! The edges by which work begins: those that wait for predecessors, and do not look at children, as the
//! edges that complete the work do.

use super::definition::{Guard, Lifecycle, Transition};

impl Lifecycle {
    /// Whether work begins by this edge.
    pub fn begins_work(&self, edge: &Transition) -> bool {
        let completes =
            |guard: &Guard| matches!(guard, Guard::ChildrenSettled | Guard::ChildrenInReview);
        edge.guards.contains(&Guard::DependenciesSatisfied)
            && !edge.guards.iter().chain(&edge.implied_guards).any(completes)
            && !self.state(&edge.to).is_some_and(|state| state.terminal)
    }

    /// The first edge from that state by which work begins.
    pub fn beginning_of_work(&self, status: &str) -> Option<&Transition> {
        self.transitions()
            .iter()
            .find(|edge| edge.from.iter().any(|from| from == status) && self.begins_work(edge))
    }

    /// Whether work has begun where a work order comes into that state.
    pub fn begins_in(&self, status: &str) -> bool {
        self.transitions().iter().any(|edge| edge.to == status && self.begins_work(edge))
    }
}
