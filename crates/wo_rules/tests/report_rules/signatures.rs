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
    let verdict = one(&document, ".verdict:not(.changed-count)");
    (words(verdict), classes(&verdict))
}

#[test]
fn the_head_says_at_once_whether_every_signature_is_valid() {
    let (shown, class) = verdict(|_| {});
    assert_eq!(class, "verdict broken");
    assert!(
        shown.starts_with("! Not every signature is valid. Of 6 signatures, 3 are valid, 1 is amended, 1 is void, 1 is withdrawn."),
        "{shown}"
    );
    assert!(shown.ends_with("Not signed again: signature 5 (Olga Owner)."), "{shown}");

    let (shown, class) = verdict(|signatures| signatures.retain(|one| one["state"] == "valid"));
    assert_eq!(
        (shown.as_str(), class.as_str()),
        ("✓ All 3 signatures on this work order are valid.", "verdict valid")
    );

    let (shown, _) = verdict(|signatures| signatures.retain(|one| one["state"] != "amended"));
    assert!(
        shown.ends_with("Each of those that no longer count has been signed again."),
        "{shown}"
    );

    let (shown, class) = verdict(Vec::clear);
    assert_eq!((shown.as_str(), class.as_str()), ("Nobody has signed this work order.", "verdict"));
}

#[test]
fn a_rejection_is_not_taken_for_an_approval() {
    let (shown, _) = verdict(|signatures| {
        signatures.retain(|one| one["state"] == "valid");
        signatures[0]["decision"] = json!("rejected");
    });
    assert!(shown.ends_with("Of the valid ones, 1 is a rejection."), "{shown}");
    let (shown, _) = verdict(|signatures| signatures[5]["decision"] = json!("rejected"));
    assert!(shown.contains("1 is a rejection."), "{shown}");
}

#[test]
fn a_state_that_the_page_does_not_know_is_never_valid() {
    let (shown, class) = verdict(|signatures| {
        signatures.retain(|one| one["state"] == "valid");
        signatures[0]["state"] = json!("Valid");
    });
    assert_eq!(class, "verdict broken");
    assert!(shown.contains("1 is in a state that this page does not know"), "{shown}");
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
