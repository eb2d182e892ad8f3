//! The number of a work order: `WO-YYYY-MMDD-XXX`, or as the tenant's format says (spec/4,
//! "WO ID format").
//!
//! The random part keeps the digits of the format until a day's space is crowded. That is found by drawing: where
//! [`DRAWS`] numbers in a row are taken, the next ones have a digit more. Of a space that is filled to the share
//! s, so many draws hit taken numbers alone with probability s^16: with three digits the first longer number is to
//! be expected at about 2,900 of 4,096, and at 95 % of the space every second number is longer. More draws would
//! fill the space further, and each costs a look-up.

use crate::refusal::{Refusal, SqlState};
use crate::time::Day;

/// The format of a tenant that chose none.
pub const DEFAULT_FORMAT: &str = "WO-{YYYY}-{MMDD}-{XXX}";

/// The longest number, in bytes.
pub const LONGEST: usize = 64;

/// The most hexadecimal digits that the random part is widened to.
pub const WIDEST: usize = 16;

/// After how many draws of taken numbers in a row a space counts as crowded.
pub const DRAWS: u32 = 16;

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

    /// How many random digits the format asks for.
    pub fn own_width(&self) -> usize {
        let random = self.pieces.iter().find_map(|piece| match piece {
            Piece::Random(least) => Some(*least),
            _ => None,
        });
        random.unwrap_or(WIDEST)
    }
}

/// The block of a number: its first two random digits. Each space has 256 blocks.
pub fn block_of(random: u64) -> u8 {
    (random >> 56) as u8
}

/// Random digits in that block.
pub fn in_block(random: u64, block: u8) -> u64 {
    (random >> 8) | (u64::from(block) << 56)
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
    fn the_random_part_has_the_digits_that_are_asked_for() {
        let format = Format::parse(DEFAULT_FORMAT).unwrap();
        assert_eq!(format.own_width(), 3);
        assert_eq!(format.write(DAY, u64::MAX, 3), "WO-2026-0305-FFF");
        assert_eq!(format.write(DAY, u64::MAX, 4), "WO-2026-0305-FFFF");
        assert_eq!(Format::parse("{XXXXX}").unwrap().own_width(), 5);
    }

    #[test]
    fn a_block_is_the_first_two_digits() {
        let format = Format::parse(DEFAULT_FORMAT).unwrap();
        for (random, block) in [(0, 0xA1), (u64::MAX, 0x00), (0x1234_5678_9ABC_DEF0, 0xFF)] {
            let drawn = in_block(random, block);
            assert_eq!(block_of(drawn), block);
            assert!(format.write(DAY, drawn, 3).starts_with(&format!("WO-2026-0305-{block:02X}")));
        }
    }

    #[test]
    fn a_format_without_a_random_part_is_refused() {
        for format in ["WO-{YYYY}", "WO-{XXX}-{XXX}", "WO-{QQ}-{XXX}", "WO-{XXX", "", "a b{XXX}"] {
            assert_eq!(Format::parse(format).unwrap_err().code, "number_format", "{format}");
        }
        assert!(Format::parse(&format!("{}{{XXX}}", "W".repeat(80))).is_err());
    }
}
