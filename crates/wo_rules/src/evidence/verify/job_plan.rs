//! The job plan of a package: the pinned version, its document and the steps that are shown must be what the trail
//! holds.

use super::Findings;
use super::sections::Texts;
use crate::job_plan::{shown, validate};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The child record that holds the pinned version.
const PINNED: &str = "work_order_job_plan";

/// What begins the names of the child records of results.
const RESULT: &str = "step_result:";

/// Checks the section of the concept.
pub fn check(child_records: &Texts<'_>, findings: &mut Findings<'_>) {
    let concepts: Option<Texts<'_>> = findings.section("concepts");
    let section = concepts.as_ref().and_then(|concepts| concepts.get("job_plan"));
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let problems = match (section, child_records.get(PINNED)) {
        (None, None) => return,
        (Some(_), None) => vec![("", "the trail holds no job plan of the work order".to_owned())],
        (None, Some(_)) => vec![("", "the trail holds a job plan that is not shown".to_owned())],
        (Some(section), Some(pinned)) => {
            let results: Vec<Value> = child_records
                .0
                .iter()
                .filter_map(|(name, text)| {
                    let mut row = read(text.get());
                    let id = name.strip_prefix(RESULT)?;
                    row.as_object_mut()?.insert("id".to_owned(), Value::from(id));
                    Some(row)
                })
                .collect();
            problems_of(&read(section.get()), &read(pinned.get()), results)
        }
    };
    for (member, problem) in problems {
        let pointer = match member {
            "" => "job_plan".to_owned(),
            member => format!("job_plan/{member}"),
        };
        findings.found_in("concepts", &pointer, problem);
    }
}

/// What is wrong with the section, by its member.
fn problems_of(
    section: &Value,
    pinned: &Value,
    mut results: Vec<Value>,
) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    let mut note = |member, problem: &str| problems.push((member, problem.to_owned()));
    for member in ["name", "version", "sha256", "parameters"] {
        if section.get(member) != pinned.get(member) {
            note(member, "is not what the trail says that the work order has pinned");
        }
    }
    let document = section.get("document").cloned().unwrap_or_default();
    let hash =
        serde_json_canonicalizer::to_vec(&document).map(|bytes| hex::encode(Sha256::digest(bytes)));
    if hash.ok().as_deref() != section.get("sha256").and_then(Value::as_str) {
        note("document", "has another SHA-256 than the pinned version");
    }
    results.sort_by_key(|row| row.get("ordinal").and_then(Value::as_i64));
    let nothing = Map::new();
    let parameters = pinned.get("parameters").and_then(Value::as_object).unwrap_or(&nothing);
    let steps = match validate(&document, None) {
        Ok(plan) => shown(&plan, &document, parameters, &results),
        Err(_) => Err("the document is no job plan".to_owned()),
    };
    match steps {
        Ok(steps) if Some(&steps) == section.get("steps") => {}
        Ok(_) => note(
            "steps",
            "are not those that follow from the document and the results in the trail",
        ),
        Err(why) => note("steps", &why),
    }
    problems
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Without the check a package could show other steps, or another plan, than the work was done by.
    #[test]
    fn a_plan_or_a_result_that_was_changed_is_found() {
        let document = json!({"name": "p", "steps": [
            {"key": "m", "kind": "measure", "unit": "V", "instruction": "Measure {{x}}."}],
            "parameters": [{"name": "x", "type": "text", "required": true}]});
        let hash =
            hex::encode(Sha256::digest(serde_json_canonicalizer::to_vec(&document).unwrap()));
        let pinned = json!({"name": "p", "version": 1, "sha256": hash, "parameters": {"x": "it"}});
        let row = json!({"id": "1", "ordinal": 1, "step": "m", "act": "result", "value": "5", "unit": "V",
            "verdict": "pass", "performed_by": "wim"});
        let plan = validate(&document, None).unwrap();
        let parameters = pinned["parameters"].as_object().unwrap();
        let steps = shown(&plan, &document, parameters, std::slice::from_ref(&row)).unwrap();
        let mut section = pinned.clone();
        section["document"] = document;
        section["steps"] = steps;
        let found = |section: &Value, row: &Value| -> Vec<&str> {
            let problems = problems_of(section, &pinned, vec![row.clone()]);
            problems.into_iter().map(|(member, _)| member).collect()
        };
        assert_eq!(found(&section, &row), [""; 0]);
        for (pointer, member) in [
            ("/version", "version"),
            ("/steps/0/value", "steps"),
            ("/steps/0/performed_by", "steps"),
            ("/document/steps/0/unit", "document"),
        ] {
            let mut other = section.clone();
            *other.pointer_mut(pointer).unwrap() = json!("x");
            assert!(found(&other, &row).contains(&member), "{pointer}");
        }
        let mut corrected = row.clone();
        corrected["value"] = json!("6");
        assert_eq!(found(&section, &corrected), ["steps"]);
    }
}
