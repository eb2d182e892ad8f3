//! The steps of a work order as people and programs read them.

use super::document::JobPlan;
use super::parameter::substituted;
use super::progress::{Act, Progress, Recorded, StepProgress, Verdict};
use serde_json::{Map, Value, json};

/// The rows of `wo.step_result`, given as JSON objects in their order, as the rules read them. A row that says what
/// the rules do not know is left out of none of them: it is an error of the tables.
///
/// # Errors
/// The row that cannot be read.
fn recorded(rows: &[Value]) -> Result<Vec<Recorded>, String> {
    let read = |row: &Value| {
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Recorded {
            id: text("id")?,
            step: text("step")?,
            act: Act::parse(&text("act")?)?,
            verdict: match text("verdict") {
                Some(name) => Some(Verdict::parse(&name)?),
                None => None,
            },
            concerns: text("corrects").or_else(|| text("concerns")),
            performed_by: text("performed_by")?,
        })
    };
    rows.iter().map(|row| read(row).ok_or_else(|| format!("a step result: {row}"))).collect()
}

/// The steps with what was recorded of them: an array of objects, in the order of the plan.
///
/// # Errors
/// What of the rows cannot be read.
pub fn shown(
    plan: &JobPlan,
    document: &Value,
    parameters: &Map<String, Value>,
    rows: &[Value],
) -> Result<Value, String> {
    let recorded = recorded(rows)?;
    let progress = Progress::of(plan, &recorded);
    let steps = progress.steps.iter().enumerate();
    Ok(steps
        .map(|(index, found)| {
            let written = document.get("steps").and_then(|steps| steps.get(index));
            step(
                index,
                found,
                &progress,
                written.filter(|_| found.step.is_some()),
                parameters,
                rows,
            )
        })
        .collect())
}

fn step(
    index: usize,
    found: &StepProgress<'_>,
    progress: &Progress<'_>,
    written: Option<&Value>,
    parameters: &Map<String, Value>,
    rows: &[Value],
) -> Value {
    let row = |id: Option<&str>| {
        rows.iter().find(|row| id.is_some() && row.get("id").and_then(Value::as_str) == id)
    };
    let newest = row(found.newest.map(|newest| newest.id.as_str()));
    let of_newest = |name: &str| newest.and_then(|row| row.get(name)).cloned();
    let as_written = |name: &str| written.and_then(|step| step.get(name)).cloned();
    let waiting: Vec<&str> = found
        .step
        .into_iter()
        .flat_map(|step| &step.after)
        .filter(|key| !progress.step(key).is_none_or(|before| before.state.is_settled()))
        .map(String::as_str)
        .collect();
    let corrections = rows
        .iter()
        .filter(|row| row.get("step").and_then(Value::as_str) == Some(found.key))
        .filter(|row| row.get("act").and_then(Value::as_str) == Some(Act::Correction.name()))
        .count();
    json!({
        "ordinal": index + 1,
        "step": found.key,
        "instruction": found.step.map(|step| substituted(&step.instruction, parameters)),
        "kind": found.step.map(|step| step.kind.name()),
        "unit": found.step.and_then(|step| step.unit.clone()),
        "limits": as_written("limits"),
        "required": found.step.is_some_and(|step| step.required),
        "role": found.step.and_then(|step| step.role.clone()),
        "needs_witness": found.step.is_some_and(|step| step.witness.is_some()),
        "credentials": found.step.map(|step| step.credentials.clone()).unwrap_or_default(),
        "state": found.state.name(),
        "waiting_for": waiting,
        "result": found.newest.map(|newest| newest.id.as_str()),
        "value": of_newest("value"),
        "verdict": of_newest("verdict"),
        "sha256": of_newest("sha256"),
        "reason": of_newest("reason"),
        "plan_version": of_newest("plan_version"),
        "performed_by": of_newest("performed_by"),
        "performed_at": of_newest("performed_at"),
        "witnessed_by": found.witness.map(|witness| witness.performed_by.as_str()),
        "disposition": found.disposition.and_then(|row| row.verdict).map(Verdict::name),
        "decided_by": found.disposition.map(|row| row.performed_by.as_str()),
        "corrections": corrections,
    })
}
