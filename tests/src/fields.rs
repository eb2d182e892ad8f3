//! The fields of a work order, for tests that change each of them.

use serde_json::{Value, json};

/// Another value of the field than any that the work orders of the tests are made with; a person and a title are
/// the company's own.
pub fn new_value(field: &str, title: &str, person: &str) -> Value {
    match field {
        "title" => json!(title),
        "priority" => json!("critical"),
        "requester" | "assignee" => json!(person),
        "source" => json!("external"),
        "block_cause" => json!("tool"),
        "task_type" => json!("research"),
        "due_date" => json!("2026-03-10"),
        "planned_start" | "actual_start" => json!("2026-01-02T08:00:00Z"),
        "planned_end" => json!("2099-02-02T08:00:00Z"),
        // After each start that was recorded, and not in the future.
        "actual_end" => json!(chrono::Utc::now().to_rfc3339()),
        "estimated_hours" | "actual_hours" => json!(7.25),
        "tags" | "deficiencies" => json!(["new"]),
        "metadata" => json!({"new": true}),
        _ => json!("new words"),
    }
}

/// Such a value as SQL.
pub fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Array(_) => "array['new']".to_owned(),
        Value::Object(_) => format!("'{value}'"),
        other => other.to_string(),
    }
}
