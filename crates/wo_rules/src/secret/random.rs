//! Texts as random as a key: the base64 of at least 30 bytes, and what looks like it.
//!
//! Hexadecimal digits of the length of a hash are no secret here: SHA-256 hashes are all over a work order's
//! documents, and a key of 32 bytes looks the same. It is found by its name alone.

use super::{Kind, Suspect, add, length_of};
use std::ops::Range;

/// The shortest run that is looked at: the base64 of 30 bytes.
const SHORTEST: usize = 40;

/// The lengths of the hashes SHA-256, SHA-384 and SHA-512 in hexadecimal digits. Shorter ones are not looked at.
const HASHES: [usize; 3] = [64, 96, 128];

/// The shortest run of hexadecimal digits that is looked at.
const SHORTEST_HEX: usize = 64;

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

pub(super) fn find(text: &str, public: &[Range<usize>], found: &mut Vec<Suspect>) {
    let bytes = text.as_bytes();
    for is_part in [is_base64, is_base64url] {
        let mut from = 0;
        while from < bytes.len() {
            let start = from + length_of(bytes, from, |byte| !is_part(byte));
            from = start + length_of(bytes, start, is_part);
            let is_public = || public.iter().any(|range| range.contains(&start));
            if from - start >= SHORTEST && is_random(&bytes[start..from]) && !is_public() {
                add(found, Kind::Random, start..from);
            }
        }
    }
}

/// What kind of character it is, as words and numbers consist of one kind for a while.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Symbol,
}

const fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' => Class::Lower,
        b'A'..=b'Z' => Class::Upper,
        b'0'..=b'9' => Class::Digit,
        _ => Class::Symbol,
    }
}

/// Whether a run of base64 is random. Random characters change their kind at 64 of 100 places, or at 40 where
/// there is one case only; words and numbers at 20 to 35. A path has more symbols than chance gives.
fn is_random(run: &[u8]) -> bool {
    let count = |wanted| run.iter().filter(|byte| class(**byte) == wanted).count();
    let (lower, upper, digits, symbols) =
        (count(Class::Lower), count(Class::Upper), count(Class::Digit), count(Class::Symbol));
    let changes = run.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let pairs = run.len() - 1;
    if run.iter().all(u8::is_ascii_hexdigit) {
        return run.len() >= SHORTEST_HEX && !HASHES.contains(&run.len()) && distinct(run) >= 14;
    }
    if lower > 0 && upper > 0 {
        return digits + symbols > 0 && changes * 100 >= pairs * 40 && symbols * 7 <= run.len();
    }
    let letters = lower + upper;
    symbols == 0
        && letters * 2 >= run.len()
        && digits * 10 >= run.len()
        && changes * 5 >= pairs
        && distinct(run) >= 20
}

/// How many different characters there are.
fn distinct(run: &[u8]) -> u32 {
    run.iter().fold(0u128, |seen, byte| seen | 1 << (byte & 0x7f)).count_ones()
}
