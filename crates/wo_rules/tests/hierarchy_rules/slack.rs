use wo_rules::hierarchy::network::*;

use super::random::*;
use super::schedule::relaxed;

/// Where everything lies when one task finishes later by so much.
fn slipped(network: &Network, earliest: &[(i64, i64)], index: usize, by: i64) -> Vec<(i64, i64)> {
    let mut slipped = network.clone();
    let (start, finish) = earliest[index];
    slipped.tasks[index].duration = finish - start + by;
    let slipped = relaxed(&slipped);
    assert_eq!(slipped[index].1, finish + by);
    slipped
}

#[test]
fn slack_is_how_far_a_task_can_slip() {
    let mut with_slack = 0;
    for seed in 0..3_000 {
        let network = acyclic(&mut Dice::new(seed));
        let times = network.schedule(NOW).unwrap();
        let earliest = relaxed(&network);
        let end = |times: &[(i64, i64)]| times.iter().map(|times| times.1).max();
        for (index, task) in network.tasks.iter().enumerate() {
            if matches!(task.progress, Progress::Done | Progress::Failed) {
                continue;
            }
            let slip = |by| slipped(&network, &earliest, index, by);
            let Times { total_slack, free_slack, .. } = times[index];
            assert_eq!(end(&slip(total_slack)), end(&earliest), "seed {seed}, task {index}");
            assert!(end(&slip(total_slack + 1)) > end(&earliest), "seed {seed}, task {index}");

            let moved = |after: &[(i64, i64)]| {
                let mut others = (0..after.len()).filter(|other| *other != index);
                others.any(|other| after[other] != earliest[other]) || end(after) != end(&earliest)
            };
            assert!(!moved(&slip(free_slack)), "seed {seed}, task {index}");
            assert!(moved(&slip(free_slack + 1)), "seed {seed}, task {index}");
            with_slack += usize::from(free_slack > 0 && free_slack < total_slack);
        }
    }
    assert!(with_slack > 200, "{with_slack} tasks whose two slacks differ");
}
