//! The functions that callers use.

use super::application::{Application, Asked, apply_all};
use super::children;
use super::evidence::steps as shown_steps;
use super::stored::{pinned, recorded, version_of};
use crate::kernel::identity;
use crate::kernel::work_order::{self, with_work_order};
use crate::pg::error::OrRefuse;
use crate::pg::statement::Mode;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use wo_rules::hierarchy::plan;
use wo_rules::job_plan::{Difference, Work, expanded, pinning, take, take_application};
use wo_rules::refusal::Refusal;

fn work<'a>(id: &'a str, number: &'a str) -> Work<'a> {
    Work {
        id,
        number,
        is_under_way: false,
        status: "",
        regulatory: false,
        assignee: None,
        originator: None,
    }
}

/// The steps of a work order with what was recorded of them, as a JSON array.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn steps(work_order: Option<&str>) -> pgrx::JsonB {
    pgrx::JsonB(steps_of(work_order.unwrap_or_default()).or_refuse())
}

fn steps_of(name: &str) -> Result<Value, Refusal> {
    let tenant = identity::required()?.tenant;
    let id = work_order::find(tenant, name)?;
    match pinned(Mode::Caller, tenant, id) {
        Some(pinned) => shown_steps(Mode::Caller, tenant, id, &pinned),
        None => Ok(json!([])),
    }
}

/// What another version of its plan means for the steps of a work order.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn plan_version_difference(work_order: Option<&str>, version: Option<i32>) -> pgrx::JsonB {
    pgrx::JsonB(difference(work_order.unwrap_or_default(), version).or_refuse())
}

fn difference(name: &str, version: Option<i32>) -> Result<Value, Refusal> {
    let tenant = identity::required()?.tenant;
    let id = work_order::find(tenant, name)?;
    let shown = id.to_string();
    let pinned = pinned(Mode::Caller, tenant, id);
    let pinned = pinned.ok_or_else(|| pinning::missing(&work(&shown, name)))?;
    let (old, new) = (pinned.known(tenant)?, version_of(tenant, &pinned.name, version)?);
    let recorded = recorded(tenant, id)?;
    let found = Difference::between(&old.compiled.plan, &new.compiled.plan, &recorded);
    Ok(json!({
        "job_plan": pinned.name,
        "from_version": old.stored.version,
        "to_version": new.stored.version,
        "steps": found.as_json(),
    }))
}

/// Pins a plan to a work order.
#[pg_extern(schema = "wo_private", parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn apply_job_plan(
    work_order: Option<&str>,
    name: Option<&str>,
    version: Option<i32>,
    parameters: Option<&str>,
    reason: Option<&str>,
) -> pgrx::JsonB {
    let tenant = identity::required().or_refuse().tenant;
    let application = Application { name, version, parameters, reason };
    let pinned = application.apply(tenant, work_order.unwrap_or_default()).or_refuse();
    let mut answer = Map::new();
    answer.insert("id".to_owned(), json!(pinned.id.to_string()));
    answer.insert("job_plan".to_owned(), json!(name));
    answer.insert("plan_version".to_owned(), json!(pinned.version));
    if let Some(children) = children::add(tenant, pinned.id).or_refuse() {
        answer.extend(children);
    }
    answer.insert("parameters".to_owned(), pinned.parameters);
    pgrx::JsonB(Value::Object(answer))
}

/// Applies a plan to a work order that was made or linked in the same act, and adds to what that returned which
/// plan it has. A work order that was made before must have that plan already.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn with_job_plan(
    made: Option<&str>,
    job_plan: Option<&str>,
    plan_version: Option<i32>,
    parameters: Option<&str>,
) -> Option<pgrx::JsonB> {
    let read = |text: &str| wo_rules::json::parse(text).or_refuse();
    let (made, parameters) = (made.map(read).map(pgrx::JsonB), parameters.map(read));
    let mut members = serde_json::Map::new();
    members.insert("job_plan".to_owned(), json!(job_plan));
    members.insert("plan_version".to_owned(), json!(plan_version));
    members.insert("parameters".to_owned(), parameters.unwrap_or(Value::Null));
    let mut problems = Vec::new();
    let application = take_application(&mut members, "", "", &mut problems);
    if !problems.is_empty() {
        return Err(plan::refusal(&problems)).or_refuse();
    }
    let (Some(application), Some(made)) = (application, &made) else { return made };
    let Value::Object(mut answer) = made.0.clone() else { return None };
    let tenant = identity::required().or_refuse().tenant;
    let named =
        |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = work_order::find(tenant, &named("id")).or_refuse();
    let asked = Asked {
        name: &application.job_plan,
        version: application.version,
        parameters: &application.parameters,
    };
    let has_version = match answer.get("created") {
        Some(Value::Bool(false)) => asked.check_same(tenant, id, &named("wo_number")).or_refuse(),
        _ => {
            let version = asked.apply(tenant, id).or_refuse();
            // The plan may have said what kind of task it is.
            if answer.contains_key("version") {
                let now = with_work_order(tenant, id, |view| Ok(view.seen.version())).or_refuse();
                answer.insert("version".to_owned(), json!(now));
            }
            if let Some(children) = children::add(tenant, id).or_refuse() {
                answer.extend(children);
            }
            version
        }
    };
    answer.insert("job_plan".to_owned(), json!(application.job_plan));
    answer.insert("plan_version".to_owned(), json!(has_version));
    Some(pgrx::JsonB(Value::Object(answer)))
}

/// The plan of work orders that a request makes, where it names job plans: `{plan, applications}`. A request that
/// names none is returned as it is, with all digits of its numbers.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn expand_plan(
    request: Option<&str>,
) -> TableIterator<'static, (name!(plan, String), name!(applications, pgrx::JsonB))> {
    let given = request.unwrap_or("null");
    let (plan, applications) = expansion(given).or_refuse();
    TableIterator::once((plan, pgrx::JsonB(applications)))
}

fn expansion(given: &str) -> Result<(String, Value), Refusal> {
    let mut request = wo_rules::json::parse(given)?;
    let mut own = Vec::new();
    let mut problems = Vec::new();
    if let Value::Object(members) = &request
        && members.contains_key("job_plan")
    {
        let tenant = identity::required()?.tenant;
        let application = take_application(&mut members.clone(), "", "", &mut problems);
        if let Some(application) = application.filter(|_| problems.is_empty()) {
            let known = version_of(tenant, &application.job_plan, application.version)?;
            let values = known.compiled.plan.values(&application.parameters)?;
            match expanded(&request, &known.compiled.plan, &values) {
                Ok(plan) => request = plan,
                Err(found) => problems.extend(found),
            }
            own.push(json!({
                "work_order": "",
                "job_plan": application.job_plan,
                "plan_version": known.stored.version,
                "parameters": application.parameters,
            }));
        }
    }
    let (applications, found) = take(&mut request);
    problems.extend(found);
    if !problems.is_empty() {
        return Err(plan::refusal(&problems));
    }
    if own.is_empty() && applications.is_empty() {
        return Ok((given.to_owned(), json!([])));
    }
    own.extend(applications.iter().map(|one| one.as_json()));
    Ok((request.to_string(), Value::Array(own)))
}

/// Applies the job plans of a plan of work orders that was made now, and returns what was made.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn apply_planned(made: Option<&str>, applications: Option<&str>) -> Option<pgrx::JsonB> {
    let read = |text: &str| wo_rules::json::parse(text).or_refuse();
    let (made, applications) = (read(made?), read(applications?));
    let tenant = identity::required().or_refuse().tenant;
    apply_all(tenant, &made, &applications).or_refuse();
    Some(pgrx::JsonB(made))
}
