//! Calendars by chance, the same ones in every run.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};
use wo_rules::calendar::{Calendar, LONGEST};
use wo_rules::time::POSTGRES_EPOCH_SECONDS;

use crate::{DAY, HOUR, MINUTE, at};

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Zones whose clocks do everything that clocks do, and a time around which they do it.
const CHANGES: [(&str, &str); 12] = [
    ("UTC", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Asia/Kolkata", "2026-06-01T00:00Z"),
    ("Asia/Kathmandu", "2026-06-01T00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("America/Havana", "2026-11-01T05:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("America/St_Johns", "2006-10-29T02:31Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
];

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| _ = dice.between(0, 1));
        dice
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let range = u64::try_from(most - least + 1).unwrap();
        least + i64::try_from((self.0 >> 11) % range).unwrap()
    }

    fn often(&mut self) -> bool {
        self.between(0, 3) > 0
    }
}

struct Drawn {
    calendar: Calendar,
    zone: TimeZone,
    /// The intervals of each day, in minutes.
    week: Vec<Vec<(i64, i64)>>,
    holidays: BTreeSet<Date>,
    /// A moment near a change of clocks.
    near: i64,
}

/// A calendar whose intervals begin and end at multiples of so many minutes.
fn draw(dice: &mut Dice, (zone_name, change): (&str, &str), grain: i64) -> Drawn {
    let change = at(change);
    let mut week = Vec::new();
    let mut hours = Map::new();
    for day in DAYS {
        let mut marks: BTreeSet<i64> = BTreeSet::new();
        if dice.often() {
            (0..dice.between(1, 6)).for_each(|_| _ = marks.insert(dice.between(0, 1440 / grain)));
        }
        let marks: Vec<i64> = marks.into_iter().map(|mark| mark * grain).collect();
        // Neighbours share their bound now and then: two intervals that touch.
        let step = if dice.often() { 2 } else { 1 };
        let intervals: Vec<(i64, i64)> =
            marks.windows(2).step_by(step).map(|pair| (pair[0], pair[1])).collect();
        let text = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let written: Vec<Value> =
            intervals.iter().map(|(begins, ends)| json!([text(*begins), text(*ends)])).collect();
        if !intervals.is_empty() || dice.often() {
            hours.insert(day.to_owned(), Value::from(written));
        }
        week.push(intervals);
    }
    let zone = TimeZoneDatabase::bundled().get(zone_name).unwrap();
    let today = timestamp(change).to_zoned(zone.clone()).date();
    let holidays: BTreeSet<Date> = (0..dice.between(0, 4))
        .map(|_| today.checked_add(dice.between(-5, 30).days()).unwrap())
        .collect();
    let texts: Vec<String> = holidays.iter().map(ToString::to_string).collect();
    let calendar =
        Calendar::read(zone_name, crate::data_of(zone_name), &Value::Object(hours), &texts)
            .unwrap();
    Drawn { calendar, zone, week, holidays, near: change + dice.between(-3 * DAY, DAY) }
}

fn timestamp(moment: i64) -> Timestamp {
    Timestamp::from_microsecond(moment + POSTGRES_EPOCH_SECONDS * 1_000_000).unwrap()
}

/// A time that is now and then nothing, tiny, an exact number of minutes, or weeks.
fn some_time(dice: &mut Dice) -> i64 {
    match dice.between(0, 5) {
        0 => dice.between(0, 1),
        1 => dice.between(0, 600) * MINUTE,
        2 => dice.between(0, 60) * DAY,
        _ => dice.between(0, 40 * HOUR),
    }
}

#[test]
fn working_time_adds_up_wherever_it_is_interrupted() {
    let mut reached = 0;
    for seed in 0..4_000_u64 {
        let mut dice = Dice::new(seed);
        let change = CHANGES[usize::try_from(seed).unwrap() % CHANGES.len()];
        let Drawn { calendar, near, .. } = draw(&mut dice, change, 1);
        let (first, second) = (some_time(&mut dice), some_time(&mut dice));
        let Some(whole) = calendar.add(near, first + second) else { continue };
        let halfway = calendar.add(near, first).unwrap();
        assert_eq!(calendar.add(halfway, second), Some(whole), "seed {seed}: {calendar:?}");
        assert!(near <= halfway && halfway <= whole);
        assert!(whole - near >= first + second, "work takes at least its time");
        reached += 1;
    }
    assert!(reached > 3_500, "{reached}");
}

#[test]
fn later_or_more_is_never_earlier() {
    let mut compared = 0;
    for seed in 0..4_000_u64 {
        let mut dice = Dice::new(seed);
        let change = CHANGES[usize::try_from(seed).unwrap() % CHANGES.len()];
        let Drawn { calendar, near, .. } = draw(&mut dice, change, 1);
        let time = some_time(&mut dice);
        let later = near + some_time(&mut dice);
        let more = time + some_time(&mut dice);
        match (calendar.add(near, time), calendar.add(later, time), calendar.add(near, more)) {
            (Some(reached), Some(from_later), Some(with_more)) => {
                assert!(reached <= from_later, "seed {seed}: {calendar:?}");
                assert!(reached <= with_more, "seed {seed}: {calendar:?}");
                compared += 1;
            }
            (None, _, with_more) => assert_eq!(with_more, None, "seed {seed}: {calendar:?}"),
            _ => {}
        }
    }
    assert!(compared > 3_500, "{compared}");
}

#[test]
fn a_clock_that_is_read_every_quarter_of_an_hour_counts_the_same() {
    const QUARTER: i64 = 15 * MINUTE;
    let mut reached = 0;
    for seed in 0..400_u64 {
        let mut dice = Dice::new(seed);
        // Where clocks change by whole hours at whole hours, or by halves, a quarter is never cut.
        let change = CHANGES[usize::try_from(seed).unwrap() % 8];
        let Drawn { calendar, zone, week, holidays, near } = draw(&mut dice, change, 60);
        let start = near - near.rem_euclid(QUARTER);
        let quarters = dice.between(1, 200);
        let works = |moment: i64| {
            let local = timestamp(moment).to_zoned(zone.clone());
            let minutes = i64::from(local.hour()) * 60 + i64::from(local.minute());
            let weekday = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap();
            !holidays.contains(&local.date())
                && week[weekday].iter().any(|(begins, ends)| (*begins..*ends).contains(&minutes))
        };
        let last = (0..5 * 7 * 96)
            .map(|index| start + index * QUARTER)
            .filter(|moment| works(*moment))
            .nth(usize::try_from(quarters - 1).unwrap());
        let Some(last) = last else { continue };
        assert_eq!(
            calendar.add(start, quarters * QUARTER),
            Some(last + QUARTER),
            "seed {seed}: {calendar:?} from {start}"
        );
        reached += 1;
    }
    assert!(reached > 300, "{reached}");
}

#[test]
fn no_calendar_and_no_moment_of_all_times_makes_it_fail() {
    for seed in 0..2_000_u64 {
        let mut dice = Dice::new(seed);
        let change = CHANGES[usize::try_from(seed).unwrap() % CHANGES.len()];
        let Drawn { calendar, .. } = draw(&mut dice, change, 1);
        let moment = dice.between(0, i64::MAX - 1) * if dice.often() { 1 } else { -1 };
        let moment = moment >> dice.between(0, 12);
        let working = dice.between(0, 30 * DAY);
        if let Some(reached) = calendar.add(moment, working) {
            assert!(moment <= reached && reached - moment <= LONGEST);
        }
    }
}
