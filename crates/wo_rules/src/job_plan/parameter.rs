//! The parameters of a plan: what is given when it is applied, and where it is put.

use super::decimal::Decimal;
use super::document::JobPlan;
use crate::refusal::{Refusal, SqlState};
use serde_json::{Map, Value, json};

/// The longest text of a parameter, in characters.
const LONGEST: usize = 1_000;

/// A piece of a text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'t> {
    /// A text as it is.
    Plain(&'t str),
    /// The name between `{{` and `}}`.
    Placeholder(&'t str),
    /// `{{` without an end.
    Unclosed,
}

/// The pieces of a text.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        if start > 0 {
            pieces.push(Piece::Plain(&rest[..start]));
        }
        let inside = &rest[start + 2..];
        match inside.find("}}") {
            Some(end) => {
                pieces.push(Piece::Placeholder(inside[..end].trim()));
                rest = &inside[end + 2..];
            }
            None => {
                pieces.push(Piece::Unclosed);
                return pieces;
            }
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    pieces
}

/// A value as it stands in an instruction.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The text with each placeholder replaced by the value of its parameter. A value is put in as it is: placeholders
/// in it stay text.
#[must_use]
pub fn substituted(text: &str, values: &Map<String, Value>) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Plain(plain) => plain.to_owned(),
            Piece::Placeholder(name) => match values.get(name) {
                Some(value) => shown(value),
                None => format!("{{{{{name}}}}}"),
            },
            Piece::Unclosed => "{{".to_owned(),
        })
        .collect()
}

/// The value with the placeholders of all its texts replaced.
#[must_use]
pub fn substituted_in(value: &Value, values: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => Value::from(substituted(text, values)),
        Value::Array(items) => items.iter().map(|item| substituted_in(item, values)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), substituted_in(member, values)))
            .collect(),
        other => other.clone(),
    }
}

/// Whether values of parameters are the same: numbers by what they are, however they are written.
#[must_use]
pub fn same_values(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let is_same = |one: &Value, other: &Value| match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let read = |number: &serde_json::Number| Decimal::parse(&number.to_string());
            one == other || read(one).is_some_and(|one| Some(one) == read(other))
        }
        _ => one == other,
    };
    one.len() == other.len()
        && one
            .iter()
            .all(|(name, value)| other.get(name).is_some_and(|there| is_same(value, there)))
}

impl JobPlan {
    /// The values of all parameters: those that are given, and the defaults of the others.
    ///
    /// # Errors
    /// 22023 `job_plan_parameters_invalid` with every problem.
    pub fn values(&self, given: &Value) -> Result<Map<String, Value>, Refusal> {
        let nothing = Map::new();
        let mut problems = Vec::new();
        let mut note = |pointer: String, problem: String| {
            problems.push(json!({ "pointer": pointer, "problem": problem }));
        };
        let members = match given {
            Value::Null => &nothing,
            Value::Object(members) => members,
            _ => {
                note(String::new(), "must be an object".to_owned());
                &nothing
            }
        };
        for name in members.keys() {
            if !self.parameters.iter().any(|parameter| parameter.name == *name) {
                let known: Vec<&str> =
                    self.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let known = match known.as_slice() {
                    [] => "the plan has none".to_owned(),
                    names => format!("known are {}", names.join(", ")),
                };
                note(format!("/{name}"), format!("is no parameter of the plan; {known}"));
            }
        }
        let mut values = Map::new();
        for parameter in &self.parameters {
            let pointer = format!("/{}", parameter.name);
            match members.get(&parameter.name).filter(|value| !value.is_null()) {
                Some(value) if !parameter.data_type.accepts(value) => {
                    note(pointer, format!("must be a {}", parameter.data_type.name()));
                }
                Some(Value::String(text)) if text.chars().count() > LONGEST => {
                    note(pointer, format!("has at most {LONGEST} characters"));
                }
                Some(value) => drop(values.insert(parameter.name.clone(), value.clone())),
                None => match &parameter.default {
                    Some(default) => {
                        drop(values.insert(parameter.name.clone(), default.clone()));
                    }
                    None if parameter.required => note(pointer, "is missing".to_owned()),
                    None => drop(values.insert(parameter.name.clone(), Value::from(""))),
                },
            }
        }
        if problems.is_empty() {
            return Ok(values);
        }
        let listed: Vec<String> = problems
            .iter()
            .take(3)
            .map(|found| {
                let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
                format!("{} {}", text("pointer"), text("problem"))
            })
            .collect();
        Err(Refusal::new(
            SqlState::BadValue,
            "job_plan_parameters_invalid",
            format!("the parameters of the job plan {} have problems: {}", self.name, listed.join("; ")),
        )
        .with("job_plan", self.name.as_str())
        .with("problems", problems)
        .hint("Give each required parameter of the plan, and no others; the DETAIL lists all problems."))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::document::{Parameter, ParameterType};
    use super::*;

    fn plan() -> JobPlan {
        let parameter = |name: &str, data_type, required, default| Parameter {
            name: name.to_owned(),
            data_type,
            required,
            default,
        };
        JobPlan {
            name: "p".to_owned(),
            parameters: vec![
                parameter("asset", ParameterType::Text, true, None),
                parameter("torque", ParameterType::Number, false, Some(json!(25))),
                parameter("site", ParameterType::Text, false, None),
            ],
            credentials: std::collections::BTreeMap::new(),
            steps: Vec::new(),
            deliverables: Vec::new(),
            children: Vec::new(),
            task_type: None,
        }
    }

    #[test]
    fn defaults_fill_what_is_not_given_and_every_problem_is_told() {
        let values = plan().values(&json!({ "asset": "A-1" })).unwrap();
        assert_eq!(Value::Object(values), json!({ "asset": "A-1", "torque": 25, "site": "" }));
        let refusal = plan().values(&json!({ "torque": "x", "colour": 1 })).unwrap_err();
        assert_eq!(refusal.code, "job_plan_parameters_invalid");
        assert_eq!(refusal.detail["problems"].as_array().unwrap().len(), 3);
        assert!(plan().values(&json!([])).is_err());
    }

    /// A driver may write 1 where another one wrote 1.0: the same request, which must not be refused.
    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        let same = |one: &str, other: &str| {
            let read = |text: &str| crate::json::parse(text).unwrap().as_object().unwrap().clone();
            same_values(&read(one), &read(other))
        };
        assert!(same(r#"{"n": 1.0, "t": "x"}"#, r#"{"t": "x", "n": 1}"#));
        assert!(!same(r#"{"n": 1.01}"#, r#"{"n": 1}"#));
        assert!(!same(r#"{"n": 1}"#, r#"{"n": "1"}"#));
        assert!(!same(r#"{"n": 1}"#, r#"{"n": 1, "m": null}"#));
    }

    /// A value that holds a placeholder must not bring another value in.
    #[test]
    fn values_are_put_in_once() {
        let values = json!({ "a": "{{b}}", "b": "secret", "n": 2.5 });
        let values = values.as_object().unwrap();
        assert_eq!(substituted("{{a}} {{ n }} {{x}} {{", values), "{{b}} 2.5 {{x}} {{");
        let nested = substituted_in(&json!({ "t": ["{{n}}", 1] }), values);
        assert_eq!(nested, json!({ "t": ["2.5", 1] }));
    }
}
