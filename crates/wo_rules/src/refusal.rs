//! How a rule says no: one error type for the whole of wo_core.
//!
//! A [`Refusal`] is a value. The shell turns it into a PostgreSQL error: SQLSTATE, one plain
//! lower-case sentence, a JSON object as DETAIL, and a HINT that says what to do next.

use serde_json::{Map, Value};

/// The SQLSTATEs that wo_core raises; all of them standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlState {
    /// 23514 `check_violation`: a gate, a guard or a field's rule is not met.
    GateNotMet,
    /// 42501 `insufficient_privilege`: no identity, wrong role, wrong tenant.
    NotPermitted,
    /// 40001 `serialization_failure`: the record moved meanwhile; read it again and retry.
    VersionConflict,
    /// 22023 `invalid_parameter_value`: a value that cannot be, or a name nobody knows.
    BadValue,
    /// 23505 `unique_violation`: it exists already.
    Duplicate,
    /// 55000 `object_not_in_prerequisite_state`: locked, or in a state that has no such edge.
    WrongState,
    /// 23502 `not_null_violation`: a value is missing.
    ValueMissing,
    /// 23503 `foreign_key_violation`: a row names what does not exist, or what is removed.
    ReferenceMissing,
    /// 0A000 `feature_not_supported`: PostgreSQL can do it, wo_core does not allow it.
    NotSupported,
}

impl SqlState {
    /// The five characters that clients see.
    pub fn code(self) -> &'static str {
        match self {
            Self::GateNotMet => "23514",
            Self::NotPermitted => "42501",
            Self::VersionConflict => "40001",
            Self::BadValue => "22023",
            Self::Duplicate => "23505",
            Self::WrongState => "55000",
            Self::ValueMissing => "23502",
            Self::ReferenceMissing => "23503",
            Self::NotSupported => "0A000",
        }
    }
}

/// A refused act, with everything that a person and a program need to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The class of error that PostgreSQL reports.
    pub sqlstate: SqlState,
    /// The stable name that programs match on, for example `fields_missing`.
    pub code: &'static str,
    /// One plain sentence, lower case, that names the work order.
    pub message: String,
    /// What to do next; empty where there is nothing to say.
    pub hint: String,
    /// Members of the DETAIL object beside `code`; boxed, so that a verdict stays small to pass on.
    pub detail: Box<Map<String, Value>>,
}

/// The longest sentence of a refusal, in characters.
const LONGEST_MESSAGE: usize = 600;

/// The longest text in a DETAIL, in characters.
const LONGEST_TEXT: usize = 200;

/// The longest text inside a list or an object of a DETAIL, in characters.
const LONGEST_ELEMENT: usize = 600;

/// The longest hint, in characters.
const LONGEST_HINT: usize = 2_000;

/// The most elements of a list, or members of an object, in a DETAIL.
const MOST_ELEMENTS: usize = 100;

/// A text cut to its first characters: a refusal shows what it was given, not megabytes of it.
fn shortened(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A value whose lists, objects and texts are cut to their first elements and characters.
fn bounded(value: Value, longest: usize) -> Value {
    match value {
        Value::String(text) => Value::String(shortened(text, longest)),
        Value::Array(elements) => elements
            .into_iter()
            .take(MOST_ELEMENTS)
            .map(|element| bounded(element, LONGEST_ELEMENT))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .take(MOST_ELEMENTS)
            .map(|(name, member)| (shortened(name, LONGEST_TEXT), bounded(member, LONGEST_ELEMENT)))
            .collect(),
        other => other,
    }
}

/// A value without what looks like a secret in its texts and names.
fn shown(value: Value) -> Value {
    let shown_text = |text: String| crate::secret::hide(&text).unwrap_or(text);
    match value {
        Value::String(text) => Value::String(shown_text(text)),
        Value::Array(elements) => elements.into_iter().map(shown).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (shown_text(name), shown(value))).collect()
        }
        other => other,
    }
}

impl Refusal {
    /// A refusal with its sentence and no hint yet.
    pub fn new(sqlstate: SqlState, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            sqlstate,
            code,
            message: shortened(message.into(), LONGEST_MESSAGE),
            hint: String::new(),
            detail: Box::default(),
        }
    }

    /// The refusal of an act for which no reason was given: 23514 `fields_missing`. `what` begins the sentence.
    pub fn reason_missing(what: &str) -> Self {
        Self::new(SqlState::GateNotMet, "fields_missing", format!("{what} needs a reason"))
            .with("missing_fields", vec!["reason"])
            .hint("Say why.")
    }

    /// Says what to do next, as PostgreSQL writes hints: a sentence with a capital and a full stop.
    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        let hint = &shortened(hint.as_ref().to_owned(), LONGEST_HINT);
        let is_command = ["select ", "alter ", "grant ", "begin; ", "wo.", "wo "]
            .iter()
            .any(|command| hint.starts_with(command));
        let mut letters = hint.chars();
        self.hint = match letters.next() {
            Some(first) if !is_command => first.to_uppercase().chain(letters).collect(),
            _ => hint.to_owned(),
        };
        if !hint.ends_with(['.', ';', '!', '?']) {
            self.hint.push('.');
        }
        self
    }

    /// Adds a member to the DETAIL object. Of a long list its first elements are shown, and
    /// `<key>_not_listed` says how many more there are.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let count = match &value {
            Value::Array(elements) => elements.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        };
        self.detail.insert(key.to_owned(), bounded(value, LONGEST_TEXT));
        if count > MOST_ELEMENTS {
            self.detail.insert(format!("{key}_not_listed"), Value::from(count - MOST_ELEMENTS));
        }
        self
    }

    /// The refusal without what looks like a secret in what it repeats of the caller's values: it goes to the
    /// server's log, and may go on record.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        for text in [&mut self.message, &mut self.hint] {
            if let Some(hidden) = crate::secret::hide(text) {
                *text = hidden;
            }
        }
        if let Value::Object(detail) = shown(Value::Object(*self.detail)) {
            self.detail = Box::new(detail);
        } else {
            self.detail = Box::default();
        }
        self
    }

    /// The DETAIL as programs read it: a JSON object whose first member is `code`.
    pub fn detail_json(&self) -> String {
        let mut object = Map::new();
        object.insert("code".to_owned(), Value::from(self.code));
        object.extend((*self.detail).clone());
        Value::Object(object).to_string()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_repeat_megabytes() {
        let long = "é".repeat(1 << 20);
        let refusal = Refusal::new(SqlState::BadValue, "x", long.clone()).with("given", long);
        assert!(refusal.message.len() < 2_000);
        assert!(refusal.detail_json().len() < 2_000);
    }

    /// A document with 200,000 unknown keys gave an error of 16.9 MB.
    #[test]
    fn a_refusal_lists_the_first_of_many_problems_and_their_number() {
        let problems: Vec<Value> = (0..200_000)
            .map(|n| serde_json::json!({"pointer": format!("/{n}"), "problem": "é".repeat(900)}))
            .collect();
        let nested = serde_json::json!({"deep": vec!["x".repeat(1_000); 1_000]});
        let refusal = Refusal::new(SqlState::BadValue, "x", "no")
            .with("problems", problems)
            .with("names", (0..200_000).map(|n| n.to_string()).collect::<Vec<_>>())
            .with("nested", nested)
            .hint("x".repeat(1 << 20));
        assert_eq!(refusal.detail["problems"].as_array().map(Vec::len), Some(100));
        assert_eq!(refusal.detail["problems_not_listed"], 199_900);
        assert_eq!(refusal.detail["names_not_listed"], 199_900);
        assert!(refusal.detail_json().len() < 300_000, "{}", refusal.detail_json().len());
        assert!(refusal.hint.len() < 3_000);
    }

    #[test]
    fn a_hint_is_a_sentence() {
        let hint = |text: &str| Refusal::new(SqlState::BadValue, "x", "x").hint(text).hint;
        assert_eq!(hint("give notes"), "Give notes.");
        assert_eq!(hint("Say why."), "Say why.");
        assert_eq!(hint("select 1;"), "select 1;");
        assert_eq!(hint("wo.transition(...) moves it"), "wo.transition(...) moves it.");
        assert_eq!(hint("wo sign writes it so"), "wo sign writes it so.");
    }

    #[test]
    fn detail_is_a_json_object_that_starts_with_its_code() {
        let refusal = Refusal::new(SqlState::GateNotMet, "fields_missing", "no")
            .with("missing_fields", vec!["notes"]);
        assert_eq!(
            refusal.detail_json(),
            r#"{"code":"fields_missing","missing_fields":["notes"]}"#
        );
    }
}
