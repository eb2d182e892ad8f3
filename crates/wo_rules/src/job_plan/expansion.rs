//! Plans of work orders that name job plans: the members that say so are taken out, and what is left is a plan as
//! `wo.create_from_plan` takes it.

use super::document::JobPlan;
use super::parameter::substituted_in;
use crate::hierarchy::plan::Problem;
use serde_json::{Map, Value, json};

/// A job plan that is to be applied to a work order of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// The name of the child; empty for the master.
    pub work_order: String,
    /// The job plan.
    pub job_plan: String,
    /// Its version; without one the newest that is released.
    pub version: Option<i32>,
    /// The values of its parameters.
    pub parameters: Value,
    /// Where it is named, as a JSON pointer.
    pub pointer: String,
}

impl Application {
    /// As a JSON object.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "work_order": self.work_order,
            "job_plan": self.job_plan,
            "plan_version": self.version,
            "parameters": self.parameters,
        })
    }
}

/// The members that name a job plan.
pub const MEMBERS: [&str; 3] = ["job_plan", "plan_version", "parameters"];

/// Takes the members that name a job plan.
pub fn take_application(
    members: &mut Map<String, Value>,
    work_order: &str,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<Application> {
    let [job_plan, version, parameters] =
        MEMBERS.map(|name| members.shift_remove(name).filter(|value| !value.is_null()));
    let mut note = |member: &str, problem: &str| {
        let pointer = format!("{pointer}/{member}");
        problems.push(Problem { pointer, problem: problem.to_owned() });
    };
    let version = version.map(|version| {
        let number = version.as_i64().and_then(|number| i32::try_from(number).ok());
        if number.is_none_or(|number| number < 1) {
            note("plan_version", "must be a version: 1 or more");
        }
        number
    });
    if parameters.as_ref().is_some_and(|parameters| !parameters.is_object()) {
        note("parameters", "must be an object");
    }
    match job_plan {
        Some(Value::String(job_plan)) if !job_plan.trim().is_empty() => Some(Application {
            work_order: work_order.to_owned(),
            job_plan,
            version: version.flatten(),
            parameters: parameters.unwrap_or_else(|| Value::Object(Map::new())),
            pointer: format!("{pointer}/job_plan"),
        }),
        Some(_) => {
            note("job_plan", "must be the name of a job plan");
            None
        }
        None if version.is_some() || parameters.is_some() => {
            note("job_plan", "is missing: a version and parameters belong to a job plan");
            None
        }
        None => None,
    }
}

/// Takes the job plans out of a plan of work orders. Gives them, and what is wrong with them.
pub fn take(request: &mut Value) -> (Vec<Application>, Vec<Problem>) {
    let (mut applications, mut problems) = (Vec::new(), Vec::new());
    let Some(members) = request.as_object_mut() else { return (applications, problems) };
    if let Some(Value::Object(master)) = members.get_mut("master") {
        applications.extend(take_application(master, "", "/master", &mut problems));
    }
    take_of_children(members, "", &mut applications, &mut problems);
    (applications, problems)
}

fn take_of_children(
    members: &mut Map<String, Value>,
    pointer: &str,
    applications: &mut Vec<Application>,
    problems: &mut Vec<Problem>,
) {
    let Some(Value::Array(children)) = members.get_mut("children") else { return };
    for (index, child) in children.iter_mut().enumerate() {
        let Value::Object(child) = child else { continue };
        let pointer = format!("{pointer}/children/{index}");
        let name = child.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        applications.extend(take_application(child, &name, &pointer, problems));
        take_of_children(child, &pointer, applications, problems);
    }
}

/// The plan of work orders that a request for a job plan with children makes: the master of the request, and the
/// children of the job plan with the values of its parameters.
///
/// # Errors
/// Every problem of the request.
pub fn expanded(
    request: &Value,
    plan: &JobPlan,
    values: &Map<String, Value>,
) -> Result<Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut members = request.as_object().cloned().unwrap_or_default();
    for name in MEMBERS {
        members.shift_remove(name);
    }
    if members.contains_key("children") {
        problems.push(Problem {
            pointer: "/children".to_owned(),
            problem: "is given by the job plan".to_owned(),
        });
    }
    if plan.children.is_empty() {
        problems.push(Problem {
            pointer: "/job_plan".to_owned(),
            problem: format!(
                "\"{}\" has no children: wo.create_work_order makes a work order with it",
                plan.name
            ),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let children = plan.children.iter().map(|child| Value::Object(child.clone()));
    let children: Vec<Value> = children.map(|child| substituted_in(&child, values)).collect();
    members.insert("children".to_owned(), Value::Array(children));
    Ok(Value::Object(members))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn job_plans_are_taken_out_wherever_they_stand() {
        let mut request = json!({
            "master": {"title": "m", "job_plan": "a"},
            "children": [
                {"name": "x", "title": "x", "job_plan": "b", "plan_version": 2, "parameters": {"p": 1},
                 "children": [{"name": "y", "title": "y", "job_plan": "c"}]},
                {"name": "z", "title": "z", "plan_version": 0, "parameters": []},
            ],
        });
        let (applications, problems) = take(&mut request);
        let named: Vec<(&str, &str, Option<i32>)> = applications
            .iter()
            .map(|one| (one.work_order.as_str(), one.job_plan.as_str(), one.version))
            .collect();
        assert_eq!(named, [("", "a", None), ("x", "b", Some(2)), ("y", "c", None)]);
        assert_eq!(applications[1].parameters, json!({"p": 1}));
        let pointers: Vec<&str> = problems.iter().map(|found| found.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/children/1/plan_version", "/children/1/parameters", "/children/1/job_plan"]
        );
        assert!(crate::hierarchy::plan::read(&request).is_ok());
    }
}
