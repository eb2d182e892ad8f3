//! The evidence package: everything about one work order in one document that can be verified
//! without the database.

mod members;
pub mod package;
pub mod report;
mod tables;
pub mod verify;

pub use tables::SCHEMA;

/// Numbers in rising order as people write them: `1–12, 14`.
fn ranges(numbers: impl IntoIterator<Item = i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last): &(i64, i64)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(", ")
}
