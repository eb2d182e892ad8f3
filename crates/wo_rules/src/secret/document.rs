//! Secrets in JSON: in its strings, its names, and its members that are called as secrets are.

use super::assigned::{is_name_of_number, is_name_of_secret, is_open};
use super::{Kind, Suspect, find, public};
use serde_json::Value;

/// What looks like a secret in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The JSON pointer to it; for the name of a member, that of its object.
    pub pointer: String,
    /// What it looks like.
    pub kind: Kind,
    /// The text that looks like it.
    pub excerpt: String,
}

/// Everything in a text that looks like a secret. `pointer` says where the text stands.
#[must_use]
pub fn find_in_text(text: &str, pointer: &str) -> Vec<Found> {
    let excerpt = |suspect: Suspect| Found {
        pointer: pointer.to_owned(),
        kind: suspect.kind,
        excerpt: text[suspect.range].to_owned(),
    };
    find(text).into_iter().map(excerpt).collect()
}

/// Everything in a JSON value that looks like a secret.
#[must_use]
pub fn find_in_value(value: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    walk(value, None, &mut String::new(), &mut found);
    found
}

/// `name` is that of the member whose value this is, or that has it in its list.
fn walk(value: &Value, name: Option<&str>, pointer: &mut String, found: &mut Vec<Found>) {
    let secret_name = name.filter(|name| is_name_of_secret(name));
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.extend(find_in_text(name, pointer));
                let length = pointer.len();
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                walk(value, Some(name), pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                let length = pointer.len();
                pointer.push('/');
                pointer.push_str(&index.to_string());
                walk(value, name, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::String(text) => found.append(&mut in_string(text, name, pointer)),
        Value::Number(number) if secret_name.is_some_and(is_name_of_number) => {
            let excerpt = number.to_string();
            found.push(Found { pointer: pointer.clone(), kind: Kind::Assigned, excerpt });
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// Everything in a string that looks like a secret. `name` is that of the member whose value it is, or whose list
/// has it.
pub(super) fn in_string(text: &str, name: Option<&str>, pointer: &str) -> Vec<Found> {
    let mut found = find_in_text(text, pointer);
    let is_public = name.is_some_and(public::is_name);
    found.retain(|found| !(is_public && found.kind == Kind::Random));
    let is_open = name.is_some_and(|name| is_name_of_secret(name) && is_open(name, text));
    if found.is_empty() && is_open {
        let (pointer, excerpt) = (pointer.to_owned(), text.to_owned());
        found.push(Found { pointer, kind: Kind::Assigned, excerpt });
    }
    found
}
