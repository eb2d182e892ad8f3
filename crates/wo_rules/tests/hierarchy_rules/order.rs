use wo_rules::hierarchy::network::*;

use super::random::*;

/// Whether each task can be reached from each, by Floyd and Warshall.
fn reaches(network: &Network) -> Vec<Vec<bool>> {
    let count = network.tasks.len();
    let mut reaches = vec![vec![false; count]; count];
    real(network).for_each(|link| reaches[link.from][link.to] = true);
    for by in 0..count {
        for from in 0..count {
            for to in 0..count {
                reaches[from][to] |= reaches[from][by] && reaches[by][to];
            }
        }
    }
    reaches
}

#[test]
fn an_order_or_a_cycle() {
    let (mut ordered, mut refused) = (0, 0);
    for seed in 0..5_000 {
        let mut dice = Dice::new(seed);
        let mut network = acyclic(&mut dice);
        let count = network.tasks.len();
        for _ in 0..dice.below(3) {
            network.links.push(link(dice.below(count), dice.below(count)));
        }
        let reaches = reaches(&network);
        let cyclic = (0..count).any(|task| reaches[task][task]);
        match network.order() {
            Ok(order) => {
                assert!(!cyclic, "seed {seed}");
                let mut place = vec![None; count];
                order.iter().enumerate().for_each(|(at, task)| place[*task] = Some(at));
                assert_eq!(order.len(), count, "seed {seed}");
                assert!(place.iter().all(Option::is_some), "seed {seed}");
                assert!(real(&network).all(|link| place[link.from] < place[link.to]));
                ordered += 1;
            }
            Err(cycle) => {
                assert!(cyclic, "seed {seed}");
                let next = cycle.iter().cycle().skip(1);
                for (from, to) in cycle.iter().zip(next) {
                    assert!(
                        real(&network).any(|link| (link.from, link.to) == (*from, *to)),
                        "seed {seed}: {from} to {to} of {cycle:?}"
                    );
                }
                let mut distinct = cycle.clone();
                distinct.sort_unstable();
                distinct.dedup();
                assert_eq!(distinct.len(), cycle.len(), "seed {seed}");
                assert_eq!(distinct.first(), cycle.first(), "seed {seed}");
                assert_eq!(network.schedule(NOW), Err(cycle), "seed {seed}");
                refused += 1;
            }
        }
    }
    assert!(ordered > 1_000 && refused > 1_000, "{ordered} ordered, {refused} refused");
}

#[test]
fn the_order_does_not_depend_on_that_of_the_links() {
    for seed in 0..500 {
        let mut dice = Dice::new(seed);
        let network = acyclic(&mut dice);
        let shuffled = dice.permutation(network.links.len());
        let links = shuffled.into_iter().map(|at| network.links[at]).collect();
        let shuffled = Network { links, ..network.clone() };
        assert_eq!(network.order(), shuffled.order());
        let (times, again) = (network.schedule(NOW).unwrap(), shuffled.schedule(NOW).unwrap());
        assert_eq!(times, again);
        assert_eq!(network.critical_path(&times), shuffled.critical_path(&times));
    }
}

#[test]
fn ties_go_by_index() {
    assert_eq!(planned(5, &[]).order(), Ok(vec![0, 1, 2, 3, 4]));
    assert_eq!(planned(5, &[(4, 0), (3, 1)]).order(), Ok(vec![2, 3, 4, 0, 1]));
    assert_eq!(Network::default().order(), Ok(vec![]));
}

#[test]
fn a_cycle_is_told_from_its_smallest_index() {
    assert_eq!(planned(5, &[(0, 3), (3, 4), (4, 2), (2, 3)]).order(), Err(vec![2, 3, 4]));
    assert_eq!(planned(2, &[(1, 1)]).order(), Err(vec![1]));
}

#[test]
fn a_child_that_waits_for_its_master_is_a_cycle() {
    let mut network = planned(2, &[(1, 0)]);
    network.links.push(master(0, 1));
    assert_eq!(network.order(), Err(vec![0, 1]));
}
