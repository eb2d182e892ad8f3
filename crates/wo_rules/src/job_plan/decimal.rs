//! Numbers as they are written, compared digit by digit: a measurement is never rounded before it is judged.

use std::cmp::Ordering;

/// The longest number, in characters.
const LONGEST: usize = 100;

/// The largest exponent.
const LARGEST_EXPONENT: i64 = 400;

/// A decimal number, exact.
#[derive(Debug, Clone)]
pub struct Decimal {
    is_negative: bool,
    /// The digits without leading and trailing zeros; none for zero.
    digits: Vec<u8>,
    /// The value is 0.digits × 10^exponent.
    exponent: i64,
}

impl Decimal {
    /// Reads a number such as `-12.50` or `1.5e-3`; nothing where the text is none, or is too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, written_exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        if written_exponent.abs() > LARGEST_EXPONENT {
            return None;
        }
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let ends_in_point = mantissa.ends_with('.');
        if whole.is_empty() || ends_in_point || !is_plain(whole) || !is_plain(fraction) {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all[leading..all.len() - trailing].to_vec();
        let whole_digits = i64::try_from(whole.len()).ok()?;
        let leading = i64::try_from(leading).ok()?;
        Some(match digits.is_empty() {
            true => Self { is_negative: false, digits, exponent: 0 },
            false => {
                Self { is_negative, digits, exponent: whole_digits - leading + written_exponent }
            }
        })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = || (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        match (self.sign(), other.sign()) {
            (1, 1) => magnitude(),
            (-1, -1) => magnitude().reverse(),
            (one, another) => one.cmp(&another),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A small generator of pseudo-random numbers (xorshift), so that the test is the same each time.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Without it a measurement could be judged by its text, or by a rounded double.
    #[test]
    fn numbers_compare_as_integers_of_the_same_scale_do() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..20_000 {
            let scale = u32::try_from(random(&mut state) % 6).unwrap();
            let mut one = || {
                let value = i64::try_from(random(&mut state) % 200_000).unwrap() - 100_000;
                let power = 10_i64.pow(scale);
                let sign = if value < 0 { "-" } else { "" };
                let (whole, part) = (value.abs() / power, value.abs() % power);
                let text = match scale {
                    0 => format!("{sign}{whole}"),
                    _ => format!("{sign}{whole}.{part:0width$}", width = scale as usize),
                };
                (value, text)
            };
            let ((a, a_text), (b, b_text)) = (one(), one());
            let compared = Decimal::parse(&a_text).unwrap().cmp(&Decimal::parse(&b_text).unwrap());
            assert_eq!(compared, a.cmp(&b), "{a_text} {b_text}");
        }
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (one, other) in [
            ("1", "1.000"),
            ("-0", "0"),
            ("0.05", "5e-2"),
            ("00012.5", "1.25E1"),
            ("+3", "3"),
            ("1500", "1.5e3"),
        ] {
            assert_eq!(
                Decimal::parse(one).unwrap(),
                Decimal::parse(other).unwrap(),
                "{one} {other}"
            );
        }
        let close = "0.30000000000000000000000000001";
        assert!(Decimal::parse(close).unwrap() > Decimal::parse("0.3").unwrap());
        assert!(Decimal::parse("-2").unwrap() < Decimal::parse("0.001").unwrap());
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        let long = "1".repeat(LONGEST + 1);
        for text in [
            "", "-", ".5", "5.", "1,5", "1e", "1e999", "NaN", "inf", " 1", "1 ", "0x1", "1_0",
            &long,
        ] {
            assert!(Decimal::parse(text).is_none(), "{text:?}");
        }
    }
}
