//! What a list may be asked for.

use crate::refusal::{Refusal, SqlState};
use std::collections::BTreeSet;

/// The rows of a page where nobody says how many.
const PAGE_SIZE: i32 = 50;

/// The most rows of a page.
const LARGEST_PAGE: i32 = 100_000;

/// Checks how many rows a page is to have.
///
/// # Errors
/// 22023 `page_size_invalid`.
pub fn check_page_size(given: Option<i32>) -> Result<i32, Refusal> {
    let size = given.unwrap_or(PAGE_SIZE);
    match (1..=LARGEST_PAGE).contains(&size) {
        true => Ok(size),
        false => Err(Refusal::new(
            SqlState::BadValue,
            "page_size_invalid",
            format!("a page has 1 to {LARGEST_PAGE} rows, not {size}"),
        )
        .with("page_size", size)
        .hint("The next page is asked for with after_work_order or after_finding => the last one of this page.")),
    }
}

/// Checks that a status by which a list is filtered is a state of some lifecycle.
///
/// # Errors
/// 22023 `unknown_state`.
pub fn check_status(status: Option<&str>, states: &BTreeSet<String>) -> Result<(), Refusal> {
    let Some(status) = status.filter(|status| !states.contains(*status)) else { return Ok(()) };
    let shown: String = status.chars().take(63).collect();
    let known: Vec<&str> = states.iter().map(String::as_str).collect();
    Err(Refusal::new(
        SqlState::BadValue,
        "unknown_state",
        format!("no lifecycle of the tenant has a state named \"{shown}\""),
    )
    .hint(format!("the states are {}", known.join(", ")))
    .with("status", shown)
    .with("states", known))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_rows() {
        assert_eq!(check_page_size(None).unwrap(), 50);
        assert_eq!(check_page_size(Some(100_000)).unwrap(), 100_000);
        for size in [0, -1, 100_001, i32::MAX, i32::MIN] {
            assert_eq!(check_page_size(Some(size)).unwrap_err().code, "page_size_invalid");
        }
    }

    #[test]
    fn a_status_is_a_state() {
        let states = BTreeSet::from(["review".to_owned()]);
        check_status(None, &states).unwrap();
        check_status(Some("review"), &states).unwrap();
        let refusal = check_status(Some("reveiw"), &states).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.hint.as_str()),
            ("unknown_state", "The states are review.")
        );
    }
}
