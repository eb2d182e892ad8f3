//! When the work orders of a hierarchy can start and must be finished: the critical path method
//! over their links, with what really happened in place of the estimates as it comes in.
//!
//! A link whose ends are not both tasks of the network counts for nothing.

/// How far a task has come, whatever its lifecycle calls the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has begun.
    NotStarted,
    /// Somebody works on it.
    Running,
    /// Something holds it up, before its start or after it.
    Blocked,
    /// Finished.
    Done,
    /// Ended without counting as done, such as cancelled.
    Failed,
    /// Its master goes on without it, by a signature: it is no work of the master any more.
    Waived,
}

impl Progress {
    /// Whether it counts for nothing: it takes no time, and adds no lag to what waited for it.
    pub fn is_left_out(self) -> bool {
        matches!(self, Self::Failed | Self::Waived)
    }
}

/// A work order as its schedule and its drawing see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What people call it, such as WO-2026-1121-A1B.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// The name of its state, for display.
    pub status: String,
    /// How far it has come.
    pub progress: Progress,
    /// The estimate in seconds; a negative one counts as none.
    pub duration: i64,
    /// When it really started, in seconds since some epoch.
    pub started: Option<i64>,
    /// When it really finished, in seconds since the same epoch.
    pub finished: Option<i64>,
}

/// What of a task waits for the finish of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// It starts no earlier: a dependency.
    FinishToStart,
    /// It finishes no earlier: a master and its child.
    FinishToFinish,
}

/// One task waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The index of the task waited for.
    pub from: usize,
    /// The index of the task that waits.
    pub to: usize,
    /// What of it waits.
    pub kind: LinkKind,
    /// The seconds to wait beyond the finish; negative ones are a lead.
    pub lag: i64,
}

/// Tasks and what they wait for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// The tasks; links name them by their index.
    pub tasks: Vec<Task>,
    /// Who waits for whom, in any order.
    pub links: Vec<Link>,
}

/// When a task can and must happen, in seconds since the epoch of its network.
///
/// For a task that has ended, earliest and latest are both what was, and its slack is 0. For one
/// that has started, both starts are the actual one, and its slack is that of its finish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// The earliest it can start.
    pub earliest_start: i64,
    /// The earliest it can be finished.
    pub earliest_finish: i64,
    /// The latest it may start, if it then takes as long as estimated.
    pub latest_start: i64,
    /// The latest it may be finished without moving the end of the network.
    pub latest_finish: i64,
    /// How far its finish can slip without moving the end of the network; never negative.
    pub total_slack: i64,
    /// How far its finish can slip without moving anything else; never above the total slack.
    pub free_slack: i64,
    /// Whether it decides when everything is finished.
    pub critical: bool,
}

/// What of its target a link holds back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Start,
    Finish,
}

impl Task {
    fn ended(&self) -> bool {
        self.progress == Progress::Done || self.progress.is_left_out()
    }

    /// The actual start of a task that has started and not ended.
    fn underway_since(&self, now: i64) -> Option<i64> {
        match self.progress {
            Progress::Running => Some(self.started.unwrap_or(now)),
            Progress::Blocked => self.started,
            _ => None,
        }
    }

    fn length(&self) -> i64 {
        self.duration.max(0)
    }

    /// When a task that has ended was worked on.
    fn actual(&self, now: i64) -> (i64, i64) {
        let finish = self.finished.unwrap_or(now);
        if self.progress.is_left_out() {
            return (finish, finish);
        }
        let start = self.started.unwrap_or_else(|| finish.saturating_sub(self.length()));
        (start.min(finish), finish)
    }
}

impl Network {
    /// The tasks in an order in which every task follows what it waits for: by the number of links
    /// on the longest way to it, then by index. Linear in tasks and links.
    ///
    /// # Errors
    ///
    /// The tasks of a cycle, each waited for by the next and the last by the first, beginning with
    /// the smallest index.
    pub fn order(&self) -> Result<Vec<usize>, Vec<usize>> {
        let depths = self.depths(|_| true)?;
        let levels = depths.iter().max().map_or(0, |deepest| deepest + 1);
        Ok(Groups::new(levels, depths.into_iter().enumerate()).members)
    }

    /// When each task can and must happen, as it looks at `now`. Linear in tasks and links.
    ///
    /// - A done task is where it was (without an actual start, its estimate before its finish). A
    ///   failed or waived one took no time at its finish, and its links add no lag. Either ended `now` if
    ///   nobody noted when.
    /// - One that has started finishes when its estimate has passed, but not before `now`. If a
    ///   predecessor was reopened meanwhile, its finish waits for that one's, without the lag.
    /// - Any other starts `now`, or as soon as its links let it.
    /// - A master starts without waiting for its children and finishes no earlier than they.
    ///
    /// Critical are the tasks without total slack that have not ended. When all have, critical are
    /// those that decided the end: the done ones that finished last, and before each of these the
    /// done ones whose finish, with the link's lag, came last.
    ///
    /// # Errors
    ///
    /// A cycle, as of [`Network::order`].
    pub fn schedule(&self, now: i64) -> Result<Vec<Times>, Vec<usize>> {
        let order = self.order()?;
        let earliest = self.earliest(&order, now);
        let end = earliest.iter().map(|(_, finish)| *finish).max().unwrap_or(now);
        let mut times: Vec<Times> = earliest.into_iter().map(Times::fixed).collect();
        let outgoing = self.grouped(|link| link.from);
        for &index in order.iter().rev() {
            let task = &self.tasks[index];
            if task.ended() {
                continue;
            }
            let (mut latest, mut untouched) = (end, end);
            for link in outgoing.of(index).iter().map(|link| &self.links[*link]) {
                let to = &times[link.to];
                let (must, does) = match self.held(link) {
                    None => continue,
                    Some(Held::Start) => (to.latest_start, to.earliest_start),
                    Some(Held::Finish) => (to.latest_finish, to.earliest_finish),
                };
                latest = latest.min(must.saturating_sub(self.lag(link)));
                untouched = untouched.min(does.saturating_sub(self.lag(link)));
            }
            let own = &mut times[index];
            own.latest_finish = latest;
            if task.underway_since(now).is_none() {
                own.latest_start = latest.saturating_sub(task.length());
            }
            own.total_slack = latest.saturating_sub(own.earliest_finish);
            own.free_slack = untouched.saturating_sub(own.earliest_finish);
            own.critical = own.total_slack == 0;
        }
        if self.tasks.iter().all(Task::ended) {
            self.mark_what_decided(&order, &mut times);
        }
        Ok(times)
    }

    /// When everything will be finished; `None` for an empty network.
    pub fn finish(times: &[Times]) -> Option<i64> {
        times.iter().map(|times| times.earliest_finish).max()
    }

    /// The critical path, first to last: of the chains of critical tasks that lead to the end
    /// without a pause, the one with the most tasks, then that of the smallest indices from its
    /// end. Empty where there is none, or where `times` are not those of this network.
    pub fn critical_path(&self, times: &[Times]) -> Vec<usize> {
        let Ok(order) = self.order() else { return Vec::new() };
        if times.len() != self.tasks.len() {
            return Vec::new();
        }
        let critical = self.critical_links(times);
        let incoming = self.grouped(|link| link.to);
        let mut chains: Vec<(usize, Option<usize>)> = vec![(1, None); self.tasks.len()];
        for &index in &order {
            for &link in incoming.of(index).iter().filter(|link| critical[**link]) {
                let from = self.links[link].from;
                let (length, before) = chains[index];
                let longer = chains[from].0 + 1;
                if longer > length || (longer == length && before.is_some_and(|b| from < b)) {
                    chains[index] = (longer, Some(from));
                }
            }
        }
        let ends = (0..times.len()).filter(|index| times[*index].critical);
        let last = ends.max_by_key(|index| {
            let latest = times[*index].earliest_finish;
            (latest, chains[*index].0, std::cmp::Reverse(*index))
        });
        let mut path: Vec<usize> = std::iter::successors(last, |index| chains[*index].1).collect();
        path.reverse();
        path
    }

    /// Which links lie on a critical path: between critical tasks, without a pause.
    pub(super) fn critical_links(&self, times: &[Times]) -> Vec<bool> {
        if times.len() != self.tasks.len() {
            return vec![false; self.links.len()];
        }
        let last = self.last_releases(times);
        let critical = |link: &Link| {
            let (from, to) = (&times[link.from], &times[link.to]);
            let release = from.earliest_finish.saturating_add(self.lag(link));
            let without_a_pause = match self.held(link) {
                Some(Held::Start) => release == to.earliest_start,
                Some(Held::Finish) => release == to.earliest_finish,
                None => last[link.to] == Some(release),
            };
            from.critical && to.critical && without_a_pause
        };
        self.links.iter().map(|link| self.has(link) && critical(link)).collect()
    }

    /// How many links deep each task lies, by the links that count.
    pub(super) fn depths(&self, counts: impl Fn(&Link) -> bool) -> Result<Vec<usize>, Vec<usize>> {
        let count = self.tasks.len();
        let links = || {
            let counting = |(_, link): &(usize, &Link)| self.has(link) && counts(link);
            self.links.iter().enumerate().filter(counting)
        };
        let outgoing = Groups::new(count, links().map(|(index, link)| (index, link.from)));
        let mut waits_for = vec![0_usize; count];
        for (_, link) in links() {
            waits_for[link.to] += 1;
        }
        let mut depths = vec![0; count];
        let mut free: Vec<usize> = (0..count).filter(|task| waits_for[*task] == 0).collect();
        let mut next = 0;
        while let Some(&task) = free.get(next) {
            next += 1;
            for &link in outgoing.of(task) {
                let to = self.links[link].to;
                depths[to] = depths[to].max(depths[task] + 1);
                waits_for[to] -= 1;
                if waits_for[to] == 0 {
                    free.push(to);
                }
            }
        }
        if free.len() == count {
            return Ok(depths);
        }
        let stuck: Vec<bool> = waits_for.iter().map(|links| *links > 0).collect();
        let incoming = Groups::new(count, links().map(|(index, link)| (index, link.to)));
        Err(self.cycle(&stuck, &incoming))
    }

    /// A cycle among the stuck tasks. Each of them waits for another one, so that going back from
    /// any must come round.
    fn cycle(&self, stuck: &[bool], incoming: &Groups) -> Vec<usize> {
        let mut way: Vec<usize> = Vec::new();
        let mut seen_at = vec![None; stuck.len()];
        let mut here = stuck.iter().position(|stuck| *stuck);
        while let Some(task) = here {
            if let Some(since) = seen_at[task] {
                way.drain(..since);
                break;
            }
            seen_at[task] = Some(way.len());
            way.push(task);
            let before = incoming.of(task).iter().map(|link| self.links[*link].from);
            here = before.filter(|from| stuck[*from]).min();
        }
        way.reverse();
        let smallest = way.iter().enumerate().min_by_key(|(_, task)| **task);
        let first = smallest.map_or(0, |(place, _)| place);
        way.rotate_left(first);
        way
    }

    /// The earliest start and finish of each task.
    fn earliest(&self, order: &[usize], now: i64) -> Vec<(i64, i64)> {
        let incoming = self.grouped(|link| link.to);
        let mut earliest = vec![(now, now); self.tasks.len()];
        for &index in order {
            let task = &self.tasks[index];
            let release = |held: Held| {
                let links = incoming.of(index).iter().map(|link| &self.links[*link]);
                let holding = links.filter(|link| self.held(link) == Some(held));
                holding.map(|link| earliest[link.from].1.saturating_add(self.lag(link))).max()
            };
            earliest[index] = if task.ended() {
                task.actual(now)
            } else {
                let underway = task.underway_since(now);
                let start = underway
                    .unwrap_or_else(|| release(Held::Start).map_or(now, |start| start.max(now)));
                let finish = start.saturating_add(task.length()).max(now);
                (start, release(Held::Finish).map_or(finish, |held| held.max(finish)))
            };
        }
        earliest
    }

    fn mark_what_decided(&self, order: &[usize], times: &mut [Times]) {
        let done = |index: &usize| self.tasks[*index].progress == Progress::Done;
        let finish = |index: usize| times[index].earliest_finish;
        let end = (0..times.len()).filter(done).map(finish).max();
        let last = self.last_releases(times);
        let incoming = self.grouped(|link| link.to);
        for index in (0..times.len()).filter(done) {
            times[index].critical = Some(times[index].earliest_finish) == end;
        }
        for &index in order.iter().rev().filter(|index| done(index)) {
            if !times[index].critical {
                continue;
            }
            for link in incoming.of(index).iter().map(|link| &self.links[*link]) {
                let release = times[link.from].earliest_finish.saturating_add(self.lag(link));
                if done(&link.from) && last[index] == Some(release) {
                    times[link.from].critical = true;
                }
            }
        }
    }

    /// When the last of the done tasks that each task waited for let it go.
    fn last_releases(&self, times: &[Times]) -> Vec<Option<i64>> {
        let mut last = vec![None; self.tasks.len()];
        for link in self.links.iter().filter(|link| self.has(link)) {
            if self.tasks[link.from].progress == Progress::Done {
                let release = times[link.from].earliest_finish.saturating_add(self.lag(link));
                last[link.to] = last[link.to].max(Some(release));
            }
        }
        last
    }

    /// What the link holds back; nothing of a task that has ended.
    fn held(&self, link: &Link) -> Option<Held> {
        let to = &self.tasks[link.to];
        match link.kind {
            _ if to.ended() => None,
            LinkKind::FinishToStart if to.underway_since(0).is_none() => Some(Held::Start),
            _ => Some(Held::Finish),
        }
    }

    /// The lag that counts: a wait before the start is over once the task has started, and nothing
    /// has to settle after work that was not done.
    fn lag(&self, link: &Link) -> i64 {
        let started = link.kind == LinkKind::FinishToStart && self.held(link) == Some(Held::Finish);
        if started || self.tasks[link.from].progress.is_left_out() {
            link.lag.min(0)
        } else {
            link.lag
        }
    }

    /// Whether both ends of the link are tasks of this network.
    pub(super) fn has(&self, link: &Link) -> bool {
        link.from < self.tasks.len() && link.to < self.tasks.len()
    }

    fn grouped(&self, by: fn(&Link) -> usize) -> Groups {
        let links = self.links.iter().enumerate().filter(|(_, link)| self.has(link));
        Groups::new(self.tasks.len(), links.map(|(index, link)| (index, by(link))))
    }
}

impl Times {
    /// Where it is, with nothing that could slip.
    fn fixed((start, finish): (i64, i64)) -> Self {
        Self {
            earliest_start: start,
            earliest_finish: finish,
            latest_start: start,
            latest_finish: finish,
            total_slack: 0,
            free_slack: 0,
            critical: false,
        }
    }
}

/// Members by their group, each group in the order in which its members came.
struct Groups {
    ends: Vec<usize>,
    members: Vec<usize>,
}

impl Groups {
    /// Of pairs of a member and its group, which is below `count`.
    fn new(count: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Self {
        let pairs: Vec<(usize, usize)> = pairs.collect();
        let mut ends = vec![0; count + 1];
        for (_, group) in &pairs {
            ends[group + 1] += 1;
        }
        for group in 0..count {
            ends[group + 1] += ends[group];
        }
        let mut members = vec![0; pairs.len()];
        for (member, group) in pairs {
            members[ends[group]] = member;
            ends[group] += 1;
        }
        Self { ends, members }
    }

    fn of(&self, group: usize) -> &[usize] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[start..self.ends[group]]
    }
}
