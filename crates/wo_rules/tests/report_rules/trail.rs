//! 21 CFR 11.10(e) and EU Annex 11 §9 and §12.4: the whole trail is there, and what was changed
//! since it was entered is marked and counted.

use serde_json::{Value, json};

use super::readable::short;
use super::sample::*;
use super::support::*;

fn with_changes(changes: &[Value]) -> Value {
    let mut sections = sections();
    let entries = changes.iter().enumerate().map(|(index, change)| {
        let hours = index as f64;
        entry(index + 1, hours, Some("mira"), "changed", change)
    });
    sections["trail"] = entries.collect();
    sections
}

#[test]
fn every_entry_says_who_what_when_why_and_from_where() {
    let (_, document) = page(&sections());
    let rows: Vec<String> = all(&document, ".trail tbody tr").into_iter().map(words).collect();
    assert_eq!(rows.len(), 22);
    for (index, row) in rows.iter().enumerate() {
        assert!(row.starts_with(&format!("{} 20", index + 1)), "{row}");
    }
    for shown in [
        "Olga Owner (olga)",
        "return",
        "pending approval → draft",
        "returned to draft: the rollback plan was missing",
        &at(26.5)[11..26],
        "as entry 1",
    ] {
        assert!(rows[7].contains(shown), "{shown}: {}", rows[7]);
    }
    // Where it came from stands at the first of several entries.
    for shown in [
        "Address 10.20.4.17",
        "Application wo-desk 4.2",
        "Login desk",
        "Proven by token:6f1d2c9e-8a53",
    ] {
        assert!(rows[0].contains(shown), "{shown}: {}", rows[0]);
    }
    assert!(rows[21].contains("database role postgres"), "{}", rows[21]);
}

/// The worker and an administrator are no unknown database role: an inspector asks who that is.
#[test]
fn the_worker_jobs_and_administrators_are_called_so() {
    let mut sections = with_changes(&[json!({}), json!({}), json!({}), json!({})]);
    for (index, proof) in ["worker", "job", "administration", "login"].iter().enumerate() {
        sections["trail"][index]["actor"] = Value::Null;
        sections["trail"][index]["authenticated_by"] = json!(proof);
    }
    let (_, document) = page(&sections);
    for (index, shown) in [
        "the worker changed",
        "a job (called by database role desk) changed",
        "administrator (database role desk) changed",
        "database role desk changed",
    ]
    .iter()
    .enumerate()
    {
        let row = words_of(&document, &format!("#entry-{}", index + 1));
        assert!(row.contains(shown), "{shown}: {row}");
    }
}

#[test]
fn values_changed_since_entry_are_marked_and_counted() {
    let (_, document) = page(&sections());
    let marked: Vec<&str> =
        all(&document, "tr.changed").iter().map(|row| row.value().attr("id").unwrap()).collect();
    assert_eq!(marked, ["entry-9", "entry-19"]);
    let shown = words_of(&document, ".changed-count");
    assert!(shown.starts_with("2 of 22 entries changed data since entry"), "{shown}");
    assert!(shown.contains("Completion summary (1), Description (1), Further data (1)"), "{shown}");
    let row = words_of(&document, "#entry-9");
    assert!(row.contains("cost: 12000.5 → 13500"), "{row}");
    assert!(!row.contains("type:"), "what did not change is not repeated: {row}");
    assert_eq!(all(&document, "#entry-9 .values .mark").len(), 2);
}

#[test]
fn a_value_taken_away_is_a_change_and_one_first_entered_is_none() {
    let sections = with_changes(&[
        json!({"asset": {"new": "A"}, "tags": {"new": []}, "metadata": {"new": {}}}),
        json!({"tags": {"old": [], "new": ["x"]}, "metadata": {"old": {}, "new": {"k": "v"}}}),
        json!({"asset": {"old": "A"}}),
    ]);
    let (_, document) = page(&sections);
    assert_eq!(all(&document, "tr.changed").len(), 1);
    assert!(words_of(&document, "#entry-3").contains("Asset: ▲ CHANGED A → —"));
}

#[test]
fn what_the_system_keeps_is_no_changed_data() {
    let sections = with_changes(&[json!({
        "revision": {"old": 1, "new": 2}, "lifecycle_version": {"old": 1, "new": 2},
        "approval:x": {"old": {"amended_at": null}, "new": {"amended_at": at(3.0)}},
        "approval_request:x": {"old": {"escalations": 0}, "new": {"escalations": 1}},
    })]);
    let (_, document) = page(&sections);
    assert!(words_of(&document, ".changed-count").contains("No entry changed a value"));
    let row = words_of(&document, "#entry-1");
    assert!(row.contains("Revision: 1 → 2"), "{row}");
    assert!(row.contains("escalations: 0 → 1"), "{row}");
}

#[test]
fn child_records_are_shown_by_name_without_the_bytes_of_signatures() {
    let (_, document) = page(&sections());
    assert!(words_of(&document, "#entry-3").contains("Waits for WO-2026-1119-B2C"));
    let signed = words_of(&document, "#entry-5");
    assert!(signed.contains("Signature 1 was given"), "{signed}");
    assert!(!signed.contains("payload") && !signed.contains("— →"), "{signed}");
}

#[test]
fn a_clock_that_was_set_back_is_told_and_reorders_nothing() {
    let (_, document) = page(&sections());
    assert!(words_of(&document, "#entry-22").contains("clock set back"));
    let shown: Vec<usize> = all(&document, ".trail tbody tr")
        .into_iter()
        .enumerate()
        .filter(|(_, row)| words(*row).contains("clock set back"))
        .map(|(index, _)| index + 1)
        .collect();
    assert_eq!(shown, [22]);
}

#[test]
fn changes_that_cannot_be_read_are_shown_as_they_are() {
    let mut sections = with_changes(&[json!({})]);
    for text in ["not <json>", "[1]", "{\"title\": 3}"] {
        sections["trail"][0]["changes"] = json!(text);
        let (_, document) = page(&sections);
        assert!(words_of(&document, "#entry-1").contains(text), "{text}");
    }
}

#[test]
fn times_among_the_changed_values_have_their_zone() {
    let (_, document) = page(&sections());
    let row = words_of(&document, "#entry-14");
    let expected = short(98.0).replace(" UTC", &format!("{} UTC", &at(98.0)[19..26]));
    assert!(row.contains(&format!("Actual start: {expected}")), "{row}");
}
