use std::time::{Duration, Instant};

use wo_rules::hierarchy::network::*;

use super::random::*;

fn ended(task: &Task) -> bool {
    task.progress == Progress::Done || task.progress == Progress::Failed
}

fn since(task: &Task) -> Option<i64> {
    match (task.progress, task.started) {
        (Progress::Running, None) => Some(NOW),
        (Progress::Running | Progress::Blocked, started) => started,
        _ => None,
    }
}

fn lag(network: &Network, link: &Link) -> i64 {
    let begun = link.kind == LinkKind::FinishToStart && since(&network.tasks[link.to]).is_some();
    let failed = network.tasks[link.from].progress == Progress::Failed;
    if begun || failed { link.lag.min(0) } else { link.lag }
}

/// Starts and finishes by going over all links until nothing moves any more.
pub fn relaxed(network: &Network) -> Vec<(i64, i64)> {
    let first = |task: &Task| {
        let finish = task.finished.unwrap_or(NOW);
        match task.progress {
            Progress::Failed => (finish, finish),
            Progress::Done => {
                (task.started.map_or(finish - task.duration, |s| s.min(finish)), finish)
            }
            _ => {
                let start = since(task).unwrap_or(NOW);
                (start, NOW.max(start + task.duration))
            }
        }
    };
    let mut times: Vec<(i64, i64)> = network.tasks.iter().map(first).collect();
    loop {
        let before = times.clone();
        for link in real(network).filter(|link| !ended(&network.tasks[link.to])) {
            let to = &network.tasks[link.to];
            let release = times[link.from].1 + lag(network, link);
            let own = &mut times[link.to];
            if link.kind == LinkKind::FinishToStart && since(to).is_none() {
                own.0 = own.0.max(release);
                own.1 = own.1.max(own.0 + to.duration);
            } else {
                own.1 = own.1.max(release);
            }
        }
        if before == times {
            return times;
        }
    }
}

/// How much must still happen after the finish of a task, by every way to the end.
fn tail(network: &Network, index: usize) -> i64 {
    let after = |link: &Link| {
        let to = &network.tasks[link.to];
        let length = match link.kind {
            LinkKind::FinishToStart if since(to).is_none() => to.duration,
            _ => 0,
        };
        lag(network, link) + length + tail(network, link.to)
    };
    let links = real(network).filter(|link| link.from == index);
    links.filter(|link| !ended(&network.tasks[link.to])).map(after).max().unwrap_or(0).max(0)
}

#[test]
fn schedules_are_those_of_the_naive_oracle() {
    for seed in 0..5_000 {
        let network = acyclic(&mut Dice::new(seed));
        let times = network.schedule(NOW).unwrap();
        let earliest = relaxed(&network);
        let end = earliest.iter().map(|times| times.1).max();
        assert_eq!(Network::finish(&times), end, "seed {seed}");
        for (index, task) in network.tasks.iter().enumerate() {
            let own = &times[index];
            assert_eq!((own.earliest_start, own.earliest_finish), earliest[index], "seed {seed}");
            if ended(task) {
                assert_eq!((own.latest_start, own.latest_finish), earliest[index], "seed {seed}");
                assert_eq!((own.total_slack, own.free_slack), (0, 0), "seed {seed}");
                continue;
            }
            let latest = end.unwrap() - tail(&network, index);
            let start = since(task).unwrap_or(latest - task.duration);
            assert_eq!((own.latest_start, own.latest_finish), (start, latest), "seed {seed}");
            assert_eq!(own.total_slack, latest - own.earliest_finish, "seed {seed}");
            assert_eq!(own.critical, own.total_slack == 0, "seed {seed}");
            assert!((0..=own.total_slack).contains(&own.free_slack), "seed {seed}");
        }
    }
}

/// The most tasks on a chain without a pause that ends with this one, by trying all.
fn longest(network: &Network, times: &[Times], index: usize) -> usize {
    let before = real(network).filter(|link| link.to == index && tight(network, times, link));
    1 + before.map(|link| longest(network, times, link.from)).max().unwrap_or(0)
}

fn tight(network: &Network, times: &[Times], link: &Link) -> bool {
    let (from, to) = (&times[link.from], &times[link.to]);
    let starts = link.kind == LinkKind::FinishToStart && since(&network.tasks[link.to]).is_none();
    let held = if starts { to.earliest_start } else { to.earliest_finish };
    from.critical && to.critical && from.earliest_finish + lag(network, link) == held
}

#[test]
fn the_critical_path_leads_to_the_end_without_a_pause() {
    let mut long = 0;
    for seed in 0..5_000 {
        let network = acyclic(&mut Dice::new(seed));
        let times = network.schedule(NOW).unwrap();
        let path = network.critical_path(&times);
        assert!(path.iter().all(|task| times[*task].critical), "seed {seed}");
        if network.tasks.iter().all(ended) {
            let done = |index: &usize| network.tasks[*index].progress == Progress::Done;
            let dones = (0..times.len()).filter(done);
            let end = dones.map(|index| times[index].earliest_finish).max();
            assert_eq!(path.last().map(|last| times[*last].earliest_finish), end, "seed {seed}");
            assert!(path.iter().all(done), "seed {seed}");
            continue;
        }
        let end = Network::finish(&times).unwrap();
        let lasts = (0..times.len()).filter(|at| times[*at].earliest_finish == end);
        let most = lasts.filter(|at| times[*at].critical).map(|at| longest(&network, &times, at));
        assert_eq!(path.len(), most.max().unwrap(), "seed {seed}");
        assert_eq!(times[*path.last().unwrap()].earliest_finish, end, "seed {seed}");
        for pair in path.windows(2) {
            let mut links = real(&network).filter(|l| (l.from, l.to) == (pair[0], pair[1]));
            assert!(links.any(|link| tight(&network, &times, link)), "seed {seed}: {path:?}");
        }
        long += usize::from(path.len() > 2);
    }
    assert!(long > 500, "{long} paths of more than two tasks");
}

#[test]
fn when_all_is_done_critical_is_what_decided_the_end() {
    let mut network = planned(5, &[(0, 2), (1, 2), (2, 3)]);
    for (index, (started, finished)) in
        [(0, 10), (0, 20), (25, 40), (40, 90), (0, 60)].into_iter().enumerate()
    {
        network.tasks[index].progress = Progress::Done;
        (network.tasks[index].started, network.tasks[index].finished) =
            (Some(started), Some(finished));
    }
    let times = network.schedule(NOW).unwrap();
    assert_eq!(network.critical_path(&times), [1, 2, 3]);
    let critical: Vec<bool> = times.iter().map(|times| times.critical).collect();
    assert_eq!(critical, [false, true, true, true, false]);
    assert_eq!(Network::finish(&times), Some(90));

    for task in &mut network.tasks {
        task.progress = Progress::Failed;
    }
    let times = network.schedule(NOW).unwrap();
    assert!(network.critical_path(&times).is_empty());
}

#[test]
fn a_failed_task_holds_nobody_up() {
    let mut network = planned(2, &[(0, 1)]);
    network.links[0].lag = 500;
    network.tasks[0].progress = Progress::Failed;
    network.tasks[0].finished = Some(NOW - 5);
    let times = network.schedule(NOW).unwrap();
    assert_eq!((times[1].earliest_start, times[1].earliest_finish), (NOW, NOW + 10));
    network.tasks[0].progress = Progress::Done;
    assert_eq!(network.schedule(NOW).unwrap()[1].earliest_start, NOW + 495);
}

#[test]
fn a_reopened_predecessor_holds_the_finish_of_what_has_started() {
    let mut network = planned(2, &[(0, 1)]);
    network.tasks[0].duration = 300;
    network.tasks[1].progress = Progress::Running;
    network.tasks[1].started = Some(NOW - 2);
    let times = network.schedule(NOW).unwrap();
    assert_eq!((times[1].earliest_start, times[1].earliest_finish), (NOW - 2, NOW + 300));
    assert_eq!(network.critical_path(&times), [0, 1]);
}

#[test]
fn a_master_starts_at_once_and_finishes_with_its_children() {
    let mut network = planned(3, &[(0, 1)]);
    network.links.extend([master(0, 2), master(1, 2)]);
    let times = network.schedule(NOW).unwrap();
    assert_eq!((times[2].earliest_start, times[2].earliest_finish), (NOW, NOW + 20));
    assert_eq!(times[2].latest_start, NOW + 10);
    assert_eq!(network.critical_path(&times), [0, 1, 2]);
}

#[test]
fn nothing_overflows() {
    let mut network = planned(3, &[(0, 1), (1, 2)]);
    for task in &mut network.tasks {
        task.duration = i64::MAX;
    }
    for lag in [i64::MIN, i64::MAX] {
        network.links[0].lag = lag;
        for now in [i64::MIN, 0, i64::MAX] {
            network.schedule(now).unwrap();
        }
    }
    network.tasks[0].duration = -5;
    assert_eq!(network.schedule(0).unwrap()[0].earliest_finish, 0);
}

#[test]
fn an_empty_network_is_finished_never() {
    let network = Network::default();
    assert_eq!(network.schedule(NOW), Ok(vec![]));
    assert_eq!(Network::finish(&[]), None);
    assert!(network.critical_path(&[]).is_empty());
    assert!(planned(2, &[]).critical_path(&[]).is_empty());
}

#[test]
fn ten_thousand_tasks_are_scheduled_at_once() {
    let took = |count: usize| {
        let mut dice = Dice::new(1);
        let mut network = planned(count, &[]);
        let place = dice.permutation(count);
        while network.links.len() < 3 * count {
            let (a, b) = (dice.below(count), dice.below(count));
            if a != b {
                network.links.push(link(place[a.min(b)], place[a.max(b)]));
            }
        }
        let start = Instant::now();
        let times = network.schedule(NOW).unwrap();
        assert!(!network.critical_path(&times).is_empty());
        start.elapsed()
    };
    let (small, large) = (took(100), took(10_000));
    println!("100 tasks, 300 links: {small:?}; 10,000 tasks, 30,000 links: {large:?}");
    assert!(large < Duration::from_secs(2), "{large:?}");
}
