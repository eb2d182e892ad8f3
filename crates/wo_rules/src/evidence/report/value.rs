//! JSON values as people read them, without losing a digit of what was written.

use crate::evidence::members;
use serde_json::value::RawValue;

/// Deeper than this a value is shown as the JSON that it is.
const DEEPEST: usize = 16;

/// The members of an object in the order in which they were written.
pub(super) type Members = members::Members<Box<RawValue>>;

impl Members {
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }
}

/// A value with nothing in it that holds other values: those are `leaves` with a path.
pub(super) struct Leaf {
    /// The members that lead to it, joined by dots; empty for a value that is no object.
    pub(super) path: String,
    /// The value in words.
    pub(super) text: String,
}

/// A value as its leaves. A list of plain values is one leaf; nothing, and what holds nothing, has none.
pub(super) fn leaves(value: &RawValue) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(value, String::new(), 0, &mut found);
    found
}

fn collect(value: &RawValue, path: String, depth: usize, found: &mut Vec<Leaf>) {
    if value.get().starts_with('{') && depth < DEEPEST {
        let Ok(members) = serde_json::from_str::<Members>(value.get()) else {
            return found.push(Leaf { path, text: value.get().to_owned() });
        };
        for (name, member) in members.0 {
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            collect(&member, path, depth + 1, found);
        }
    } else if let Some(text) = words(value) {
        found.push(Leaf { path, text });
    }
}

/// A value in words; none for `null`, an empty list and an empty text.
pub(super) fn words(value: &RawValue) -> Option<String> {
    let text = match value.get() {
        "null" | "[]" | "{}" | "\"\"" => return None,
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        list if list.starts_with('[') => match plain_items(list) {
            Some(items) => items.join(", "),
            None => list.to_owned(),
        },
        other => text(value).unwrap_or_else(|| other.to_owned()),
    };
    Some(text)
}

/// The text of a JSON string.
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The texts of a list of texts.
pub(super) fn texts(value: &RawValue) -> Option<Vec<String>> {
    serde_json::from_str(value.get()).ok()
}

/// The items of a list of plain values, texts in quotes.
fn plain_items(list: &str) -> Option<Vec<String>> {
    let items: Vec<Box<RawValue>> = serde_json::from_str(list).ok()?;
    let plain = |item: &RawValue| match item.get() {
        nested if nested.starts_with(['[', '{']) => None,
        _ => Some(text(item).map_or_else(|| item.get().to_owned(), |text| format!("“{text}”"))),
    };
    items.iter().map(|item| plain(item)).collect()
}
