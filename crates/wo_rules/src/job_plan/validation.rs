//! Reading a job plan, with every problem listed at once.

mod resources;
mod steps;

use super::document::{JobPlan, Parameter, ParameterType};
use super::expansion;
use super::parameter::{Piece, pieces};
use crate::hierarchy::plan as hierarchy_plan;
use crate::lifecycle::Problem;
use crate::lifecycle::reader::{Node, Report, bad_name, is_name};
use crate::secret::reference::{Reference, parse as parse_reference};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A plan with more steps than this is refused.
pub const MOST_STEPS: usize = 1_000;

/// The most children of one plan.
const MOST_CHILDREN: usize = 200;

/// The longest instruction or description, in characters.
const LONGEST_TEXT: usize = 10_000;

/// The members of a plan beside its name.
const MEMBERS: [&str; 11] = [
    "description",
    "parameters",
    "steps",
    "requires",
    "credentials",
    "deliverables",
    "children",
    "task_type",
    "estimate",
    "budget",
    "controlled_documents",
];

/// What is said of a credential that is no reference. It never repeats what stands there.
const NO_REFERENCE: &str = "must be a reference: vault://mount/path#field[?version=n] or gcp-sm://projects/p/secrets/s/versions/n, never the secret itself";

/// What the tenant has that a plan may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The roles that a principal can have.
    pub roles: &'a BTreeSet<String>,
    /// The kinds of tasks.
    pub task_types: &'a BTreeSet<String>,
}

/// Reads a job plan. Without `known` it is one that is stored already, or one that is shipped: the tenant's roles
/// and task types are not looked at.
///
/// # Errors
/// Every problem of the document, each with its JSON pointer; never an empty list.
pub fn validate(document: &Value, known: Option<&Known<'_>>) -> Result<JobPlan, Vec<Problem>> {
    let mut reading = Reading {
        report: Report::default(),
        known,
        parameters: names_of(document, "parameters", "name"),
        keys: names_of(document, "steps", "key"),
    };
    let plan = reading.plan(&Node::root(document));
    let problems = reading.report.problems;
    match plan {
        Some(plan) if problems.is_empty() => Ok(plan),
        None if problems.is_empty() => {
            Err(vec![Problem { pointer: String::new(), problem: "is no job plan".to_owned() }])
        }
        _ => Err(problems),
    }
}

/// The names of the objects in a list of the document, gathered first so that one mistake in a declaration is not
/// reported again wherever it is used.
fn names_of(document: &Value, list: &str, member: &str) -> BTreeSet<String> {
    let items = document.get(list).and_then(Value::as_array).map(Vec::as_slice);
    let named = items.unwrap_or_default().iter();
    named.filter_map(|item| item.get(member)?.as_str().map(str::to_owned)).collect()
}

struct Reading<'k> {
    report: Report,
    known: Option<&'k Known<'k>>,
    parameters: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Reading<'_> {
    fn plan(&mut self, node: &Node) -> Option<JobPlan> {
        if !self.report.object(node, &["name"], &MEMBERS) {
            return None;
        }
        let name = node.member("name").and_then(|node| self.report.name(&node));
        if let Some(description) = node.member("description") {
            self.long_text(&description);
        }
        let parameters = self.parameters(node);
        let credentials = self.credentials(node);
        let steps = self.steps(node, &credentials);
        self.requires(node);
        let deliverables = self.deliverables(node);
        self.quantiles(node);
        self.budget(node);
        self.controlled_documents(node);
        let children = self.children(node);
        let credentials = credentials
            .into_iter()
            .filter_map(|(name, reference)| Some((name, reference?)))
            .collect();
        let task_type = node.member("task_type").and_then(|node| self.task_type(&node));
        if steps.is_empty() && children.is_empty() {
            self.report.note("", "has neither steps nor children");
        }
        Some(JobPlan {
            name: name?,
            parameters,
            credentials,
            steps,
            deliverables,
            children,
            task_type,
        })
    }

    fn parameters(&mut self, node: &Node) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let mut names = Vec::new();
        for item in self.report.list(node, "parameters") {
            let optional = ["required", "default", "description"];
            if !self.report.object(&item, &["name", "type"], &optional) {
                continue;
            }
            let required = self.report.flag(&item, "required");
            self.report.optional_text(&item, "description");
            let name = item.member("name").and_then(|node| self.report.name(&node));
            let data_type = item.member("type").and_then(|node| self.parameter_type(&node));
            let default = item.member("default").filter(|node| !node.value.is_null());
            if let (Some(default), Some(data_type)) = (&default, data_type)
                && !data_type.accepts(default.value)
            {
                let problem = format!("must be a {}", data_type.name());
                self.report.note(&default.pointer, problem);
            }
            if let Some(default) = default.as_ref().filter(|_| required) {
                self.report.note(&default.pointer, "a parameter that must be given has no default");
            }
            let (Some(name), Some(data_type)) = (name, data_type) else { continue };
            names.push((item.pointer_to("name"), name.clone()));
            let default = default.map(|node| node.value.clone());
            parameters.push(Parameter { name, data_type, required, default });
        }
        self.report.no_duplicates(&names, "name");
        parameters
    }

    fn parameter_type(&mut self, node: &Node) -> Option<ParameterType> {
        let name = self.report.text(node)?;
        let found = ParameterType::ALL.into_iter().find(|known| known.name() == name);
        if found.is_none() {
            let known = ParameterType::ALL.map(ParameterType::name).join(", ");
            self.report
                .note(&node.pointer, format!("no type is named \"{name}\"; known are {known}"));
        }
        found
    }

    /// A text of bounded length whose placeholders name parameters.
    fn long_text(&mut self, node: &Node) -> Option<String> {
        let text = self.report.text(node)?;
        if text.chars().count() > LONGEST_TEXT {
            self.report.note(&node.pointer, format!("has at most {LONGEST_TEXT} characters"));
        }
        self.placeholders(&node.pointer, &text);
        Some(text)
    }

    fn placeholders(&mut self, pointer: &str, text: &str) {
        for piece in pieces(text) {
            match piece {
                Piece::Plain(_) => {}
                Piece::Unclosed => self.report.note(pointer, "has a {{ without its }}"),
                Piece::Placeholder(name) if !self.parameters.contains(name) => {
                    self.report.note(pointer, format!("no parameter is named \"{name}\""));
                }
                Piece::Placeholder(_) => {}
            }
        }
    }

    fn placeholders_in(&mut self, node: &Node) {
        if let Some(text) = node.value.as_str() {
            self.placeholders(&node.pointer, text);
        }
        for item in node.items() {
            self.placeholders_in(&item);
        }
        for (_, member) in node.members() {
            self.placeholders_in(&member);
        }
    }

    fn role(&mut self, node: &Node) -> Option<String> {
        let name = self.report.name(node)?;
        let is_relation = ["assignee", "originator", "requester"].contains(&name.as_str());
        if is_relation || self.known.is_some_and(|known| !known.roles.contains(&name)) {
            self.report.note(&node.pointer, format!("the tenant has no role \"{name}\""));
        }
        Some(name)
    }

    fn task_type(&mut self, node: &Node) -> Option<String> {
        let name = self.report.name(node)?;
        if self.known.is_some_and(|known| !known.task_types.contains(&name)) {
            self.report.note(&node.pointer, format!("the tenant has no task type \"{name}\""));
        }
        Some(name)
    }

    /// Where the credentials are, by their names; nothing of one that is no reference.
    fn credentials(&mut self, node: &Node) -> BTreeMap<String, Option<Reference>> {
        let Some(node) = node.member("credentials") else { return BTreeMap::new() };
        if !node.value.is_object() {
            self.report.wrong_type(&node, "an object");
        }
        let mut known = BTreeMap::new();
        for (name, reference) in node.members() {
            if !is_name(name) {
                self.report.note(&reference.pointer, bad_name(name));
            }
            let read = reference.value.as_str().and_then(parse_reference);
            if read.is_none() {
                // What stands there may be the secret itself: no problem repeats it.
                self.report.note(&reference.pointer, NO_REFERENCE);
            }
            known.insert(name.to_owned(), read);
        }
        known
    }

    fn children(&mut self, node: &Node) -> Vec<Map<String, Value>> {
        let items = self.report.list(node, "children");
        if items.len() > MOST_CHILDREN {
            let problem = format!("{} children are more than {MOST_CHILDREN}", items.len());
            self.report.note(node.pointer_to("children"), problem);
            return Vec::new();
        }
        if items.is_empty() {
            return Vec::new();
        }
        let values: Vec<Value> = items.iter().map(|item| item.value.clone()).collect();
        let mut request = json!({ "master": { "title": "master" }, "children": values });
        let (_, mut problems) = expansion::take(&mut request);
        problems.extend(hierarchy_plan::examine(&request).1);
        for found in problems {
            self.report.note(found.pointer, found.problem);
        }
        for item in &items {
            self.placeholders_in(item);
        }
        items.iter().filter_map(|item| item.value.as_object().cloned()).collect()
    }
}
