//! 21 CFR 11.50: every signature is shown with the printed name, date and time, and its meaning;
//! and one that no longer counts says so in words (EU Annex 11 §14).

use scraper::ElementRef;
use serde_json::{Value, json};

use super::readable::short;
use super::sample::*;
use super::signed::SIGNED;
use super::support::*;

fn classes(element: &ElementRef) -> String {
    element.value().attr("class").unwrap().to_owned()
}

#[test]
fn every_signature_shows_name_date_time_zone_and_meaning() {
    let sections = sections();
    let (_, document) = page(&sections);
    let shown = all(&document, ".signature");
    assert_eq!(shown.len(), SIGNED.len());
    for ((signature, expected), section) in
        shown.iter().zip(SIGNED).zip(sections["signatures"].as_array().unwrap())
    {
        let shown = words(*signature);
        for part in [
            &format!("{} ({})", expected.printed_name, expected.signer),
            &format!("{} ({})", short(expected.hours), expected.zone),
            &format!("approved: {}", expected.meaning),
            expected.role,
            section["key_id"].as_str().unwrap(),
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(classes(signature), format!("signature {}", expected.state));
        if let Some((id, name)) = expected.on_behalf_of {
            assert!(
                shown.contains(&format!("On behalf of {name} ({id}), by delegation 1")),
                "{shown}"
            );
        } else {
            assert!(shown.contains("On behalf of —"), "{shown}");
        }
    }
}

#[test]
fn the_printed_name_is_the_one_that_was_signed_with() {
    let mut sections = sections();
    for principal in sections["principals"].as_array_mut().unwrap() {
        principal["name"] = json!("Renamed");
    }
    let (_, document) = page(&sections);
    let names: Vec<String> =
        all(&document, ".signature .printed-name").into_iter().map(words).collect();
    assert_eq!(names, SIGNED.iter().map(|one| one.printed_name).collect::<Vec<_>>());
}

#[test]
fn what_no_longer_counts_says_so_and_why_in_words() {
    let (_, document) = page(&sections());
    for (signature, expected) in all(&document, ".signature").into_iter().zip(SIGNED) {
        let shown = words(signature);
        let mark = match expected.state {
            "valid" => "VALID",
            "amended" => "AMENDED: COUNTS AS UNSIGNED",
            "void" => "VOID: NO LONGER COUNTS",
            _ => "WITHDRAWN: NO LONGER COUNTS",
        };
        assert!(shown.contains(mark), "{mark}: {shown}");
        if let (Some(why), Some(since)) = (expected.why, expected.since) {
            assert!(shown.contains(&format!("Why: {why}")), "{shown}");
            assert!(shown.contains(&format!("Since {}", short(since))), "{shown}");
        } else {
            assert!(!shown.contains("Why:"), "{shown}");
        }
    }
    let amended = words_of(&document, ".signature.amended");
    assert!(amended.contains(
        "The content was changed after it was signed. It counts as unsigned until it is signed again."
    ));
    assert!(amended.contains("It has not been signed again."));
    let void = words_of(&document, ".signature.void");
    assert!(void.contains("Signed again: signature 3, by Olga Owner"), "{void}");
}

fn verdict(change: impl Fn(&mut Vec<Value>)) -> (String, String) {
    let mut sections = sections();
    change(sections["signatures"].as_array_mut().unwrap());
    let (_, document) = page(&sections);
    let verdict = one(&document, ".verdict:not(.changed-count):not(.findings)");
    (words(verdict), classes(&verdict))
}

/// The same with every signature valid that is required, and the requests closed.
fn complete(change: impl Fn(&mut Value)) -> (String, String) {
    let mut sections = sections();
    let signatures = sections["signatures"].as_array_mut().unwrap();
    signatures[4]["state"] = json!("valid");
    for (_, request) in sections["child_records"].as_object_mut().unwrap() {
        if request["closed_at"].is_null() {
            request["closed_at"] = json!(at(350.0));
        }
    }
    change(&mut sections);
    let (_, document) = page(&sections);
    let verdict = one(&document, ".verdict:not(.changed-count):not(.findings)");
    (words(verdict), classes(&verdict))
}

/// The head of the page says what counts. A red frame on a proper record makes an inspector look for a fault that is
/// not there.
#[test]
fn the_head_says_what_is_required_and_whether_it_is_in_force() {
    let (shown, class) = complete(|_| {});
    let expected = "✓ All 4 required signatures are in force; 2 earlier ones were superseded.";
    assert_eq!((shown.as_str(), class.as_str()), (expected, "verdict valid"));

    let (shown, class) = complete(|sections| {
        let signatures = sections["signatures"].as_array_mut().unwrap();
        signatures.retain(|one| one["state"] == "valid" || one["state"] == "void");
    });
    let expected = "✓ All 4 required signatures are in force; 1 earlier one was superseded.";
    assert_eq!((shown.as_str(), class.as_str()), (expected, "verdict valid"));

    // What is still asked for is waited for, and is no fault.
    let (shown, class) = verdict(|_| {});
    assert_eq!(class, "verdict");
    assert_eq!(
        shown,
        "3 of 4 required signatures are in force; 2 earlier ones were superseded. Waited for: 1 signature of \
         system owner, completion. Signature 5 (Olga Owner) is amended and was not given again."
    );

    let (shown, class) = verdict(Vec::clear);
    assert_eq!(class, "verdict broken", "the plan was passed without a signature");
    assert!(shown.starts_with("! 0 of 3 required signatures are in force. MISSING:"), "{shown}");
}

/// A gate that was passed with a signature that does not count any more is what the red frame is for.
#[test]
fn a_required_signature_behind_a_passed_gate_that_does_not_count_is_missing() {
    let (shown, class) = complete(|sections| sections["signatures"][3]["state"] = json!("amended"));
    assert_eq!(class, "verdict broken");
    assert!(shown.starts_with("! 3 of 4 required signatures are in force"), "{shown}");
    assert!(shown.contains("MISSING: 1 signature of qa, plan."), "{shown}");
}

/// A round that was given up, by a return to the draft, asks for nothing.
#[test]
fn what_was_asked_for_in_a_round_that_was_given_up_is_not_required() {
    let mut sections = sections();
    sections["signatures"] = json!([]);
    let trail = sections["trail"].as_array_mut().unwrap();
    trail.truncate(8);
    let requests = sections["child_records"].as_object_mut().unwrap();
    requests.retain(|name, request| {
        name.starts_with("approval_request") && request["meaning"] == "plan"
    });
    let (_, document) = page(&sections);
    let shown = words_of(&document, ".verdict:not(.changed-count):not(.findings)");
    assert!(shown.contains("nobody has signed this work order"), "{shown}");
}

#[test]
fn a_rejection_is_not_taken_for_an_approval() {
    let (shown, class) = complete(|sections| {
        sections["signatures"][5]["decision"] = json!("rejected");
        sections["child_records"][format!("approval_request:{}", uuid("r4"))]["closed_at"] =
            Value::Null;
    });
    assert_eq!(class, "verdict");
    assert!(shown.starts_with("3 of 4 required signatures are in force"), "{shown}");
    assert!(
        shown.contains("Signature 6 (Quentin Quality) is in force too: rejected, completion."),
        "{shown}"
    );
}

#[test]
fn a_state_that_the_page_does_not_know_is_never_valid() {
    let (shown, class) = complete(|sections| sections["signatures"][2]["state"] = json!("Valid"));
    assert_eq!(class, "verdict broken");
    assert!(shown.contains("1 signature is in a state that this page does not know"), "{shown}");
}

#[test]
fn approvals_that_are_still_open_are_told() {
    let (_, document) = page(&sections());
    let shown = words_of(&document, "section[aria-labelledby=signatures] > table");
    assert_eq!(shown.matches("OPEN").count(), 1);
    assert!(
        shown.contains(&format!("close system owner completion 1 {}", short(331.0))),
        "{shown}"
    );
}

#[test]
fn the_timeline_has_every_transition_and_signature_in_the_order_of_time() {
    let (_, document) = page(&sections());
    let events: Vec<String> = all(&document, ".timeline li").into_iter().map(words).collect();
    assert_eq!(events.len(), 9 + 6 + 3);
    let times: Vec<&str> = events.iter().map(|event| &event[..19]).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(events.iter().any(|event| {
        event.contains("Signature 2: Quentin Quality approved: plan, as qa now withdrawn")
    }));
    assert!(events.iter().any(|event| event.contains("Signature 5 of Olga Owner became amended")));
    assert_eq!(all(&document, ".band .pin.valid").len(), 3);
    assert_eq!(all(&document, ".band .pin.fallen").len(), 3);
}
