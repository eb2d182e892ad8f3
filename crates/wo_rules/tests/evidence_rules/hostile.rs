//! Files that are made to harm the verifier.

use crate::sample::*;
use serde_json::json;
use wo_rules::evidence::package::{SECTIONS, assemble};
use wo_rules::evidence::verify::{Report, verify};

fn with(name: &'static str, text: &str) -> Report {
    let mut texts: Vec<_> = SECTIONS.iter().map(|name| (*name, "null".to_owned())).collect();
    texts.iter_mut().find(|(section, _)| *section == name).unwrap().1 = text.to_owned();
    verify(assemble(&time(0), texts).unwrap().as_bytes())
}

#[test]
fn what_is_no_package_is_not_intact() {
    for bytes in
        [&b""[..], b"{", b"{}", b"null", b"\0", &[0xff; 100], b"PK\x03\x04", &[b'['; 1 << 20]]
    {
        let report = verify(bytes);
        assert!(!report.intact);
        assert!(!report.problems.is_empty());
    }
}

#[test]
fn deep_nesting_in_any_section_neither_overflows_nor_passes() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    for name in SECTIONS {
        for text in [&deep, &objects, &format!("[{deep}]"), &format!("{{\"record\":{deep}}}")] {
            assert!(!with(name, text).intact);
        }
    }
    let mut nested = sample();
    nested.section("trail")[0]["changes"] = json!(format!("{{\"title\":{{\"new\":{deep}}}}}"));
    nested.rehash_chain();
    assert!(!verify(&nested.bytes()).intact);
    let mut nested = sample();
    nested.record.insert("metadata".to_owned(), format!("{{\"type\":{deep}}}"));
    assert!(!verify(&nested.bytes()).intact);
    let mut nested = sample();
    nested.section("signatures")[0]["payload"] = json!(deep);
    assert!(!verify(&nested.bytes()).intact);
}

#[test]
fn a_name_that_stands_twice_is_refused_wherever_readers_would_differ() {
    let bytes = sample().bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let doubled = |name: &str, from: &str, to: &str| {
        let texts = SECTIONS
            .iter()
            .map(|section| {
                let part = part_of(text, section);
                (*section, if *section == name { part.replacen(from, to, 1) } else { part })
            })
            .collect();
        verify(assemble(value["made_at"].as_str().unwrap(), texts).unwrap().as_bytes())
    };
    assert!(doubled("tenant", "x", "x").intact);
    let cases = [
        ("tenant", "\"slug\"", "\"slug\":\"other\",\"slug\""),
        ("work_order", "\"status\"", "\"status\":\"closed\",\"status\""),
        ("work_order", "\"title\":", "\"title\":\"A harmless one\",\"title\":"),
        ("work_order", "\"title\":", "\"t\\u0069tle\":\"A harmless one\",\"title\":"),
        (
            "child_records",
            "\"dependency:",
            &format!("\"dependency:{PREDECESSOR}\":{{}},\"dependency:"),
        ),
        ("signatures", "\"role\"", "\"role\":\"owner\",\"role\""),
        ("signing_keys", "\"name\"", "\"name\":\"Other\",\"name\""),
        ("children", "\"title\"", "\"title\":\"Other\",\"title\""),
        ("trail", "\"reason\"", "\"reason\":\"other\",\"reason\""),
        ("lifecycle", "\"states\"", "\"limit\":1,\"limit\":2,\"states\""),
        ("trail", "\"reason\"", "\"unknown\":1,\"reason\""),
        ("signatures", "\"role\"", "\"unknown\":1,\"role\""),
    ];
    for (name, from, to) in cases {
        let report = doubled(name, from, to);
        let is_named = report
            .problems
            .iter()
            .any(|problem| problem.pointer.starts_with(&format!("/sections/{name}")));
        assert!(is_named, "{name} {to}: {:?}", report.problems);
    }
    let mut twice = sample();
    let entry = &mut twice.section("trail")[0];
    let changes = entry["changes"].as_str().unwrap();
    entry["changes"] =
        json!(changes.replacen("\"title\":", "\"title\":{\"new\":\"x\"},\"title\":", 1));
    twice.rehash_chain();
    assert!(!verify(&twice.bytes()).intact);
}

/// A section's text in a package.
fn part_of(text: &str, name: &str) -> String {
    let split = wo_rules::evidence::package::read(text.as_bytes());
    split.section(name).unwrap().value.get().to_owned()
}

#[test]
fn problems_without_number_are_counted_and_not_kept() {
    let many = vec![json!({"id": "x".repeat(50)}); 5_000];
    let report = with("principals", &json!(many).to_string());
    assert_eq!(report.problems.len(), 1_000);
    assert!(report.problems_not_listed >= 4_000);
}

#[test]
fn a_problem_does_not_repeat_megabytes() {
    let long = "y".repeat(1 << 20);
    let reports = [
        with("tenant", &json!({ &long: 1 }).to_string()),
        with("child_records", &json!({ &long: 1 }).to_string()),
        with("signatures", &json!([{"state": long}]).to_string()),
    ];
    for report in reports {
        assert!(!report.intact);
        for problem in report.problems {
            assert!(problem.problem.len() < 2_000 && problem.pointer.len() < 2_000);
        }
    }
}

#[test]
fn delegations_that_go_round_in_a_circle_end() {
    let mut cycle = sample();
    cycle.section("delegations")[0]["parent_id"] = json!(DELEGATION);
    cycle.section("delegations")[0]["delegator"] = json!("max");
    let report = verify(&cycle.bytes());
    assert!(report.problems.iter().any(|problem| problem.problem.contains("cycle")), "{report:?}");
}
