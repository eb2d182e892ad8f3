//! The children that a job plan gives to the work order which it is applied to.

use super::application::apply_all;
use super::stored::latest;
use crate::concept::hierarchy::plan::extend;
use crate::kernel::work_order::{Column, with_work_order};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wo_rules::hierarchy::plan;
use wo_rules::job_plan::{Work, expanded, pinning, take};
use wo_rules::refusal::Refusal;

/// What of the answer of a plan of work orders says which children there are.
const SHOWN: [&str; 2] = ["work_orders", "dependencies"];

/// Makes the children of the plan that a work order was given now, each with its own job plan, and gives their
/// numbers by their names in the plan; nothing where the plan has none.
///
/// # Errors
/// 55000 `plan_children_too_late`; 22023 `plan_invalid`; what refuses the children themselves.
pub fn add(tenant: Uuid, work_order: Uuid) -> Result<Option<Map<String, Value>>, Refusal> {
    let Some(pinned) = latest(tenant, work_order) else { return Ok(None) };
    let known = pinned.known(tenant)?;
    if known.compiled.plan.children.is_empty() {
        return Ok(None);
    }
    let (number, status, is_initial) = with_work_order(tenant, work_order, |view| {
        let status = view.seen.text(Column::Status);
        let is_initial = view.lifecycle.initial_state() == status;
        Ok((view.seen.text(Column::WoNumber), status, is_initial))
    })?;
    if !is_initial {
        let id = work_order.to_string();
        let work = Work {
            id: &id,
            number: &number,
            is_under_way: true,
            status: &status,
            regulatory: false,
            assignee: None,
            originator: None,
        };
        return Err(pinning::children_too_late(&work, &pinned.name));
    }
    // The master of a plan has a title; that of this one stays as it is.
    let request = json!({ "master": { "title": number } });
    let mut request = expanded(&request, &known.compiled.plan, &pinned.parameters)
        .map_err(|problems| plan::refusal(&problems))?;
    let (applications, problems) = take(&mut request);
    if !problems.is_empty() {
        return Err(plan::refusal(&problems));
    }
    let mut made = extend(tenant, (work_order, number), &request)?;
    if let Some(members) = made.as_object_mut() {
        members.insert("created".to_owned(), Value::Bool(true));
    }
    let applications: Vec<Value> = applications.iter().map(|one| one.as_json()).collect();
    apply_all(tenant, &made, &Value::Array(applications))?;
    let shown =
        SHOWN.iter().filter_map(|name| Some(((*name).to_owned(), made.get(*name)?.clone())));
    Ok(Some(shown.collect()))
}
