//! Conditions over the fields of a work order, as definitions write them: `title` (filled),
//! `actual_hours > 0`, `priority = critical`, `new deficiencies` (given in this very write); and
//! over the members of its metadata: `metadata.vendor`, `metadata.cost > 10000`.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::reader::{bad_name, is_name};
use crate::field::{Field, FieldKind};

/// A field's value, as far as conditions look at it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A number of hours.
    Number(f64),
    /// A text.
    Text(String),
    /// A flag.
    Flag(bool),
    /// A list, by its length.
    List(usize),
    /// Anything else that is filled: a date, a time, an object.
    Present,
}

impl Scalar {
    /// The member of a JSON object, which is given as JSON text; `None` where it is absent or null.
    ///
    /// Only that member is looked at, and a number beyond all bounds is larger than any other: what
    /// programs put beside it never keeps a condition from being judged.
    pub fn member_of(object: &str, name: &str) -> Option<Self> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
        let written = members.get(name)?.get();
        match written.as_bytes().first()? {
            b'n' => None,
            b't' | b'f' => Some(Self::Flag(written == "true")),
            b'"' => serde_json::from_str(written).ok().map(Self::Text),
            b'[' => {
                let items: Vec<IgnoredAny> = serde_json::from_str(written).ok()?;
                Some(Self::List(items.len()))
            }
            b'{' => Some(Self::Present),
            _ => written.parse().ok().map(Self::Number),
        }
    }
}

/// The values that a work order would have after the write.
pub trait Values {
    /// The field's value; `None` where it is not filled.
    fn get(&self, field: Field) -> Option<Scalar>;

    /// The member of the metadata, as [`Scalar::member_of`] reads it.
    fn member(&self, name: &str) -> Option<Scalar>;
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    // Two characters before one, so that `>=` is not read as `>` and a literal `= 0`.
    const ALL: [(&'static str, Self); 6] = [
        (">=", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        ("!=", Self::NotEqual),
        (">", Self::Greater),
        ("<", Self::Less),
        ("=", Self::Equal),
    ];

    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
        }
    }

    fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            // Not `!=`: what cannot be compared (NaN) meets no condition at all.
            Self::NotEqual => left.partial_cmp(&right).is_some_and(std::cmp::Ordering::is_ne),
        }
    }
}

/// The value on the right of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A finite number.
    Number(f64),
    /// A text, written bare or in quotes.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
}

impl std::fmt::Display for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) if reads_as_text(text) => f.write_str(text),
            // Only the outermost quotes count, so that the text may hold any itself.
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// One condition on one field, or on one member of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The field is filled; a flag is set.
    Filled(Field),
    /// The field's value compares so with a literal.
    Compared(Field, Comparison, Literal),
    /// The member of the metadata is filled; a flag is set.
    MemberFilled(String),
    /// The member's value compares so with a literal; a value of another kind never does.
    MemberCompared(String, Comparison, Literal),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Says in words what cannot be: an unknown field, a member that has no plain name, an operator
    /// that the field's kind does not have, a literal of another kind.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let end = text
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if name == Field::Metadata.name()
            && let Some(member) = rest.strip_prefix('.')
        {
            return Self::on_member(member);
        }
        let field = Field::parse(name).ok_or_else(|| match name {
            "" => format!("\"{text}\" does not start with the name of a field"),
            _ => format!("no field is named \"{name}\""),
        })?;
        let rest = rest.trim();
        if rest.is_empty() {
            return Ok(Self::Filled(field));
        }
        let (comparison, literal) = operator(name, rest)?;
        Self::compared(field, comparison, literal)
    }

    fn on_member(text: &str) -> Result<Self, String> {
        let end = text
            .find(|c: char| {
                c.is_whitespace() || Comparison::ALL.iter().any(|(symbol, _)| symbol.starts_with(c))
            })
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if !is_name(name) {
            return Err(format!("of the metadata, {}", bad_name(name)));
        }
        let rest = rest.trim();
        if rest.is_empty() {
            return Ok(Self::MemberFilled(name.to_owned()));
        }
        let full_name = format!("metadata.{name}");
        let (comparison, written) = operator(&full_name, rest)?;
        let literal = match (quoted(written), number(written), written) {
            (Some(text), ..) => Literal::Text(text.to_owned()),
            (None, Some(number), _) => Literal::Number(number),
            (None, None, "true" | "false") => Literal::Flag(written == "true"),
            (None, None, _) => Literal::Text(word(None, written)?),
        };
        if !matches!(literal, Literal::Number(_)) && !comparison.is_equality() {
            let symbol = comparison.symbol();
            return Err(format!("after \"{full_name} {symbol}\" comes a number, not {written:?}"));
        }
        Ok(Self::MemberCompared(name.to_owned(), comparison, literal))
    }

    fn compared(field: Field, comparison: Comparison, written: &str) -> Result<Self, String> {
        let name = field.name();
        let (quoted, number) = (quoted(written), number(written));
        let literal = match field.kind() {
            FieldKind::Hours | FieldKind::List => match number {
                Some(number) => Literal::Number(number),
                None => return Err(format!("{name} is compared with a number, not {written:?}")),
            },
            FieldKind::Text if number.is_some() => {
                return Err(format!("{name} is a text and cannot be compared with a number"));
            }
            FieldKind::Text | FieldKind::Flag if !comparison.is_equality() => {
                return Err(format!("{name} is compared with = or != only"));
            }
            FieldKind::Text => Literal::Text(word(quoted, written)?),
            FieldKind::Flag => match written {
                "true" => Literal::Flag(true),
                "false" => Literal::Flag(false),
                _ => return Err(format!("{name} is compared with true or false")),
            },
            FieldKind::Date | FieldKind::Time | FieldKind::Object => {
                return Err(format!("{name} can only be asked to be filled, not be compared"));
            }
        };
        Ok(Self::Compared(field, comparison, literal))
    }

    /// The field it looks at.
    pub fn field(&self) -> Field {
        match self {
            Self::Filled(field) | Self::Compared(field, ..) => *field,
            Self::MemberFilled(_) | Self::MemberCompared(..) => Field::Metadata,
        }
    }

    /// The member of the metadata that it looks at, where it does.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Filled(_) | Self::Compared(..) => None,
            Self::MemberFilled(name) | Self::MemberCompared(name, ..) => Some(name),
        }
    }

    /// What it compares with; `None` where it asks for no more than being filled.
    fn comparison(&self) -> Option<(Comparison, &Literal)> {
        match self {
            Self::Filled(_) | Self::MemberFilled(_) => None,
            Self::Compared(_, comparison, literal)
            | Self::MemberCompared(_, comparison, literal) => Some((*comparison, literal)),
        }
    }

    /// Whether the value meets it. What is not filled meets no condition.
    pub fn met_by(&self, value: Option<&Scalar>) -> bool {
        let Some(value) = value else { return false };
        match (self.comparison(), value) {
            (None, Scalar::Flag(flag)) => *flag,
            (None, Scalar::Text(text)) => !text.trim().is_empty(),
            (None, Scalar::List(length)) => *length > 0,
            (None, Scalar::Number(_) | Scalar::Present) => true,
            (Some((comparison, literal)), value) => match (value, literal) {
                (Scalar::Number(left), Literal::Number(right)) => comparison.holds(left, right),
                (Scalar::List(length), Literal::Number(right)) => {
                    comparison.holds(*length as f64, *right)
                }
                (Scalar::Text(left), Literal::Text(right)) => comparison.holds(left, right),
                (Scalar::Flag(left), Literal::Flag(right)) => comparison.holds(left, right),
                _ => false,
            },
        }
    }

    /// Whether it holds as the condition of a requirement: `priority != low` holds for a work
    /// order without a priority, and `metadata.cost > 100` where the cost is a text, because a
    /// requirement that is in doubt is required.
    pub fn holds(&self, value: Option<&Scalar>) -> bool {
        match (self.comparison(), value) {
            (Some((Comparison::NotEqual, _)), None) => true,
            (Some((_, literal)), Some(value)) if !is_comparable(value, literal) => true,
            // A list is no amount: a write of one for a number is checked all the same.
            (Some(_), Some(Scalar::List(_))) if self.member().is_some() => true,
            _ => self.met_by(value),
        }
    }
}

/// The operator and what comes after it.
fn operator<'t>(name: &str, rest: &'t str) -> Result<(Comparison, &'t str), String> {
    Comparison::ALL
        .iter()
        .find_map(|(symbol, found)| Some((*found, rest.strip_prefix(symbol)?.trim())))
        .ok_or_else(|| format!("after \"{name}\" comes one of > >= < <= = != and a value"))
}

fn quoted(written: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|quote| written.strip_prefix(*quote)?.strip_suffix(*quote))
}

/// A finite number; what stands in quotes is none.
fn number(written: &str) -> Option<f64> {
    written.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether a text that is written bare is read as the same text, wherever it stands.
fn reads_as_text(text: &str) -> bool {
    word(None, text).is_ok() && number(text).is_none() && !["true", "false"].contains(&text)
}

/// Whether a value is of a kind that can be compared with a literal.
fn is_comparable(value: &Scalar, literal: &Literal) -> bool {
    matches!(
        (value, literal),
        (Scalar::Number(_) | Scalar::List(_), Literal::Number(_))
            | (Scalar::Text(_), Literal::Text(_))
            | (Scalar::Flag(_), Literal::Flag(_))
    )
}

fn word(quoted: Option<&str>, written: &str) -> Result<String, String> {
    match quoted {
        Some(text) => Ok(text.to_owned()),
        None if written.is_empty() => Err("the value to compare with is missing".to_owned()),
        None if written.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c)) => {
            Ok(written.to_owned())
        }
        None => Err(format!("{written:?} is more than a word: put it in quotes")),
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Filled(field) => f.write_str(field.name()),
            Self::Compared(field, comparison, literal) => {
                write!(f, "{} {} {literal}", field.name(), comparison.symbol())
            }
            Self::MemberFilled(name) => write!(f, "metadata.{name}"),
            Self::MemberCompared(name, comparison, literal) => {
                write!(f, "metadata.{name} {} {literal}", comparison.symbol())
            }
        }
    }
}

/// What an edge needs of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// The condition holds after the write.
    Holds(Condition),
    /// The field is given in this very write: what stood there before does not count.
    New(Field),
}

impl Need {
    /// Reads a need: a condition, or `new` and a field.
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim().strip_prefix("new ") {
            Some(name) => match Field::parse(name.trim()) {
                Some(field) => Ok(Self::New(field)),
                None => Err(format!("no field is named \"{}\"", name.trim())),
            },
            None => Condition::parse(text).map(Self::Holds),
        }
    }

    /// The field it is about.
    pub fn field(&self) -> Field {
        match self {
            Self::Holds(condition) => condition.field(),
            Self::New(field) => *field,
        }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Holds(condition) => condition.fmt(f),
            Self::New(field) => write!(f, "new {}", field.name()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn met(condition: &str, value: Option<Scalar>) -> bool {
        Condition::parse(condition).unwrap().met_by(value.as_ref())
    }

    #[test]
    fn a_condition_is_written_back_as_it_was_read() {
        for text in ["title", "actual_hours > 0", "priority != low", "regulatory = true"] {
            assert_eq!(Condition::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Need::parse("new deficiencies").unwrap().to_string(), "new deficiencies");
        assert_eq!(
            Condition::parse("actual_hours>=1.5").unwrap().to_string(),
            "actual_hours >= 1.5"
        );
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for text in [
            "",
            "> 3",
            "titel",
            "status",
            "title > 0",
            "title = 5",
            "title > a",
            "actual_hours > many",
            "actual_hours > inf",
            "actual_hours > NaN",
            "actual_hours >",
            "actual_hours 5",
            "actual_hours > 0 and title",
            "regulatory = yes",
            "regulatory > false",
            "due_date > 2026-01-01",
            "priority =",
            "project = two words",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
        assert!(Need::parse("new status").is_err());
    }

    #[test]
    fn hours_must_be_above_zero_and_comparable() {
        for (hours, passes) in [(3.5, true), (0.0, false), (-1.0, false), (f64::NAN, false)] {
            assert_eq!(met("actual_hours > 0", Some(Scalar::Number(hours))), passes, "{hours}");
        }
        assert!(!met("actual_hours != 0", Some(Scalar::Number(f64::NAN))));
        assert!(!met("actual_hours < 5", None));
    }

    #[test]
    fn blank_text_and_empty_lists_are_not_filled() {
        assert!(!met("title", Some(Scalar::Text(" \n".into()))));
        assert!(!met("deficiencies", Some(Scalar::List(0))));
        assert!(!met("regulatory", Some(Scalar::Flag(false))));
        assert!(met("due_date", Some(Scalar::Present)));
        assert!(met("project = 'two words'", Some(Scalar::Text("two words".into()))));
        assert!(met("project = '5'", Some(Scalar::Text("5".into()))));
    }

    #[test]
    fn a_requirement_in_doubt_is_required() {
        let condition = Condition::parse("priority != low").unwrap();
        assert!(condition.holds(None));
        assert!(!condition.met_by(None));
        assert!(!condition.holds(Some(&Scalar::Text("low".into()))));
    }
}
