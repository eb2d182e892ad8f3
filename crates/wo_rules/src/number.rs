//! The number of a work order: `WO-YYYY-MMDD-XXX`, or as the tenant's format says (spec/4,
//! "WO ID format").
//!
//! The random part grows with the number of work orders that a day already has, so that numbers
//! stay short where they can and never collide their way to a standstill.

use crate::refusal::{Refusal, SqlState};
use crate::time::Day;

/// The format of a tenant that chose none.
pub const DEFAULT_FORMAT: &str = "WO-{YYYY}-{MMDD}-{XXX}";

/// The longest number, in bytes.
pub const LONGEST: usize = 64;

/// The most hexadecimal digits that the random part is widened to.
const WIDEST: usize = 16;

/// One piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Year,
    Month,
    Day,
    MonthDay,
    Random(usize),
}

/// A tenant's number format, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pieces: Vec<Piece>,
}

impl Format {
    /// Reads a format: literal text and `{YYYY}`, `{MM}`, `{DD}`, `{MMDD}` and one `{X…}` whose
    /// X's are counted, three at least.
    ///
    /// # Errors
    /// 22023 `number_format` where it cannot give unique numbers or holds an unknown placeholder.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (literal, tail) = rest.split_at(open);
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let Some(close) = tail.find('}') else {
                return Err(bad(text, "a { has no }"));
            };
            pieces.push(match &tail[1..close] {
                "YYYY" => Piece::Year,
                "MM" => Piece::Month,
                "DD" => Piece::Day,
                "MMDD" => Piece::MonthDay,
                random
                    if (3..=WIDEST).contains(&random.len())
                        && random.bytes().all(|byte| byte == b'X') =>
                {
                    Piece::Random(random.len())
                }
                other => return Err(bad(text, &format!("{{{other}}} is not a placeholder"))),
            });
            rest = &tail[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        let longest = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(literal) => literal.len(),
                Piece::Random(_) => WIDEST,
                _ => 4,
            })
            .sum::<usize>();
        let allowed = |letter: char| {
            letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | '#')
        };
        let literals_are_plain = pieces.iter().all(|piece| match piece {
            Piece::Literal(literal) => literal.chars().all(allowed),
            _ => true,
        });
        match pieces.iter().filter(|piece| matches!(piece, Piece::Random(_))).count() {
            1 if longest > LONGEST => Err(bad(text, "the numbers would be too long")),
            1 if !literals_are_plain => {
                Err(bad(text, "only letters, digits and - _ . / # may stand around placeholders"))
            }
            1 => Ok(Self { pieces }),
            _ => Err(bad(text, "it needs exactly one random part such as {XXX}")),
        }
    }

    /// Writes a number.
    ///
    /// `random` gives the hexadecimal digits, `width` how many of them (never fewer than the
    /// format asks for).
    pub fn write(&self, day: Day, random: u64, width: usize) -> String {
        let mut number = String::with_capacity(24);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => number.push_str(literal),
                Piece::Year => number.push_str(&format!("{:04}", day.year)),
                Piece::Month => number.push_str(&format!("{:02}", day.month)),
                Piece::Day => number.push_str(&format!("{:02}", day.day)),
                Piece::MonthDay => number.push_str(&format!("{:02}{:02}", day.month, day.day)),
                Piece::Random(least) => {
                    let digits = width.clamp(*least, WIDEST);
                    let all = format!("{random:016X}");
                    number.push_str(&all[..digits]);
                }
            }
        }
        number
    }

    /// How many random digits to use: the format's own, more after each collision, and many at
    /// once for a writer that has made many of them today, whose uncommitted numbers others
    /// would otherwise wait for.
    pub fn width(&self, made_today: u64, collisions: u32) -> usize {
        let own = self
            .pieces
            .iter()
            .find_map(|piece| match piece {
                Piece::Random(least) => Some(*least),
                _ => None,
            })
            .unwrap_or(3);
        let for_volume = match made_today {
            0..=31 => own,
            32..=4_095 => own.max(8),
            _ => own.max(12),
        };
        (for_volume + 2 * collisions as usize).min(WIDEST)
    }
}

fn bad(format: &str, why: &str) -> Refusal {
    let shown: String = format.chars().take(80).collect();
    Refusal::new(
        SqlState::BadValue,
        "number_format",
        format!("the number format \"{shown}\" cannot be used: {why}"),
    )
    .hint(format!("Use a format such as {DEFAULT_FORMAT}."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DAY: Day = Day { year: 2026, month: 3, day: 5 };

    #[test]
    fn the_default_format_is_the_specifications() {
        let format = Format::parse(DEFAULT_FORMAT).unwrap();
        assert_eq!(format.write(DAY, 0xA1B0_0000_0000_0000, 3), "WO-2026-0305-A1B");
    }

    #[test]
    fn the_random_part_widens_before_a_day_is_crowded() {
        let format = Format::parse(DEFAULT_FORMAT).unwrap();
        assert_eq!(format.width(0, 0), 3);
        assert_eq!(format.width(0, 1), 5);
        assert_eq!(format.width(100, 0), 8);
        assert_eq!(format.width(1_000_000, 0), 12);
        assert_eq!(format.width(1_000_000, 99), 16);
    }

    #[test]
    fn a_format_without_a_random_part_is_refused() {
        for format in ["WO-{YYYY}", "WO-{XXX}-{XXX}", "WO-{QQ}-{XXX}", "WO-{XXX", "", "a b{XXX}"] {
            assert_eq!(Format::parse(format).unwrap_err().code, "number_format", "{format}");
        }
        assert!(Format::parse(&format!("{}{{XXX}}", "W".repeat(80))).is_err());
    }
}
