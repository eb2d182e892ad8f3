//! Reading a definition document, with every problem listed at once.

mod transitions;

use std::collections::BTreeSet;

use serde_json::Value;

use super::definition::*;
use super::graph;
use super::past_gate::{self, PastGates};
use super::reader::{Node, Problem, Report, bad_name, is_name};
use super::rework::sent_back;
use super::title::TitleConvention;
use crate::field::{Field, FieldSet};
use crate::hierarchy::policy::Policy;

/// So many letters an icon may have: emoji of several code points fit.
const MAXIMUM_ICON: usize = 8;

/// A definition with more states than this is refused.
pub const MAXIMUM_STATES: usize = 200;
/// A definition with more edges than this, one per (from, to), is refused.
pub const MAXIMUM_EDGES: usize = 2000;

/// What the tenant and the installation have that a definition may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The roles that a principal can have.
    pub roles: &'a BTreeSet<String>,
    /// The registered functions, without `sql:`.
    pub sql_guards: &'a BTreeSet<String>,
    /// The names of the guards that the kernel and the concepts bring.
    pub guards: &'a [&'a str],
    /// The names of the effects that they bring, without what stands in brackets.
    pub effects: &'a [&'a str],
}

/// Reads a definition. Without `known` it is one that is stored already: it was valid when it was
/// published, and the tenant's roles and functions, the guards and the effects are not looked at again.
///
/// # Errors
/// Every problem of the document, each with its JSON pointer; never an empty list.
pub fn validate(document: &Value, known: Option<&Known>) -> Result<Lifecycle, Vec<Problem>> {
    let mut reading = Reading { report: Report::default(), names: Names::gather(document), known };
    let lifecycle = reading.definition(&Node::root(document));
    let problems = reading.report.problems;
    match lifecycle {
        Some(lifecycle) if problems.is_empty() => Ok(lifecycle),
        None if problems.is_empty() => Err(vec![Problem {
            pointer: String::new(),
            problem: "is no lifecycle definition".to_owned(),
        }]),
        _ => Err(problems),
    }
}

/// The names that a definition declares, gathered first so that one mistake in a declaration is
/// not reported again wherever it is used. `None`: not declared at all, which is reported once.
struct Names {
    states: Option<BTreeSet<String>>,
    roles: Option<BTreeSet<String>>,
    priorities: Option<BTreeSet<String>>,
    meanings: BTreeSet<String>,
}

impl Names {
    fn gather(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let member = |name: &str| document.get(name);
        Self {
            states: member("states").and_then(Value::as_array).map(|states| {
                states.iter().filter_map(|state| state.get("name").and_then(text)).collect()
            }),
            roles: member("roles")
                .and_then(Value::as_object)
                .map(|roles| roles.keys().cloned().collect()),
            priorities: member("priorities")
                .and_then(Value::as_array)
                .map(|labels| labels.iter().filter_map(text).collect()),
            meanings: member("transitions")
                .map(items)
                .unwrap_or_default()
                .iter()
                .filter_map(|edge| edge.get("approvals"))
                .flat_map(items)
                .filter_map(|approval| approval.get("meaning").and_then(text))
                .collect(),
        }
    }
}

struct Reading<'k> {
    report: Report,
    names: Names,
    known: Option<&'k Known<'k>>,
}

impl Reading<'_> {
    fn definition(&mut self, node: &Node) -> Option<Lifecycle> {
        let required = [
            "name",
            "title",
            "roles",
            "priorities",
            "default_priority",
            "regulatory",
            "states",
            "transitions",
            "field_rights",
        ];
        if !self.report.object(
            node,
            &required,
            &["description", "title_convention", "dispatch", "hierarchy"],
        ) {
            return None;
        }
        if self.too_large(node) {
            return None;
        }
        let name = node.member("name").and_then(|node| self.report.name(&node));
        let title = node.member("title").and_then(|node| self.report.text(&node));
        let description = self.report.optional_text(node, "description");
        let roles = self.roles(node);
        let priorities = self.priorities(node);
        let default_priority = node.member("default_priority").and_then(|node| {
            let label = self.report.name(&node)?;
            self.check_priority(&node.pointer, &label);
            Some(label)
        });
        let title_convention =
            node.member("title_convention").and_then(|node| self.title_convention(&node));
        let regulatory = node.member("regulatory").map(|node| self.regulatory(&node));
        let states = self.states(node);
        let mut transitions = self.transitions(node);
        let field_rights = self.field_rights(node);
        let engine_override = self.engine_override(node);
        let (link, waive, hierarchy_policy) = self.hierarchy(node);
        self.check_rejections(node, &transitions);
        let initial =
            graph::check(&mut self.report, &node.pointer_to("states"), &states, &transitions);
        let states: Vec<State> = states.into_iter().map(|(_, state)| state).collect();
        let past_gates = PastGates::of(&states, &transitions);
        past_gate::imply_guards(&states, &mut transitions);
        Some(Lifecycle {
            sent_back: sent_back(&states, &transitions),
            name: name?,
            title: title?,
            description,
            roles,
            priorities,
            default_priority: default_priority?,
            title_convention,
            regulatory: regulatory?,
            states,
            initial: initial?,
            transitions,
            field_rights,
            engine_override,
            link,
            waive,
            hierarchy_policy,
            past_gates,
        })
    }

    /// Looked at before anything else, because the checks on a graph cost more than reading it.
    fn too_large(&mut self, node: &Node) -> bool {
        let count = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
        let states = count(node.value.get("states"));
        if states > MAXIMUM_STATES {
            let problem = format!("{states} states are more than {MAXIMUM_STATES}");
            self.report.note(node.pointer_to("states"), problem);
        }
        let transitions = node.value.get("transitions").and_then(Value::as_array);
        let edges: usize =
            transitions.into_iter().flatten().map(|edge| count(edge.get("from")).max(1)).sum();
        if edges > MAXIMUM_EDGES {
            let problem = format!("{edges} edges are more than {MAXIMUM_EDGES}");
            self.report.note(node.pointer_to("transitions"), problem);
        }
        states > MAXIMUM_STATES || edges > MAXIMUM_EDGES
    }

    fn roles(&mut self, node: &Node) -> Vec<(String, String)> {
        let Some(node) = node.member("roles") else { return Vec::new() };
        if !node.value.is_object() {
            self.report.wrong_type(&node, "an object");
        }
        let mut roles = Vec::new();
        for (name, meaning) in node.members() {
            if !is_name(name) {
                self.report.note(&meaning.pointer, bad_name(name));
            } else if !matches!(Role::named(name), Role::OfTenant(_)) {
                let problem = format!("{name} is a relation that every work order has: built in");
                self.report.note(&meaning.pointer, problem);
            } else if self.known.is_some_and(|known| !known.roles.contains(name)) {
                let problem = format!("the tenant has no role named \"{name}\"");
                self.report.note(&meaning.pointer, problem);
            }
            if let Some(meaning) = self.report.text(&meaning) {
                roles.push((name.to_owned(), meaning));
            }
        }
        roles
    }

    fn priorities(&mut self, node: &Node) -> Vec<String> {
        let items = self.report.filled_list(node, "priorities");
        let labels: Vec<(String, String)> = items
            .into_iter()
            .filter_map(|node| Some((node.pointer.clone(), self.report.name(&node)?)))
            .collect();
        self.report.no_duplicates(&labels, "priority");
        labels.into_iter().map(|(_, label)| label).collect()
    }

    fn check_priority(&mut self, pointer: &str, label: &str) {
        if self.names.priorities.as_ref().is_some_and(|labels| !labels.contains(label)) {
            self.report.note(pointer, format!("\"{label}\" is none of the priorities"));
        }
    }

    fn title_convention(&mut self, node: &Node) -> Option<TitleConvention> {
        if !self.report.object(node, &["prefix", "hint"], &[]) {
            return None;
        }
        if let Some(prefix) = node.member("prefix")
            && prefix.value.as_str() != Some(TitleConvention::PREFIX)
        {
            let problem = format!("the one convention there is: \"{}\"", TitleConvention::PREFIX);
            self.report.note(&prefix.pointer, problem);
        }
        let hint = node.member("hint").and_then(|node| self.report.text(&node))?;
        Some(TitleConvention::new(hint))
    }

    fn regulatory(&mut self, node: &Node) -> RegulatoryRules {
        if !self.report.object(node, &["allowed"], &["set_by", "cleared_by"]) {
            return RegulatoryRules::default();
        }
        let allowed = self.report.flag(node, "allowed");
        let rules = RegulatoryRules {
            allowed,
            set_by: self.grants(node, "set_by"),
            cleared_by: self.grants(node, "cleared_by"),
        };
        let refused = node.member("allowed").is_some_and(|node| node.value == &Value::Bool(false));
        for key in ["set_by", "cleared_by"] {
            if refused && node.member(key).is_some() {
                let problem = "says nothing where no work order may be regulatory";
                self.report.note(node.pointer_to(key), problem);
            }
        }
        rules
    }

    fn grants(&mut self, node: &Node, key: &str) -> Vec<RegulatoryGrant> {
        let items = self.report.list(node, key);
        items
            .into_iter()
            .filter(|node| self.report.object(node, &["who"], &["while"]))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|node| RegulatoryGrant {
                who: self.role_list(&node, "who", true),
                states: self.while_states(&node),
            })
            .collect()
    }

    fn states(&mut self, node: &Node) -> Vec<(String, State)> {
        let items = self.report.filled_list(node, "states");
        let mut names = Vec::new();
        let mut states = Vec::new();
        for node in items {
            let optional = [
                "description",
                "initial",
                "terminal",
                "blocked",
                "settles_master",
                "satisfies_dependents",
                "maximum_hours",
                "icon",
                "color",
            ];
            if !self.report.object(&node, &["name"], &optional) {
                continue;
            }
            let name = node.member("name").and_then(|node| {
                let name = self.report.name(&node)?;
                names.push((node.pointer, name.clone()));
                Some(name)
            });
            let state = State {
                name: name.unwrap_or_default(),
                description: self.report.optional_text(&node, "description"),
                initial: self.report.flag(&node, "initial"),
                terminal: self.report.flag(&node, "terminal"),
                blocked: self.report.flag(&node, "blocked"),
                settles_master: self.report.flag(&node, "settles_master"),
                satisfies_dependents: self.report.flag(&node, "satisfies_dependents"),
                maximum_hours: self.maximum_hours(&node),
                icon: self.icon(&node),
                color: self.color(&node),
            };
            self.check_flags(&node, &state);
            states.push((node.pointer, state));
        }
        self.report.no_duplicates(&names, "state");
        states
    }

    fn maximum_hours(&mut self, node: &Node) -> Option<f64> {
        let node = node.member("maximum_hours")?;
        let hours = node.value.as_f64().filter(|hours| *hours > 0.0 && hours.is_finite());
        if hours.is_none() {
            self.report.note(&node.pointer, "must be a number of hours above 0");
        }
        hours
    }

    fn icon(&mut self, node: &Node) -> Option<String> {
        let node = node.member("icon")?;
        let icon = self.report.text(&node)?;
        if icon.chars().count() > MAXIMUM_ICON || crate::picture::plain(&icon) != icon {
            let problem = format!("must be at most {MAXIMUM_ICON} visible letters in one line");
            self.report.note(&node.pointer, problem);
            return None;
        }
        Some(icon)
    }

    fn color(&mut self, node: &Node) -> Option<String> {
        let node = node.member("color")?;
        let color = self.report.text(&node)?;
        let is_color = color.strip_prefix('#').is_some_and(|digits| {
            digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        if !is_color {
            self.report.note(&node.pointer, "must be a colour as #rrggbb");
            return None;
        }
        Some(color.to_ascii_lowercase())
    }

    fn check_flags(&mut self, node: &Node, state: &State) {
        for (key, set, problem) in [
            ("initial", state.initial, "nothing could ever happen: the state is terminal"),
            ("blocked", state.blocked, "a terminal state is not blocked"),
            ("maximum_hours", state.maximum_hours.is_some(), "a terminal state is for ever"),
        ] {
            if state.terminal && set {
                self.report.note(node.pointer_to(key), problem);
            }
        }
        if state.settles_master && !state.terminal {
            let problem = "only a terminal state settles a master: any other can be left again";
            self.report.note(node.pointer_to("settles_master"), problem);
        }
    }

    fn state_name(&mut self, node: &Node) -> Option<String> {
        let name = self.report.text(node)?;
        if self.names.states.as_ref().is_some_and(|states| !states.contains(&name)) {
            self.report.note(&node.pointer, format!("no state is named \"{name}\""));
        }
        Some(name)
    }

    fn role(&mut self, node: &Node) -> Option<Role> {
        let name = self.report.text(node)?;
        self.check_role(&node.pointer, &name)
    }

    fn check_role(&mut self, pointer: &str, name: &str) -> Option<Role> {
        let role = Role::named(name);
        let declared = self.names.roles.as_ref().is_none_or(|roles| roles.contains(name));
        if matches!(role, Role::OfTenant(_)) && !declared {
            let problem = format!(
                "\"{name}\" is neither assignee, originator or requester, nor declared in roles"
            );
            self.report.note(pointer, problem);
        }
        Some(role)
    }

    fn role_list(&mut self, node: &Node, key: &str, somebody: bool) -> Vec<Role> {
        let items = match somebody {
            true => self.report.filled_list(node, key),
            false => self.report.list(node, key),
        };
        let roles: Vec<(String, Role)> = items
            .into_iter()
            .filter_map(|node| Some((node.pointer.clone(), self.role(&node)?)))
            .collect();
        self.report.no_duplicates(&roles, "role");
        roles.into_iter().map(|(_, role)| role).collect()
    }

    fn while_states(&mut self, node: &Node) -> Option<Vec<String>> {
        node.member("while")?;
        let items = self.report.filled_list(node, "while");
        Some(items.into_iter().filter_map(|node| self.state_name(&node)).collect())
    }

    fn field(&mut self, node: &Node) -> Option<Field> {
        let name = self.report.text(node)?;
        let field = Field::parse(&name);
        if field.is_none() {
            self.report.note(&node.pointer, format!("no field is named \"{name}\""));
        }
        field
    }

    fn hierarchy(&mut self, node: &Node) -> (Vec<Role>, Vec<Role>, Policy) {
        let nothing = (Vec::new(), Vec::new(), Policy::default());
        let Some(node) = node.member("hierarchy") else { return nothing };
        let optional = [&["waive"], &Policy::MEMBERS[..]].concat();
        if !self.report.object(&node, &["link"], &optional) {
            return nothing;
        }
        let mut members = node.value.as_object().cloned().unwrap_or_default();
        members.retain(|name, _| Policy::MEMBERS.contains(&name.as_str()));
        let policy = Policy::read(&Value::Object(members)).unwrap_or_else(|problems| {
            for (member, problem) in problems {
                self.report.note(node.pointer_to(&member), problem);
            }
            Policy::default()
        });
        let waive = self.role_list(&node, "waive", false);
        (self.role_list(&node, "link", true), waive, policy)
    }

    fn engine_override(&mut self, node: &Node) -> Vec<Role> {
        let Some(node) = node.member("dispatch") else { return Vec::new() };
        match self.report.object(&node, &["override"], &[]) {
            true => self.role_list(&node, "override", true),
            false => Vec::new(),
        }
    }

    fn field_rights(&mut self, node: &Node) -> Vec<FieldRight> {
        let Some(node) = node.member("field_rights") else { return Vec::new() };
        if !node.value.is_object() {
            self.report.wrong_type(&node, "an object");
        }
        let mut rights = Vec::new();
        for (role, node) in node.members() {
            let role = self.check_role(&node.pointer, role);
            if !self.report.object(&node, &["fields"], &["while"]) {
                continue;
            }
            let fields = self.right_fields(&node);
            let states = self.while_states(&node);
            if let Some(role) = role {
                rights.push(FieldRight { role, fields, states });
            }
        }
        rights
    }

    fn right_fields(&mut self, node: &Node) -> FieldSet {
        let items = self.report.filled_list(node, "fields");
        let mut fields = Vec::new();
        let mut every = false;
        for node in items {
            if node.value.as_str() == Some("*") {
                every = true;
                continue;
            }
            let Some(field) = self.field(&node) else { continue };
            match field {
                Field::Regulatory => {
                    let problem = "is governed by the member \"regulatory\" alone";
                    self.report.note(&node.pointer, problem);
                }
                Field::Source => self.report.note(&node.pointer, "is derived by the server"),
                Field::BlockCause => {
                    let problem = "is given with an edge into a blocked state alone";
                    self.report.note(&node.pointer, problem);
                }
                _ => {}
            }
            fields.push((node.pointer, field));
        }
        self.report.no_duplicates(&fields, "field");
        let mut set: FieldSet = fields.into_iter().map(|(_, field)| field).collect();
        if every {
            set = FieldSet::all();
        }
        for governed in [Field::Regulatory, Field::Source, Field::BlockCause] {
            set.remove(governed);
        }
        set
    }
}
