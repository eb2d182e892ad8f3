//! The deliverables of a package: what is shown must follow from the versions and the reviews in the trail, and from
//! the pinned job plan.

use super::Findings;
use super::sections::Texts;
use crate::deliverable::shown;
use crate::job_plan::{Deliverable, validate};
use serde_json::{Map, Value};

/// What begins the names of the child records of versions and of reviews.
const VERSION: &str = "deliverable:";
const REVIEW: &str = "deliverable_review:";

/// Checks the section of the concept. The section of the job plan is checked for itself.
pub fn check(child_records: &Texts<'_>, findings: &mut Findings<'_>) {
    let concepts: Option<Texts<'_>> = findings.section("concepts");
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let section_of = |name: &str| {
        let text = concepts.as_ref().and_then(|concepts| concepts.get(name));
        text.map(|text| read(text.get()))
    };
    let rows = |prefix: &str| -> Vec<Value> {
        let mut rows: Vec<Value> = child_records
            .0
            .iter()
            .filter_map(|(name, text)| {
                let id = name.strip_prefix(prefix)?;
                let mut row = read(text.get());
                row.as_object_mut()?.insert("id".to_owned(), Value::from(id));
                Some(row)
            })
            .collect();
        rows.sort_by_key(|row| row.get("ordinal").and_then(Value::as_i64));
        rows
    };
    let expected = expected_by(section_of("job_plan").as_ref());
    let (versions, reviews) = (rows(VERSION), rows(REVIEW));
    if let Some(problem) =
        problem_of(section_of("deliverables").as_ref(), &expected, &versions, &reviews)
    {
        findings.found_in("concepts", "deliverables", problem);
    }
}

/// What the pinned job plan expects.
fn expected_by(job_plan: Option<&Value>) -> Vec<Deliverable> {
    let Some(pinned) = job_plan else { return Vec::new() };
    let nothing = Map::new();
    let parameters = pinned.get("parameters").and_then(Value::as_object).unwrap_or(&nothing);
    let document = pinned.get("document").cloned().unwrap_or_default();
    match validate(&document, None) {
        Ok(plan) => plan.expected(parameters),
        // The check of the job plan says so.
        Err(_) => Vec::new(),
    }
}

/// What is wrong with the section.
fn problem_of(
    section: Option<&Value>,
    expected: &[Deliverable],
    versions: &[Value],
    reviews: &[Value],
) -> Option<String> {
    let is_empty = expected.is_empty() && versions.is_empty() && reviews.is_empty();
    match (section, shown(expected, versions, reviews)) {
        (None, _) if is_empty => None,
        (None, _) => Some("the trail holds deliverables that are not shown".to_owned()),
        (Some(section), Ok(shown)) if *section == shown => None,
        (Some(_), Ok(_)) => {
            Some("are not those that follow from the job plan and from the trail".to_owned())
        }
        (Some(_), Err(why)) => Some(why),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Without the check a package could show a deliverable as accepted that was rejected, or another hash.
    #[test]
    fn a_deliverable_or_a_review_that_was_changed_is_found() {
        let document = json!({"name": "p", "steps": [{"key": "a", "kind": "do", "instruction": "i"}],
            "deliverables": [{"name": "{{x}} report", "kind": "report"}, {"name": "photo", "kind": "photo"}],
            "parameters": [{"name": "x", "type": "text", "required": true}]});
        let plan = json!({"document": document, "parameters": {"x": "roof"}});
        let expected = expected_by(Some(&plan));
        assert_eq!(expected[0].name, "roof report");
        let versions = [
            json!({"id": "1", "ordinal": 1, "name": "roof report", "kind": "report", "required": true,
            "uri": "https://files/1", "sha256": "ab", "received_from": "wim"}),
        ];
        let reviews = [
            json!({"id": "2", "ordinal": 1, "deliverable_id": "1", "verdict": "rejected", "reason": "r",
            "reviewed_by": "qa"}),
        ];
        let section = shown(&expected, &versions, &reviews).unwrap();
        assert_eq!(section[0]["state"], "rejected");
        assert_eq!(problem_of(Some(&section), &expected, &versions, &reviews), None);
        for pointer in ["/0/state", "/0/sha256", "/0/reviewed_by", "/0/required", "/1/name"] {
            let mut other = section.clone();
            *other.pointer_mut(pointer).unwrap() = json!("accepted");
            assert!(
                problem_of(Some(&other), &expected, &versions, &reviews).is_some(),
                "{pointer}"
            );
        }
        let mut accepted = reviews.clone();
        accepted[0]["verdict"] = json!("accepted");
        assert!(problem_of(Some(&section), &expected, &versions, &accepted).is_some());
        assert!(
            problem_of(Some(&section), &expected, &versions, &[]).is_some(),
            "a review left out"
        );
        assert!(problem_of(None, &expected, &[], &[]).is_some(), "the whole section left out");
        assert_eq!(problem_of(None, &[], &[], &[]), None);
    }
}
