//! What is said of work that was done: never before there is any, and never of a time that has not come.

use crate::field::{Field, FieldKind, FieldSet};
use crate::refusal::{Refusal, SqlState};
use crate::time::utc;

/// The fields that say what was done, when, and what the reviewer found.
const OUTCOME: [Field; 6] = [
    Field::ActualStart,
    Field::ActualEnd,
    Field::ActualHours,
    Field::CompletionSummary,
    Field::ReviewNotes,
    Field::Deficiencies,
];

/// Checks that a new work order says nothing of work that was done: the one who creates it would state what only the
/// transitions, the assignee and the reviewer know.
///
/// # Errors
/// 55000 `field_not_permitted`.
pub fn check_nothing_done(filled: FieldSet) -> Result<(), Refusal> {
    let given: Vec<&str> =
        OUTCOME.iter().filter(|field| filled.contains(**field)).map(|field| field.name()).collect();
    if given.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::WrongState,
        "field_not_permitted",
        format!("no work was done for a new work order yet: it has no {}", given.join(", ")),
    )
    .with("fields", given)
    .hint(
        "Leave them out. Start and end are recorded by the transitions; the assignee and the reviewer give the rest \
         when the work is under way. Plan with planned_start, planned_end and estimated_hours.",
    ))
}

/// Checks a time that is written into a field, in microseconds since 2000-01-01 UTC. A plan may lie ahead.
///
/// # Errors
/// 22023 `time_infinite`, `time_in_the_future`.
pub fn check_time(field: Field, at: i64, now: i64) -> Result<(), Refusal> {
    if field.kind() != FieldKind::Time {
        return Ok(());
    }
    let name = field.name();
    let refuse = |code, message: String| {
        Refusal::new(SqlState::BadValue, code, message).with("field", name).with("value", utc(at))
    };
    if at == i64::MAX || at == i64::MIN {
        return Err(refuse("time_infinite", format!("{name} is {}, which is no time", utc(at)))
            .hint("Give a time that a clock can show, or leave the field out."));
    }
    let is_actual = matches!(field, Field::ActualStart | Field::ActualEnd);
    if is_actual && at > now {
        return Err(refuse(
            "time_in_the_future",
            format!("{name} cannot be {}: it is {} on the server now", utc(at), utc(now)),
        )
        .with("now", utc(now))
        .hint("Give the time at which it happened; what is planned belongs into planned_start and planned_end."));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_may_lie_ahead_and_what_was_done_may_not() {
        let code = |field, at| check_time(field, at, 1_000).map_or_else(|why| why.code, |()| "ok");
        for field in [Field::ActualStart, Field::ActualEnd] {
            assert_eq!(code(field, 1_000), "ok");
            assert_eq!(code(field, 1_001), "time_in_the_future");
            assert_eq!(code(field, i64::MIN), "time_infinite");
            assert_eq!(code(field, i64::MAX), "time_infinite");
        }
        assert_eq!(code(Field::PlannedEnd, 1_001), "ok");
        assert_eq!(code(Field::PlannedEnd, i64::MAX), "time_infinite");
    }

    #[test]
    fn a_new_work_order_says_nothing_of_its_outcome() {
        let mut filled: FieldSet = FieldSet::all().minus(OUTCOME.into_iter().collect());
        assert_eq!(check_nothing_done(filled), Ok(()));
        filled.insert(Field::ActualHours);
        assert_eq!(check_nothing_done(filled).unwrap_err().code, "field_not_permitted");
    }
}
