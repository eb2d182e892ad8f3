//! What happens to a version after its publication: release, retirement, and use by new work.

use super::policy::{Author, Policy, Release, check_author};
use super::words;
use crate::refusal::{Refusal, SqlState};

/// A stored version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// The kind.
    pub kind: &'a str,
    /// The name.
    pub name: &'a str,
    /// The version.
    pub version: i32,
    /// Who published it.
    pub published_by: Option<&'a str>,
    /// Whether it was released.
    pub is_released: bool,
    /// Whether it was retired.
    pub is_retired: bool,
}

/// What a write changes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// Whether it changes from when until when new work uses the version.
    pub effective: bool,
    /// Whether it releases the version, and then whether it names a work order that does.
    pub release: Option<bool>,
    /// Whether it takes back a release or a retirement, or changes what is recorded of them.
    pub takes_back: bool,
    /// Why it retires the version, where it does.
    pub retirement: Option<&'a str>,
}

fn about(refusal: Refusal, stored: &Stored<'_>) -> Refusal {
    refusal.with("kind", stored.kind).with("name", stored.name).with("version", stored.version)
}

fn named(stored: &Stored<'_>) -> String {
    format!("version {} of the {} {}", stored.version, words(stored.kind), stored.name)
}

/// Checks what a write changes of a version. The work order of a release is checked by
/// [`crate::release::check_closed`].
///
/// # Errors
/// 55000 `definition_released`, `definition_retired`; 42501 `not_an_author`, `release_not_permitted`,
/// `releases_own_version`; 23514 `release_needs_work_order`, `fields_missing`.
pub fn change(
    stored: &Stored<'_>,
    change: &Change<'_>,
    policy: &Policy,
    author: &Author<'_>,
) -> Result<(), Refusal> {
    let wrong_state = |code, sentence: String, hint: &str| {
        Err(about(Refusal::new(SqlState::WrongState, code, sentence), stored).hint(hint))
    };
    if change.takes_back || stored.is_released && (change.effective || change.release.is_some()) {
        return wrong_state(
            "definition_released",
            format!(
                "{} was released or retired: what is recorded of it never changes",
                named(stored)
            ),
            "Publish another version, or retire this one: select wo.retire_definition(kind, name, version, reason);",
        );
    }
    if stored.is_retired && *change != Change::default() {
        return wrong_state(
            "definition_retired",
            format!("{} is retired", named(stored)),
            "Publish another version.",
        );
    }
    // A write that changes nothing of it is for those who may change it.
    if change.effective || *change == Change::default() {
        check_author(stored.kind, policy, author)?;
    }
    if let Some(names_work_order) = change.release {
        check_release(stored, policy, author, names_work_order)?;
    }
    if let Some(reason) = change.retirement {
        check_author(stored.kind, policy, author)?;
        if reason.trim().is_empty() {
            let refusal = Refusal::new(
                SqlState::GateNotMet,
                "fields_missing",
                format!("the retirement of {} needs a reason", named(stored)),
            );
            return Err(about(refusal, stored)
                .with("missing_fields", vec!["retirement_reason"])
                .hint("Say why."));
        }
    }
    Ok(())
}

fn check_release(
    stored: &Stored<'_>,
    policy: &Policy,
    author: &Author<'_>,
    names_work_order: bool,
) -> Result<(), Refusal> {
    if names_work_order {
        return Ok(());
    }
    match policy.release {
        Release::Publication => check_author(stored.kind, policy, author),
        Release::WorkOrder => Err(about(
            Refusal::new(
                SqlState::GateNotMet,
                "release_needs_work_order",
                format!("{} is released by a regulatory work order alone", named(stored)),
            ),
            stored,
        )
        .hint("Add it to one: select wo.add_release_item(work_order, kind, name, version); its end releases the version.")),
        Release::Role if !author.has(policy.release_role.as_deref()) => Err(about(
            Refusal::new(
                SqlState::NotPermitted,
                "release_not_permitted",
                format!(
                    "only those with the role {} release {}",
                    policy.release_role.as_deref().unwrap_or("that the policy names"),
                    named(stored)
                ),
            ),
            stored,
        )
        .hint("select * from wo.definition_policy; shows the role.")),
        Release::Role if author.id == stored.published_by => Err(about(
            Refusal::new(
                SqlState::NotPermitted,
                "releases_own_version",
                format!("nobody releases a version of their own: {}", named(stored)),
            ),
            stored,
        )
        .hint("Another holder of the role releases it.")),
        Release::Role => Ok(()),
    }
}

/// Checks the days between which new work uses a version; the days in any count that orders as they do.
///
/// # Errors
/// 23514 `values_out_of_order`.
pub fn effective_range(from: Option<i32>, until: Option<i32>) -> Result<(), Refusal> {
    match (from, until) {
        (Some(from), Some(until)) if from >= until => Err(Refusal::new(
            SqlState::GateNotMet,
            "values_out_of_order",
            "the days of a version must have an order: effective_from, effective_until",
        )
        .hint("Give the earlier one first.")),
        _ => Ok(()),
    }
}

/// Whether a day is one on which new work may use the version.
#[must_use]
pub fn is_effective(day: i32, from: Option<i32>, until: Option<i32>) -> bool {
    from.is_none_or(|from| from <= day) && until.is_none_or(|until| day < until)
}

/// Checks that a version which somebody names may be used: an unreleased one by drafts alone.
///
/// # Errors
/// 55000 `definition_retired`, `definition_not_released`.
pub fn check_usable(stored: &Stored<'_>, is_draft: bool) -> Result<(), Refusal> {
    if stored.is_retired {
        return Err(about(
            Refusal::new(
                SqlState::WrongState,
                "definition_retired",
                format!("{} is retired", named(stored)),
            ),
            stored,
        )
        .hint("Use another version."));
    }
    if stored.is_released || is_draft { Ok(()) } else { Err(not_released(stored)) }
}

/// The refusal of work by a version that was not released.
#[must_use]
pub fn not_released(stored: &Stored<'_>) -> Refusal {
    about(
        Refusal::new(
            SqlState::WrongState,
            "definition_not_released",
            format!("{} is not released: it can be tried on a draft, and no further", named(stored)),
        ),
        stored,
    )
    .hint("A regulatory work order that names the version (wo.add_release_item) releases it when it is closed.")
}

/// The refusal of a name of which no version can be used by new work.
#[must_use]
pub fn none_released(kind: &str, name: &str) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "definition_not_released",
        format!("no version of the {} {name} is released, effective and not retired", words(kind)),
    )
    .with("kind", kind)
    .with("name", name)
    .hint("select name, version, released_at, effective_from, effective_until, retired_at from wo.definition; shows them.")
}

/// The refusal of a name or a version that the tenant does not have.
#[must_use]
pub fn unknown(kind: &str, name: &str, version: Option<i32>) -> Refusal {
    let shown: String = name.chars().take(63).collect();
    let sentence = match version {
        Some(version) => {
            format!("the tenant has no version {version} of a {} \"{shown}\"", words(kind))
        }
        None => format!("the tenant has no {} \"{shown}\"", words(kind)),
    };
    Refusal::new(SqlState::BadValue, "definition_unknown", sentence)
        .with("kind", kind)
        .with("name", shown)
        .with("version", version)
        .hint("select kind, name, version from wo.definition; lists those that were published.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PUBLISHED: Stored<'static> = Stored {
        kind: "job_plan",
        name: "pump_check",
        version: 2,
        published_by: Some("ada"),
        is_released: false,
        is_retired: false,
    };

    fn author<'a>(id: &'a str, roles: &'a [String]) -> Author<'a> {
        Author { id: Some(id), is_administrator: false, roles }
    }

    fn by_role() -> Policy {
        Policy {
            release: Release::Role,
            author_role: Some("planner".to_owned()),
            release_role: Some("releaser".to_owned()),
        }
    }

    #[test]
    fn a_released_version_changes_no_more_but_can_be_retired() {
        let released = Stored { is_released: true, ..PUBLISHED };
        let roles = ["planner".to_owned(), "releaser".to_owned()];
        let changed = |one: Change<'_>| change(&released, &one, &by_role(), &author("eva", &roles));
        for one in [
            Change { effective: true, ..Change::default() },
            Change { release: Some(false), ..Change::default() },
            Change { release: Some(true), ..Change::default() },
            Change { takes_back: true, ..Change::default() },
        ] {
            assert_eq!(changed(one).unwrap_err().code, "definition_released");
        }
        assert!(changed(Change { retirement: Some("replaced"), ..Change::default() }).is_ok());
        let blank = Change { retirement: Some(" "), ..Change::default() };
        assert_eq!(changed(blank).unwrap_err().code, "fields_missing");
    }

    #[test]
    fn a_retired_version_changes_no_more() {
        let retired = Stored { is_retired: true, ..PUBLISHED };
        let roles = ["planner".to_owned(), "releaser".to_owned()];
        for one in [
            Change { effective: true, ..Change::default() },
            Change { release: Some(true), ..Change::default() },
            Change { retirement: Some("again"), ..Change::default() },
        ] {
            let refusal = change(&retired, &one, &by_role(), &author("eva", &roles)).unwrap_err();
            assert_eq!(refusal.code, "definition_retired");
        }
    }

    #[test]
    fn a_write_that_changes_nothing_is_for_authors() {
        let nothing = Change::default();
        let refusal = change(&PUBLISHED, &nothing, &by_role(), &author("eva", &[])).unwrap_err();
        assert_eq!(refusal.code, "not_an_author");
    }

    #[test]
    fn a_version_is_released_as_the_policy_says() {
        let release = Change { release: Some(false), ..Change::default() };
        let releaser = ["releaser".to_owned()];
        let by = |policy: &Policy, who: &Author<'_>| change(&PUBLISHED, &release, policy, who);
        let code = |result: Result<(), Refusal>| result.unwrap_err().code;
        assert_eq!(
            code(by(&Policy::default(), &author("eva", &releaser))),
            "release_needs_work_order"
        );
        assert_eq!(code(by(&by_role(), &author("eva", &[]))), "release_not_permitted");
        assert_eq!(code(by(&by_role(), &author("ada", &releaser))), "releases_own_version");
        assert!(by(&by_role(), &author("eva", &releaser)).is_ok());
    }

    #[test]
    fn an_unreleased_version_is_for_drafts_and_a_retired_one_for_nobody() {
        assert!(check_usable(&PUBLISHED, true).is_ok());
        let refusal = check_usable(&PUBLISHED, false).unwrap_err();
        assert_eq!(refusal.code, "definition_not_released");
        let released = Stored { is_released: true, ..PUBLISHED };
        assert!(check_usable(&released, false).is_ok());
        let retired = Stored { is_retired: true, ..released };
        assert_eq!(check_usable(&retired, true).unwrap_err().code, "definition_retired");
    }

    #[test]
    fn a_version_is_effective_from_its_first_day_until_the_day_before_its_end() {
        let on = |day| is_effective(day, Some(10), Some(12));
        assert_eq!([9, 10, 11, 12].map(on), [false, true, true, false]);
        assert!(is_effective(-3, None, None));
    }

    #[test]
    fn the_days_of_a_version_are_in_order() {
        assert!(effective_range(Some(1), Some(2)).is_ok());
        assert!(effective_range(None, Some(2)).is_ok());
        assert!(effective_range(Some(2), Some(2)).is_err());
    }
}
