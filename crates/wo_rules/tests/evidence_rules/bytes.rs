//! No byte of the file can be changed, added or taken away.

use crate::sample::{sample, short};
use wo_rules::evidence::verify::{Report, verify};

/// Runs a check for every place in the file, on every processor.
fn at_every_place(bytes: &[u8], check: impl Fn(usize) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let check = &check;
            scope.spawn(move || (first..bytes.len()).step_by(threads).for_each(check));
        }
    });
}

/// A problem is found that says which section, or which fixed part, holds the changed byte.
fn assert_found(original: &[u8], at: usize, report: &Report, what: &str) {
    let excerpt = || String::from_utf8_lossy(&original[at.saturating_sub(30)..at]).into_owned();
    assert!(!report.intact, "{what} at byte {at}, behind {}", excerpt());
    assert!(!report.problems.is_empty(), "{what} at byte {at}");
    let is_near = report.problems.iter().any(|problem| {
        problem.bytes.start <= at + 1 && at <= problem.bytes.end || problem.pointer.is_empty()
    });
    assert!(is_near, "{what} at byte {at}, behind {}: {:?}", excerpt(), report.problems);
}

#[test]
fn every_flipped_byte_is_found_and_placed() {
    let bytes = short().bytes();
    at_every_place(&bytes, |at| {
        for mask in [0x01, 0x20, 0x80] {
            let mut flipped = bytes.clone();
            flipped[at] ^= mask;
            assert_found(&bytes, at, &verify(&flipped), "a flip");
        }
    });
}

#[test]
fn flipped_bytes_all_over_a_package_with_everything_in_it_are_found_and_placed() {
    let bytes = sample().bytes();
    // Every byte of such a package takes minutes; a prime step meets every kind of place.
    let step = 23;
    at_every_place(&bytes[..bytes.len() / step], |place| {
        let (at, mask) = (place * step, 1 << (place % 8));
        let mut flipped = bytes.clone();
        flipped[at] ^= mask;
        assert_found(&bytes, at, &verify(&flipped), "a flip");
    });
}

#[test]
fn every_added_or_missing_byte_is_found() {
    let bytes = short().bytes();
    at_every_place(&bytes, |at| {
        let mut without = bytes.clone();
        without.remove(at);
        assert!(!verify(&without).intact, "byte {at} is missing");
        let added = [bytes[at], b' '][at % 2];
        let mut with = bytes.clone();
        with.insert(at, added);
        assert!(!verify(&with).intact, "a byte is added at {at}");
    });
    for added in *b" \n}\0" {
        let mut with = bytes.clone();
        with.push(added);
        assert!(!verify(&with).intact, "{added} is added at the end");
    }
}

#[test]
fn every_cut_file_is_found() {
    let bytes = short().bytes();
    at_every_place(&bytes, |length| {
        assert!(!verify(&bytes[..length]).intact, "cut to {length} bytes");
    });
}
