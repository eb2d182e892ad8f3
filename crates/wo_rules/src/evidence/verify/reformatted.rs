//! Packages that a program parsed and wrote again, as drivers and editors do. Their bytes are not those that were
//! hashed. What JSON may write in several ways is written as the database writes it, and the hashes of the manifest
//! show whether that is the original.

use super::sections::Texts;
use crate::evidence::package::{FORMAT, SECTIONS, assemble, manifest_hash_of};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    format: String,
    made_at: String,
    #[serde(borrow)]
    manifest: Texts<'a>,
    manifest_sha256: String,
    #[serde(borrow)]
    sections: Texts<'a>,
}

/// The package that this one was before it was written again; nothing where it is another one, or where parsing lost
/// something that nothing else in it holds.
pub fn original_of(bytes: &[u8]) -> Option<String> {
    let document: Document<'_> = serde_json::from_slice(bytes).ok()?;
    if document.format != FORMAT || document.sections.0.len() != SECTIONS.len() {
        return None;
    }
    let left = left_by(document.sections.get("trail")?)?;
    let mut sections = Vec::with_capacity(SECTIONS.len());
    for name in SECTIONS {
        let (held, hash) = (document.sections.get(name)?, document.manifest.text(name)?);
        let is_it = |text: &String| hex::encode(Sha256::digest(text)) == hash;
        sections.push((name, candidates(name, held, &left).into_iter().find(is_it)?));
    }
    let package = assemble(&document.made_at, sections).ok()?;
    let is_it = manifest_hash_of(&package) == Some(&document.manifest_sha256);
    (is_it && package.as_bytes() != bytes).then_some(package)
}

/// What a section may have been.
fn candidates(name: &str, held: &RawValue, left: &BTreeMap<String, String>) -> Vec<String> {
    let with_texts = match name {
        "work_order" => object(held, |name, value| match name {
            "record" => object(value, |name, value| text_of_trail(name, value, left)),
            _ => compact(value.get()),
        }),
        "child_records" => object(held, |name, value| text_of_trail(name, value, left)),
        _ => None,
    };
    [with_texts, compact(held.get())].into_iter().flatten().collect()
}

/// The value of a column as the trail writes it, if it is that value: numbers keep their digits there, and JSON its
/// blanks.
fn text_of_trail(name: &str, value: &RawValue, left: &BTreeMap<String, String>) -> Option<String> {
    let Some(text) = left.get(name) else { return compact(value.get()) };
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    is_same(&read(text)?, &read(value.get())?).then(|| text.clone())
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let held = |(name, one): (&String, &Value)| {
                other.get(name).is_some_and(|other| is_same(one, other))
            };
            one.len() == other.len() && one.iter().all(held)
        }
        (one, other) => one == other,
    }
}

/// An object with its members in their order, each written as `write` does.
fn object(held: &RawValue, write: impl Fn(&str, &RawValue) -> Option<String>) -> Option<String> {
    let members: crate::evidence::members::Members<&RawValue> =
        serde_json::from_str(held.get()).ok()?;
    let members: Option<Vec<String>> = members
        .0
        .into_iter()
        .map(|(name, value)| {
            Some(format!("{}:{}", serde_json::to_string(&name).ok()?, write(&name, value)?))
        })
        .collect();
    Some(format!("{{{}}}", members?.join(",")))
}

/// What the trail left in each column and each child record.
fn left_by(trail: &RawValue) -> Option<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Entry {
        changes: String,
    }
    let entries: Vec<Entry> = serde_json::from_str(trail.get()).ok()?;
    let mut left = BTreeMap::new();
    for entry in entries {
        for (name, change) in serde_json::from_str::<Texts<'_>>(&entry.changes).ok()?.0 {
            let change: Texts<'_> = serde_json::from_str(change.get()).ok()?;
            match change.get("new") {
                Some(new) => left.insert(name, new.get().to_owned()),
                None => left.remove(&name),
            };
        }
    }
    Some(left)
}

/// JSON without white space, each string with the fewest escapes. Numbers stay as they are.
fn compact(text: &str) -> Option<String> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let length = end_of_string(&rest.as_bytes()[start..])?;
        let string: String = serde_json::from_str(&rest[start..start + length]).ok()?;
        written.extend(rest[..start].split_ascii_whitespace());
        written.push_str(&serde_json::to_string(&string).ok()?);
        rest = &rest[start + length..];
    }
    written.extend(rest.split_ascii_whitespace());
    Some(written)
}

/// The length of the string that begins here, with its quotation marks.
fn end_of_string(bytes: &[u8]) -> Option<usize> {
    let mut place = 1;
    loop {
        match bytes.get(place)? {
            b'"' => return Some(place + 1),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}
