//! Consumers of events: who may move one, and where to.

mod tables;

pub use tables::SCHEMA;

use crate::refusal::{Refusal, SqlState};

/// The longest name of a consumer.
const LONGEST_NAME: usize = 63;

/// Whose a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A principal of the tenant.
    Principal(String),
    /// A login role: one that administers, or a member of `wo_bridge`.
    Role(String),
}

/// One row of `wo.event_consumer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Whose it is.
    pub owner: Owner,
    /// The last position that was acknowledged.
    pub position: i64,
    /// The last position that a fetch returned.
    pub fetched_position: i64,
    /// Where it was put when it was created or last moved.
    pub start_position: i64,
    /// The position from which it was last moved.
    pub moved_from: Option<i64>,
}

impl Consumer {
    /// A new one, at a position.
    #[must_use]
    pub fn new(owner: Owner, position: i64) -> Self {
        Self {
            owner,
            position,
            fetched_position: position,
            start_position: position,
            moved_from: None,
        }
    }

    /// The same, put at another position.
    #[must_use]
    pub fn moved(&self, position: i64) -> Self {
        Self { moved_from: Some(self.position), ..Self::new(self.owner.clone(), position) }
    }
}

/// Refuses a name that a consumer cannot have: lower-case letters, digits, `_`, `.` and `-`, at most 63.
///
/// # Errors
/// 22023 `consumer_name`.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let starts = name.bytes().next().is_some_and(|byte| is_plain(byte) && !b"_.-".contains(&byte));
    if starts && name.len() <= LONGEST_NAME && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::BadValue,
        "consumer_name",
        "the name of a consumer has 1 to 63 lower-case letters, digits, \"_\", \".\" and \"-\", and starts with a letter or a digit",
    )
    .with("consumer", name)
    .hint("Choose a name such as billing or siem-1."))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte)
}

/// The refusal of a name that no consumer has.
#[must_use]
pub fn unknown(name: &str) -> Refusal {
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    Refusal::new(
        SqlState::BadValue,
        "consumer_unknown",
        format!("there is no consumer \"{shown}\""),
    )
    .hint("select wo.create_consumer('...');")
}

/// Whether the caller may use the consumer: its owner, or an administrator.
///
/// # Errors
/// 42501 `consumer_owned`.
pub fn check_owner(
    name: &str,
    consumer: &Consumer,
    caller: &Owner,
    is_administrator: bool,
) -> Result<(), Refusal> {
    if is_administrator || consumer.owner == *caller {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::NotPermitted,
        "consumer_owned",
        format!("the consumer \"{name}\" belongs to somebody else"),
    )
    .with("consumer", name)
    .hint("Create a consumer of your own: select wo.create_consumer('...'); An administrator may assign this one to you: select wo.assign_consumer('...', '...', 'reason');"))
}

/// Whether a consumer may be put at this position: somewhere that has been given to an event.
///
/// # Errors
/// 22023 `position_not_reached`.
pub fn check_position(position: i64, horizon: i64) -> Result<(), Refusal> {
    if (0..=horizon).contains(&position) {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::BadValue,
        "position_not_reached",
        format!("a consumer can stand at a position from 0 to {horizon}, not at {position}"),
    )
    .with("position", position)
    .with("newest", horizon)
    .hint("0 is before the first event."))
}

/// The consumer's position after an acknowledgement. It never moves back.
///
/// # Errors
/// 22023 `position_not_fetched` where no fetch of the consumer returned that position yet.
pub fn acknowledge(consumer: &Consumer, position: i64) -> Result<i64, Refusal> {
    if position > consumer.fetched_position {
        return Err(Refusal::new(
            SqlState::BadValue,
            "position_not_fetched",
            format!(
                "position {position} was not fetched: the consumer has fetched up to {}",
                consumer.fetched_position
            ),
        )
        .with("position", position)
        .with("fetched_position", consumer.fetched_position)
        .hint("Acknowledge the position of an event that wo.fetch_events returned. To skip events: select wo.move_consumer('...', position, 'reason');"));
    }
    Ok(consumer.position.max(position))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn consumer() -> Consumer {
        let fetched = Consumer::new(Owner::Principal("ann".into()), 5);
        Consumer { fetched_position: 9, ..fetched }
    }

    /// Otherwise an acknowledgement loses events that nobody processed, or repeats processed ones.
    #[test]
    fn an_acknowledgement_moves_forward_up_to_what_was_fetched() {
        assert_eq!(acknowledge(&consumer(), 9), Ok(9));
        assert_eq!(acknowledge(&consumer(), 3), Ok(5));
        assert_eq!(acknowledge(&consumer(), -1), Ok(5));
        let refused = acknowledge(&consumer(), 10).unwrap_err();
        assert_eq!(refused.code, "position_not_fetched");
    }

    /// Otherwise one member of a tenant makes the events of another's consumer disappear.
    #[test]
    fn a_consumer_is_its_owners_and_the_administrators() {
        let (ann, bob) = (Owner::Principal("ann".into()), Owner::Principal("bob".into()));
        assert_eq!(check_owner("c", &consumer(), &ann, false), Ok(()));
        assert_eq!(check_owner("c", &consumer(), &bob, true), Ok(()));
        // A login role that is named like the principal is another one.
        for caller in [bob, Owner::Role("ann".into())] {
            let refused = check_owner("c", &consumer(), &caller, false).unwrap_err();
            assert_eq!(refused.code, "consumer_owned");
        }
    }

    /// Otherwise events that are written later lie before the consumer and are never returned.
    #[test]
    fn a_position_lies_between_the_first_and_the_newest() {
        for good in [0, 7, 10] {
            assert_eq!(check_position(good, 10), Ok(()));
        }
        for bad in [-1, 11, i64::MAX] {
            assert_eq!(check_position(bad, 10).unwrap_err().code, "position_not_reached");
        }
    }

    /// Otherwise PostgreSQL's own error names a constraint and not the rule.
    #[test]
    fn names_are_plain() {
        for good in ["a", "siem-1", "0.x_y", &"x".repeat(63)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "Ann", "a b", "ä", &"x".repeat(64)] {
            assert_eq!(check_name(bad).unwrap_err().code, "consumer_name", "{bad}");
        }
    }
}
