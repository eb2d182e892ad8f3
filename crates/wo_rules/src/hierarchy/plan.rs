//! A plan: a master, its children and what they wait for, by names of the plan's own. Every problem of
//! it is found at once.

use super::cycle::Waits;
use crate::refusal::{Refusal, SqlState};
use crate::work_order::creation;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most work orders that one plan makes.
pub const MOST_WORK_ORDERS: usize = 20_000;

/// The most edges that one plan makes.
pub const MOST_EDGES: usize = 100_000;

/// How deep children may have children of their own.
const DEEPEST: usize = 20;

/// The longest key: the keys of the children are made of it.
const LONGEST_KEY: usize = 100;

/// How many problems a refusal lists.
const MOST_LISTED: usize = 100;

/// A plan, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The caller's key: the same one never makes a second master.
    pub key: Option<String>,
    /// The work orders; the master first, and every child after what it is a child of.
    pub work_orders: Vec<Planned>,
    /// Who waits for whom.
    pub edges: Vec<Edge>,
}

/// One work order of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Where it stands in the document, as a JSON pointer.
    pub pointer: String,
    /// Its name in the plan; empty for a master without one.
    pub name: String,
    /// What it is a child of: an index into [`Plan::work_orders`].
    pub parent: Option<usize>,
    /// The members of its creation.
    pub given: Map<String, Value>,
}

/// One waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Who waits.
    pub successor: usize,
    /// For whom.
    pub predecessor: usize,
    /// How long after that: a PostgreSQL interval.
    pub lag: Option<String>,
    /// Whether it holds the children of the successor too.
    pub holds_children: bool,
    /// Where it stands in the document, as a JSON pointer.
    pub pointer: String,
}

/// The idempotency key of a plan's master.
pub fn master_key(key: &str) -> String {
    format!("plan:{key}")
}

/// The idempotency key of a child of it. The length of the key comes first, so that the children of two
/// plans never meet.
pub fn part_key(key: &str, name: &str) -> String {
    format!("child:{}:{key}:{name}", key.chars().count())
}

/// What is wrong with a plan, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What, in one sentence.
    pub problem: String,
}

/// The refusal of a plan with all of its problems.
pub fn refusal(problems: &[Problem]) -> Refusal {
    let listed: Vec<Value> = problems
        .iter()
        .take(MOST_LISTED)
        .map(|found| serde_json::json!({"pointer": found.pointer, "problem": found.problem}))
        .collect();
    let first: Vec<String> = problems
        .iter()
        .take(3)
        .map(|found| format!("{} {}", found.pointer, found.problem))
        .collect();
    let more = problems.len().saturating_sub(first.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Refusal::new(
        SqlState::BadValue,
        "bad_plan",
        format!("nothing was made, because the plan has problems: {}{more}", first.join("; ")),
    )
    .with("problems", listed)
    .hint("Mend all of them; the DETAIL lists each with its JSON pointer.")
}

/// Reads a plan.
///
/// # Errors
/// Every problem at once; never an empty list.
pub fn read(document: &Value) -> Result<Plan, Vec<Problem>> {
    let (plan, problems) = examine(document);
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}

/// What could be read of a plan, and every problem of it.
pub fn examine(document: &Value) -> (Plan, Vec<Problem>) {
    let mut reader = Reader::default();
    reader.document(document);
    let edges = reader.edges();
    reader.find_cycles(&edges);
    let plan = Plan { key: reader.key, work_orders: reader.work_orders, edges };
    (plan, reader.problems)
}

/// An edge as it is written: who, where, after whom, lag.
type Written = (usize, String, String, Option<String>, bool);

#[derive(Default)]
struct Reader {
    key: Option<String>,
    work_orders: Vec<Planned>,
    after: Vec<Written>,
    names: HashMap<String, usize>,
    problems: Vec<Problem>,
}

impl Reader {
    fn note(&mut self, pointer: impl Into<String>, problem: impl Into<String>) {
        self.problems.push(Problem { pointer: pointer.into(), problem: problem.into() });
    }

    fn document(&mut self, document: &Value) {
        let Some(members) = document.as_object() else {
            self.note("", "must be an object with a master and its children");
            return;
        };
        for name in members.keys() {
            if !["key", "master", "children"].contains(&name.as_str()) {
                self.note(
                    format!("/{}", escaped(name)),
                    "unknown key; known are key, master, children",
                );
            }
        }
        match members.get("key") {
            None | Some(Value::Null) => {}
            Some(Value::String(key)) if (1..=LONGEST_KEY).contains(&key.chars().count()) => {
                self.key = Some(key.clone());
            }
            Some(_) => {
                self.note("/key", format!("must be a text of 1 to {LONGEST_KEY} characters"))
            }
        }
        match members.get("master") {
            Some(master) => self.work_order(master, "/master".to_owned(), None, 0),
            None => self.note("/master", "is missing"),
        }
        if !self.work_orders.is_empty() {
            self.children(members.get("children"), "/children", 0, 1);
        }
    }

    fn children(&mut self, given: Option<&Value>, pointer: &str, parent: usize, depth: usize) {
        match given {
            None | Some(Value::Null) => {}
            Some(Value::Array(_)) if depth > DEEPEST => {
                self.note(pointer, format!("children within children go {DEEPEST} deep at most"));
            }
            Some(Value::Array(children)) => {
                for (index, child) in children.iter().enumerate() {
                    self.work_order(child, format!("{pointer}/{index}"), Some(parent), depth);
                }
            }
            Some(_) => self.note(pointer, "must be a list"),
        }
    }

    fn work_order(&mut self, given: &Value, pointer: String, parent: Option<usize>, depth: usize) {
        let Some(members) = given.as_object() else {
            self.note(pointer, "must be an object");
            return;
        };
        if self.work_orders.len() >= MOST_WORK_ORDERS {
            if self.work_orders.len() == MOST_WORK_ORDERS {
                self.note(&pointer, format!("a plan makes at most {MOST_WORK_ORDERS} work orders"));
            }
            return;
        }
        let mut creation_members = members.clone();
        let take = |members: &mut Map<String, Value>, name: &str| members.remove(name);
        let name = take(&mut creation_members, "name");
        let after = take(&mut creation_members, "after");
        let children = take(&mut creation_members, "children");
        let index = self.work_orders.len();
        let name = self.name(name, &pointer, index, parent.is_some());
        for own in ["idempotency_key", "master"] {
            if creation_members.contains_key(own) {
                self.note(format!("{pointer}/{own}"), "is the plan's to give");
                creation_members.remove(own);
            }
        }
        if let Err(refusal) = creation(&Value::Object(creation_members.clone())) {
            self.note(&pointer, refusal.message);
        }
        creation_members.retain(|_, value| !value.is_null());
        self.work_orders.push(Planned {
            pointer: pointer.clone(),
            name,
            parent,
            given: creation_members,
        });
        self.after(after, &pointer, index);
        match parent {
            None if children.is_some() => {
                self.note(format!("{pointer}/children"), "stands beside the master");
            }
            _ => self.children(children.as_ref(), &format!("{pointer}/children"), index, depth + 1),
        }
    }

    fn name(&mut self, name: Option<Value>, pointer: &str, index: usize, needed: bool) -> String {
        let pointer = format!("{pointer}/name");
        match name {
            None | Some(Value::Null) if !needed => String::new(),
            None | Some(Value::Null) => {
                self.note(pointer, "is missing");
                String::new()
            }
            Some(Value::String(name)) if (1..=80).contains(&name.chars().count()) => {
                if self.names.insert(name.clone(), index).is_some() {
                    self.note(pointer, format!("\"{name}\" is the name of another one already"));
                }
                name
            }
            Some(_) => {
                self.note(pointer, "must be a text of 1 to 80 characters");
                String::new()
            }
        }
    }

    fn after(&mut self, after: Option<Value>, pointer: &str, index: usize) {
        let pointer = format!("{pointer}/after");
        let list = match after {
            None | Some(Value::Null) => return,
            Some(Value::Array(list)) => list,
            Some(_) => return self.note(pointer, "must be a list of names"),
        };
        for (place, awaited) in list.into_iter().enumerate() {
            let pointer = format!("{pointer}/{place}");
            match awaited {
                Value::String(name) => self.after.push((index, pointer, name, None, true)),
                Value::Object(members) => self.awaited(&members, pointer, index),
                _ => self.note(pointer, "must be a name, or {\"name\": ..., \"lag\": ...}"),
            }
        }
    }

    fn awaited(&mut self, members: &Map<String, Value>, pointer: String, index: usize) {
        let lag = match members.get("lag") {
            None | Some(Value::Null) => None,
            Some(Value::String(lag)) => Some(lag.clone()),
            Some(_) => {
                self.note(format!("{pointer}/lag"), "must be a text such as \"2 hours\"");
                None
            }
        };
        let holds_children = match members.get("holds_children") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(holds)) => *holds,
            Some(_) => {
                self.note(format!("{pointer}/holds_children"), "must be true or false");
                true
            }
        };
        if members.keys().any(|name| !["name", "lag", "holds_children"].contains(&name.as_str())) {
            self.note(&pointer, "has an unknown key; known are name, lag, holds_children");
        }
        match members.get("name").and_then(Value::as_str) {
            Some(name) => self.after.push((index, pointer, name.to_owned(), lag, holds_children)),
            None => self.note(format!("{pointer}/name"), "is missing"),
        }
    }

    fn edges(&mut self) -> Vec<Edge> {
        let written = std::mem::take(&mut self.after);
        if written.len() > MOST_EDGES {
            self.note("", format!("a plan makes at most {MOST_EDGES} dependencies"));
            return Vec::new();
        }
        let mut edges: HashMap<(usize, usize), Edge> = HashMap::new();
        for (successor, pointer, name, lag, holds_children) in written {
            match self.names.get(&name).copied() {
                None => self.note(pointer, format!("no child of the plan is named \"{name}\"")),
                Some(predecessor) => {
                    let pointer_of_edge = pointer.clone();
                    let edge = Edge {
                        successor,
                        predecessor,
                        lag,
                        holds_children,
                        pointer: pointer_of_edge,
                    };
                    if edges.insert((successor, predecessor), edge).is_some() {
                        self.note(pointer, format!("\"{name}\" is listed already"));
                    }
                }
            }
        }
        let mut edges: Vec<Edge> = edges.into_values().collect();
        edges.sort_by_key(|edge| (edge.successor, edge.predecessor));
        edges
    }

    /// A master waits for its children, and its children for whatever it waits for.
    fn find_cycles(&mut self, edges: &[Edge]) {
        let mut waits = Waits::default();
        for edge in edges {
            waits.dependency(edge.successor, edge.predecessor);
        }
        for (index, planned) in self.work_orders.iter().enumerate() {
            if let Some(parent) = planned.parent {
                waits.child(parent, index);
            }
        }
        for members in waits.cycles() {
            let names: Vec<String> =
                members.iter().take(12).map(|index| self.shown(*index)).collect();
            let pointer = self.work_orders[members[0]].pointer.clone();
            self.note(pointer, format!("waits in a cycle: {}", names.join(", ")));
        }
    }

    fn shown(&self, index: usize) -> String {
        match self.work_orders[index].name.as_str() {
            "" => "the master".to_owned(),
            name => format!("\"{name}\""),
        }
    }
}

/// One edge of a bulk call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Who waits.
    pub successor: String,
    /// For whom.
    pub predecessor: String,
    /// How long after that: a PostgreSQL interval.
    pub lag: Option<String>,
    /// Whether it holds the children of the successor too, where that is given.
    pub holds_children: Option<bool>,
}

/// Reads the edges of a bulk call.
///
/// # Errors
/// 22023 `not_an_array`, `too_many`, `bad_value`.
pub fn dependencies(given: &Value) -> Result<Vec<Dependency>, Refusal> {
    crate::work_order::bulk(given)?;
    let bad = |index: usize, what: &str| {
        Refusal::new(
            SqlState::BadValue,
            "bad_value",
            format!("element {} of the dependencies {what}", index + 1),
        )
        .hint("Each is {\"successor\": ..., \"predecessor\": ..., \"lag\": \"2 hours\"}.")
    };
    given
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, edge)| {
            let members = edge.as_object().ok_or_else(|| bad(index, "is no object"))?;
            if members.keys().any(|name| {
                !["successor", "predecessor", "lag", "holds_children"].contains(&name.as_str())
            }) {
                return Err(bad(index, "has an unknown key"));
            }
            let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
            let lag = match members.get("lag") {
                None | Some(Value::Null) => None,
                Some(Value::String(lag)) => Some(lag.clone()),
                Some(_) => return Err(bad(index, "has a lag that is no text")),
            };
            let holds_children = match members.get("holds_children") {
                None | Some(Value::Null) => None,
                Some(Value::Bool(holds)) => Some(*holds),
                Some(_) => {
                    return Err(bad(index, "has holds_children that is neither true nor false"));
                }
            };
            match (text("successor"), text("predecessor")) {
                (Some(successor), Some(predecessor)) => {
                    Ok(Dependency { successor, predecessor, lag, holds_children })
                }
                _ => Err(bad(index, "lacks successor or predecessor")),
            }
        })
        .collect()
}

fn escaped(key: &str) -> String {
    let shown: String = key.chars().take(60).collect();
    shown.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(document: Value) -> Vec<(String, String)> {
        let found = read(&document).unwrap_err();
        found.into_iter().map(|found| (found.pointer, found.problem)).collect()
    }

    #[test]
    fn a_plan_names_its_parts_and_what_they_wait_for() {
        let plan = read(&json!({
            "key": "upgrade-7",
            "master": {"title": "Upgrade"},
            "children": [
                {"name": "a", "title": "A", "assignee": "x"},
                {"name": "b", "title": "B", "after": ["a", {"name": "c", "lag": "2 hours"}]},
                {"name": "group", "title": "G", "children": [{"name": "c", "title": "C"}]}
            ]
        }))
        .unwrap();
        assert_eq!(plan.key.as_deref(), Some("upgrade-7"));
        let parents: Vec<Option<usize>> = plan.work_orders.iter().map(|one| one.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(0), Some(0), Some(3)]);
        let pairs: Vec<(usize, usize)> =
            plan.edges.iter().map(|edge| (edge.successor, edge.predecessor)).collect();
        assert_eq!(pairs, [(2, 1), (2, 4)]);
        assert_eq!(plan.edges[1].lag.as_deref(), Some("2 hours"));
        assert_eq!(plan.work_orders[1].given["assignee"], "x");
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let found = problems(json!({
            "keys": 1,
            "key": "",
            "master": {"titel": "x"},
            "children": [
                {"title": "no name"},
                {"name": "a", "title": "A", "after": ["nobody", 7], "master": "WO-1"},
                {"name": "a", "title": 5},
                "text"
            ]
        }));
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        for pointer in [
            "/keys",
            "/key",
            "/master",
            "/children/0/name",
            "/children/1/after/0",
            "/children/1/after/1",
            "/children/1/master",
            "/children/2/name",
            "/children/2",
            "/children/3",
        ] {
            assert!(pointers.contains(&pointer), "{pointer} is not in {found:?}");
        }
        assert_eq!(found.len(), 10);
    }

    #[test]
    fn a_circle_is_told_through_edges_and_parts_together() {
        let cycle = |children: Value| {
            problems(json!({"master": {"title": "M", "name": "m"}, "children": children}))
        };
        for children in [
            json!([{"name": "a", "title": "A", "after": ["a"]}]),
            json!([{"name": "a", "title": "A", "after": ["b"]}, {"name": "b", "title": "B", "after": ["a"]}]),
            json!([{"name": "a", "title": "A", "after": ["m"]}]),
            json!([
                {"name": "a", "title": "A", "children": [{"name": "x", "title": "X", "after": ["b"]}]},
                {"name": "b", "title": "B", "children": [{"name": "y", "title": "Y", "after": ["a"]}]}
            ]),
            json!([
                {"name": "a", "title": "A", "after": ["x"]},
                {"name": "b", "title": "B", "after": ["a"], "children": [{"name": "x", "title": "X"}]}
            ]),
        ] {
            let found = cycle(children);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].1.starts_with("waits in a cycle"), "{found:?}");
        }
    }

    #[test]
    fn a_plan_that_is_no_plan_is_refused_and_not_read() {
        for document in [json!(null), json!([]), json!({}), json!({"master": 1, "children": {}})] {
            assert!(!problems(document).is_empty());
        }
        let deep = (0..60).fold(json!([]), |children, index| {
            json!([{"name": format!("n{index}"), "title": "t", "children": children}])
        });
        assert!(!problems(json!({"master": {"title": "M"}, "children": deep})).is_empty());
    }
}
