//! What a definition document must not say. Every problem is listed, each at its place.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wo_rules::lifecycle::*;

fn small() -> Value {
    json!({
        "name": "small",
        "title": "Small",
        "roles": { "boss": "decides" },
        "priorities": ["low", "high"],
        "default_priority": "low",
        "regulatory": { "allowed": true, "set_by": [{ "who": ["boss"] }] },
        "states": [
            { "name": "open", "initial": true },
            { "name": "doing" },
            { "name": "done", "terminal": true }
        ],
        "transitions": [
            { "action": "start", "from": ["open"], "to": "doing", "who": ["boss"] },
            { "action": "finish", "from": ["doing"], "to": "done", "who": ["assignee"] }
        ],
        "field_rights": { "boss": { "fields": ["title"] } }
    })
}

/// Puts a value at a pointer (`-` appends to a list), as JSON Patch's `add` does.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        Value::Object(members) => {
            members.insert(key.to_owned(), value);
        }
        other => panic!("{pointer}: {other}"),
    }
}

/// The guards and the effects of an installation.
const GUARDS: &[&str] = &["assignee_set", "children_settled", "steps_checked"];
const EFFECTS: &[&str] = &["check_steps", "lock_record", "void_approvals"];

/// Problems at publication: the tenant has each role that the document declares, and no function.
fn problems(document: &Value) -> Vec<(String, String)> {
    let declared = document["roles"].as_object();
    let roles: BTreeSet<String> = declared.into_iter().flat_map(|it| it.keys().cloned()).collect();
    let known =
        Known { roles: &roles, sql_guards: &BTreeSet::new(), guards: GUARDS, effects: EFFECTS };
    let problems = validate(document, Some(&known)).unwrap_err();
    assert!(!problems.is_empty());
    problems.into_iter().map(|problem| (problem.pointer, problem.problem)).collect()
}

macro_rules! refused {
    ($($name:ident: $at:literal = $value:tt => $pointer:literal, $text:literal;)*) => {
        $(#[test]
        fn $name() {
            let mut document = small();
            put(&mut document, $at, json!($value));
            let found = problems(&document);
            assert!(
                found.iter().any(|(at, text)| at == $pointer && text.contains($text)),
                "{found:#?}"
            );
        })*
    };
}

refused! {
    an_unknown_key_is_refused: "/colour" = "red" => "/colour", "unknown key";
    an_unknown_key_of_a_state_is_refused: "/states/0/initail" = true
        => "/states/0/initail", "unknown key";
    an_unknown_key_of_a_transition_is_refused: "/transitions/0/need" = ["title"]
        => "/transitions/0/need", "unknown key";
    an_unknown_key_of_a_right_is_refused: "/field_rights/boss/until" = "open"
        => "/field_rights/boss/until", "unknown key";
    a_wrong_type_is_refused: "/transitions/0/auto" = "yes"
        => "/transitions/0/auto", "must be true or false, not a text";
    a_list_is_no_object: "/roles" = ["boss"] => "/roles", "must be an object";
    a_text_is_no_list: "/transitions/0/from" = "open" => "/transitions/0/from", "must be a list";
    an_empty_list_of_origins_is_refused: "/transitions/0/from" = []
        => "/transitions/0/from", "must not be empty";
    a_blank_title_is_refused: "/title" = " " => "/title", "must not be blank";
    a_bad_name_is_refused: "/name" = "Small-One" => "/name", "is no name";
    a_bad_state_name_is_refused: "/states/1/name" = "Doing" => "/states/1/name", "is no name";
    a_bad_role_name_is_refused: "/roles/Big Boss" = "x" => "/roles/Big Boss", "is no name";
    a_pointer_is_escaped: "/roles/a~1b" = "x" => "/roles/a~01b", "is no name";
    a_relation_is_not_declared: "/roles/assignee" = "x" => "/roles/assignee", "built in";
    two_initial_states_are_refused: "/states/1/initial" = true
        => "/states/1/initial", "initial beside";
    no_initial_state_is_refused: "/states/0/initial" = false => "/states", "no state is initial";
    no_terminal_state_is_refused: "/states/2/terminal" = false => "/states", "no state is terminal";
    a_dead_end_is_refused: "/states/2/terminal" = false => "/states/2", "dead end";
    an_unreachable_state_is_refused: "/states/-" = { "name": "island", "terminal": true }
        => "/states/3", "cannot be reached";
    a_way_out_of_a_terminal_state_is_refused:
        "/transitions/-" = { "action": "again", "from": ["done"], "to": "open", "who": ["boss"] }
        => "/states/2", "is terminal, but";
    a_duplicate_state_is_refused: "/states/-" = { "name": "doing" } => "/states/3/name", "already";
    a_duplicate_edge_is_refused:
        "/transitions/-" = { "action": "go", "from": ["open"], "to": "doing", "who": ["boss"] }
        => "/transitions/2/from/0", "already";
    an_origin_listed_twice_is_refused: "/transitions/0/from/-" = "open"
        => "/transitions/0/from/1", "already";
    an_action_leads_to_one_state_only:
        "/transitions/-" = { "action": "start", "from": ["open"], "to": "done", "who": ["boss"] }
        => "/transitions/2/from/0", "start leads out of open already";
    an_edge_to_its_own_state_is_refused: "/transitions/0/from/-" = "doing"
        => "/transitions/0/from/1", "another state";
    an_unknown_origin_is_refused: "/transitions/0/from/-" = "nowhere"
        => "/transitions/0/from/1", "no state is named";
    an_unknown_destination_is_refused: "/transitions/0/to" = "nowhere"
        => "/transitions/0/to", "no state is named";
    an_unknown_guard_is_refused: "/transitions/0/guards" = ["all_good"]
        => "/transitions/0/guards/0", "no guard";
    a_bad_function_name_is_refused: "/transitions/0/guards" = ["sql:drop table"]
        => "/transitions/0/guards/0", "is no name";
    an_unknown_effect_is_refused: "/transitions/0/effects" = ["explode"]
        => "/transitions/0/effects/0", "no effect";
    voiding_approvals_that_nobody_gives_is_refused:
        "/transitions/0/effects" = ["void_approvals(plan)"]
        => "/transitions/0/effects/0", "no edge asks";
    an_unknown_role_is_refused: "/transitions/0/who/-" = "bos"
        => "/transitions/0/who/1", "neither";
    an_unknown_role_of_an_approval_is_refused:
        "/transitions/0/approvals" = [{ "role": "qa", "meaning": "plan", "when": "always" }]
        => "/transitions/0/approvals/0/role", "neither";
    an_unknown_role_of_a_right_is_refused: "/field_rights/qa" = { "fields": ["title"] }
        => "/field_rights/qa", "neither";
    an_approval_says_when: "/transitions/0/approvals" = [{ "role": "boss", "meaning": "plan" }]
        => "/transitions/0/approvals/0/when", "is missing";
    a_bad_condition_of_an_approval_is_refused:
        "/transitions/0/approvals" = [{ "role": "boss", "meaning": "plan", "when": "sometimes" }]
        => "/transitions/0/approvals/0/when", "always";
    an_edge_for_nobody_is_refused: "/transitions/0/who" = [] => "/transitions/0/who", "empty";
    an_unknown_field_is_refused: "/transitions/0/needs" = ["titel"]
        => "/transitions/0/needs/0", "no field";
    a_text_is_not_compared_with_a_number: "/transitions/0/needs" = ["title", "notes > 0"]
        => "/transitions/0/needs/1", "cannot be compared with a number";
    a_bad_operator_is_refused: "/transitions/0/needs" = ["actual_hours ~ 3"]
        => "/transitions/0/needs/0", "one of";
    a_need_listed_twice_is_refused: "/transitions/0/needs" = ["title", "title"]
        => "/transitions/0/needs/1", "already";
    a_condition_on_an_unknown_priority_is_refused: "/transitions/0/needs" = ["priority = urgent"]
        => "/transitions/0/needs/0", "none of the priorities";
    an_unknown_field_of_a_right_is_refused: "/field_rights/boss/fields/-" = "status"
        => "/field_rights/boss/fields/1", "no field";
    the_regulatory_flag_is_no_field_right: "/field_rights/boss/fields/-" = "regulatory"
        => "/field_rights/boss/fields/1", "alone";
    an_unknown_state_of_a_right_is_refused: "/field_rights/boss/while" = ["draft"]
        => "/field_rights/boss/while/0", "no state";
    a_duplicate_priority_is_refused: "/priorities/-" = "low" => "/priorities/2", "already";
    no_priority_is_refused: "/priorities" = [] => "/priorities", "empty";
    an_unknown_default_priority_is_refused: "/default_priority" = "middling"
        => "/default_priority", "none of the priorities";
    a_terminal_state_is_not_blocked: "/states/2/blocked" = true
        => "/states/2/blocked", "not blocked";
    a_terminal_state_has_no_maximum_time: "/states/2/maximum_hours" = 4
        => "/states/2/maximum_hours", "for ever";
    a_master_is_settled_by_terminal_states_only: "/states/1/settles_master" = true
        => "/states/1/settles_master", "only a terminal state";
    a_maximum_time_is_above_zero: "/states/1/maximum_hours" = 0
        => "/states/1/maximum_hours", "above 0";
    an_unknown_title_convention_is_refused: "/title_convention" = { "prefix": "WO:", "hint": "h" }
        => "/title_convention/prefix", "one convention";
    a_reason_is_required_or_an_object: "/transitions/0/reason" = "maybe"
        => "/transitions/0/reason", "required";
    a_reason_goes_into_a_text: "/transitions/0/reason" = { "required": true, "field": "tags" }
        => "/transitions/0/reason/field", "no text";
    rules_for_a_flag_that_cannot_be_are_refused: "/regulatory/allowed" = false
        => "/regulatory/set_by", "says nothing";
    an_unknown_role_of_the_flag_is_refused: "/regulatory/cleared_by" = [{ "who": ["qa"] }]
        => "/regulatory/cleared_by/0/who/0", "neither";
    an_auto_edge_cannot_wait_for_a_write:
        "/transitions/0" = { "action": "start", "from": ["open"], "to": "doing", "who": ["boss"],
            "auto": true, "needs": ["new deficiencies"] }
        => "/transitions/0/needs/0", "auto";
    a_need_with_a_condition_says_when:
        "/transitions/0/needs" = [{ "need": "title" }]
        => "/transitions/0/needs/0/when", "missing";
    the_condition_of_a_need_is_checked:
        "/transitions/0/needs" = [{ "need": "title", "when": "mood" }]
        => "/transitions/0/needs/0/when", "no field";
    the_need_of_a_condition_is_checked:
        "/transitions/0/needs" = [{ "need": "mood", "when": "regulatory" }]
        => "/transitions/0/needs/0/need", "no field";
    an_auto_edge_of_masters_looks_at_the_children:
        "/transitions/0" = { "action": "start", "from": ["open"], "to": "doing", "who": ["boss"],
            "auto": "masters" }
        => "/transitions/0/auto", "children_settled";
    the_source_is_no_field_right: "/field_rights/boss/fields" = ["source"]
        => "/field_rights/boss/fields/0", "derived";
    the_cause_of_a_block_is_no_field_right: "/field_rights/boss/fields" = ["block_cause"]
        => "/field_rights/boss/fields/0", "blocked state";
    an_auto_edge_is_not_for_persons_only:
        "/transitions/0" = { "action": "start", "from": ["open"], "to": "doing", "who": ["boss"],
            "auto": true, "persons_only": true }
        => "/transitions/0/persons_only", "no person";
}

#[test]
fn the_small_document_is_valid() {
    let lifecycle = validate(&small(), None).unwrap();
    assert_eq!(lifecycle.initial_state(), "open");
    assert!(lifecycle.edge("open", "doing").is_some());
    assert!(lifecycle.edge("open", "done").is_none());
}

#[test]
fn every_missing_key_is_told() {
    let found = problems(&json!({}));
    let missing: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    for key in small().as_object().unwrap().keys() {
        assert!(missing.contains(&format!("/{key}").as_str()), "{key}");
    }
    assert_eq!(found.len(), small().as_object().unwrap().len());
}

#[test]
fn two_problems_are_two_entries() {
    let mut document = small();
    put(&mut document, "/default_priority", json!("middling"));
    put(&mut document, "/transitions/1/guards", json!(["all_good"]));
    let found = problems(&document);
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/default_priority", "/transitions/1/guards/0"]);
}

#[test]
fn what_is_no_object_is_no_definition() {
    for document in [json!(null), json!([]), json!("small"), json!(3)] {
        let found = problems(&document);
        assert_eq!(found[0].0, "");
    }
}

#[test]
fn a_loop_without_a_way_to_an_end_is_refused() {
    let mut document = small();
    put(&mut document, "/states/-", json!({ "name": "left" }));
    put(&mut document, "/states/-", json!({ "name": "right" }));
    for (action, from, to) in
        [("l", "open", "left"), ("r", "left", "right"), ("b", "right", "left")]
    {
        let edge = json!({ "action": action, "from": [from], "to": to, "who": ["boss"] });
        put(&mut document, "/transitions/-", edge);
    }
    let found = problems(&document);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, problem)| problem.contains("no terminal state")));
}

#[test]
fn at_publication_roles_and_functions_must_be_the_tenants() {
    let mut document = small();
    put(&mut document, "/transitions/0/guards", json!(["sql:frozen"]));
    let (nobody, nothing) = (BTreeSet::new(), BTreeSet::new());
    let strange = Known { roles: &nobody, sql_guards: &nothing, guards: GUARDS, effects: EFFECTS };
    let found = validate(&document, Some(&strange)).unwrap_err();
    let pointers: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/roles/boss", "/transitions/0/guards/0"]);

    let roles = BTreeSet::from(["boss".to_owned()]);
    let functions = BTreeSet::from(["frozen".to_owned()]);
    let known = Known { roles: &roles, sql_guards: &functions, ..strange };
    assert!(validate(&document, Some(&known)).is_ok());
    assert!(validate(&document, None).is_ok(), "it was valid when it was published");
}

/// Without this a guard or an effect that a concept brings needs a variant in the rules, or a lifecycle
/// names one that no concept has: the guard would let everything pass, the effect would not be carried out.
#[test]
fn guards_and_effects_are_those_that_the_concepts_bring() {
    let roles = BTreeSet::from(["boss".to_owned()]);
    let with = |guards: &[&str], effects: &[&str]| {
        let mut document = small();
        put(&mut document, "/transitions/0/guards", json!(["steps_checked"]));
        put(&mut document, "/transitions/0/effects", json!(["check_steps"]));
        let known = Known { roles: &roles, sql_guards: &BTreeSet::new(), guards, effects };
        let found = validate(&document, Some(&known)).err().unwrap_or_default();
        found.into_iter().map(|problem| problem.problem).collect::<Vec<_>>()
    };
    assert_eq!(with(GUARDS, EFFECTS), [""; 0]);
    assert_eq!(
        with(&["assignee_set"], &["lock_record", "void_approvals"]),
        [
            "no guard is named \"steps_checked\"; there are assignee_set, sql:…",
            "no effect is named \"check_steps\"; there are lock_record, void_approvals(meaning)",
        ]
    );

    let mut document = small();
    put(&mut document, "/transitions/0/guards", json!(["steps_checked"]));
    let lifecycle = validate(&document, None).unwrap();
    assert_eq!(lifecycle.transitions()[0].guards, [Guard::OfConcept("steps_checked".to_owned())]);
}

#[test]
fn a_definition_of_unreasonable_size_is_refused_unread() {
    let mut document = small();
    let states: Vec<Value> =
        (0..=MAXIMUM_STATES).map(|index| json!({ "name": format!("s{index}") })).collect();
    put(&mut document, "/states", json!(states));
    let found = problems(&document);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "/states");

    let mut document = small();
    put(&mut document, "/transitions/0/from", json!(vec!["open"; MAXIMUM_EDGES]));
    let found = problems(&document);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "/transitions");

    let mut document = small();
    put(&mut document, "/transitions/0/needs", json!(vec!["title"; 2001]));
    let found = problems(&document);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "/transitions/0/needs");
}

#[test]
fn a_document_of_rubbish_is_refused_and_never_panics() {
    let rubbish =
        [json!(null), json!(7), json!("x"), json!([]), json!([null, 3]), json!({ "a": [] })];
    let keys: Vec<String> = small().as_object().unwrap().keys().cloned().collect();
    for key in keys {
        for value in &rubbish {
            let mut document = small();
            put(&mut document, &format!("/{key}"), value.clone());
            if validate(&document, None).is_ok() {
                let harmless = (key == "name" || key == "title") && value == "x";
                assert!(harmless, "{key} = {value}");
            }
        }
    }
}
