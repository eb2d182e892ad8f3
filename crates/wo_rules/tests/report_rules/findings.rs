//! Findings and refused attempts, who made the package and the page, and how often the work came back.

use serde_json::{Value, json};

use super::readable::short;
use super::sample::*;
use super::support::*;

/// What an inspector of the FDA asks for first is not left out, and what a later version adds to a finding neither.
#[test]
fn findings_and_refused_attempts_are_shown_with_everything_that_is_known_of_them() {
    let (_, document) = page(&sections());
    let shown = words_of(&document, "section[aria-labelledby=findings]");
    for part in [
        "approvals missing it needs a signature of qa Guard: approvals collected",
        "3 attempts Mira Maker (mira), Paul Planner (paul)",
        "by Quentin Quality (quentin) training record 12 was renewed",
        "illegal transition",
        "Severity: major",
        "Capa: CAPA-12",
        "OPEN",
        &format!("{} 3 times, the last at {}", short(35.0), short(36.0)),
        "assign pending approval → assigned",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains(&uuid("finding 1")), "{shown}");
    assert_eq!(words_of(&document, ".verdict.findings"), "2 findings: 1 OPEN.");
}

/// Who may not read refused attempts gets a page that says so, and not one that says that there were none.
#[test]
fn refused_attempts_that_were_left_out_are_told_from_none() {
    let mut sections = sections();
    sections["findings"] = json!([]);
    let none = json!({"total": 0, "left_out": 0, "listed": []});
    for (attempts, shown) in [(none, "No attempt was refused"), (Value::Null, "are left out")] {
        sections["refused_attempts"] = attempts;
        let (_, document) = page(&sections);
        let section = words_of(&document, "section[aria-labelledby=findings]");
        assert!(section.contains(shown) && section.contains("There are no findings"), "{section}");
        assert_eq!(all(&document, ".verdict.findings").len(), 0);
    }
}

/// A page on paper says who printed it, when and from which software.
#[test]
fn the_page_says_who_made_it_and_the_package_when_and_with_what() {
    let (_, document) = page(&sections());
    let head = words_of(&document, "body > header");
    let with = "by Adele Admin (adele) with wo_core 0.1.0 on PostgreSQL 15.18";
    assert!(
        head.contains(&format!(
            "Package made {} {with} by itself, when the work order ended",
            short(430.0)
        )),
        "{head}"
    );
    assert!(head.contains(&format!("Page made {} {with}", short(500.0))), "{head}");
    assert!(words_of(&document, "footer").contains(&format!("Page made {} {with}", short(500.0))));
}

/// A page that lists the first thousand must not look as if there were no more.
#[test]
fn the_page_says_how_many_refused_attempts_it_leaves_out() {
    let mut sections = sections();
    let shown = |sections: &Value| words_of(&page(sections).1, "section[aria-labelledby=findings]");
    assert!(!shown(&sections).contains("left out"), "{}", shown(&sections));
    sections["refused_attempts"]["total"] = json!(1_235);
    sections["refused_attempts"]["left_out"] = json!(1_234);
    assert!(
        shown(&sections).contains("1,234 of 1,235 entries about refused attempts are left out")
    );
}

/// The page says the revision in words: each time that the work was sent back began a new one.
#[test]
fn the_page_says_how_often_the_work_came_back() {
    let mut sections = sections();
    let work = |sections: &Value| words_of(&page(sections).1, "body > header");
    let shown = format!("Work {} – {} sent back once", short(98.0), short(299.5));
    assert!(work(&sections).contains(&shown), "{}", work(&sections));
    for (revision, shown) in [
        (json!(3), "sent back 2 times"),
        (json!(1), "never sent back"),
        (Value::Null, "how often it was sent back is not known"),
    ] {
        sections["work_order"]["record"]["revision"] = revision;
        assert!(work(&sections).contains(shown), "{}", work(&sections));
    }
}
