//! What a creation asked for, so that an idempotency key is not used for two different requests.

use crate::refusal::{Refusal, SqlState};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What stands before the members of a request in the bytes that are hashed.
const DOMAIN: &[u8] = b"wo_core.creation_request.v1\n";

/// The member that says what a plan asks of a work order's place, instead of its master.
pub const PLAN: &str = "plan";

/// The values that a column has where nothing was given, as JSON texts.
const CONSTANT_DEFAULTS: [(&str, &str); 6] = [
    ("source", "\"manual\""),
    ("regulatory", "false"),
    ("required", "true"),
    ("tags", "[]"),
    ("deficiencies", "[]"),
    ("metadata", "{}"),
];

/// The members of a creation by their column, each as JSON text; those that only say what a default
/// says, and blank texts, are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request(BTreeMap<String, String>);

impl Request {
    /// The request of these members.
    pub fn new(members: impl IntoIterator<Item = (String, String)>) -> Self {
        let says_something = |(name, text): &(String, String)| {
            let is_blank =
                serde_json::from_str::<String>(text).is_ok_and(|it| it.trim().is_empty());
            let is_default =
                CONSTANT_DEFAULTS.iter().any(|(column, default)| column == name && default == text);
            text != "null" && !is_blank && !is_default
        };
        Self(members.into_iter().filter(says_something).collect())
    }

    /// The hash that is stored with the work order.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        for (name, text) in &self.0 {
            for part in [name, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().into()
    }

    /// Whether a stored hash is that of this request. To give what a default would fill in, or to
    /// leave it out, makes no difference; `defaults` holds those values as JSON texts.
    pub fn agrees(&self, stored: &[u8], defaults: &[(&str, String)]) -> bool {
        let Some(((name, default), rest)) = defaults.split_first() else {
            return self.sha256().as_slice() == stored;
        };
        if self.agrees(stored, rest) {
            return true;
        }
        let mut other = self.clone();
        match other.0.get(*name) {
            None => drop(other.0.insert((*name).to_owned(), default.clone())),
            Some(given) if given == default => drop(other.0.remove(*name)),
            Some(_) => return false,
        }
        other.agrees(stored, rest)
    }

    /// The columns that differ from what the first request gave, by the changes of the first entry
    /// of the trail; a member without a column of its own is not looked for.
    pub fn differing(&self, changes: &Value, defaults: &[(&str, String)]) -> Vec<String> {
        let first = |name: &str| changes.get(name).and_then(|change| change.get("new"));
        let default = |name: &str| {
            let named = defaults.iter().find(|(column, _)| *column == name);
            named.map(|(_, text)| text.as_str()).or_else(|| {
                let constant = CONSTANT_DEFAULTS.iter().find(|(column, _)| *column == name);
                constant.map(|(_, text)| *text)
            })
        };
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        let is_planned = self.0.contains_key(PLAN);
        COLUMNS
            .iter()
            // The master of a planned work order is what its plan says.
            .filter(|name| !(is_planned && **name == "master_id"))
            .filter(|name| {
                let given = self.0.get(**name).map(String::as_str).or_else(|| default(name));
                given.and_then(read).as_ref() != first(name)
            })
            .map(|name| (*name).to_owned())
            .collect()
    }
}

/// The columns of `wo.work_order` that a request gives.
pub const COLUMNS: [&str; 31] = [
    "lifecycle",
    "reason",
    "master_id",
    "required",
    "hierarchy_policy",
    "title",
    "description",
    "priority",
    "project",
    "requester",
    "assignee",
    "source",
    "regulatory",
    "asset",
    "task_type",
    "due_date",
    "planned_start",
    "planned_end",
    "actual_start",
    "actual_end",
    "estimated_hours",
    "actual_hours",
    "tags",
    "acceptance_criteria",
    "deliverables",
    "notes",
    "review_notes",
    "completion_summary",
    "deficiencies",
    "block_cause",
    "metadata",
];

/// The refusal of a key that was used for another request.
pub fn key_reused(work_order: &str, id: &str, differing: &[String]) -> Refusal {
    let listed = match differing {
        [] => "another request".to_owned(),
        named => format!("another request: {} differ", named.join(", ")),
    };
    Refusal::new(
        SqlState::Duplicate,
        "idempotency_key_reused",
        format!("the idempotency key made work order {work_order} for {listed}"),
    )
    .with("work_order_id", id)
    .with("wo_number", work_order)
    .with("differing_fields", differing.to_vec())
    .hint("Repeat the first request unchanged to get its answer, or give another request a key of its own.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;
    use serde_json::json;

    fn request(members: &[(&str, &str)]) -> Request {
        Request::new(members.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
    }

    #[test]
    fn every_field_belongs_to_the_request() {
        assert_eq!(COLUMNS.len(), Field::ALL.len() + 5);
        assert!(Field::ALL.iter().all(|field| COLUMNS.contains(&field.name())));
    }

    #[test]
    fn what_a_default_fills_makes_no_difference() {
        let first = request(&[("title", "\"a\""), ("notes", "\" \""), ("tags", "[]")]);
        assert_eq!(
            first,
            request(&[("title", "\"a\""), ("source", "\"manual\""), ("asset", "null")])
        );
        let defaults = [("priority", "\"low\"".to_owned()), ("lifecycle", "\"task\"".to_owned())];
        let explicit =
            request(&[("title", "\"a\""), ("priority", "\"low\""), ("lifecycle", "\"task\"")]);
        assert!(explicit.agrees(&first.sha256(), &defaults));
        assert!(first.agrees(&explicit.sha256(), &defaults));
        let other = request(&[("title", "\"a\""), ("priority", "\"high\"")]);
        assert!(!other.agrees(&first.sha256(), &defaults));
        assert!(!first.agrees(&other.sha256(), &defaults));
    }

    /// The lengths stand before the parts, so that no two requests have the same bytes.
    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash = |members: &[(&str, &str)]| request(members).sha256();
        assert_ne!(hash(&[("a", "12")]), hash(&[("a1", "2")]));
        assert_ne!(hash(&[("a", "1"), ("b", "2")]), hash(&[("a", "1b2")]));
    }

    #[test]
    fn what_differs_is_named() {
        let first = json!({"title": {"new": "a"}, "priority": {"new": "low"}, "notes": {"new": "n"},
            "source": {"new": "manual"}, "required": {"new": true}, "regulatory": {"new": false},
            "tags": {"new": []}, "deficiencies": {"new": []}, "metadata": {"new": {}},
            "lifecycle": {"new": "task"}});
        let defaults = [("priority", "\"low\"".to_owned()), ("lifecycle", "\"task\"".to_owned())];
        let again = request(&[("title", "\"b\""), ("asset", "\"x\""), ("estimated_hours", "1.50")]);
        assert_eq!(
            again.differing(&first, &defaults),
            ["title", "asset", "estimated_hours", "notes"]
        );
        let same = request(&[("title", "\"a\""), ("notes", "\"n\"")]);
        assert_eq!(same.differing(&first, &defaults), [""; 0]);
    }
}
