//! How long a work order may stay in a state: what the lifecycle says, or what the tenant has set instead.

use super::definition::{Lifecycle, State};
use crate::refusal::{Refusal, SqlState};

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

/// Checks that a tenant can limit the time in a state of its lifecycle.
///
/// # Errors
/// 22023 `state_unknown` where no state of that name can be left.
pub fn check_limit(lifecycle: &Lifecycle, state: &str) -> Result<(), Refusal> {
    if lifecycle.state(state).is_some_and(|state| !state.terminal) {
        return Ok(());
    }
    let shown: String = state.chars().take(63).collect();
    let open: Vec<&str> = lifecycle
        .states()
        .iter()
        .filter(|state| !state.terminal)
        .map(|state| state.name.as_str())
        .collect();
    Err(Refusal::new(
        SqlState::BadValue,
        "state_unknown",
        format!("{} has no state \"{shown}\" that a work order leaves", lifecycle.name()),
    )
    .with("states", open.clone())
    .hint(format!("The states with a time are {}.", open.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_beyond_all_calendars_is_none() {
        assert_eq!(deadline(Some(0.5), 7), Some(7 + 1_800_000_000));
        for none in [deadline(None, 7), deadline(Some(1e12), 7), deadline(Some(1.0), i64::MAX)] {
            assert_eq!(none, None);
        }
    }
}
