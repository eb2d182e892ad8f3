//! What of a work order a signature covers.

use crate::support::{ODD_TEXTS, TENANT};
use serde_json::json;
use sha2::{Digest, Sha256};
use wo_rules::approval::content::*;

/// Every column of `wo.work_order`, and whether plan and result cover it.
const COLUMNS: [(&str, bool, bool); 46] = [
    ("tenant_id", false, false),
    ("id", true, true),
    ("wo_number", true, true),
    ("lifecycle", true, true),
    ("lifecycle_version", false, false),
    ("status", false, false),
    ("version", false, false),
    ("revision", false, false),
    ("title", true, true),
    ("description", true, true),
    ("priority", true, true),
    ("project", true, true),
    ("requester", true, true),
    ("originator", true, true),
    ("assignee", false, false),
    ("source", true, true),
    ("regulatory", true, true),
    ("asset", true, true),
    ("task_type", true, true),
    ("due_date", true, true),
    ("planned_start", true, true),
    ("planned_end", true, true),
    ("actual_start", false, true),
    ("actual_end", false, true),
    ("estimated_hours", true, true),
    ("actual_hours", false, true),
    ("tags", true, true),
    ("acceptance_criteria", true, true),
    ("deliverables", true, true),
    ("notes", false, false),
    ("review_notes", false, false),
    ("completion_summary", false, true),
    ("deficiencies", false, false),
    ("reason", false, false),
    ("idempotency_key", false, false),
    ("request_sha256", false, false),
    ("created_at", false, false),
    ("updated_at", false, false),
    ("locked_at", false, false),
    ("archived_at", false, false),
    ("state_deadline", false, false),
    ("state_deadline_notified_at", false, false),
    ("master_id", true, true),
    ("required", true, true),
    ("hierarchy_policy", false, false),
    ("chain_hash", false, false),
];

fn hash(covers: Covers, values: &[(&str, &str)]) -> [u8; 32] {
    content_hash(TENANT, covers, values.iter().copied(), [])
}

#[test]
fn the_hashed_bytes_never_change() {
    let values = [
        ("title", r#""Swap \"it\"""#),
        ("id", r#""019a0000-0000-7000-8000-000000000002""#),
        ("metadata", r#"{"cost": 10000.50, "type": "change", "other": 1}"#),
        ("notes", r#""not covered""#),
        ("actual_hours", "2.50"),
    ];
    let plan = concat!(
        r#"{"covers":"plan","format":"wo_core.content.v1","#,
        r#""tenant_id":"019a0000-0000-7000-8000-000000000001","values":{"#,
        r#""id":"\"019a0000-0000-7000-8000-000000000002\"","metadata.cost":"10000.50","#,
        r#""metadata.type":"\"change\"","title":"\"Swap \\\"it\\\"\""}}"#
    );
    let bytes = canonical(TENANT, Covers::Plan, values, []);
    assert_eq!(String::from_utf8(bytes).unwrap(), plan);
    let result = plan
        .replace(r#""covers":"plan""#, r#""covers":"result""#)
        .replace(r#""values":{"#, r#""values":{"actual_hours":"2.50","#);
    let bytes = canonical(TENANT, Covers::Result, values, []);
    assert_eq!(String::from_utf8(bytes).unwrap(), result);
    for (covers, text) in [(Covers::Plan, plan), (Covers::Result, &result)] {
        let expected: [u8; 32] = Sha256::digest(text).into();
        assert_eq!(hash(covers, &values), expected);
    }
}

#[test]
fn the_hashed_bytes_are_jcs_whatever_the_texts_hold() {
    for text in ODD_TEXTS {
        let quoted = json!(text).to_string();
        let metadata = json!({"cost": 1.5, "type": text}).to_string();
        for covers in [Covers::Plan, Covers::Result] {
            let values = COLUMNS
                .iter()
                .map(|(column, ..)| (*column, quoted.as_str()))
                .chain([("metadata", metadata.as_str())]);
            let bytes = canonical(text, covers, values, []);
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap(), "{text:?}");
        }
    }
}

#[test]
fn a_change_of_any_covered_column_and_of_no_other_changes_the_hash() {
    for (column, in_plan, in_result) in COLUMNS {
        for (covers, covered) in [(Covers::Plan, in_plan), (Covers::Result, in_result)] {
            assert_eq!(covers_column(covers, column), covered, "{column}");
            let (absent, one, other) =
                (hash(covers, &[]), hash(covers, &[(column, "1")]), hash(covers, &[(column, "2")]));
            assert_eq!(one != other, covered, "{column}");
            assert_eq!(absent != one, covered, "{column}");
        }
    }
}

#[test]
fn of_the_metadata_only_type_and_cost_are_covered() {
    for covers in [Covers::Plan, Covers::Result] {
        assert!(covers_column(covers, "metadata"));
        let of = |text: &str| hash(covers, &[("metadata", text)]);
        assert_eq!(of(r#"{"a": 1}"#), of(r#"{"a": 2}"#));
        assert_eq!(of(r#"{"a": 1}"#), hash(covers, &[]));
        assert_ne!(of(r#"{"cost": 1}"#), of(r#"{"cost": 2}"#));
        assert_ne!(
            of(r#"{"cost": 10000000000000000000.1}"#),
            of(r#"{"cost": 10000000000000000000.2}"#)
        );
        assert_ne!(of(r#"{"type": null}"#), of("{}"));
        assert_ne!(of(r#"{"type": "1"}"#), of(r#"{"cost": "1"}"#));
        assert_eq!(of(r#"{"a": {"type": 1}, "cost": 1}"#), of(r#"{"cost": 1}"#));
    }
}

#[test]
fn content_differs_by_tenant_and_by_what_is_covered() {
    let values = [("title", "1")];
    let mine = content_hash(TENANT, Covers::Plan, values, []);
    assert_ne!(mine, content_hash("other", Covers::Plan, values, []));
    assert_ne!(mine, content_hash(TENANT, Covers::Result, values, []));
}

#[test]
fn the_order_in_which_columns_come_does_not_matter() {
    let values = [("title", "1"), ("asset", "2"), ("tags", "3")];
    let mut turned = values;
    turned.reverse();
    assert_eq!(hash(Covers::Plan, &values), hash(Covers::Plan, &turned));
}

#[test]
fn a_name_is_read_as_it_is_written() {
    for covers in [Covers::Plan, Covers::Result] {
        assert_eq!(Covers::parse(covers.name()), Some(covers));
    }
    assert_eq!(Covers::parse("Plan"), None);
}

/// What was signed before there was such a column has the bytes that it had.
#[test]
fn a_task_type_is_part_of_the_second_layout() {
    let text = |values: &[(&str, &str)]| {
        String::from_utf8(canonical(TENANT, Covers::Plan, values.iter().copied(), [])).unwrap()
    };
    assert!(text(&[("title", "1")]).contains("wo_core.content.v1"));
    let with = text(&[("title", "1"), ("task_type", r#""repair""#)]);
    assert!(with.contains("wo_core.content.v2") && with.contains("task_type"), "{with}");
}

#[test]
fn covered_child_records_are_part_of_the_content_and_others_are_not() {
    let record = ("release_item:019a0000-0000-7000-8000-000000000003", r#"{"kind": "job_plan"}"#);
    for covers in [Covers::Plan, Covers::Result] {
        let with = |records: &[(&str, &str)]| {
            canonical(TENANT, covers, [("title", "1")], records.iter().copied())
        };
        let none = with(&[]);
        let others =
            with(&[("dependency:1", "{}"), ("approval:2", "{}"), ("engine_override", "{}")]);
        assert_eq!(none, others, "what is not covered changes nothing");
        let text = String::from_utf8(with(&[record])).unwrap();
        assert!(text.starts_with(r#"{"child_records":{"release_item:019a"#), "{text}");
        assert!(text.contains("wo_core.content.v2"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text.into_bytes(), serde_json_canonicalizer::to_vec(&value).unwrap());
        assert_ne!(with(&[record]), with(&[(record.0, "{}")]));
    }
}
