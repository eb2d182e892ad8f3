//! Packages that a driver parsed and a program wrote again: they are distinguished from forged ones.

use crate::sample::*;
use serde_json::{Value, json};
use wo_rules::evidence::verify::{Verdict, verify};

/// A package with everything in whose spelling writers of JSON differ.
fn package() -> Vec<u8> {
    let mut story = story();
    story.write(
        "changed",
        "olga",
        None,
        true,
        &[
            ("dose", Some("3.50")),
            ("extra", Some(r#"{"a": 12000.50, "n": 12345678901234567890.10, "é\u2028": [1, 2]}"#)),
            ("notes", Some("\"a\\u007f小克 \\\\ \\\" / \\n\"")),
        ],
    );
    story.package().bytes()
}

fn verdict(text: &str) -> Verdict {
    verify(text.as_bytes()).verdict
}

/// Everything outside of ASCII as an escape, as Python writes it.
fn ascii(text: &str) -> String {
    let mut written = String::new();
    for letter in text.chars() {
        let mut units = [0; 2];
        match letter.is_ascii() {
            true => written.push(letter),
            false => letter
                .encode_utf16(&mut units)
                .iter()
                .for_each(|unit| written.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    written
}

/// What psycopg, node-pg and editors leave of a package is called what it is: a reader of NOT INTACT looks for a
/// forger.
#[test]
fn a_package_that_was_parsed_and_written_again_is_recognized() {
    let bytes = package();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert_eq!(verify(text.as_bytes()).problems, []);
    let parsed: Value = serde_json::from_str(text).unwrap();
    let compact = parsed.to_string();
    assert_ne!(compact, text, "numbers and blanks were lost");
    let indented = serde_json::to_string_pretty(&parsed).unwrap();
    for again in [
        compact.clone(),
        indented.clone(),
        ascii(&compact),
        ascii(&indented),
        text.replace("\"sections\":{", "\"sections\": {"),
        format!("\r\n {text}\n\n"),
    ] {
        let report = verify(again.as_bytes());
        assert_eq!(report.verdict, Verdict::Reformatted, "{again}");
        assert!(!report.intact);
        assert_eq!((report.work_order.as_deref(), report.entries), (Some("WO-1"), 17));
        assert_eq!((report.signatures.valid, report.signatures.broken), (3, 0));
    }
}

/// A forger cannot hide behind another layout.
#[test]
fn a_forged_package_in_another_layout_is_not_intact() {
    let parsed: Value = serde_json::from_slice(&package()).unwrap();
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut forged = parsed.clone();
        change(&mut forged);
        assert_ne!(forged, parsed);
        verdict(&serde_json::to_string_pretty(&forged).unwrap())
    };
    let record = "/sections/work_order/record";
    let changes: [&dyn Fn(&mut Value); 9] = [
        &|all| all["made_at"] = json!(time(7_201)),
        &|all| all["manifest"]["trail"] = json!("0".repeat(64)),
        &|all| all["manifest_sha256"] = json!("0".repeat(64)),
        &|all| all["sections"]["principals"][0]["name"] = json!("Somebody else"),
        &|all| all["sections"]["lifecycle"]["definition"]["limit"] = json!(1.25),
        &|all| all.pointer_mut(record).unwrap()["dose"] = json!(3.51),
        &|all| all.pointer_mut(record).unwrap()["extra"]["a"] = json!(1),
        &|all| all["sections"]["trail"][2]["reason"] = json!("another"),
        &|all| drop(all["sections"].as_object_mut().unwrap().remove("findings")),
    ];
    for (index, change) in changes.iter().enumerate() {
        assert_eq!(forge(*change), Verdict::NotIntact, "change {index}");
    }
    let twice = serde_json::to_string_pretty(&parsed).unwrap().replacen(
        "\"wo_number\"",
        "\"wo_number\": \"WO-2\", \"wo_number\"",
        1,
    );
    assert_eq!(verdict(&twice), Verdict::NotIntact);
}

/// A package that was forged before it was written again is as broken as it was.
#[test]
fn a_package_that_was_broken_before_is_not_called_reformatted() {
    let mut forged = sample();
    forged.section("signatures")[0]["printed_name"] = json!("Other");
    let parsed: Value = serde_json::from_slice(&forged.bytes()).unwrap();
    assert_eq!(verdict(&serde_json::to_string_pretty(&parsed).unwrap()), Verdict::NotIntact);
}

/// A file that is no package says nothing about one.
#[test]
fn another_file_is_no_package() {
    for text in [
        "",
        "{}",
        "[]",
        "<!DOCTYPE html><title>Evidence: WO-1</title>",
        "{\"format\":\"wo_core.evidence.v2\",\"sections\":{}}",
        "{\"tenant\":1}",
        "PK\u{3}\u{4}",
    ] {
        assert_eq!(verdict(text), Verdict::NoPackage, "{text}");
    }
}

/// A package with a damaged beginning is a damaged package, and no other file.
#[test]
fn a_package_with_a_damaged_beginning_is_not_intact() {
    let bytes = package();
    for place in [0, 5, 20, 40, 200] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert_eq!(verify(&damaged).verdict, Verdict::NotIntact, "byte {place}");
    }
}
