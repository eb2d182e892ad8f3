//! The diagram of a lifecycle whose states have the names of keywords.

use serde_json::json;
use std::collections::BTreeSet;
use wo_rules::lifecycle::validate;

/// Names that Mermaid reads as keywords at the beginning of a line, and two that became one identifier.
const NAMES: [&str; 14] = [
    "default",
    "click",
    "style",
    "href",
    "classdef",
    "acctitle",
    "accdescr",
    "statediagram",
    "state",
    "note",
    "direction",
    "end",
    "end_",
    "s_end",
];

/// Without a prefix, Mermaid reads the name of such a state as a keyword, and the whole diagram fails.
#[test]
fn no_identifier_of_a_state_is_a_keyword_and_no_two_are_the_same() {
    let mut states: Vec<_> = NAMES.iter().map(|name| json!({ "name": name })).collect();
    states[0]["initial"] = json!(true);
    states[NAMES.len() - 1]["terminal"] = json!(true);
    let transitions: Vec<_> = NAMES
        .windows(2)
        .enumerate()
        .map(|(n, pair)| json!({"action": format!("go_{n}"), "from": [pair[0]], "to": pair[1], "who": ["planner"]}))
        .collect();
    let document = json!({
        "name": "keywords",
        "title": "Keywords",
        "roles": {"planner": "plans"},
        "priorities": ["low", "high"],
        "default_priority": "low",
        "regulatory": {"allowed": false},
        "states": states,
        "transitions": transitions,
        "field_rights": {"planner": {"fields": ["*"]}}
    });
    let lifecycle = validate(&document, None).unwrap_or_else(|problems| panic!("{problems:?}"));
    let diagram = lifecycle.diagram();
    let declared: BTreeSet<&str> = diagram
        .lines()
        .filter_map(|line| line.trim().strip_prefix("state \""))
        .filter_map(|line| line.split_once("\" as "))
        .map(|(_, id)| id)
        .collect();
    assert_eq!(declared.len(), NAMES.len(), "{diagram}");
    for line in diagram.lines().skip(2).map(str::trim).filter(|line| line.contains("-->")) {
        let (from, rest) = line.split_once(" --> ").unwrap();
        let to = rest.split(" : ").next().unwrap();
        for id in [from, to] {
            assert!(id == "[*]" || declared.contains(id) && id.starts_with("s_"), "{line}");
        }
    }
}
