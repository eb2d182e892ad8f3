//! How long a work order may stay in a state: what the lifecycle says, or what the tenant has set instead.

use super::definition::{Lifecycle, State};
use crate::refusal::{Refusal, SqlState};
use std::rc::Rc;

/// Until when a work order may stay that comes into a state at `at`, in microseconds; nothing where there is
/// no maximum, or one beyond all calendars.
pub fn deadline(maximum_hours: Option<f64>, at: i64) -> Option<i64> {
    const LONGEST: f64 = 1e9;
    let hours = maximum_hours.filter(|hours| *hours <= LONGEST)?;
    at.checked_add((hours * 3_600_000_000.0) as i64)
}

impl State {
    /// The hours that a work order may stay here: `limit` is what the tenant has set, where it has set anything.
    pub fn maximum(&self, limit: Option<Option<f64>>) -> Option<f64> {
        limit.unwrap_or(self.maximum_hours).filter(|_| !self.terminal)
    }

    /// The rule that such a maximum is, in words.
    pub fn time_rule(&self, maximum_hours: Option<f64>) -> Option<String> {
        let hours = maximum_hours?;
        let unit = if hours == 1.0 { "hour" } else { "hours" };
        Some(format!("no work order stays {} for more than {hours} {unit}", self.name))
    }
}

/// The hours of a maximum that is known by how many seconds it gave, to a millionth.
pub fn given_hours(seconds: f64) -> f64 {
    (seconds / 3_600.0 * 1e6).round() / 1e6
}

/// Checks that a tenant can limit the time in a state of its lifecycle. `versions` are those that work orders are in
/// or come into, the newest first.
///
/// # Errors
/// 22023 `state_unknown` where no state of that name can be left.
pub fn check_limit(name: &str, versions: &[Rc<Lifecycle>], state: &str) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for one in versions.iter().flat_map(|version| version.states()).filter(|one| !one.terminal) {
        if one.name == state {
            return Ok(());
        }
        if !open.contains(&one.name.as_str()) {
            open.push(&one.name);
        }
    }
    let shown: String = state.chars().take(63).collect();
    Err(Refusal::new(
        SqlState::BadValue,
        "state_unknown",
        format!("{name} has no state \"{shown}\" that a work order leaves"),
    )
    .with("states", open.clone())
    .hint(format!("The states with a time are {}.", open.join(", "))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_hours_that_were_given_are_shown_as_they_were_set() {
        for hours in [0.00001, 0.5, 1.5, 8.0, 24.0, 0.01, 999_999.0] {
            let seconds = deadline(Some(hours), 0).unwrap() as f64 / 1e6;
            assert_eq!(format!("{}", given_hours(seconds)), format!("{hours}"));
        }
    }

    #[test]
    fn a_deadline_beyond_all_calendars_is_none() {
        assert_eq!(deadline(Some(0.5), 7), Some(7 + 1_800_000_000));
        for none in [deadline(None, 7), deadline(Some(1e12), 7), deadline(Some(1.0), i64::MAX)] {
            assert_eq!(none, None);
        }
    }
}
