//! What blocks a work order, in words.

use super::capture::UNKNOWN_CAUSE;
use super::definition::Lifecycle;
use crate::field::Field;

impl Lifecycle {
    /// The field that the edges into a state keep their reason in, where one of them does.
    pub fn reason_field_of(&self, state: &str) -> Option<Field> {
        let mut into = self.transitions.iter().filter(|edge| edge.to == state);
        into.find_map(|edge| edge.reason.field)
    }
}

/// What blocks a work order: the reason that was given, and the cause where it is more than "other".
pub fn blocker(reason: Option<&str>, cause: Option<&str>) -> String {
    let reason = reason.filter(|reason| !reason.trim().is_empty()).unwrap_or("no reason was given");
    match cause.filter(|cause| *cause != UNKNOWN_CAUSE) {
        Some(cause) => format!("{reason} ({cause})"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_is_the_reason_with_its_cause() {
        assert_eq!(blocker(Some("It rains"), Some("other")), "It rains");
        assert_eq!(blocker(Some("It rains"), None), "It rains");
        assert_eq!(blocker(Some("The crane broke"), Some("tool")), "The crane broke (tool)");
        assert_eq!(blocker(Some(" "), Some("budget")), "no reason was given (budget)");
        assert_eq!(blocker(None, None), "no reason was given");
    }
}
