//! The pictures of lifecycles: what is in them, and that no name or text changes how they are read.

use serde_json::json;
use std::collections::BTreeSet;
use wo_rules::lifecycle::validate;
use wo_rules::picture::Format;

use crate::support::{lifecycle, shipped};
use crate::tables::TABLES;

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
    let diagram = lifecycle.diagram(Format::Mermaid);
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

/// A missing edge, start or end would show a user interface a lifecycle that does not exist.
#[test]
fn the_state_diagram_draws_every_edge_the_start_and_the_ends() {
    for table in TABLES {
        let diagram = lifecycle(table.name).diagram(Format::Mermaid);
        assert!(diagram.starts_with("stateDiagram-v2\n"));
        // An edge out of three states or more is gathered: one line for each, and one with the label.
        let lines = |from: usize| if from < 3 { from } else { from + 1 };
        let labels = |from: usize| if from < 3 { from } else { 1 };
        let sum = |count: &dyn Fn(usize) -> usize| -> usize {
            table.edges().iter().map(|edge| count(edge.from.len())).sum()
        };
        let ends = table.states.iter().filter(|(name, _)| table.is_terminal(name)).count();
        assert_eq!(diagram.matches("-->").count(), sum(&lines) + ends + 1);
        assert_eq!(diagram.matches(" : ").count(), sum(&labels));
        assert_eq!(diagram.matches("--> [*]").count(), ends);
    }
}

/// Who may take an edge and what it needs is what a reader of the picture looks for.
#[test]
fn edges_carry_needs_guards_and_signatures() {
    let fleet = lifecycle("fleet_task").diagram(Format::Mermaid);
    assert!(fleet.contains("    [*] --> s_pending\n"));
    assert!(fleet.contains(
        "    s_in_progress --> s_review : submit (assignee, captain)<br/>needs completion_summary, \
         actual_hours #62; 0<br/>guards "
    ));
    // Cancel leads out of five states and more, and has one label.
    assert_eq!(fleet.matches("cancel (captain)").count(), 1);
    let regulated = lifecycle("regulated_change").diagram(Format::Dot);
    let close = regulated.lines().find(|line| line.contains("close (auto, planner, system_owner)"));
    assert!(
        close.is_some_and(|line| line
            .contains("signed by system_owner (completion) where regulatory")
            && line.contains("penwidth=2")
            && line.contains("style=dashed")),
        "{close:?}"
    );
}

/// The picture is an image that a browser shows as it is: well formed, with each state, action and icon.
#[test]
fn the_svg_shows_every_state_and_action() {
    for lifecycle in shipped() {
        let picture = lifecycle.diagram(Format::Svg);
        let read = roxmltree::Document::parse(&picture).unwrap();
        let texts: Vec<&str> = read.descendants().filter_map(|node| node.text()).collect();
        for state in lifecycle.states() {
            assert!(texts.contains(&state.name.as_str()), "{}", state.name);
            if let Some(icon) = &state.icon {
                assert!(texts.iter().any(|text| text.contains(icon.as_str())), "{icon}");
            }
        }
        for edge in lifecycle.transitions() {
            let action = format!("{} (", edge.action);
            assert!(texts.iter().any(|text| text.starts_with(&action)), "{action}");
        }
    }
}

/// An icon or a colour that is no icon or colour could carry markup into every user interface.
#[test]
fn icons_and_colours_are_checked() {
    let with = |icon: &str, color: &str| {
        let text = include_str!("../../lifecycles/fleet_task.json");
        let mut document: serde_json::Value = serde_json::from_str(text).unwrap();
        document["states"][0]["icon"] = json!(icon);
        document["states"][0]["color"] = json!(color);
        validate(&document, None).map_err(|problems| {
            problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        })
    };
    assert_eq!(with("🧑‍🔧", "#A0b1C2").unwrap().states()[0].color.as_deref(), Some("#a0b1c2"));
    assert_eq!(with("<b>bold</b>", "red").unwrap_err(), ["/states/0/icon", "/states/0/color"]);
    assert_eq!(with("a\u{202e}b", "#12345g").unwrap_err(), ["/states/0/icon", "/states/0/color"]);
    assert_eq!(with(" ", "#12345").unwrap_err(), ["/states/0/icon", "/states/0/color"]);
}
