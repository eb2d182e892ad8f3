//! What is no calendar, and how that is said.

use serde_json::{Value, json};
use wo_rules::calendar::Calendar;

use crate::data_of;
use wo_rules::refusal::Refusal;

fn refused(zone: &str, working_hours: &Value, holidays: &[&str]) -> Refusal {
    let holidays: Vec<String> = holidays.iter().map(|day| (*day).to_owned()).collect();
    let refusal = Calendar::read(zone, data_of(zone), working_hours, &holidays).unwrap_err();
    assert_eq!((refusal.sqlstate.code(), refusal.code), ("22023", "calendar_invalid"));
    assert!(!refusal.hint.is_empty());
    refusal
}

#[test]
fn a_zone_that_nobody_knows_is_named() {
    let unknown =
        ["", "Europe/Nowhere", "CET+1", "../Europe/Berlin", "Etc/Unknown", "Europe/Berlin "];
    for zone in unknown {
        assert!(refused(zone, &json!({}), &[]).message.contains(&format!("{zone:?}")), "{zone}");
    }
    for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata", "Etc/GMT+5"] {
        Calendar::read(zone, data_of(zone), &json!({}), &[]).unwrap();
    }
}

#[test]
fn an_interval_that_cannot_be_is_named_with_its_day() {
    for (intervals, named) in [
        (json!("09:00-17:00"), "no list"),
        (json!({ "09:00": "17:00" }), "no list"),
        (json!(["09:00", "17:00"]), "no interval"),
        (json!([["09:00"]]), "no interval"),
        (json!([["09:00", "12:00", "17:00"]]), "no interval"),
        (json!([[9, 17]]), "no interval"),
        (json!([["9:00", "17:00"]]), "\"9:00\""),
        (json!([["09:00", "17:60"]]), "\"17:60\""),
        (json!([["09:00", "24:01"]]), "\"24:01\""),
        (json!([["09:00", "25:00"]]), "\"25:00\""),
        (json!([["09:00:00", "17:00"]]), "\"09:00:00\""),
        (json!([["+9:00", "17:00"]]), "\"+9:00\""),
        (json!([["٠٩:00", "17:00"]]), "no time of day"),
        (json!([["09:00", "09:00"]]), "09:00-09:00"),
        (json!([["24:00", "24:00"]]), "24:00-24:00"),
        (Value::from(vec![json!(["09:00", "10:00"]); 25]), "25 intervals"),
    ] {
        let refusal = refused("UTC", &json!({ "tuesday": intervals }), &[]);
        assert!(refusal.message.contains("tuesday: "), "{}", refusal.message);
        assert!(refusal.message.contains(named), "{named}: {}", refusal.message);
    }
}

#[test]
fn an_interval_over_midnight_is_refused_with_the_way_to_write_it() {
    let refusal = refused("UTC", &json!({ "friday": [["22:00", "06:00"]] }), &[]);
    for part in ["friday: 22:00-06:00", "24:00", "00:00"] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
}

#[test]
fn intervals_that_overlap_are_both_named() {
    for (intervals, named) in [
        (json!([["09:00", "12:00"], ["11:00", "13:00"]]), "09:00-12:00 and 11:00-13:00 overlap"),
        (json!([["11:00", "13:00"], ["09:00", "11:01"]]), "09:00-11:01 and 11:00-13:00 overlap"),
        (json!([["09:00", "17:00"], ["10:00", "11:00"]]), "09:00-17:00 and 10:00-11:00 overlap"),
        (json!([["09:00", "10:00"], ["09:00", "10:00"]]), "09:00-10:00 and 09:00-10:00 overlap"),
    ] {
        let refusal = refused("UTC", &json!({ "monday": intervals }), &[]);
        assert!(refusal.message.contains(&format!("monday: {named}")), "{}", refusal.message);
    }
    let touching = json!({ "monday": [["12:00", "17:00"], ["09:00", "12:00"]] });
    Calendar::read("UTC", data_of("UTC"), &touching, &[]).unwrap();
}

#[test]
fn a_holiday_that_no_calendar_has_is_named() {
    for day in ["2026-02-29", "2026-13-01", "20261224", "2026-12-24T00:00", "24.12.2026", ""] {
        let refusal = refused("UTC", &json!({}), &["2026-12-25", day]);
        assert!(refusal.message.contains(&format!("{day:?}")), "{}", refusal.message);
    }
    let leap_day = ["2028-02-29".to_owned(), "2028-02-29".to_owned()];
    Calendar::read("UTC", data_of("UTC"), &json!({}), &leap_day).unwrap();
    let too_many = vec!["2026-12-24"; 5_001];
    assert!(refused("UTC", &json!({}), &too_many).message.contains("5001 holidays"));
}

#[test]
fn every_problem_is_told_at_once() {
    let working_hours = json!({
        "monday": [["09:00", "12:00"], ["11:00", "10:00"]],
        "funday": [],
        "friday": [["x", "y"]]
    });
    let refusal = refused("Nowhere", &working_hours, &["soon"]);
    let problems = refusal.detail["problems"].as_array().unwrap();
    for (problem, part) in problems.iter().zip([
        "\"Nowhere\"",
        "monday: 11:00-10:00",
        "\"funday\"",
        "\"x\"",
        "\"soon\"",
    ]) {
        assert!(problem.as_str().unwrap().contains(part), "{problem} for {part}");
    }
    assert_eq!(problems.len(), 5);
}

#[test]
fn a_refusal_does_not_repeat_all_that_was_given() {
    let days: serde_json::Map<String, Value> =
        (0..1_000).map(|index| (format!("{index}{}", "é".repeat(1_000)), json!([]))).collect();
    let refusal = refused(&"x".repeat(100_000), &Value::Object(days), &[]);
    assert!(refusal.detail_json().len() < 10_000, "{}", refusal.detail_json().len());
}

#[test]
fn working_hours_are_an_object() {
    for value in [json!(null), json!([]), json!("always"), json!(40)] {
        assert!(refused("UTC", &value, &[]).message.contains("working hours are no object"));
    }
}
