//! Reading a JSON document without stopping at the first problem.

use serde_json::Value;

/// A list longer than this is not read: looking for duplicates in it would take too long.
pub(crate) const MAXIMUM_ITEMS: usize = 2000;

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What, in one sentence.
    pub problem: String,
}

/// A value with the way to it.
#[derive(Clone)]
pub(crate) struct Node<'v> {
    pub value: &'v Value,
    pub pointer: String,
}

impl<'v> Node<'v> {
    pub fn root(value: &'v Value) -> Self {
        Self { value, pointer: String::new() }
    }

    /// The member of an object; `None` where it is absent.
    pub fn member(&self, key: &str) -> Option<Node<'v>> {
        let value = self.value.as_object()?.get(key)?;
        Some(Node { value, pointer: self.pointer_to(key) })
    }

    /// The way to a member, present or not.
    pub fn pointer_to(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"))
    }

    /// The items of a list; none where it is something else.
    pub fn items(&self) -> Vec<Node<'v>> {
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .enumerate()
            .map(|(index, value)| Node { value, pointer: format!("{}/{index}", self.pointer) })
            .collect()
    }

    /// The members of an object with their names.
    pub fn members(&self) -> Vec<(&'v str, Node<'v>)> {
        let Some(object) = self.value.as_object() else { return Vec::new() };
        object
            .iter()
            .map(|(key, value)| (key.as_str(), Node { value, pointer: self.pointer_to(key) }))
            .collect()
    }
}

/// The problems found so far. Every reader answers `None` when it has noted one.
#[derive(Default)]
pub(crate) struct Report {
    pub problems: Vec<Problem>,
}

impl Report {
    pub fn note(&mut self, pointer: impl Into<String>, problem: impl Into<String>) {
        self.problems.push(Problem { pointer: pointer.into(), problem: problem.into() });
    }

    /// Checks that it is an object with all of the required and none but the known keys.
    pub fn object(&mut self, node: &Node, required: &[&str], optional: &[&str]) -> bool {
        let Some(object) = node.value.as_object() else {
            self.wrong_type(node, "an object");
            return false;
        };
        for key in object.keys() {
            if !required.contains(&key.as_str()) && !optional.contains(&key.as_str()) {
                let known = [required, optional].concat().join(", ");
                self.note(node.pointer_to(key), format!("unknown key; known are {known}"));
            }
        }
        for key in required {
            if !object.contains_key(*key) {
                self.note(node.pointer_to(key), "is missing");
            }
        }
        true
    }

    /// A text that is not blank.
    pub fn text(&mut self, node: &Node) -> Option<String> {
        match node.value.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.note(&node.pointer, "must not be blank");
                None
            }
            None => {
                self.wrong_type(node, "a text");
                None
            }
        }
    }

    /// A text that the definition may leave out; empty then.
    pub fn optional_text(&mut self, node: &Node, key: &str) -> String {
        node.member(key).and_then(|node| self.text(&node)).unwrap_or_default()
    }

    /// A name for programs.
    pub fn name(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node)?;
        if !is_name(&name) {
            self.note(&node.pointer, bad_name(&name));
            return None;
        }
        Some(name)
    }

    /// A flag that the definition may leave out; false then.
    pub fn flag(&mut self, node: &Node, key: &str) -> bool {
        let Some(node) = node.member(key) else { return false };
        match node.value.as_bool() {
            Some(flag) => flag,
            None => {
                self.wrong_type(&node, "true or false");
                false
            }
        }
    }

    /// The items of a list that the definition may leave out; none then.
    pub fn list<'v>(&mut self, node: &Node<'v>, key: &str) -> Vec<Node<'v>> {
        let Some(node) = node.member(key) else { return Vec::new() };
        match node.value.as_array() {
            None => self.wrong_type(&node, "a list"),
            Some(items) if items.len() > MAXIMUM_ITEMS => {
                let problem = format!("{} items are more than {MAXIMUM_ITEMS}", items.len());
                self.note(&node.pointer, problem);
                return Vec::new();
            }
            Some(_) => {}
        }
        node.items()
    }

    /// The items of a list that must not be empty.
    pub fn filled_list<'v>(&mut self, node: &Node<'v>, key: &str) -> Vec<Node<'v>> {
        if node.member(key).is_some_and(|list| list.value.as_array().is_some_and(Vec::is_empty)) {
            self.note(node.pointer_to(key), "must not be empty");
        }
        self.list(node, key)
    }

    /// Notes the second of two equal items.
    pub fn no_duplicates<T: PartialEq>(&mut self, items: &[(String, T)], what: &str) {
        for (index, (pointer, item)) in items.iter().enumerate() {
            if items[..index].iter().any(|(_, earlier)| earlier == item) {
                self.note(pointer, format!("this {what} is listed already"));
            }
        }
    }

    pub fn wrong_type(&mut self, node: &Node, expected: &str) {
        let found = match node.value {
            Value::Null => "null",
            Value::Bool(_) => "a flag",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.note(&node.pointer, format!("must be {expected}, not {found}"));
    }
}

/// Lower snake case, 63 characters at most, as PostgreSQL has its own names.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

pub(crate) fn bad_name(name: &str) -> String {
    format!(
        "{name:?} is no name: up to 63 lower-case letters, digits and underscores, a letter first"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_escape_as_rfc_6901_says() {
        let value = json!({ "a/b~c": [1, 2] });
        let node = Node::root(&value).member("a/b~c").unwrap();
        assert_eq!(node.items()[1].pointer, "/a~1b~0c/1");
        assert_eq!(value.pointer(&node.items()[1].pointer), Some(&json!(2)));
    }

    #[test]
    fn names_are_lower_snake_case() {
        for name in ["a", "in_progress", "stage_2", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "_a", "2a", "in-progress", "é", " a", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
