//! Networks by chance, the same ones in every run.

use wo_rules::hierarchy::network::*;

pub const NOW: i64 = 1_000;

/// Marsaglia's xorshift.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| _ = dice.below(2));
        dice
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(limit).unwrap()).unwrap()
    }

    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.below(usize::try_from(most - least + 1).unwrap())).unwrap()
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            places.swap(last, self.below(last + 1));
        }
        places
    }
}

pub fn task(index: usize, duration: i64) -> Task {
    Task {
        number: format!("WO-{index}"),
        title: format!("Task {index}"),
        status: "planned".into(),
        progress: Progress::NotStarted,
        duration,
        started: None,
        finished: None,
    }
}

/// Tasks that nobody has started, of 10 seconds each.
pub fn planned(count: usize, links: &[(usize, usize)]) -> Network {
    let link = |&(from, to): &(usize, usize)| link(from, to);
    Network {
        tasks: (0..count).map(|index| task(index, 10)).collect(),
        links: links.iter().map(link).collect(),
    }
}

pub fn link(from: usize, to: usize) -> Link {
    Link { from, to, kind: LinkKind::FinishToStart, lag: 0 }
}

pub fn master(child: usize, master: usize) -> Link {
    Link { kind: LinkKind::FinishToFinish, ..link(child, master) }
}

/// An acyclic network of up to a dozen tasks, of short times, so that many of them meet. Its links
/// keep no order of index, some are double, and some lead nowhere.
pub fn acyclic(dice: &mut Dice) -> Network {
    use Progress::*;
    let count = 1 + dice.below(12);
    let progresses: &[Progress] = match dice.below(4) {
        0 => &[NotStarted],
        1 => &[NotStarted, NotStarted, Running, Done],
        2 => &[Done, Done, Done, Failed],
        _ => &[NotStarted, Running, Blocked, Done, Failed],
    };
    let mut network = Network::default();
    for index in 0..count {
        let maybe = |dice: &mut Dice| (dice.below(4) > 0).then(|| NOW - dice.between(0, 15));
        let (started, finished) = (maybe(dice), maybe(dice));
        let progress = dice.one_of(progresses);
        network.tasks.push(Task { progress, started, finished, ..task(index, dice.between(0, 8)) });
    }
    let lags: &[i64] = if dice.below(2) == 0 { &[0] } else { &[-3, 0, 0, 1, 4] };
    let place = dice.permutation(count);
    for _ in 0..dice.below(3 * count) {
        let (a, b) = (dice.below(count), dice.below(count));
        if place[a] == place[b] {
            continue;
        }
        let (from, to) = if place[a] < place[b] { (a, b) } else { (b, a) };
        let kinds = [LinkKind::FinishToStart, LinkKind::FinishToStart, LinkKind::FinishToFinish];
        network.links.push(Link { from, to, kind: dice.one_of(&kinds), lag: dice.one_of(lags) });
    }
    if dice.below(10) == 0 {
        network.links.push(link(0, count));
        network.links.push(link(count + 3, 0));
    }
    network
}

/// The links whose ends are both there.
pub fn real(network: &Network) -> impl Iterator<Item = &Link> {
    let count = network.tasks.len();
    network.links.iter().filter(move |link| link.from < count && link.to < count)
}
