//! Times as they are written into canonical bytes: UTC, microseconds, one spelling.

/// Microseconds between 1970-01-01 and 2000-01-01, the epoch of PostgreSQL's timestamps.
const POSTGRES_EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
/// 2000-01-01 UTC, where PostgreSQL counts from, in seconds since 1970.
pub const POSTGRES_EPOCH_SECONDS: i64 = POSTGRES_EPOCH_MICROSECONDS / 1_000_000;
const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// A proleptic Gregorian day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Day {
    /// Year, astronomical (0 is 1 BC).
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

/// The day that is so many days after 2000-01-01 (Howard Hinnant's civil-from-days formula).
pub fn day_of(days_since_2000: i64) -> Day {
    let shifted = days_since_2000 + 10_957 + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Day { year, month, day }
}

/// The day of a timestamp, in UTC.
///
/// `timestamp` is in microseconds since 2000-01-01 00:00 UTC, as PostgreSQL keeps it.
pub fn day_of_timestamp(timestamp: i64) -> Day {
    day_of(timestamp.div_euclid(DAY_MICROSECONDS))
}

/// A timestamp as `2026-03-05T09:08:07.000006Z`; `infinity` and `-infinity` keep their names.
///
/// `timestamp` is in microseconds since 2000-01-01 00:00 UTC, as PostgreSQL keeps it.
pub fn utc(timestamp: i64) -> String {
    match timestamp {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let Day { year, month, day } = day_of_timestamp(timestamp);
    let within = timestamp.rem_euclid(DAY_MICROSECONDS);
    let (seconds, microseconds) = (within / 1_000_000, within % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{microseconds:06}Z")
}

/// A date as `2026-03-05`; `infinity` and `-infinity` keep their names.
///
/// `days` counts from 2000-01-01, as PostgreSQL keeps it.
pub fn date(days: i32) -> String {
    match days {
        i32::MAX => return "infinity".to_owned(),
        i32::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let Day { year, month, day } = day_of(i64::from(days));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Seconds since 1970 of a PostgreSQL timestamp, rounded down: what a JWT counts in.
pub fn unix_seconds(timestamp: i64) -> i64 {
    timestamp.saturating_add(POSTGRES_EPOCH_MICROSECONDS).div_euclid(1_000_000)
}

/// Milliseconds since 1970 of a PostgreSQL timestamp: what a UUIDv7 begins with.
pub fn unix_milliseconds(timestamp: i64) -> i64 {
    timestamp.saturating_add(POSTGRES_EPOCH_MICROSECONDS).div_euclid(1_000)
}

/// A PostgreSQL timestamp of seconds since 1970.
pub fn from_unix_seconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000).saturating_sub(POSTGRES_EPOCH_MICROSECONDS)
}

/// What [`utc`] writes for a time that PostgreSQL wrote as JSON under the time zone UTC, such as
/// `2026-03-05T09:08:07.5+00:00`; nothing for another text.
pub fn utc_from_iso(text: &str) -> Option<String> {
    let (seconds, fraction) = text.strip_suffix("+00:00")?.split_at_checked(19)?;
    let fraction = match fraction.strip_prefix('.') {
        Some(digits) => digits,
        None if fraction.is_empty() => "",
        None => return None,
    };
    let written = format!("{seconds}.{fraction:0<6}Z");
    crate::approval::payload::is_time(&written).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_json_are_written_as_all_others() {
        let utc_of = |text| utc_from_iso(text);
        let expected = Some("2026-03-05T09:08:07.500000Z".to_owned());
        assert_eq!(utc_of("2026-03-05T09:08:07.5+00:00"), expected);
        let expected = Some("2026-03-05T09:08:07.000000Z".to_owned());
        assert_eq!(utc_of("2026-03-05T09:08:07+00:00"), expected);
        for other in
            ["", "2026-03-05", "2026-03-05T09:08:07Z", "2026-03-05T09:08:07x+00:00", "é+00:00"]
        {
            assert_eq!(utc_of(other), None, "{other}");
        }
        assert_eq!(utc(from_unix_seconds(0)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(unix_seconds(from_unix_seconds(1_795_000_000)), 1_795_000_000);
    }

    #[test]
    fn times_are_written_one_way_to_the_microsecond() {
        assert_eq!(utc(0), "2000-01-01T00:00:00.000000Z");
        assert_eq!(utc(-1), "1999-12-31T23:59:59.999999Z");
        assert_eq!(utc(825_930_487_000_006), "2026-03-04T09:08:07.000006Z");
        assert_eq!(utc(i64::MAX), "infinity");
    }

    #[test]
    fn leap_days_and_centuries_are_right() {
        assert_eq!(date(59), "2000-02-29");
        assert_eq!(date(60), "2000-03-01");
        assert_eq!(date(-36_524), "1900-01-01");
        assert_eq!(date(36_525 + 58), "2100-02-28");
        assert_eq!(date(36_525 + 59), "2100-03-01");
    }

    #[test]
    fn unix_seconds_round_down_so_that_no_token_lives_longer_than_it_says() {
        assert_eq!(unix_seconds(0), 946_684_800);
        assert_eq!(unix_seconds(-1), 946_684_799);
    }
}
