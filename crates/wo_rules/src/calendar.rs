//! Business calendars: when people work, so that a deadline falls into their working hours.
//!
//! A calendar is a week of working intervals in the local time of a zone, less its holidays. Local
//! times become moments by one rule that never goes backwards: a time that the clocks show twice is
//! the first of both, and a time that they skip is the moment of the jump. So every interval counts
//! the time that really passes in it, and intervals that do not overlap on the wall never overlap.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::refusal::{Refusal, SqlState};
use crate::time::POSTGRES_EPOCH_SECONDS;

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A day with more intervals than this is refused.
const MOST_INTERVALS: usize = 24;
/// A calendar with more holidays than this is refused.
const MOST_HOLIDAYS: usize = 5_000;
/// Problems beyond these are not reported.
const MOST_PROBLEMS: usize = 20;

const MINUTES_OF_A_DAY: i16 = 24 * 60;
const EPOCH_MICROSECONDS: i64 = POSTGRES_EPOCH_SECONDS * 1_000_000;
const LONGEST_DAYS: i64 = 3_653;
/// How far ahead a deadline may lie: ten years, in microseconds.
pub const LONGEST: i64 = LONGEST_DAYS * 86_400_000_000;
/// The least and the first impossible timestamp of PostgreSQL; `infinity` lies outside.
const TIMESTAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// Working time of one day, in minutes since its midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    begins: i16,
    ends: i16,
}

impl Interval {
    fn read(value: &Value) -> Result<Self, String> {
        let pair = value.as_array().map(Vec::as_slice);
        let Some([Value::String(begins), Value::String(ends)]) = pair else {
            return Err(format!(
                "{} is no interval: two texts, [\"09:00\", \"17:00\"]",
                shown(&value.to_string())
            ));
        };
        let interval = Self { begins: minutes(begins)?, ends: minutes(ends)? };
        if interval.begins >= interval.ends {
            return Err(format!(
                "{interval} does not end after it begins; hours that pass midnight are two \
                 intervals, the first until 24:00 and the second, of the next day, from 00:00"
            ));
        }
        Ok(interval)
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { begins, ends } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", begins / 60, begins % 60, ends / 60, ends % 60)
    }
}

/// Reads `HH:MM`, from 00:00 to 24:00.
fn minutes(text: &str) -> Result<i16, String> {
    let parsed = match text.as_bytes() {
        [h, hh, b':', m, mm] if [h, hh, m, mm].iter().all(|digit| digit.is_ascii_digit()) => {
            let two = |tens: &u8, ones: &u8| i16::from(tens - b'0') * 10 + i16::from(ones - b'0');
            let (hours, minutes) = (two(h, hh), two(m, mm));
            Some(hours * 60 + minutes).filter(|sum| minutes < 60 && *sum <= MINUTES_OF_A_DAY)
        }
        _ => None,
    };
    parsed.ok_or_else(|| format!("{} is no time of day: HH:MM, 00:00 to 24:00", shown(text)))
}

/// A text as a problem shows it: in quotes, and not all of it.
fn shown(text: &str) -> String {
    const LONGEST_SHOWN: usize = 60;
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hours {
    Always,
    Weekly { zone: TimeZone, week: [Vec<Interval>; 7], holidays: BTreeSet<Date> },
}

/// When people work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar(Hours);

impl Calendar {
    /// The calendar of those who always work: its time is plain time.
    pub fn always() -> Self {
        Self(Hours::Always)
    }

    /// Reads a calendar.
    ///
    /// - `time_zone`: a name of the IANA database;
    /// - `zone_data`: what the server's own database has under that name, in the format TZif (RFC 9636), so
    ///   that a deadline agrees with what SQL says of the same local time; nothing where it has no such name;
    /// - `working_hours`: `{"monday": [["09:00", "12:00"], ["13:00", "17:00"]], …}`; on a day that
    ///   is left out nobody works. 24:00 ends a day; an interval never passes midnight;
    /// - `holidays`: local days, `YYYY-MM-DD`, on which nobody works.
    ///
    /// # Errors
    /// 22023 `calendar_invalid`, with every `problems` in the DETAIL: a zone that nobody knows, a
    /// day that is none of the week, an interval that cannot be, two that overlap, a day that no
    /// calendar has.
    pub fn read(
        time_zone: &str,
        zone_data: Option<&[u8]>,
        working_hours: &Value,
        holidays: &[String],
    ) -> Result<Self, Refusal> {
        let mut problems = Vec::new();
        let zone = zone_of(time_zone, zone_data).map_err(|problem| problems.push(problem)).ok();
        let week = read_week(working_hours, &mut problems);
        let holidays = read_holidays(holidays, &mut problems);
        match zone {
            Some(zone) if problems.is_empty() => Ok(Self(Hours::Weekly { zone, week, holidays })),
            _ => {
                problems.truncate(MOST_PROBLEMS);
                let message = format!("this is no business calendar: {}", problems.join("; "));
                Err(Refusal::new(SqlState::BadValue, "calendar_invalid", message)
                    .hint("give a time zone, the working hours of each day and the holidays")
                    .with("problems", problems))
            }
        }
    }

    /// The first moment at which so much working time has passed since `at`.
    ///
    /// Both are in microseconds, `at` since 2000-01-01 UTC as PostgreSQL keeps it. No time at all
    /// has passed at `at` itself, whether or not anybody works then. `None` where the calendar
    /// never gets there: within [ten years](LONGEST) too little work is done, or `at` is
    /// `infinity`, or the time is negative.
    pub fn add(&self, at: i64, working_microseconds: i64) -> Option<i64> {
        if !TIMESTAMPS.contains(&at) || !(0..=LONGEST).contains(&working_microseconds) {
            return None;
        }
        let reached = match &self.0 {
            _ if working_microseconds == 0 => at,
            Hours::Always => at.checked_add(working_microseconds)?,
            Hours::Weekly { zone, week, holidays } => {
                worked(zone, week, holidays, at, working_microseconds)?
            }
        };
        let soon_enough = reached.checked_sub(at)? <= LONGEST;
        (soon_enough && TIMESTAMPS.contains(&reached)).then_some(reached)
    }
}

fn worked(
    zone: &TimeZone,
    week: &[Vec<Interval>; 7],
    holidays: &BTreeSet<Date>,
    at: i64,
    working_microseconds: i64,
) -> Option<i64> {
    if week.iter().all(Vec::is_empty) {
        return None;
    }
    let start = Timestamp::from_microsecond(at.checked_add(EPOCH_MICROSECONDS)?).ok()?;
    // All earlier days have ended by then: midnight is the first moment that shows the new day.
    let mut day = zone.to_datetime(start).date();
    let mut missing = working_microseconds;
    for _ in 0..=LONGEST_DAYS + 1 {
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
        let intervals = week[weekday].iter().filter(|_| !holidays.contains(&day));
        for interval in intervals {
            let begins = moment(zone, local(day, interval.begins)?)?.max(at);
            let free = moment(zone, local(day, interval.ends)?)?.saturating_sub(begins).max(0);
            if missing <= free {
                return begins.checked_add(missing);
            }
            missing -= free;
        }
        day = day.tomorrow().ok()?;
    }
    None
}

fn local(day: Date, minutes: i16) -> Option<DateTime> {
    day.at(0, 0, 0, 0).checked_add(i64::from(minutes).minutes()).ok()
}

/// The moment of a local time; the first of two, and the jump where the clocks skip it.
fn moment(zone: &TimeZone, local: DateTime) -> Option<i64> {
    let timestamp = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(local).ok()?
        }
        // Counted with the later offset, a skipped time lies shortly before the jump.
        AmbiguousOffset::Gap { after, .. } => {
            zone.following(after.to_timestamp(local).ok()?).next()?.timestamp()
        }
    };
    timestamp.as_microsecond().checked_sub(EPOCH_MICROSECONDS)
}

fn zone_of(name: &str, data: Option<&[u8]>) -> Result<TimeZone, String> {
    let zone = data.and_then(|data| TimeZone::tzif(name, data).ok());
    zone.ok_or_else(|| format!("no time zone is named {}", shown(name)))
}

fn read_week(working_hours: &Value, problems: &mut Vec<String>) -> [Vec<Interval>; 7] {
    let mut week: [Vec<Interval>; 7] = Default::default();
    let Some(days) = working_hours.as_object() else {
        problems.push("the working hours are no object with a member for each day".to_owned());
        return week;
    };
    for (name, intervals) in days {
        let Some(day) = DAYS.iter().position(|day| day == name) else {
            let problem = format!("{} is no day; there are {}", shown(name), DAYS.join(", "));
            problems.push(problem);
            continue;
        };
        match read_day(intervals) {
            Ok(intervals) => week[day] = intervals,
            Err(found) => {
                problems.extend(found.iter().map(|problem| format!("{name}: {problem}")));
            }
        }
    }
    week
}

fn read_day(intervals: &Value) -> Result<Vec<Interval>, Vec<String>> {
    let Some(items) = intervals.as_array() else {
        return Err(vec!["is no list of intervals".to_owned()]);
    };
    if items.len() > MOST_INTERVALS {
        return Err(vec![format!("{} intervals are more than {MOST_INTERVALS}", items.len())]);
    }
    let mut problems = Vec::new();
    let mut day: Vec<Interval> = items
        .iter()
        .filter_map(|item| Interval::read(item).map_err(|problem| problems.push(problem)).ok())
        .collect();
    day.sort_unstable();
    let overlaps = day.windows(2).filter(|pair| pair[1].begins < pair[0].ends);
    problems.extend(overlaps.map(|pair| format!("{} and {} overlap", pair[0], pair[1])));
    if problems.is_empty() { Ok(day) } else { Err(problems) }
}

fn read_holidays(holidays: &[String], problems: &mut Vec<String>) -> BTreeSet<Date> {
    if holidays.len() > MOST_HOLIDAYS {
        problems.push(format!("{} holidays are more than {MOST_HOLIDAYS}", holidays.len()));
        return BTreeSet::new();
    }
    let mut days = BTreeSet::new();
    for text in holidays {
        // Written back and compared: the parser takes other spellings of ISO 8601 as well.
        match text.parse::<Date>().ok().filter(|day| day.to_string() == *text) {
            Some(day) => _ = days.insert(day),
            None => problems.push(format!("the holiday {} is no day: YYYY-MM-DD", shown(text))),
        }
    }
    days
}
