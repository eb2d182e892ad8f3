//! What only the whole graph of a definition shows: unreachable states and dead ends.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};

use super::definition::{State, Transition};
use super::reader::Report;

/// Notes what is wrong with the graph and gives the name of its one initial state.
pub(super) fn check(
    report: &mut Report,
    pointer: &str,
    states: &[(String, State)],
    transitions: &[Transition],
) -> Option<String> {
    if states.is_empty() {
        return None;
    }
    let mut graph = DiGraph::<(), ()>::new();
    let mut nodes = BTreeMap::new();
    for (_, state) in states {
        nodes.entry(state.name.as_str()).or_insert_with(|| graph.add_node(()));
    }
    for edge in transitions {
        for from in &edge.from {
            if let (Some(from), Some(to)) = (nodes.get(from.as_str()), nodes.get(edge.to.as_str()))
            {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    let node = |state: &State| nodes.get(state.name.as_str()).copied();

    let initial = one_initial(report, pointer, states);
    let reachable = initial.and_then(node).map(|start| {
        let mut walk = Dfs::new(&graph, start);
        std::iter::from_fn(|| walk.next(&graph)).collect::<BTreeSet<NodeIndex>>()
    });
    let ends: Vec<NodeIndex> =
        states.iter().filter(|(_, state)| state.terminal).filter_map(|(_, s)| node(s)).collect();
    if ends.is_empty() {
        report.note(pointer, "no state is terminal: a work order could never end");
    }
    let mut ending = BTreeSet::new();
    let backwards = Reversed(&graph);
    for end in &ends {
        let mut walk = Dfs::new(backwards, *end);
        ending.extend(std::iter::from_fn(|| walk.next(backwards)));
    }

    for (pointer, state) in states.iter().filter(|(_, state)| !state.name.is_empty()) {
        let Some(index) = node(state) else { continue };
        let name = &state.name;
        if reachable.as_ref().is_some_and(|reachable| !reachable.contains(&index)) {
            report.note(pointer, format!("{name} cannot be reached from the initial state"));
        }
        let leaves = graph.neighbors(index).next().is_some();
        if state.terminal && leaves {
            report.note(pointer, format!("{name} is terminal, but a transition leads out of it"));
        } else if !state.terminal && !leaves {
            report.note(pointer, format!("{name} is a dead end and not terminal"));
        } else if !state.terminal && !ends.is_empty() && !ending.contains(&index) {
            report.note(pointer, format!("from {name} no terminal state can be reached"));
        }
    }
    initial.map(|state| state.name.clone())
}

fn one_initial<'s>(
    report: &mut Report,
    pointer: &str,
    states: &'s [(String, State)],
) -> Option<&'s State> {
    let mut initial = states.iter().filter(|(_, state)| state.initial);
    let Some((_, first)) = initial.next() else {
        report.note(pointer, "no state is initial");
        return None;
    };
    let mut only = Some(first);
    for (pointer, state) in initial {
        let problem = format!("{} is initial beside {}", state.name, first.name);
        report.note(format!("{pointer}/initial"), problem);
        only = None;
    }
    only
}
