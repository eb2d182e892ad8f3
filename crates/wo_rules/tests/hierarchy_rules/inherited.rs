//! What children inherit from a master that waits for others.

use wo_rules::hierarchy::inherit::MOST_INHERITED;
use wo_rules::hierarchy::network::*;
use wo_rules::hierarchy::pattern::{Pattern, pattern};

use super::random::*;

/// Two phases of two children each, the second after the first: 0 and 3 are the phases.
fn phases() -> Network {
    let mut network = planned(6, &[(0, 3)]);
    network.tasks[0].duration = 0;
    network.tasks[3].duration = 0;
    network.links.extend([master(1, 0), master(2, 0), master(4, 3), master(5, 3)]);
    network
}

/// Without the inherited links the second phase is expected to be done together with the first.
#[test]
fn the_children_of_a_phase_start_when_the_phase_before_is_done() {
    let network = phases();
    let times = network.with_inherited(|_| true).unwrap().schedule(NOW).unwrap();
    assert_eq!(Network::finish(&times), Some(NOW + 20));
    for child in [4, 5] {
        assert_eq!(times[child].earliest_start, NOW + 10);
        assert!(times[child].critical);
    }
    assert_eq!(times[1].latest_finish, NOW + 10);
}

/// Grandchildren wait too, with the lag, and each of a master's predecessors counts once.
#[test]
fn every_descendant_inherits_each_link_once() {
    let mut network = planned(5, &[(0, 2), (1, 2)]);
    network.links[1].lag = 7;
    network.links.extend([master(3, 2), master(4, 3)]);
    let all = network.with_inherited(|_| true).unwrap();
    assert_eq!(all.links[..network.links.len()], network.links);
    let mut inherited: Vec<(usize, usize, i64)> = all.links[network.links.len()..]
        .iter()
        .map(|link| (link.from, link.to, link.lag))
        .collect();
    inherited.sort_unstable();
    assert_eq!(inherited, [(0, 3, 0), (0, 4, 0), (1, 3, 7), (1, 4, 7)]);
    let times = all.schedule(NOW).unwrap();
    assert_eq!(times[4].earliest_start, NOW + 17);
}

/// A phase that waits for a child of the next one could never start.
#[test]
fn a_predecessor_that_waits_for_a_child_of_its_successor_is_a_cycle() {
    let mut network = phases();
    network.links.push(link(4, 1));
    assert!(network.order().is_ok());
    assert!(network.with_inherited(|_| true).unwrap().order().is_err());
}

#[test]
fn phases_run_one_after_the_other() {
    let mut network = planned(4, &[(0, 2)]);
    network.links.extend([master(1, 0), master(3, 2)]);
    let all = network.with_inherited(|_| true).unwrap();
    let (found, reason) = pattern(&network, &all).unwrap();
    assert_eq!(found, Pattern::OrchestratorWorkers);
    assert!(reason.contains("1 dependency, 2 wait for no other"), "{reason}");
}

#[test]
fn the_inherited_links_are_bounded() {
    let count = 3_000;
    let mut network = planned(count, &[]);
    for other in 1..count / 2 {
        network.links.push(link(other, 0));
    }
    for child in count / 2..count {
        network.links.push(master(child, 0));
    }
    assert!(network.links.len() * network.links.len() / 4 > MOST_INHERITED);
    assert_eq!(network.with_inherited(|_| true).unwrap_err().code, "too_many");
}

/// A master that waits itself may let its children begin: only what the link holds is inherited.
#[test]
fn a_link_that_holds_no_children_is_inherited_by_none() {
    let network = phases();
    assert_eq!(network.with_inherited(|_| true).unwrap().links.len(), network.links.len() + 2);
    assert_eq!(network.with_inherited(|_| false).unwrap().links, network.links);
}
