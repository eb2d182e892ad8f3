//! The steps of a plan.

use super::super::decimal::Decimal;
use super::super::document::{Limits, Step, StepKind, Witness};
use super::{MOST_STEPS, Reading};
use crate::lifecycle::reader::Node;
use crate::secret::reference::Reference;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The members of a step beside those that each has.
const MEMBERS: [&str; 8] =
    ["unit", "limits", "required", "role", "witness", "credentials", "after", "estimate"];

/// The longest unit, in characters.
const LONGEST_UNIT: usize = 40;

/// The limits in their order, from the lowest to the highest.
const LIMITS: [&str; 4] = ["lower", "warn_lower", "warn_upper", "upper"];

impl Reading<'_> {
    pub(super) fn steps(
        &mut self,
        node: &Node,
        credentials: &BTreeMap<String, Option<Reference>>,
    ) -> Vec<Step> {
        let items = self.report.list(node, "steps");
        if items.len() > MOST_STEPS {
            let problem = format!("{} steps are more than {MOST_STEPS}", items.len());
            self.report.note(node.pointer_to("steps"), problem);
            return Vec::new();
        }
        let mut keys = Vec::new();
        let mut steps = Vec::new();
        for item in items {
            if !self.report.object(&item, &["key", "instruction", "kind"], &MEMBERS) {
                continue;
            }
            let key = item.member("key").and_then(|node| self.report.name(&node));
            if let Some(key) = &key {
                keys.push((item.pointer_to("key"), key.clone()));
            }
            if let Some(step) = self.step(&item, key, credentials) {
                steps.push((item.pointer, step));
            }
        }
        self.no_duplicate_keys(&keys);
        self.check_order(&steps);
        steps.into_iter().map(|(_, step)| step).collect()
    }

    fn no_duplicate_keys(&mut self, keys: &[(String, String)]) {
        let mut known = BTreeSet::new();
        for (pointer, key) in keys {
            if !known.insert(key) {
                self.report.note(pointer, format!("\"{key}\" is the key of another step already"));
            }
        }
    }

    fn step(
        &mut self,
        item: &Node,
        key: Option<String>,
        credentials: &BTreeMap<String, Option<Reference>>,
    ) -> Option<Step> {
        let instruction = item.member("instruction").and_then(|node| self.long_text(&node));
        let kind = item.member("kind").and_then(|node| self.kind(&node));
        let unit = item.member("unit").and_then(|node| self.unit(&node));
        let limits = item.member("limits").map(|node| self.limits(&node));
        let required = match item.member("required") {
            Some(_) => self.report.flag(item, "required"),
            None => true,
        };
        let role = item.member("role").and_then(|node| self.role(&node));
        let witness = item.member("witness").and_then(|node| self.witness(&node));
        let after = self.names(item, "after");
        for (index, before) in after.iter().enumerate() {
            if !self.keys.contains(before) {
                let pointer = format!("{}/{index}", item.pointer_to("after"));
                self.report.note(pointer, format!("no step has the key \"{before}\""));
            }
        }
        let used = self.used_credentials(item, credentials);
        if let Some(node) = item.member("estimate") {
            self.estimate(&node);
        }
        let kind = kind?;
        if kind == StepKind::Measure && item.member("unit").is_none() {
            self.report.note(item.pointer_to("unit"), "is missing: a measurement has a unit");
        }
        for member in ["unit", "limits"] {
            if kind != StepKind::Measure && item.member(member).is_some() {
                self.report.note(item.pointer_to(member), "belongs to a measurement alone");
            }
        }
        if kind == StepKind::Sign && !used.is_empty() {
            let problem =
                "a step of kind sign uses none: a signed act says no version of a credential";
            self.report.note(item.pointer_to("credentials"), problem);
        }
        if kind == StepKind::HoldPoint {
            if item.member("role").is_none() {
                let problem = "is missing: a hold point says who lets the work go on";
                self.report.note(item.pointer_to("role"), problem);
            }
            if item.member("required").is_some() && !required {
                self.report.note(item.pointer_to("required"), "a hold point is always required");
            }
        }
        Some(Step {
            key: key?,
            instruction: instruction?,
            kind,
            unit,
            limits: limits.unwrap_or_default(),
            required,
            role,
            witness,
            credentials: used,
            after,
        })
    }

    fn kind(&mut self, node: &Node) -> Option<StepKind> {
        let name = self.report.text(node)?;
        let kind = StepKind::parse(&name);
        if kind.is_none() {
            let known = StepKind::ALL.map(StepKind::name).join(", ");
            self.report
                .note(&node.pointer, format!("no kind is named \"{name}\"; known are {known}"));
        }
        kind
    }

    fn unit(&mut self, node: &Node) -> Option<String> {
        let unit = self.report.text(node)?;
        if unit.chars().count() > LONGEST_UNIT {
            self.report.note(&node.pointer, format!("has at most {LONGEST_UNIT} characters"));
        }
        Some(unit)
    }

    fn limits(&mut self, node: &Node) -> Limits {
        if !self.report.object(node, &[], &LIMITS) {
            return Limits::default();
        }
        if node.members().is_empty() {
            self.report.note(&node.pointer, "must not be empty");
        }
        let limits = LIMITS.map(|name| node.member(name).and_then(|node| self.number(&node)));
        let given: Vec<(&str, &Decimal)> = LIMITS
            .into_iter()
            .zip(&limits)
            .filter_map(|(name, limit)| Some((name, limit.as_ref()?)))
            .collect();
        for pair in given.windows(2) {
            if let [(lower_name, lower), (name, upper)] = pair
                && lower > upper
            {
                self.report.note(node.pointer_to(name), format!("is below {lower_name}"));
            }
        }
        let [lower, warn_lower, warn_upper, upper] = limits;
        Limits { lower, warn_lower, warn_upper, upper }
    }

    fn number(&mut self, node: &Node) -> Option<Decimal> {
        let number = node.value.is_number().then(|| node.value.to_string());
        let number = number.as_deref().and_then(Decimal::parse);
        if number.is_none() {
            self.report.wrong_type(node, "a number");
        }
        number
    }

    fn witness(&mut self, node: &Node) -> Option<Witness> {
        match node.value.as_bool() {
            Some(true) => Some(Witness::Anybody),
            Some(false) => None,
            None if node.value.is_string() => self.role(node).map(Witness::OfRole),
            None => {
                self.report.wrong_type(node, "true or the role of the witness");
                None
            }
        }
    }

    fn names(&mut self, node: &Node, list: &str) -> Vec<String> {
        let items = self.report.list(node, list);
        let names: Vec<(String, String)> = items
            .into_iter()
            .filter_map(|node| Some((node.pointer.clone(), self.report.name(&node)?)))
            .collect();
        self.report.no_duplicates(&names, "name");
        names.into_iter().map(|(_, name)| name).collect()
    }

    fn used_credentials(
        &mut self,
        item: &Node,
        known: &BTreeMap<String, Option<Reference>>,
    ) -> Vec<String> {
        let names = self.names(item, "credentials");
        for (index, name) in names.iter().enumerate() {
            if !known.contains_key(name) {
                let pointer = format!("{}/{index}", item.pointer_to("credentials"));
                self.report.note(pointer, format!("no credential is named \"{name}\""));
            }
        }
        names
    }

    fn estimate(&mut self, node: &Node) {
        const POINTS: [&str; 3] = ["optimistic", "likely", "pessimistic"];
        if self.report.object(node, &POINTS, &[]) {
            self.ascending_hours(node, &POINTS);
        }
    }

    /// Hours, none of them less than the one before.
    pub(super) fn ascending_hours(&mut self, node: &Node, names: &[&str]) {
        let mut before: Option<(&str, Decimal)> = None;
        for name in names {
            let Some(member) = node.member(name) else { continue };
            let Some(hours) = self.number(&member) else { continue };
            if member.value.as_f64().is_none_or(|hours| !(0.0..100_000.0).contains(&hours)) {
                self.report.note(&member.pointer, "must be a number of hours, zero or more");
            }
            if let Some((lower, least)) = &before
                && hours < *least
            {
                self.report.note(&member.pointer, format!("is less than {lower}"));
            }
            before = Some((name, hours));
        }
    }

    /// The steps that wait for each other.
    fn check_order(&mut self, steps: &[(String, Step)]) {
        let mut graph = DiGraph::<usize, ()>::new();
        let mut nodes = HashMap::new();
        for (index, (_, step)) in steps.iter().enumerate() {
            nodes.insert(step.key.as_str(), graph.add_node(index));
        }
        for (_, step) in steps {
            for before in &step.after {
                if let (Some(later), Some(earlier)) =
                    (nodes.get(step.key.as_str()), nodes.get(before.as_str()))
                {
                    graph.add_edge(*later, *earlier, ());
                }
            }
        }
        for group in tarjan_scc(&graph) {
            let is_cycle =
                group.len() > 1 || group.iter().any(|node| graph.contains_edge(*node, *node));
            let mut members: Vec<usize> = group.iter().map(|node| graph[*node]).collect();
            members.sort_unstable();
            if let (true, Some(first)) = (is_cycle, members.first()) {
                let named: Vec<&str> =
                    members.iter().take(12).map(|index| steps[*index].1.key.as_str()).collect();
                let pointer = format!("{}/after", steps[*first].0);
                self.report
                    .note(pointer, format!("the steps wait in a cycle: {}", named.join(", ")));
            }
        }
    }
}
