//! Days on which a careless clock goes wrong.

use serde_json::{Value, json};
use wo_rules::calendar::{Calendar, LONGEST};
use wo_rules::time;

use crate::{DAY, HOUR, MINUTE, at, calendar};

fn office_hours() -> Value {
    let day = json!([["09:00", "12:00"], ["13:00", "17:00"]]);
    json!({ "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day })
}

fn every_day(intervals: Value) -> Value {
    json!({
        "monday": intervals, "tuesday": intervals, "wednesday": intervals, "thursday": intervals,
        "friday": intervals, "saturday": intervals, "sunday": intervals
    })
}

/// The moment after so much working time, as the trail writes it.
fn after(calendar: &Calendar, from: &str, working: i64) -> String {
    calendar.add(at(from), working).map_or_else(|| "never".to_owned(), time::utc)
}

fn utc(text: &str) -> String {
    time::utc(at(text))
}

#[test]
fn working_time_stops_at_noon_overnight_and_at_the_weekend() {
    let office = calendar("Europe/Berlin", &office_hours(), &[]);
    for (from, hours, reached) in [
        ("2026-06-01T09:00+02:00", 3, "2026-06-01T12:00+02:00"),
        ("2026-06-01T09:00+02:00", 4, "2026-06-01T14:00+02:00"),
        ("2026-06-01T12:30+02:00", 1, "2026-06-01T14:00+02:00"),
        ("2026-06-01T06:00+02:00", 1, "2026-06-01T10:00+02:00"),
        ("2026-06-01T17:00+02:00", 1, "2026-06-02T10:00+02:00"),
        ("2026-06-05T16:00+02:00", 2, "2026-06-08T10:00+02:00"),
        ("2026-06-06T16:00+02:00", 7, "2026-06-08T17:00+02:00"),
    ] {
        assert_eq!(after(&office, from, hours * HOUR), utc(reached), "{from} and {hours} h");
    }
}

#[test]
fn a_day_keeps_its_local_hours_on_both_sides_of_a_change_of_clocks() {
    // Berlin jumps in the night to 2026-03-29 and falls back in that to 2026-10-25, both Sundays.
    let office = calendar("Europe/Berlin", &office_hours(), &[]);
    for (from, reached) in [
        ("2026-03-27T16:00+01:00", "2026-03-30T10:00+02:00"),
        ("2026-10-23T16:00+02:00", "2026-10-26T10:00+01:00"),
    ] {
        assert_eq!(after(&office, from, 2 * HOUR), utc(reached));
    }
    // New York changes on 2026-03-08 and 2026-11-01, weeks apart from Berlin.
    let office = calendar("America/New_York", &office_hours(), &[]);
    for (from, reached) in [
        ("2026-03-06T16:00-05:00", "2026-03-09T10:00-04:00"),
        ("2026-10-30T16:00-04:00", "2026-11-02T10:00-05:00"),
    ] {
        assert_eq!(after(&office, from, 2 * HOUR), utc(reached));
    }
}

#[test]
fn a_shift_counts_the_time_that_passes_when_the_clocks_change_in_it() {
    let nights = every_day(json!([["00:00", "06:00"]]));
    let berlin = calendar("Europe/Berlin", &nights, &[]);
    // Five hours in the night of the jump, six in an ordinary one.
    let jump = "2026-03-29T00:00+01:00";
    assert_eq!(after(&berlin, jump, 2 * HOUR), utc("2026-03-29T03:00+02:00"));
    assert_eq!(after(&berlin, jump, 2 * HOUR + 1), time::utc(at("2026-03-29T03:00+02:00") + 1));
    assert_eq!(after(&berlin, jump, 5 * HOUR), utc("2026-03-29T06:00+02:00"));
    assert_eq!(after(&berlin, jump, 6 * HOUR), utc("2026-03-30T01:00+02:00"));
    // Seven in the night of the fall.
    let fall = "2026-10-25T00:00+02:00";
    assert_eq!(after(&berlin, fall, 3 * HOUR), utc("2026-10-25T02:00+01:00"));
    assert_eq!(after(&berlin, fall, 7 * HOUR), utc("2026-10-25T06:00+01:00"));
    let new_york = calendar("America/New_York", &nights, &[]);
    assert_eq!(after(&new_york, "2026-03-08T00:00-05:00", 5 * HOUR), utc("2026-03-08T06:00-04:00"));
    assert_eq!(after(&new_york, "2026-11-01T00:00-04:00", 7 * HOUR), utc("2026-11-01T06:00-05:00"));
}

#[test]
fn a_shift_that_begins_in_a_skipped_hour_begins_at_the_jump() {
    let berlin = calendar("Europe/Berlin", &every_day(json!([["02:30", "04:00"]])), &[]);
    let start = "2026-03-29T00:00+01:00";
    assert_eq!(after(&berlin, start, HOUR), utc("2026-03-29T04:00+02:00"));
    assert_eq!(after(&berlin, start, HOUR + MINUTE), utc("2026-03-30T02:31+02:00"));
}

#[test]
fn a_shift_that_lies_in_a_skipped_hour_does_not_take_place() {
    let berlin = calendar("Europe/Berlin", &every_day(json!([["02:10", "02:50"]])), &[]);
    assert_eq!(after(&berlin, "2026-03-29T00:00+01:00", MINUTE), utc("2026-03-30T02:11+02:00"));
}

#[test]
fn a_time_that_is_shown_twice_is_the_first_of_both() {
    let shifts = json!([["01:00", "02:30"], ["02:30", "04:00"]]);
    let berlin = calendar("Europe/Berlin", &every_day(shifts), &[]);
    let start = "2026-10-25T00:00+02:00";
    assert_eq!(after(&berlin, start, 90 * MINUTE), utc("2026-10-25T02:30+02:00"));
    // The second shift has the rest: two and a half hours.
    assert_eq!(after(&berlin, start, 4 * HOUR), utc("2026-10-25T04:00+01:00"));
    let early = calendar("Europe/Berlin", &every_day(json!([["01:00", "02:30"]])), &[]);
    assert_eq!(
        after(&early, "2026-10-25T02:15+01:00", MINUTE),
        utc("2026-10-26T01:01+01:00"),
        "the shift ended when 02:30 was shown first"
    );
}

#[test]
fn hours_that_pass_midnight_are_two_intervals_without_a_seam() {
    let shifts = json!({ "friday": [["22:00", "24:00"]], "saturday": [["00:00", "06:00"]] });
    let berlin = calendar("Europe/Berlin", &shifts, &[]);
    let friday = "2026-06-05T12:00+02:00";
    assert_eq!(after(&berlin, friday, 2 * HOUR), utc("2026-06-06T00:00+02:00"));
    assert_eq!(after(&berlin, friday, 8 * HOUR), utc("2026-06-06T06:00+02:00"));
    assert_eq!(after(&berlin, friday, 8 * HOUR + MINUTE), utc("2026-06-12T22:01+02:00"));
}

#[test]
fn days_without_a_gap_are_plain_time_whatever_the_clocks_do() {
    let whole = every_day(json!([["00:00", "24:00"]]));
    // Midnight is skipped in Beirut and shown twice in Havana; Apia skipped 2011-12-30 altogether.
    for (zone, from) in [
        ("Europe/Berlin", "2026-03-20T10:00Z"),
        ("Asia/Beirut", "2026-03-20T10:00Z"),
        ("America/Havana", "2026-10-20T10:00Z"),
        ("America/Sao_Paulo", "2018-10-20T10:00Z"),
        ("America/St_Johns", "2006-10-20T10:00Z"),
        ("Australia/Lord_Howe", "2026-03-28T10:00Z"),
        ("Pacific/Apia", "2011-12-20T10:00Z"),
    ] {
        let calendar = calendar(zone, &whole, &[]);
        for hours in 1..=24 * 20 {
            let working = hours * HOUR;
            assert_eq!(calendar.add(at(from), working), Some(at(from) + working), "{zone}");
        }
    }
}

#[test]
fn nobody_works_on_a_holiday_of_the_local_calendar() {
    let office = calendar("Europe/Berlin", &office_hours(), &["2026-12-24", "2026-12-25"]);
    let eve = "2026-12-23T16:00+01:00";
    assert_eq!(after(&office, eve, HOUR), utc("2026-12-23T17:00+01:00"));
    assert_eq!(after(&office, eve, 2 * HOUR), utc("2026-12-28T10:00+01:00"));
    // It is the day there that counts: in Auckland the 24th begins while UTC has the 23rd.
    let whole = every_day(json!([["00:00", "24:00"]]));
    let auckland = calendar("Pacific/Auckland", &whole, &["2026-12-24"]);
    assert_eq!(
        after(&auckland, "2026-12-23T11:30Z", MINUTE),
        utc("2026-12-25T00:01+13:00"),
        "00:30 of the 24th"
    );
}

#[test]
fn a_leap_day_is_a_day_of_work() {
    let day = json!([["09:00", "17:00"]]);
    let office = calendar("Europe/Berlin", &every_day(day.clone()), &[]);
    let evening = "2028-02-28T17:00+01:00";
    assert_eq!(after(&office, evening, 8 * HOUR), utc("2028-02-29T17:00+01:00"));
    assert_eq!(after(&office, evening, 16 * HOUR), utc("2028-03-01T17:00+01:00"));
    let off = calendar("Europe/Berlin", &every_day(day), &["2028-02-29"]);
    assert_eq!(after(&off, evening, 8 * HOUR), utc("2028-03-01T17:00+01:00"));
}

#[test]
fn offsets_of_half_and_quarter_hours_are_kept() {
    let morning = every_day(json!([["09:00", "10:00"]]));
    for (zone, from, reached) in [
        ("Asia/Kolkata", "2026-06-01T00:00Z", "2026-06-01T04:30Z"),
        ("Asia/Kathmandu", "2026-06-01T00:00Z", "2026-06-01T04:15Z"),
        ("America/St_Johns", "2026-06-01T00:00Z", "2026-06-01T12:30Z"),
        // Summer time of half an hour ends on 2026-04-05: from +11 to +10:30.
        ("Australia/Lord_Howe", "2026-04-04T00:00Z", "2026-04-04T23:30Z"),
    ] {
        assert_eq!(after(&calendar(zone, &morning, &[]), from, HOUR), utc(reached), "{zone}");
    }
}

#[test]
fn always_is_plain_time() {
    let (always, from) = (Calendar::always(), at("2026-03-28T12:00Z"));
    for working in [0, 1, HOUR, 30 * DAY, LONGEST] {
        assert_eq!(always.add(from, working), Some(from + working));
    }
}

#[test]
fn no_time_has_passed_at_the_moment_itself() {
    let office = calendar("Europe/Berlin", &office_hours(), &[]);
    let sunday = at("2026-06-07T03:00Z");
    assert_eq!(office.add(sunday, 0), Some(sunday));
}

#[test]
fn a_calendar_that_never_gets_there_says_so() {
    let office = calendar("Europe/Berlin", &office_hours(), &[]);
    let empty = calendar("Europe/Berlin", &json!({}), &[]);
    let nothing = calendar("Europe/Berlin", &json!({ "monday": [] }), &[]);
    let now = at("2026-06-01T12:00Z");
    for working in [-1, i64::MIN, LONGEST + 1, i64::MAX] {
        assert_eq!(office.add(now, working), None);
        assert_eq!(Calendar::always().add(now, working), None);
    }
    assert_eq!(empty.add(now, 1), None);
    assert_eq!(nothing.add(now, 1), None);
    // 35 hours a week: ten years hold about 18,260.
    assert!(office.add(now, 18_200 * HOUR).is_some());
    assert_eq!(office.add(now, 18_300 * HOUR), None);
}

#[test]
fn ten_years_of_holidays_end_the_search() {
    let mut day: jiff::civil::Date = "2026-01-01".parse().unwrap();
    let mut holidays = Vec::new();
    while day.year() < 2037 {
        holidays.push(day.to_string());
        day = day.tomorrow().unwrap();
    }
    let office = Calendar::read(
        "Europe/Berlin",
        crate::data_of("Europe/Berlin"),
        &office_hours(),
        &holidays,
    )
    .unwrap();
    assert_eq!(office.add(at("2026-06-01T12:00Z"), 1), None);
    assert!(office.add(at("2036-12-01T12:00Z"), 1).is_some());
}

#[test]
fn a_tiny_calendar_at_the_end_of_its_ten_years_is_still_quick() {
    let minute: Vec<Value> =
        (0..24).map(|hour| json!([format!("{hour:02}:00"), format!("{hour:02}:01")])).collect();
    let sparse = calendar("America/New_York", &every_day(Value::from(minute)), &[]);
    let begun = std::time::Instant::now();
    assert_eq!(sparse.add(at("2026-01-01T00:00Z"), LONGEST), None);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    let whole = calendar("Europe/Berlin", &every_day(json!([["00:00", "24:00"]])), &[]);
    for calendar in [&whole, &Calendar::always()] {
        for moment in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            for working in [0, 1, LONGEST, i64::MAX] {
                assert_eq!(calendar.add(moment, working), None, "{moment} {working}");
            }
        }
    }
    // The last moment that PostgreSQL knows, and the first.
    let (last, first) = (9_223_371_331_199_999_999, -211_813_488_000_000_000);
    assert_eq!(Calendar::always().add(last, 0), Some(last));
    assert_eq!(Calendar::always().add(last, 1), None);
    assert_eq!(Calendar::always().add(first, 1), Some(first + 1));
    assert_eq!(whole.add(first, 1), Some(first + 1));
    // No zone has rules for years beyond 9999.
    assert_eq!(whole.add(last, 1), None);
    let end_of_zones = at("9999-12-30T00:00Z");
    assert_eq!(whole.add(end_of_zones, LONGEST), None);
}
