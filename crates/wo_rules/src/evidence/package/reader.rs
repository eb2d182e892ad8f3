//! Taking a package apart. The file may be anything: whatever is wrong becomes a problem with its
//! place, and reading goes on behind it where the place of the next section can be found.

use super::{
    BEFORE_MADE_AT, BEFORE_MANIFEST, BEFORE_MANIFEST_HASH, BEFORE_SECTIONS, END, FORMAT,
    LONGEST_PACKAGE, Problem, SECTIONS, before_section,
};
use crate::approval::payload::{is_hash, is_time};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The length of a time, in bytes.
const TIME: usize = 27;
/// The length of a hash in hexadecimal.
pub(super) const HASH: usize = 64;

/// One section of a package.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    /// Its name, one of [`SECTIONS`].
    pub name: &'static str,
    /// Where its value stands in the file.
    pub bytes: Range<usize>,
    /// Its value.
    pub value: &'a RawValue,
}

/// A package in its parts.
#[derive(Debug, Default)]
pub struct Split<'a> {
    /// Whether it is a package at all, be it damaged, or parsed and written again.
    pub is_package: bool,
    /// When it says that it was made.
    pub made_at: Option<&'a str>,
    /// The sections that could be separated, in their order.
    pub sections: Vec<Section<'a>>,
    /// What is not in the one form, or is not what was hashed.
    pub problems: Vec<Problem>,
}

impl<'a> Split<'a> {
    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    fn found(&mut self, bytes: Range<usize>, pointer: String, problem: impl Into<String>) {
        self.problems.push(Problem { bytes, pointer, problem: problem.into() });
    }
}

/// Takes a package apart and holds every byte of it against the form and the hashes.
pub fn read(bytes: &[u8]) -> Split<'_> {
    let mut split = Split::default();
    if bytes.len() > LONGEST_PACKAGE {
        let problem = format!("the file is longer than {LONGEST_PACKAGE} bytes");
        split.is_package = says_so(&bytes[..BEFORE_MADE_AT.len()]);
        split.found(LONGEST_PACKAGE..bytes.len(), String::new(), problem);
        return split;
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        split.found(at..at + 1, String::new(), "the file is not UTF-8 here");
    }
    let header = Header::read(bytes, &mut split);
    if let Some(start) = header.end {
        read_sections(bytes, start, &mut split);
        header.check_hashes(bytes, &mut split);
    }
    // One name may stand in any file; of a package whose beginning is damaged the sections are left.
    split.is_package = split.sections.len() > 1 || says_so(bytes);
    split
}

/// Whether a file calls itself a package of this form.
fn says_so(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named {
        format: String,
    }
    bytes.starts_with(BEFORE_MADE_AT.as_bytes())
        || serde_json::from_slice::<Named>(bytes).is_ok_and(|named| named.format == FORMAT)
}

/// What stands before the sections.
#[derive(Default)]
struct Header<'a> {
    /// The manifest's hashes, by the place of the section; nothing where they could not be read.
    manifest: Vec<Option<(Range<usize>, &'a str)>>,
    manifest_hash: Option<(Range<usize>, &'a str)>,
    /// Where the bytes end that the manifest's hash covers.
    covered: usize,
    /// Where the first section begins.
    end: Option<usize>,
}

/// Follows the fixed part of a file, piece by piece.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    is_off: bool,
}

impl<'a> Cursor<'a> {
    /// Passes over a text that must stand here.
    fn literal(&mut self, text: &str, pointer: &str, split: &mut Split<'a>) {
        let here = self.bytes.get(self.at..).unwrap_or_default();
        if !self.is_off && !here.starts_with(text.as_bytes()) {
            let same = here.iter().zip(text.as_bytes()).take_while(|(a, b)| a == b).count();
            let place = (self.at + same).min(self.bytes.len());
            let problem = format!(
                "here the file is not in the form of a package: {} should stand here",
                &text[same..]
            );
            split.found(place..(place + 1).min(self.bytes.len()), pointer.to_owned(), problem);
            self.is_off = true;
        }
        self.at += text.len();
    }

    /// Passes over a value of fixed length.
    fn value(
        &mut self,
        length: usize,
        pointer: &str,
        is_good: fn(&str) -> bool,
        split: &mut Split<'a>,
    ) -> Option<(Range<usize>, &'a str)> {
        let range = self.at..self.at + length;
        self.at = range.end;
        let text = self.bytes.get(range.clone()).and_then(|text| std::str::from_utf8(text).ok());
        match text.filter(|text| is_good(text)) {
            _ if self.is_off => None,
            Some(text) => Some((range, text)),
            None => {
                let end = range.end.min(self.bytes.len());
                let problem = "what stands here is not of the form that a package has here";
                split.found(range.start.min(end)..end, pointer.to_owned(), problem);
                None
            }
        }
    }
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], split: &mut Split<'a>) -> Self {
        let mut header = Self::default();
        let mut cursor = Cursor { bytes, at: 0, is_off: false };
        cursor.literal(BEFORE_MADE_AT, "/format", split);
        let made_at = cursor.value(TIME, "/made_at", is_time, split);
        split.made_at = made_at.map(|(_, text)| text);
        cursor.literal(BEFORE_MANIFEST, "/made_at", split);
        for (index, name) in SECTIONS.into_iter().enumerate() {
            let pointer = format!("/manifest/{name}");
            cursor.literal(&format!("{}\"", before_section(index, name)), &pointer, split);
            header.manifest.push(cursor.value(HASH, &pointer, is_hash, split));
            cursor.literal("\"", &pointer, split);
        }
        cursor.literal("}", "/manifest", split);
        header.covered = cursor.at;
        cursor.literal(BEFORE_MANIFEST_HASH, "/manifest_sha256", split);
        header.manifest_hash = cursor.value(HASH, "/manifest_sha256", is_hash, split);
        cursor.literal(BEFORE_SECTIONS, "/sections", split);
        header.end = if cursor.is_off {
            // Where bytes were added or are missing, everything behind them has moved.
            let first = format!("{BEFORE_SECTIONS}{}", before_section(0, SECTIONS[0]));
            let searched = &bytes[..bytes.len().min(2 * cursor.at)];
            let found = find(searched, first.as_bytes()).map(|at| at + BEFORE_SECTIONS.len());
            found.or_else(|| (cursor.at < bytes.len()).then_some(cursor.at))
        } else {
            Some(cursor.at)
        };
        header
    }

    fn check_hashes(&self, bytes: &[u8], split: &mut Split<'_>) {
        let hash = |range: Range<usize>| hex::encode(Sha256::digest(&bytes[range]));
        let prefix_holds = match &self.manifest_hash {
            Some((_, stated)) => *stated == hash(0..self.covered),
            None => return check_sections(&self.manifest, &hash, true, split),
        };
        let before = split.problems.len();
        check_sections(&self.manifest, &hash, prefix_holds, split);
        if let (false, Some((place, _))) = (prefix_holds, &self.manifest_hash) {
            let problem = if split.problems.len() == before {
                "the hash of what stands before it is not this: made_at or this hash was changed"
            } else {
                "the hash of what stands before it is not this: the manifest was changed"
            };
            split.found(0..place.end, "/manifest_sha256".to_owned(), problem);
        }
    }
}

/// Holds the sections against the manifest. Where the manifest itself is not what was hashed, a
/// difference says that the manifest was changed rather than the section.
fn check_sections(
    manifest: &[Option<(Range<usize>, &str)>],
    hash: &dyn Fn(Range<usize>) -> String,
    is_manifest_good: bool,
    split: &mut Split<'_>,
) {
    for (name, stated) in SECTIONS.into_iter().zip(manifest) {
        let (Some(section), Some((place, stated))) = (split.section(name), stated) else {
            continue;
        };
        let range = section.bytes.clone();
        if hash(range.clone()) == *stated {
            continue;
        }
        let problem = format!("the section \"{name}\" is not what the manifest has the hash of");
        if is_manifest_good {
            split.found(range, format!("/sections/{name}"), problem);
        } else {
            split.found(place.clone(), format!("/manifest/{name}"), problem);
        }
    }
}

fn read_sections<'a>(bytes: &'a [u8], start: usize, split: &mut Split<'a>) {
    let mut at = start;
    let mut is_lost = false;
    for (index, name) in SECTIONS.into_iter().enumerate() {
        let pointer = format!("/sections/{name}");
        let mut cursor = Cursor { bytes, at, is_off: is_lost };
        let label = before_section(index, name);
        cursor.literal(&label, &pointer, split);
        if cursor.is_off {
            match find(&bytes[at..], label.as_bytes()) {
                Some(place) => cursor.at = at + place + label.len(),
                None => {
                    if is_lost {
                        let problem = format!("the section \"{name}\" is not there");
                        split.found(at..at, pointer, problem);
                    }
                    is_lost = true;
                    continue;
                }
            }
        }
        is_lost = false;
        let value_at = cursor.at;
        match value_of(&bytes[value_at..]) {
            Ok((value, blank)) => {
                if blank > 0 {
                    let problem = "white space stands before the section";
                    split.found(value_at..value_at + blank, pointer, problem);
                }
                let range = value_at + blank..value_at + blank + value.get().len();
                at = range.end;
                split.sections.push(Section { name, bytes: range, value });
            }
            Err((place, problem)) => {
                // What made it unreadable stands here or before it.
                let end = (value_at + place + 1).min(bytes.len());
                split.found(value_at.min(end)..end, pointer, problem);
                at = value_at;
                is_lost = true;
            }
        }
    }
    if !is_lost {
        let mut cursor = Cursor { bytes, at, is_off: false };
        cursor.literal(END, "/sections", split);
        if !cursor.is_off && cursor.at < bytes.len() {
            let problem = "bytes stand behind the end of the package";
            split.found(cursor.at..bytes.len(), String::new(), problem);
        }
    }
}

/// The JSON value at the beginning of the bytes, and how much white space stands before it.
///
/// Nesting costs nothing: serde_json passes over a raw value without recursion.
fn value_of(bytes: &[u8]) -> Result<(&RawValue, usize), (usize, String)> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => Ok((value, offset_in(bytes, value.get()))),
        Some(Err(error)) => {
            Err((place_of(bytes, &error), format!("the section is no JSON: {error}")))
        }
        None => Err((0, "the section has no value".to_owned())),
    }
}

/// Where a part of the bytes begins.
pub(in crate::evidence) fn offset_in(bytes: &[u8], part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize)
}

/// The byte at which reading JSON failed.
pub(in crate::evidence) fn place_of(bytes: &[u8], error: &serde_json::Error) -> usize {
    let line = error.line().saturating_sub(1);
    let start = match line {
        0 => 0,
        _ => bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(line - 1)
            .map_or(0, |(place, _)| place + 1),
    };
    (start + error.column().saturating_sub(1)).min(bytes.len().saturating_sub(1))
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
