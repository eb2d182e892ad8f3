//! A person who never saw the product, or who has it read aloud, finds everything.

use serde_json::{Value, json};

use super::harmless::bare;
use super::sample::*;
use super::support::*;

#[test]
fn tables_have_captions_and_heads_with_a_scope_and_pictures_have_names() {
    let (_, document) = page(&sections());
    assert_eq!(one(&document, "html").value().attr("lang"), Some("en"));
    let tables = all(&document, "table");
    assert!(tables.len() >= 8);
    assert_eq!(all(&document, "table > caption").len(), tables.len());
    assert_eq!(all(&document, "table > thead").len(), tables.len());
    assert_eq!(all(&document, "th:not([scope])").len(), 0);
    let pictures = all(&document, "svg");
    assert_eq!(pictures.len(), 2);
    assert_eq!(all(&document, "svg[role=img][aria-labelledby]").len(), pictures.len());
}

#[test]
fn headings_go_down_one_level_at_a_time() {
    let (_, document) = page(&sections());
    let levels: Vec<u32> = all(&document, "h1, h2, h3, h4")
        .iter()
        .map(|heading| heading.value().name()[1..].parse().unwrap())
        .collect();
    assert_eq!(levels[0], 1);
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn the_head_says_what_the_page_is_about() {
    let (_, document) = page(&sections());
    let head = words_of(&document, "body > header");
    for shown in [
        "WO-2026-1121-A1B",
        "Update the freezer controllers of lab 4",
        "Acme Laboratories (acme)",
        "Status completed",
        "the work is done and waits for its approvals",
        "Regulatory yes",
        "Locked not locked",
        "Regulated change, version 4",
        &format!("Package made {}", short(430.0)),
    ] {
        assert!(head.contains(shown), "{shown}: {head}");
    }
    assert_eq!(
        words_of(&document, "head > title"),
        "Evidence: WO-2026-1121-A1B Update the freezer controllers of lab 4"
    );
}

/// A moment of the sample as the page writes it.
pub fn short(hours: f64) -> String {
    let text = at(hours);
    format!("{} {} UTC", &text[..10], &text[11..19])
}

#[test]
fn a_locked_record_says_since_when() {
    let mut sections = sections();
    sections["work_order"]["locked_at"] = json!(at(400.0));
    let (_, document) = page(&sections);
    assert!(words_of(&document, "body > header").contains(&format!("Locked {}", short(400.0))));
}

#[test]
fn every_value_of_the_record_is_shown_in_words() {
    let (_, document) = page(&sections());
    let record = words_of(&document, "section[aria-labelledby=record]");
    for shown in [
        "Priority high",
        "Project Cold chain",
        "Created by Paul Planner (paul)",
        "Assigned to Mira Maker (mira)",
        "Requested by —",
        "Due 2026-12-20",
        "Actual hours 15.25 h",
        "Tags “freezer”, “firmware”",
        "Part of WO-2026-1120-0F0 Renew the cold chain of building B",
        "Required by its master yes",
        "Roll back to 7.1 where an alarm fails.",
        "Not given: Notes, Review notes.",
        "Protocol of controller 2 lacks the serial number",
        "site.building B",
        &format!("Planned start {}", short(90.0)),
    ] {
        assert!(record.contains(shown), "{shown}: {record}");
    }
}

#[test]
fn a_column_that_the_page_does_not_know_is_shown_too() {
    let mut sections = sections();
    sections["work_order"]["record"]["batch_of_reagent"] = json!("R-77");
    let (_, document) = page(&sections);
    assert!(
        words_of(&document, "section[aria-labelledby=record]").contains("Batch of reagent R-77")
    );
}

#[test]
fn numbers_keep_every_digit() {
    let made = package(&bare()).replace(
        "\"record\":{}",
        "\"record\":{\"actual_hours\":15.250,\"metadata\":{\"n\":12345678901234567890.10}}",
    );
    let text = render(&made).unwrap();
    assert!(text.contains("15.250") && text.contains("12345678901234567890.10"));
}

#[test]
fn what_is_absent_is_a_dash() {
    let (_, document) = page(&bare());
    assert!(words_of(&document, "h1 .title") == "—");
    assert!(words_of(&document, "section[aria-labelledby=record]").contains("Assigned to —"));
    assert!(words_of(&document, ".verdict:not(.changed-count)").contains("nobody has signed"));
}

#[test]
fn keys_say_who_enrolled_them_and_who_verified_whom() {
    let mut sections = sections();
    sections["signing_keys"][1]["verified_by"] = Value::Null;
    sections["signing_keys"][1]["verified_at"] = Value::Null;
    let (_, document) = page(&sections);
    let keys: Vec<String> = all(&document, ".key").into_iter().map(words).collect();
    assert_eq!(keys.len(), 3);
    for shown in [
        "Olga Owner (olga)",
        "by Adele Admin (adele)",
        "by Hugo Human Resources (hugo)",
        &short(-899.0),
        "passport seen in person",
        sections["signing_keys"][0]["key_id"].as_str().unwrap(),
    ] {
        assert!(keys[0].contains(shown), "{shown}: {}", keys[0]);
    }
    assert!(keys[1].contains("not verified"));
    assert!(
        keys[2].contains(&format!("revoked {}", short(200.0)))
            && keys[2].contains("the laptop was lost")
    );
}

#[test]
fn delegations_are_told_with_their_scope_and_period() {
    let (_, document) = page(&sections());
    let shown = words_of(&document, "#delegation-1");
    for part in [
        "Quentin Quality (quentin)",
        "Dora Delegate (dora)",
        "qa",
        "lifecycle: regulated_change, meaning: any",
        &format!("{} – {}", short(48.0), short(216.0)),
        "on leave",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn related_work_orders_stand_in_tables_and_in_a_picture() {
    let (_, document) = page(&sections());
    let shown = words_of(&document, "section[aria-labelledby=related]");
    assert!(shown.contains("is a child of WO-2026-1120-0F0, has 5 children, waits for 2 work orders, and 1 work order waits for it"));
    assert!(shown.contains("WO-2026-1119-B2C Move the samples to freezer 9 closed 01:00:00"));
    assert!(shown.contains("controller 4 is out of service for good"));
    assert_eq!(all(&document, ".network .card").len(), 1 + 1 + 5 + 2 + 1);
    assert_eq!(all(&document, ".network .link.waits[marker-end]").len(), 3);
    assert_eq!(all(&document, ".network .card.this").len(), 1);
    assert_eq!(all(&document, ".network .card.optional").len(), 1);
}

#[test]
fn a_picture_of_many_says_how_many_it_leaves_to_the_table() {
    let mut sections = sections();
    let child = sections["children"][0].clone();
    sections["children"] = Value::Array(vec![child; 50]);
    let (_, document) = page(&sections);
    assert!(words_of(&document, ".network").contains("and 38 others: see the table"));
    assert!(
        words_of(&document, "section[aria-labelledby=related]").matches("WO-2026-1121-C01").count()
            >= 50
    );
}

#[test]
fn hashes_to_compare_and_the_command_that_verifies_are_on_the_page() {
    let sections = sections();
    let made: Value = serde_json::from_str(&package(&sections)).unwrap();
    let (_, document) = page(&sections);
    let proof = words_of(&document, "section[aria-labelledby=proof]");
    assert!(proof.contains("wo verify"));
    assert!(proof.contains(made["manifest_sha256"].as_str().unwrap()));
    assert!(proof.contains(sections["work_order"]["chain_hash"].as_str().unwrap()));
    for hash in made["manifest"].as_object().unwrap().values() {
        assert!(proof.contains(hash.as_str().unwrap()));
    }
    assert!(proof.contains("The canonical bytes of an entry are JCS"));
}
