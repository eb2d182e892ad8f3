//! The one writer of JSON texts whose very bytes are kept: the trail, child records, evidence.
//!
//! Values come as JSON texts, because a number keeps all its digits only as a text. Names are always
//! written here, as JSON strings.

use crate::refusal::{Refusal, SqlState};
use serde_json::Value;
use std::fmt::Write;

/// Reads JSON that PostgreSQL has found well formed. What `jsonb` admits and this does not, no function of
/// ours could read again: the API and raw writes are held to this one rule.
///
/// # Errors
/// 22023 `bad_value` where it is nested more than 127 levels deep, or holds a number that a double cannot.
pub fn parse(text: &str) -> Result<Value, Refusal> {
    serde_json::from_str(text).map_err(|_| {
        Refusal::new(
            SqlState::BadValue,
            "bad_value",
            "the JSON is nested too deeply, or holds a number out of range",
        )
        .hint("At most 127 levels; numbers between -1.7e308 and 1.7e308.")
    })
}

/// A text as a JSON string, escaped as RFC 8785 (JCS) asks: only quotation marks, backslashes and
/// control characters are escaped, by their shortest form.
pub fn string(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    push_string(&mut written, text);
    written
}

fn push_string(written: &mut String, text: &str) {
    written.push('"');
    let mut plain_from = 0;
    for (index, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0c => "\\f",
            0x0d => "\\r",
            0..0x20 => "",
            _ => continue,
        };
        written.push_str(&text[plain_from..index]);
        plain_from = index + 1;
        match short {
            // Writing into a String does not fail.
            "" => drop(write!(written, "\\u{byte:04x}")),
            short => written.push_str(short),
        }
    }
    written.push_str(&text[plain_from..]);
    written.push('"');
}

/// A value as PostgreSQL's `jsonb` prints it: the members of an object by the lengths of their names and
/// then by their bytes, with a space after each comma and colon. A number that `serde_json` prints in
/// another way than PostgreSQL gives another text.
#[must_use]
pub fn jsonb_text(value: &Value) -> String {
    let mut written = String::new();
    push_jsonb(&mut written, value);
    written
}

fn push_jsonb(written: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| (name.len(), name.as_bytes()));
            written.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    written.push_str(", ");
                }
                push_string(written, name);
                written.push_str(": ");
                push_jsonb(written, value);
            }
            written.push('}');
        }
        Value::Array(elements) => {
            written.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    written.push_str(", ");
                }
                push_jsonb(written, element);
            }
            written.push(']');
        }
        Value::String(text) => push_string(written, text),
        // Writing into a String does not fail.
        Value::Null | Value::Bool(_) | Value::Number(_) => drop(write!(written, "{value}")),
    }
}

/// A JSON object that is written member by member, in the order given.
pub struct Object(String);

impl Default for Object {
    fn default() -> Self {
        Self("{".to_owned())
    }
}

impl Object {
    /// Adds a member whose value is a JSON text already.
    pub fn add(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push_str(value);
    }

    /// Whether it has no member yet.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    /// Adds a member, if there is a value; the value is a JSON text already.
    pub fn add_present(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn name(&mut self, name: &str) {
        if !self.is_empty() {
            self.0.push(',');
        }
        push_string(&mut self.0, name);
        self.0.push(':');
    }

    /// The text.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Self {
        let mut object = Self::default();
        for (name, value) in members {
            object.add(name.as_ref(), value.as_ref());
        }
        object
    }
}

/// A JSON array of elements that are JSON texts already.
pub fn array<T: AsRef<str>>(elements: impl IntoIterator<Item = T>) -> String {
    let mut text = String::from("[");
    for element in elements {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(element.as_ref());
    }
    text.push(']');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn what_a_double_cannot_hold_and_what_is_nested_too_deeply_is_refused() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(127)).is_ok());
        for bad in ["1e400", "[-1e400]", &nested(128), &nested(100_000)] {
            assert_eq!(parse(bad).unwrap_err().code, "bad_value");
        }
        assert_eq!(parse("{\"a\":1,\"a\":2}").unwrap()["a"], 2);
    }

    #[test]
    fn a_string_is_written_as_serde_json_and_jcs_write_it() {
        let every_byte: String = (0..0x300u32).filter_map(char::from_u32).collect();
        for text in ["", "plain", "a\"b", "c\\d", "\u{2028}é小\u{1F680}", &every_byte] {
            assert_eq!(string(text), serde_json::to_string(text).unwrap());
            assert_eq!(
                string(text).into_bytes(),
                serde_json_canonicalizer::to_vec(&Value::from(text)).unwrap()
            );
        }
    }

    #[test]
    fn a_value_is_printed_as_jsonb_prints_it() {
        let value = parse(r#"{"bb":[1,-2.5,true,null],"a\"":{}, "ab":"x\u0001é","c":[]}"#).unwrap();
        let printed =
            "{\"c\": [], \"a\\\"\": {}, \"ab\": \"x\\u0001é\", \"bb\": [1, -2.5, true, null]}";
        assert_eq!(jsonb_text(&value), printed);
    }

    #[test]
    fn an_object_whose_names_need_escaping_is_valid() {
        let object: Object =
            [("a\"b", "1"), ("c\\d", "\"x\""), ("\n", "null")].into_iter().collect();
        let text = object.end();
        assert_eq!(text, r#"{"a\"b":1,"c\\d":"x","\n":null}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["a\"b"], 1);
        assert_eq!(Object::default().end(), "{}");
        assert_eq!(array(["1", "2"]), "[1,2]");
    }
}
