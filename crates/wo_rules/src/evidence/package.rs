//! The one form of an evidence package: how it is written, and how it is taken apart again.
//!
//! A package is one JSON object in one spelling, so that every byte of the file is accounted for:
//! what stands before the first section is of fixed length and covered by `manifest_sha256`, each
//! section is covered by its hash in the manifest, and between the sections stand only their names.

mod reader;

pub use reader::{Section, Split, read};
pub(super) use reader::{offset_in, place_of};

use crate::approval::payload::is_time;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Names the form; a new form gets a new name.
pub const FORMAT: &str = "wo_core.evidence.v1";

/// The longest package that is looked at, in bytes: what PostgreSQL can hold in one value.
pub const LONGEST_PACKAGE: usize = 1 << 30;

/// The sections in the order in which they stand. All of them are always there. `concepts` holds the sections that
/// concepts add under names of their own.
pub const SECTIONS: [&str; 18] = [
    "made",
    "tenant",
    "work_order",
    "child_records",
    "lifecycle",
    "master",
    "children",
    "dependencies",
    "signatures",
    "signing_keys",
    "delegations",
    "principals",
    "findings",
    "refused_attempts",
    "trail",
    "ledger",
    "concepts",
    "how_to_verify",
];

const BEFORE_MADE_AT: &str = "{\"format\":\"wo_core.evidence.v1\",\"made_at\":\"";
const BEFORE_MANIFEST: &str = "\",\"manifest\":{";
const BEFORE_MANIFEST_HASH: &str = ",\"manifest_sha256\":\"";
const BEFORE_SECTIONS: &str = "\",\"sections\":{";
const END: &str = "}}";

/// Something in a package that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where in the file, as narrowly as can be said.
    pub bytes: Range<usize>,
    /// The same place as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, in one plain sentence.
    pub problem: String,
}

/// Writes a package.
///
/// `made_at` is a time as [`crate::time::utc`] writes it; `sections` are the JSON texts of all of
/// [`SECTIONS`], in any order. `manifest_sha256` is the hash of all bytes before it, up to and with
/// the manifest's closing brace, so that it covers `made_at` too.
///
/// # Errors
/// One plain sentence where a section is missing, stands twice, is unknown or is no JSON, or where
/// `made_at` is not such a time.
pub fn assemble(made_at: &str, sections: Vec<(&'static str, String)>) -> Result<String, String> {
    if !is_time(made_at) {
        return Err("the time of the package is no time in UTC with microseconds".to_owned());
    }
    if let Some((name, _)) = sections.iter().find(|(name, _)| !SECTIONS.contains(name)) {
        return Err(format!("an evidence package has no section \"{name}\""));
    }
    let mut ordered = Vec::with_capacity(SECTIONS.len());
    for name in SECTIONS {
        let mut texts = sections.iter().filter(|(section, _)| *section == name);
        let (Some((_, text)), None) = (texts.next(), texts.next()) else {
            return Err(format!("an evidence package has one section \"{name}\""));
        };
        let value: &RawValue = serde_json::from_str(text)
            .map_err(|error| format!("the section \"{name}\" is no JSON: {error}"))?;
        ordered.push((name, value.get()));
    }
    let hash = |text: &str| hex::encode(Sha256::digest(text));
    let manifest: Vec<String> =
        ordered.iter().map(|(name, text)| format!("\"{name}\":\"{}\"", hash(text))).collect();
    let mut package = format!("{BEFORE_MADE_AT}{made_at}{BEFORE_MANIFEST}{}}}", manifest.join(","));
    let manifest_hash = hash(&package);
    package.reserve(ordered.iter().map(|(name, text)| name.len() + text.len() + 4).sum::<usize>());
    package.push_str(BEFORE_MANIFEST_HASH);
    package.push_str(&manifest_hash);
    package.push_str(BEFORE_SECTIONS);
    for (index, (name, text)) in ordered.iter().enumerate() {
        package.push_str(&before_section(index, name));
        package.push_str(text);
    }
    package.push_str(END);
    Ok(package)
}

/// The hash in a package that [`assemble`] wrote.
pub(super) fn manifest_hash_of(package: &str) -> Option<&str> {
    let start = package.find(BEFORE_MANIFEST_HASH)? + BEFORE_MANIFEST_HASH.len();
    package.get(start..start + reader::HASH)
}

/// What stands before a section's value.
fn before_section(index: usize, name: &str) -> String {
    let comma = if index == 0 { "" } else { "," };
    format!("{comma}\"{name}\":")
}
