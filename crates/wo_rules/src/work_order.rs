//! What callers hand in as JSON: fields, a new work order, a transition. Unknown names and values
//! of the wrong type are refused before anything is written.

mod outcome;
mod tables;

pub use outcome::{check_nothing_done, check_time};
pub use tables::SCHEMA;

use crate::field::{Field, FieldKind, FieldSet};
use crate::hierarchy::policy::Policy;
pub use crate::json::parse;
use crate::lifecycle::PrincipalKind;
use crate::refusal::{Refusal, SqlState};
use serde_json::{Map, Value};

/// The most elements that a bulk call takes.
pub const MOST: usize = 10_000;

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 500;

/// The longest name or label, in characters.
pub const LONGEST_NAME: usize = 200;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 10_000;

/// The longest other text of a field, list of texts or JSON object, in bytes.
pub const LONGEST_DOCUMENT: usize = 1 << 20;

/// The most elements of a list.
pub const LONGEST_LIST: usize = 10_000;

/// Hours must stay below this.
const TOO_MANY_HOURS: f64 = 1_000_000.0;

/// The members of a new work order that are no fields.
const BESIDE_FIELDS: [&str; 6] =
    ["lifecycle", "reason", "idempotency_key", "master", "required", "hierarchy_policy"];

/// A new work order, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    /// The fields that were given and are not null.
    pub fields: FieldSet,
    /// The caller's key, if there is one.
    pub idempotency_key: Option<String>,
}

/// One element of a bulk transition, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The number or UUID.
    pub work_order: String,
    /// The state to go to.
    pub to_status: String,
    /// Why.
    pub reason: Option<String>,
    /// Fields to write in the same act: the text of a JSON object.
    pub fields: Option<String>,
    /// The version that the caller has seen.
    pub expected_version: Option<i64>,
}

/// Reads a new work order.
///
/// # Errors
/// 22023 `not_an_object`, `unknown_fields`, `bad_value`; 23514 `fields_missing` without a title.
pub fn creation(given: &Value) -> Result<Creation, Refusal> {
    let given = object(given)?;
    let filled: Map<String, Value> = given
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let fields = known_fields(&filled, &BESIDE_FIELDS)?;
    for name in BESIDE_FIELDS {
        let Some(value) = filled.get(name) else { continue };
        match name {
            "required" if !value.is_boolean() => return Err(bad_value(name, "true or false")),
            "hierarchy_policy" => drop(Policy::parse(value)?),
            "required" => {}
            _ if !value.is_string() => return Err(bad_value(name, "a text")),
            _ => {}
        }
    }
    if !fields.contains(Field::Title) {
        return Err(Refusal::new(
            SqlState::GateNotMet,
            "fields_missing",
            "a work order needs a title",
        )
        .with("missing_fields", vec!["title"])
        .hint("Give it a title."));
    }
    let idempotency_key = filled.get("idempotency_key").and_then(Value::as_str).map(str::to_owned);
    if idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > 200) {
        return Err(bad_value("idempotency_key", "a text of 1 to 200 characters"));
    }
    Ok(Creation { fields, idempotency_key })
}

/// Reads the fields of a change; null clears a field.
///
/// # Errors
/// 22023 `not_an_object`, `unknown_fields`, `bad_value`.
pub fn fields(given: &Value) -> Result<FieldSet, Refusal> {
    known_fields(object(given)?, &[])
}

/// Reads one element of a bulk transition.
///
/// # Errors
/// 22023 `not_an_object`, `unknown_fields`, `bad_value`.
pub fn transition(json: &str) -> Result<Transition, Refusal> {
    const KNOWN: [&str; 5] = ["work_order", "to_status", "reason", "fields", "expected_version"];
    let given = parse(json)?;
    let given = object(&given)?;
    let unknown: Vec<&str> =
        given.keys().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect();
    if !unknown.is_empty() {
        return Err(unknown_fields(&unknown, &KNOWN));
    }
    let text = |name: &str| match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad_value(name, "a text")),
    };
    let expected_version = match given.get("expected_version") {
        None | Some(Value::Null) => None,
        Some(version) => {
            Some(version.as_i64().ok_or_else(|| bad_value("expected_version", "a whole number"))?)
        }
    };
    let work_order = text("work_order")?.ok_or_else(|| bad_value("work_order", "a text"))?;
    let to_status = text("to_status")?.ok_or_else(|| state_missing(&work_order))?;
    Ok(Transition {
        work_order,
        to_status,
        reason: text("reason")?,
        fields: raw_member(json, "fields"),
        expected_version,
    })
}

/// The text of an object's member, with all the digits of its numbers.
fn raw_member(text: &str, name: &str) -> Option<String> {
    let members: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
        serde_json::from_str(text).ok()?;
    members.get(name).map(|member| member.get().to_owned()).filter(|member| member != "null")
}

/// Checks a bulk call.
///
/// # Errors
/// 22023 `not_an_array`, `too_many`.
pub fn bulk(given: &Value) -> Result<(), Refusal> {
    let Some(elements) = given.as_array() else {
        return Err(Refusal::new(
            SqlState::BadValue,
            "not_an_array",
            "a bulk call takes a JSON array of objects",
        ));
    };
    if elements.len() > MOST {
        return Err(Refusal::new(
            SqlState::BadValue,
            "too_many",
            format!("a bulk call takes at most {MOST} elements, not {}", elements.len()),
        )
        .hint("Divide the call."));
    }
    Ok(())
}

/// Where the work orders come from that a principal creates.
pub fn source_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::System => "automation",
        PrincipalKind::Vendor => "external",
        PrincipalKind::Person | PrincipalKind::Agent => "manual",
    }
}

/// The refusal for a transition that says no state.
pub fn state_missing(work_order: &str) -> Refusal {
    let shown: String = work_order.chars().take(60).collect();
    Refusal::new(
        SqlState::BadValue,
        "unknown_state",
        format!("the transition of work order {shown} names no state"),
    )
    .hint("select * from wo.allowed_transitions('...'); lists where it can go.")
}

/// The refusal for a transition to the state that the work order is in already.
pub fn there_already(work_order: &str, status: &str, id: &str) -> Refusal {
    let shown: String = work_order.chars().take(60).collect();
    Refusal::new(
        SqlState::WrongState,
        "illegal_transition",
        format!("work order {shown} is {status} already"),
    )
    .with("work_order_id", id)
    .with("from_status", status)
    .with("to_status", status)
    .hint("Somebody else may have moved it; select * from wo.allowed_transitions('...');")
}

/// The refusal where a row that had to be written was not, and nothing of the extension kept it from being
/// written.
pub fn write_suppressed(table: &str) -> Refusal {
    let table = table.strip_prefix("wo.").unwrap_or(table);
    Refusal::new(
        SqlState::WrongState,
        "write_suppressed",
        format!("the row was not written to wo.{table}: a trigger, a rule or a policy that was added to the table suppressed it"),
    )
    .with("table", table)
    .hint(format!("List what was added: \\d wo.{table}. A trigger that does not accept a row must raise an error instead of returning NULL."))
}

/// The refusal where a work order, or what is judged by it, is written inside the statement that is still
/// writing it.
pub fn write_unfinished(id: &str) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "write_unfinished",
        format!("work order {id} is still being written by the statement that is running"),
    )
    .with("work_order_id", id)
    .hint("Use a statement of its own, after this one. A trigger that acts on the work order must be AFTER ROW and sort after \"audit\" by its name.")
}

fn object(given: &Value) -> Result<&Map<String, Value>, Refusal> {
    given.as_object().ok_or_else(|| {
        Refusal::new(SqlState::BadValue, "not_an_object", "fields are given as a JSON object")
            .hint("For example {\"title\": \"...\"}.")
    })
}

fn known_fields(given: &Map<String, Value>, beside: &[&str]) -> Result<FieldSet, Refusal> {
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| Field::parse(name).is_none() && !beside.contains(name))
        .collect();
    if !unknown.is_empty() {
        let known: Vec<&str> =
            Field::ALL.iter().map(|field| field.name()).chain(beside.iter().copied()).collect();
        return Err(unknown_fields(&unknown, &known));
    }
    let mut fields = FieldSet::EMPTY;
    for (name, value) in given {
        if let Some(field) = Field::parse(name) {
            check(field, value)?;
            fields.insert(field);
        }
    }
    Ok(fields)
}

fn unknown_fields(unknown: &[&str], known: &[&str]) -> Refusal {
    if unknown.contains(&"status") {
        return Refusal::new(
            SqlState::BadValue,
            "unknown_fields",
            "the status of a work order is no field: it changes along the edges of its lifecycle",
        )
        .with("unknown_fields", unknown.to_vec())
        .hint("wo.transition(work_order, to_status, ...) moves it; a new work order begins in the initial state.");
    }
    let shown: Vec<String> =
        unknown.iter().take(10).map(|name| name.chars().take(60).collect()).collect();
    Refusal::new(
        SqlState::BadValue,
        "unknown_fields",
        format!("no work order has the field {}", shown.join(", ")),
    )
    .with("unknown_fields", shown)
    .hint(format!("The fields are {}.", known.join(", ")))
}

fn bad_value(name: &str, wanted: &str) -> Refusal {
    Refusal::new(SqlState::BadValue, "bad_value", format!("{name} must be {wanted}"))
        .with("field", name)
}

fn check(field: Field, value: &Value) -> Result<(), Refusal> {
    let name = field.name();
    if value.is_null() {
        return Ok(());
    }
    match field.kind() {
        FieldKind::Text => match value.as_str() {
            None => Err(bad_value(name, "a text")),
            Some(text) => check_length(field, text),
        },
        FieldKind::Hours => {
            let hours = match value {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.trim().parse::<f64>().ok(),
                _ => None,
            };
            match hours {
                Some(hours) if (0.0..TOO_MANY_HOURS).contains(&hours) => Ok(()),
                _ => Err(bad_value(name, "a number of hours, zero or more")),
            }
        }
        FieldKind::Flag if !value.is_boolean() => Err(bad_value(name, "true or false")),
        FieldKind::Date if !value.is_string() => {
            Err(bad_value(name, "a date such as \"2026-03-10\""))
        }
        FieldKind::Time if !value.is_string() => {
            Err(bad_value(name, "a time such as \"2026-03-10T09:00:00Z\""))
        }
        FieldKind::List
            if !value.as_array().is_some_and(|list| list.iter().all(Value::is_string)) =>
        {
            Err(bad_value(name, "a list of texts"))
        }
        FieldKind::Object if !value.is_object() => Err(bad_value(name, "a JSON object")),
        FieldKind::List => {
            let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
            match texts().count() > LONGEST_LIST {
                true => Err(too_long(name, &format!("{LONGEST_LIST} elements"))),
                false => check_bytes(name, texts().map(str::len).sum()),
            }
        }
        FieldKind::Object => check_bytes(name, value.to_string().len()),
        _ => Ok(()),
    }
}

/// Checks how long a text is; the table's domains hold every writer to the same limits.
fn check_length(field: Field, text: &str) -> Result<(), Refusal> {
    let characters = match field {
        Field::Title => LONGEST_TITLE,
        Field::Project | Field::Asset => LONGEST_NAME,
        // These name something that exists.
        Field::Priority | Field::Requester | Field::Assignee | Field::Source => return Ok(()),
        _ => return check_bytes(field.name(), text.len()),
    };
    check_characters(field.name(), text, characters)
}

fn check_bytes(name: &str, bytes: usize) -> Result<(), Refusal> {
    match bytes > LONGEST_DOCUMENT {
        true => Err(too_long(name, &format!("{LONGEST_DOCUMENT} bytes"))
            .hint("Keep the document elsewhere; write where it is and its SHA-256 here.")),
        false => Ok(()),
    }
}

fn check_characters(name: &str, text: &str, longest: usize) -> Result<(), Refusal> {
    // No text has more characters than bytes.
    match text.len() > longest && text.chars().count() > longest {
        true => Err(too_long(name, &format!("{longest} characters"))),
        false => Ok(()),
    }
}

/// Checks how long the reason of a change is.
///
/// # Errors
/// 22023 `value_too_long`.
pub fn check_reason(reason: Option<&str>) -> Result<(), Refusal> {
    check_characters("reason", reason.unwrap_or_default(), LONGEST_REASON)
}

fn too_long(name: &str, most: &str) -> Refusal {
    Refusal::new(SqlState::BadValue, "value_too_long", format!("{name} has at most {most}"))
        .with("field", name)
        .hint("Shorten it; write the rest into the description, or keep it elsewhere.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_names_are_refused_and_the_known_ones_told() {
        let refusal = fields(&json!({"titel": "x"})).unwrap_err();
        assert_eq!(refusal.code, "unknown_fields");
        assert!(refusal.hint.contains("title"));
        assert_eq!(fields(&json!({"status": "closed"})).unwrap_err().code, "unknown_fields");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_name() {
        for bad in [
            json!({"title": 7}),
            json!({"actual_hours": -1}),
            json!({"actual_hours": "many"}),
            json!({"actual_hours": "NaN"}),
            json!({"regulatory": "yes"}),
            json!({"tags": "a"}),
            json!({"tags": [1]}),
            json!({"metadata": []}),
            json!({"due_date": 5}),
        ] {
            assert_eq!(fields(&bad).unwrap_err().code, "bad_value", "{bad}");
        }
        assert!(fields(&json!({"actual_hours": "1.5", "notes": null})).is_ok());
    }

    #[test]
    fn a_value_that_is_too_long_is_refused_by_name() {
        for bad in [
            json!({"title": "x".repeat(LONGEST_TITLE + 1)}),
            json!({"project": "é".repeat(LONGEST_NAME + 1)}),
            json!({"description": "x".repeat(LONGEST_DOCUMENT + 1)}),
            json!({"tags": vec!["x"; LONGEST_LIST + 1]}),
            json!({"tags": ["x".repeat(LONGEST_DOCUMENT), "y"]}),
            json!({"metadata": {"x": "y".repeat(LONGEST_DOCUMENT)}}),
        ] {
            let refusal = fields(&bad).unwrap_err();
            assert_eq!(refusal.code, "value_too_long", "{}", refusal.message);
            assert!(!refusal.hint.is_empty());
        }
        assert!(fields(&json!({"project": "é".repeat(LONGEST_NAME)})).is_ok());
        assert!(check_reason(Some(&"é".repeat(LONGEST_REASON))).is_ok());
        let refusal = check_reason(Some(&"é".repeat(LONGEST_REASON + 1))).unwrap_err();
        assert_eq!(refusal.code, "value_too_long");
    }

    #[test]
    fn a_new_work_order_needs_a_title_and_leaves_nulls_out() {
        assert_eq!(creation(&json!({"title": null})).unwrap_err().code, "fields_missing");
        let made = creation(&json!({"title": "a", "notes": null, "lifecycle": null})).unwrap();
        assert_eq!(made.fields.iter().collect::<Vec<_>>(), vec![Field::Title]);
        assert_eq!(creation(&json!([])).unwrap_err().code, "not_an_object");
        assert_eq!(creation(&json!({"title": "a", "reason": 7})).unwrap_err().code, "bad_value");
    }

    #[test]
    fn a_bulk_call_is_an_array_of_bounded_length() {
        assert_eq!(bulk(&json!({})).unwrap_err().code, "not_an_array");
        assert_eq!(bulk(&Value::Array(vec![Value::Null; MOST + 1])).unwrap_err().code, "too_many");
        assert!(bulk(&json!([])).is_ok());
    }

    #[test]
    fn a_bulk_transition_names_work_order_and_state() {
        let good = r#"{"work_order":"WO-1","to_status":"done","expected_version":3,
            "fields":{"metadata":{"n":12345678901234567890123}}}"#;
        let asked = transition(good).unwrap();
        assert_eq!(asked.expected_version, Some(3));
        assert!(asked.fields.is_some_and(|text| text.contains("12345678901234567890123")));
        let code = |text: &str| transition(text).unwrap_err().code;
        assert_eq!(code(r#"{"work_order":"WO-1"}"#), "unknown_state");
        assert_eq!(code(r#"{"to_status":"x"}"#), "bad_value");
        assert_eq!(code(r#"{"work_order":"x","to_status":"y","z":1}"#), "unknown_fields");
    }
}
