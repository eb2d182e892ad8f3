//! Controlled definitions: documents that are published as numbered versions, released, and retired.
//!
//! A lifecycle is one, and so are the job plans and what else is written before work is done by it. All kinds share
//! the columns of their tables, the rules of publication, release and retirement, and the difference of two versions;
//! a kind brings its table's name and a validator of its documents.

pub mod diff;
mod policy;
mod tables;
mod version;

pub use policy::{Author, Policy, Release, check_author};
pub use tables::{SCHEMA, ddl, table};
pub use version::{
    Change, Stored, change, check_usable, effective_range, is_effective, none_released,
    not_released, unknown,
};

use crate::lifecycle::Problem;
use crate::refusal::{Refusal, SqlState};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The kinds of definitions: the names of their tables.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    let tables = crate::schema::TABLES.into_iter();
    tables.filter(|table| table.kind == crate::schema::Kind::Definition).map(|table| table.name)
}

/// The kind of that name.
///
/// # Errors
/// 22023 `definition_kind_unknown`.
pub fn kind(name: &str) -> Result<&'static str, Refusal> {
    kinds().find(|known| *known == name).ok_or_else(|| {
        let shown: String = name.chars().take(63).collect();
        let all: Vec<&str> = kinds().collect();
        Refusal::new(
            SqlState::BadValue,
            "definition_kind_unknown",
            format!("there is no kind of definition \"{shown}\""),
        )
        .with("kinds", all.clone())
        .hint(format!("The kinds are {}.", all.join(", ")))
    })
}

/// A kind in words: `job plan`.
#[must_use]
pub fn words(kind: &str) -> String {
    kind.replace('_', " ")
}

/// SHA-256 of a document's JCS bytes (RFC 8785): the same for every way in which it can be written.
///
/// # Errors
/// 22023 `bad_value`, where JCS cannot write it.
pub fn sha256(document: &Value) -> Result<[u8; 32], Refusal> {
    let bytes = serde_json_canonicalizer::to_vec(document).map_err(|why| {
        Refusal::new(
            SqlState::BadValue,
            "bad_value",
            format!("the document cannot be written as JCS: {why}"),
        )
    })?;
    Ok(Sha256::digest(bytes).into())
}

/// The refusal of a document with problems: `lifecycle_invalid` for lifecycles, `definition_invalid` for other kinds.
#[must_use]
pub fn invalid(kind: &str, problems: &[Problem]) -> Refusal {
    let count = problems.len();
    let first = problems
        .first()
        .map_or_else(String::new, |first| format!("{}: {}", first.pointer, first.problem));
    let list: Vec<Value> = problems
        .iter()
        .map(|problem| json!({ "pointer": problem.pointer, "problem": problem.problem }))
        .collect();
    let code = if kind == "lifecycle" { "lifecycle_invalid" } else { "definition_invalid" };
    Refusal::new(
        SqlState::BadValue,
        code,
        format!(
            "the {} cannot be published: {count} {}, the first at {first}",
            words(kind),
            if count == 1 { "problem" } else { "problems" }
        ),
    )
    .with("kind", kind)
    .with("problems", list)
    .hint(format!("select * from wo.validate_definition('{kind}', '...'); lists them all."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_how_a_document_is_written() {
        let one: Value = serde_json::from_str(r#"{"b": 1.50, "a": [1, 2], "c": "é"}"#).unwrap();
        let other: Value =
            serde_json::from_str("{\n\"c\":\"\\u00e9\",\"a\":[1,2.0],\"b\":15e-1}").unwrap();
        assert_eq!(sha256(&one).unwrap(), sha256(&other).unwrap());
        let changed: Value = serde_json::from_str(r#"{"b": 1.51, "a": [1, 2], "c": "é"}"#).unwrap();
        assert_ne!(sha256(&one).unwrap(), sha256(&changed).unwrap());
    }

    #[test]
    fn a_lifecycle_keeps_its_code_and_other_kinds_have_one() {
        let problem = [Problem { pointer: "/name".to_owned(), problem: "is missing".to_owned() }];
        assert_eq!(invalid("lifecycle", &problem).code, "lifecycle_invalid");
        let refusal = invalid("job_plan", &problem);
        assert_eq!(refusal.code, "definition_invalid");
        assert_eq!(
            refusal.message,
            "the job plan cannot be published: 1 problem, the first at /name: is missing"
        );
    }

    #[test]
    fn a_kind_that_is_not_registered_is_refused_with_those_that_are() {
        assert_eq!(kind("lifecycle").unwrap(), "lifecycle");
        let refusal = kind("recipe").unwrap_err();
        assert_eq!(refusal.code, "definition_kind_unknown");
        assert!(refusal.hint.contains("lifecycle"));
    }
}
