use wo_rules::hierarchy::pattern::{Pattern, pattern};

use super::random::*;

fn of(count: usize, links: &[(usize, usize)]) -> (Pattern, String) {
    let network = planned(count, links);
    pattern(&network, &network).unwrap()
}

#[test]
fn one_or_none_is_single() {
    assert_eq!(of(0, &[]), (Pattern::Single, "There is no work order to run.".into()));
    assert_eq!(of(1, &[]), (Pattern::Single, "There is 1 work order to run, WO-0.".into()));
}

#[test]
fn a_chain_is_prompt_chaining_whatever_edges_skip() {
    let reason = "All 3 work orders run one after the other: WO-2, then WO-0, then WO-1.";
    let chain = (Pattern::PromptChaining, reason.to_owned());
    assert_eq!(of(3, &[(2, 0), (0, 1)]), chain);
    assert_eq!(of(3, &[(2, 1), (0, 1), (2, 0), (2, 0)]), chain);
    let links: Vec<(usize, usize)> = (1..9).map(|index| (index - 1, index)).collect();
    assert_eq!(of(9, &links).1, "All 9 work orders run one after the other.");
}

#[test]
fn independent_ones_are_parallelization() {
    let reason = "None of the 3 work orders waits for another: WO-0, WO-1, WO-2.";
    assert_eq!(of(3, &[]), (Pattern::Parallelization, reason.into()));
    assert_eq!(of(60, &[]).1, "None of the 60 work orders waits for another.");
}

#[test]
fn the_rest_is_orchestrator_workers() {
    let (pattern, reason) = of(6, &[(1, 2), (2, 3), (2, 4), (3, 5), (4, 5)]);
    assert_eq!(pattern, Pattern::OrchestratorWorkers);
    let expected = "Of 6 work orders with 5 dependencies, 2 wait for no other (WO-0, WO-1), and \
                    the longest chain has 4.";
    assert_eq!(reason, expected);
    let expected = "Of 3 work orders with 2 dependencies, 1 waits for no other (WO-1), and the \
                    longest chain has 2.";
    assert_eq!(of(3, &[(1, 0), (1, 2)]).1, expected);
}

#[test]
fn a_master_only_gathers() {
    let mut network = planned(4, &[]);
    network.links.extend([master(0, 3), master(1, 3), master(2, 3)]);
    let (first, reason) = pattern(&network, &network).unwrap();
    assert_eq!(first, Pattern::Parallelization);
    assert_eq!(reason, "None of the 3 work orders waits for another: WO-0, WO-1, WO-2.");
    network.links.extend([link(0, 1), link(1, 2)]);
    assert_eq!(pattern(&network, &network).unwrap().0, Pattern::PromptChaining);
}

#[test]
fn a_cycle_has_no_pattern() {
    let network = planned(2, &[(0, 1), (1, 0)]);
    assert_eq!(pattern(&network, &network), Err(vec![0, 1]));
}

#[test]
fn names_are_those_of_sql() {
    let names = [
        (Pattern::Single, "single"),
        (Pattern::PromptChaining, "prompt_chaining"),
        (Pattern::Parallelization, "parallelization"),
        (Pattern::OrchestratorWorkers, "orchestrator_workers"),
    ];
    assert!(names.iter().all(|(pattern, name)| pattern.name() == *name));
}

/// A chain has, for every two work orders, one that waits for the other.
#[test]
fn patterns_are_what_reachability_says() {
    let mut met = [0; 4];
    for seed in 0..5_000 {
        let mut dice = Dice::new(seed);
        let count = dice.below(6);
        let sparse = dice.below(5);
        let place = dice.permutation(count);
        let mut waits = vec![vec![false; count]; count];
        let mut links = Vec::new();
        for (from, to) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
            if place[from] < place[to] && dice.below(4) < sparse {
                links.push((from, to));
                waits[from][to] = true;
            }
        }
        for by in 0..count {
            for from in 0..count {
                for to in 0..count {
                    waits[from][to] |= waits[from][by] && waits[by][to];
                }
            }
        }
        let related = (0..count)
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .filter(|(a, b)| waits[*a][*b] || waits[*b][*a])
            .count();
        let expected = match (count, related) {
            (0 | 1, _) => Pattern::Single,
            (_, 0) => Pattern::Parallelization,
            (_, all) if all == count * (count - 1) / 2 => Pattern::PromptChaining,
            _ => Pattern::OrchestratorWorkers,
        };
        assert_eq!(of(count, &links).0, expected, "seed {seed}");
        met[expected as usize] += 1;
    }
    assert!(met.iter().all(|times| *times > 200), "{met:?}");
}
