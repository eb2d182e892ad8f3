//! What a forger changes who hashes the manifest anew, and more: the trail, the signatures and the
//! record contradict each other.

use crate::sample::*;
use serde_json::{Value, json};
use wo_rules::evidence::verify::{Problem, verify};

pub fn problems_of(sample: &Sample) -> Vec<Problem> {
    let report = verify(&sample.bytes());
    assert_eq!(report.intact, report.problems.is_empty());
    report.problems
}

/// The pointers of the problems after a change; the places that they name are the values changed.
pub fn pointers(change: impl FnOnce(&mut Sample)) -> Vec<String> {
    let mut forged = sample();
    change(&mut forged);
    let bytes = forged.bytes();
    let file: Value = serde_json::from_slice(&bytes).unwrap();
    let report = verify(&bytes);
    for problem in &report.problems {
        let named = file.pointer(&problem.pointer).expect(&problem.pointer);
        let place: Value = serde_json::from_slice(&bytes[problem.bytes.clone()]).unwrap();
        let is_inside = named == &place || named.to_string().contains(&place.to_string());
        assert!(is_inside, "{problem:?} names {named}, its bytes are {place}");
    }
    report.problems.into_iter().map(|problem| problem.pointer).collect()
}

#[track_caller]
pub fn assert_named(pointer: &str, change: impl FnOnce(&mut Sample)) {
    let found = pointers(change);
    assert!(found.iter().any(|found| found == pointer), "{pointer} is not among {found:?}");
}

/// Another value of the same kind.
fn other(value: &Value) -> Value {
    match value {
        Value::Null => json!("x"),
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::String(text) => {
            let last = text.chars().last().unwrap_or('x');
            let without = &text[..text.len() - last.len_utf8()];
            json!(format!("{without}{}", if last == '1' { '2' } else { '1' }))
        }
        _ => json!([]),
    }
}

fn names_of(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_change_of_any_column_of_any_entry_is_found_and_the_first_broken_entry_is_named() {
    let count = sample().section("trail").as_array().unwrap().len();
    for index in 0..count {
        for column in names_of(&sample().section("trail")[index]) {
            let mut forged = sample();
            let value = &mut forged.section("trail")[index][&column];
            *value =
                if column == "record_version" && value.is_null() { json!(1) } else { other(value) };
            let found = problems_of(&forged);
            let place = format!("/sections/trail/{index}");
            let first = found
                .iter()
                .find(|problem| problem.pointer.starts_with("/sections/trail/"))
                .unwrap_or_else(|| panic!("{column} of entry {index}: {found:?}"));
            let is_there =
                first.pointer == place || first.pointer.starts_with(&format!("{place}/"));
            assert!(is_there, "{column} of entry {index}: {found:?}");
        }
    }
}

#[test]
fn entries_removed_added_or_swapped_are_found() {
    assert_named("/sections/trail/3", |forged| {
        _ = forged.section("trail").as_array_mut().unwrap().remove(3)
    });
    assert_named("/sections/trail/5", |forged| {
        forged.section("trail").as_array_mut().unwrap().swap(5, 6)
    });
    assert_named("/sections/trail/8", |forged| {
        let trail = forged.section("trail").as_array_mut().unwrap();
        trail.insert(8, trail[7].clone());
    });
    assert_named("/sections/work_order/chain_sequence", |forged| {
        _ = forged.section("trail").as_array_mut().unwrap().pop();
    });
    assert_named("/sections/trail", |forged| *forged.section("trail") = json!([]));
}

/// The columns of an entry that stand nowhere else in a package: an attacker who can hash the whole chain
/// anew can change them, until the ledger has sealed the entry.
const SAID_ONCE: [&str; 8] = [
    "action",
    "actor",
    "application",
    "authenticated_by",
    "client_address",
    "login_role",
    "reason",
    "transaction_id",
];

#[test]
fn a_chain_hashed_anew_is_found_wherever_it_contradicts_the_rest() {
    let last = sample().section("trail").as_array().unwrap().len() - 1;
    for column in names_of(&sample().section("trail")[last]) {
        let mut forged = sample();
        let value = &mut forged.section("trail")[last][&column];
        *value = other(value);
        if column == "changes" {
            *value = json!(r#"{"asset":{"old":"\"P-100\""},"locked_at":{"new":"\"x\""}}"#);
        }
        forged.rehash_chain();
        let is_hash = matches!(column.as_str(), "previous_hash" | "entry_hash");
        let is_found = !problems_of(&forged).is_empty();
        assert_eq!(is_found, !is_hash && !SAID_ONCE.contains(&column.as_str()), "{column}");
    }
}

#[test]
fn a_signing_entry_of_another_actor_contradicts_the_signature() {
    let index = sample()
        .section("trail")
        .as_array()
        .unwrap()
        .iter()
        .position(|entry| entry["action"] == "signed")
        .unwrap();
    assert_named("/sections/signatures/1/signer", |forged| {
        forged.section("trail")[index]["actor"] = json!("olga");
        forged.rehash_chain();
    });
}

#[test]
fn a_change_of_any_column_of_any_signature_is_found_and_named() {
    let count = sample().section("signatures").as_array().unwrap().len();
    for index in 0..count {
        for column in names_of(&sample().section("signatures")[index]) {
            let mut forged = sample();
            let value = &mut forged.section("signatures")[index][&column];
            *value = match column.as_str() {
                "decision" if *value == "approved" => json!("rejected"),
                "decision" => json!("approved"),
                "covers" if *value == "plan" => json!("result"),
                "covers" => json!("plan"),
                "state" if *value == "valid" => json!("amended"),
                "state" => json!("valid"),
                _ => other(value),
            };
            let found = problems_of(&forged);
            let pointer = match column.as_str() {
                // Now that of another signature, or of none.
                "approval" => format!("/sections/signatures/{index}/"),
                column => format!("/sections/signatures/{index}/{column}"),
            };
            assert!(
                found.iter().any(|problem| problem.pointer.starts_with(&pointer)),
                "{column} of signature {index}: {found:?}"
            );
        }
    }
}

#[test]
fn a_signature_changed_in_the_trail_as_well_still_contradicts_what_was_signed() {
    let mut kept = sample();
    let name = format!("approval:{}", approval(4));
    let columns: Value = serde_json::from_str(&kept.child_records[&name]).unwrap();
    for (column, _) in columns.as_object().unwrap() {
        let mut forged = kept.clone();
        let mut changed = columns.clone();
        changed[column] = match column.as_str() {
            "decision" => json!("rejected"),
            "covers" => json!("result"),
            "signed_at" => json!(time(60)),
            _ => other(&changed[column]),
        };
        let (old, new) = (columns.to_string(), changed.to_string());
        forged.child_records.insert(name.clone(), new.clone());
        for entry in forged.section("trail").as_array_mut().unwrap() {
            let changes = entry["changes"].as_str().unwrap().replace(&old, &new);
            entry["changes"] = json!(changes);
        }
        let shown = forged
            .section("signatures")
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .find(|signature| signature["approval"] == json!(approval(4)))
            .unwrap();
        match column.as_str() {
            "signature" => {
                let bytes = hex::decode(changed["signature"].as_str().unwrap()).unwrap();
                shown["signature"] = json!(base64url(&bytes));
            }
            column if shown.get(column).is_some() => shown[column] = changed[column].clone(),
            _ => {}
        }
        forged.rehash_chain();
        let found = problems_of(&forged);
        // The moment of signing is the server's to say; the payload holds when it was asked for.
        let is_servers = column == "signed_at";
        assert_eq!(found.is_empty(), is_servers, "{column}: {found:?}");
    }
    assert!(problems_of(&kept).is_empty());
    kept.section("signatures")[3]["signed_at"] = json!(time(3_000));
    assert!(!problems_of(&kept).is_empty());
}

#[test]
fn a_signature_left_out_repeated_or_moved_is_found() {
    assert_named("/sections/signatures", |forged| {
        _ = forged.section("signatures").as_array_mut().unwrap().remove(2);
    });
    assert_named("/sections/child_records", |forged| {
        forged.section("signatures").as_array_mut().unwrap().remove(2);
        forged.child_records.remove(&format!("approval:{}", approval(3)));
    });
    assert_named("/sections/signatures/6/approval", |forged| {
        let signatures = forged.section("signatures").as_array_mut().unwrap();
        signatures.push(signatures[3].clone());
    });
    assert_named("/sections/signatures/4", |forged| {
        forged.section("signatures").as_array_mut().unwrap().swap(3, 4);
    });
}

#[test]
fn a_change_of_any_column_of_the_record_is_found_and_named() {
    for (column, text) in &sample().record {
        let pointer = format!("/sections/work_order/record/{column}");
        assert_named(&pointer, |forged| {
            forged.record.insert(column.clone(), format!("[{text}]"));
        });
        assert_named("/sections/work_order", |forged| _ = forged.record.remove(column));
    }
    assert_named("/sections/work_order/record/notes", |forged| {
        forged.record.insert("notes".to_owned(), "\"x\"".to_owned());
    });
    for member in names_of(sample().section("work_order")) {
        assert_named(&format!("/sections/work_order/{member}"), |forged| {
            let value = &mut forged.section("work_order")[&member];
            *value = other(value);
        });
    }
}

#[test]
fn a_change_of_anything_that_belongs_to_the_work_order_is_found_and_named() {
    for name in sample().child_records.keys() {
        assert_named(&format!("/sections/child_records/{name}"), |forged| {
            forged.child_records.insert(name.clone(), "{}".to_owned());
        });
        assert_named("/sections/child_records", |forged| _ = forged.child_records.remove(name));
    }
    assert_named("/sections/child_records/engine_override", |forged| {
        forged.child_records.insert("engine_override".to_owned(), "{}".to_owned());
    });
    // A column hidden among the child_records would not be covered by signatures.
    assert_named("/sections/child_records/title", |forged| {
        let title = forged.record.remove("title").unwrap();
        forged.child_records.insert("title".to_owned(), title);
    });
}

#[test]
fn what_stands_around_the_record_is_what_the_record_and_trail_name() {
    assert_named("/sections/lifecycle/name", |forged| {
        forged.section("lifecycle")["name"] = json!("fleet_task");
    });
    assert_named("/sections/lifecycle/version", |forged| {
        forged.section("lifecycle")["version"] = json!(2);
    });
    assert_named("/sections/master", |forged| {
        *forged.section("master") =
            json!({"id": PART, "wo_number": "WO-2", "title": "x", "status": "draft"});
    });
    assert_named("/sections/dependencies/waits_for/0", |forged| {
        forged.section("dependencies")["waits_for"][0]["id"] = json!(PART);
    });
    assert_named("/sections/dependencies/waits_for/0/lag", |forged| {
        forged.section("dependencies")["waits_for"][0]["lag"] = json!("1 day");
    });
    assert_named("/sections/dependencies/waits_for", |forged| {
        forged.section("dependencies")["waits_for"] = json!([]);
    });
    assert_named("/sections/signatures/3/payload", |forged| {
        forged.section("tenant")["tenant_id"] = json!(PART);
    });
}

#[test]
fn several_problems_are_all_listed() {
    let found = pointers(|forged| {
        forged.section("trail")[7]["reason"] = json!("other");
        forged.section("signatures")[0]["printed_name"] = json!("Other");
        forged.section("signatures")[3]["role"] = json!("owner");
        forged.section("work_order")["wo_number"] = json!("WO-8");
        forged.section("signing_keys")[1]["enrolled_at"] = json!("x");
    });
    for pointer in [
        "/sections/trail/7",
        "/sections/signatures/0/printed_name",
        "/sections/signatures/3/role",
        "/sections/work_order/wo_number",
        "/sections/signing_keys/1/enrolled_at",
    ] {
        assert!(found.iter().any(|found| found == pointer), "{pointer}: {found:?}");
    }
}
