//! When the worker does what: waking subscribers, trying again after failures.

use std::time::Duration;

/// What the event pump knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pump {
    /// The position up to which subscribers were woken; nothing before the first time.
    pub announced: Option<i64>,
    /// How often in a row a writer that still runs held everything new back.
    pub held_back: u32,
}

/// What the event pump does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Nothing is new: sleeps until somebody commits.
    Sleep,
    /// Something is new, but subscribers were woken a moment ago.
    Wait(Duration),
    /// Looks up to where events may be read, and wakes subscribers.
    Announce,
}

/// The longest time until it looks again whether the writer that held events back has ended; its end
/// is a reason to look at once, so this is for a writer that the server lost.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

impl Pump {
    /// What to do: `newest` is the newest position that was committed, `since` the time since
    /// subscribers were woken last.
    #[must_use]
    pub fn turn(&self, newest: i64, since: Duration, interval: Duration) -> Turn {
        match self.announced {
            Some(announced) if newest <= announced => Turn::Sleep,
            Some(_) if since < interval => Turn::Wait(interval - since),
            _ => Turn::Announce,
        }
    }

    /// Takes in up to where events may be read by now. Gives the position to wake subscribers with,
    /// if there is anything for them.
    pub fn look(&mut self, newest: i64, horizon: i64) -> Option<i64> {
        let readable = newest.min(horizon);
        self.held_back = if readable < newest { self.held_back.saturating_add(1) } else { 0 };
        let is_news = self.announced.is_none_or(|announced| readable > announced);
        if is_news {
            self.announced = Some(readable);
        }
        is_news.then_some(readable)
    }

    /// When to look again while a running writer holds events back.
    #[must_use]
    pub fn look_again(&self, interval: Duration) -> Option<Duration> {
        let doublings = self.held_back.checked_sub(1)?.min(16);
        Some((interval * (1 << doublings)).min(LONGEST_LOOK))
    }
}

/// How long to leave off after so many failures in a row: from the first wait, doubled each time, to
/// the longest.
#[must_use]
pub fn pause(failures: u32, first: Duration, longest: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => first.saturating_mul(1 << doublings.min(20)).min(longest),
    }
}

/// After how many failures in a row those that may pass by themselves are logged.
const PATIENCE: u32 = 5;

/// Whether a failure is logged, the `in_a_row`-th without a success between: what is new at once, what others
/// are the cause of (a lock that they hold, a deadlock) once it has lasted.
#[must_use]
pub fn is_logged(is_passing: bool, in_a_row: u32, is_new: bool) -> bool {
    match is_passing {
        true => in_a_row == PATIENCE,
        false => is_new,
    }
}

/// The names in a list with commas, as they are written, each once, in their order.
#[must_use]
pub fn names(list: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(10);

    #[test]
    fn subscribers_are_woken_once_in_an_interval_and_at_the_start() {
        let pump = Pump::default();
        assert_eq!(pump.turn(0, Duration::ZERO, INTERVAL), Turn::Announce);
        let pump = Pump { announced: Some(7), held_back: 0 };
        assert_eq!(pump.turn(7, INTERVAL, INTERVAL), Turn::Sleep);
        assert_eq!(pump.turn(8, INTERVAL / 2, INTERVAL), Turn::Wait(INTERVAL / 2));
        assert_eq!(pump.turn(8, INTERVAL, INTERVAL), Turn::Announce);
    }

    #[test]
    fn a_lock_that_others_hold_is_logged_once_it_has_lasted_and_another_failure_at_once() {
        let logged = |is_passing| -> Vec<u32> {
            (1..10).filter(|count| is_logged(is_passing, *count, *count == 1)).collect()
        };
        assert_eq!(logged(true), [PATIENCE]);
        assert_eq!(logged(false), [1]);
        assert!(is_logged(false, 7, true), "another failure than before");
    }

    #[test]
    fn what_a_running_writer_holds_back_is_announced_when_it_has_ended() {
        let mut pump = Pump { announced: Some(7), held_back: 0 };
        assert_eq!(pump.look(9, 7), None);
        assert_eq!(pump.look_again(INTERVAL), Some(INTERVAL));
        assert_eq!(pump.look(9, 7), None);
        assert_eq!(pump.look_again(INTERVAL), Some(INTERVAL * 2));
        assert_eq!(pump.turn(9, INTERVAL, INTERVAL), Turn::Announce);
        assert_eq!(pump.look(9, 8), Some(8));
        assert_eq!(pump.look(9, 12), Some(9));
        assert_eq!(pump.look_again(INTERVAL), None);
        assert_eq!(pump.turn(9, INTERVAL, INTERVAL), Turn::Sleep);
    }

    #[test]
    fn looking_again_never_takes_long() {
        let pump = Pump { announced: Some(7), held_back: u32::MAX };
        assert_eq!(pump.look_again(Duration::from_secs(60)), Some(LONGEST_LOOK));
    }

    #[test]
    fn failures_double_the_pause() {
        let wait = |failures| pause(failures, Duration::from_secs(1), Duration::from_secs(30));
        assert_eq!(wait(0), Duration::ZERO);
        assert_eq!(wait(1), Duration::from_secs(1));
        assert_eq!(wait(3), Duration::from_secs(4));
        assert_eq!(wait(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn databases_are_listed_with_commas() {
        assert_eq!(names(" a, B c ,,a"), ["a", "B c"]);
        assert!(names("").is_empty());
    }
}
