//! Which edges begin a new revision: those that send back work that was handed in.

use serde_json::{Value, json};

use wo_rules::lifecycle::Lifecycle;

use super::support::*;

fn sent_back(lifecycle: &Lifecycle) -> Vec<String> {
    let edges = lifecycle.transitions().iter();
    edges
        .flat_map(|edge| edge.from.iter().map(move |from| (from, &edge.to)))
        .filter(|(from, to)| lifecycle.sends_back(from, to))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect()
}

/// The report of an inspector said "reworked: 1" of every work order, whatever was rejected.
#[test]
fn what_the_shipped_lifecycles_send_back_is_counted_once() {
    assert_eq!(
        sent_back(&lifecycle("regulated_change")),
        [
            "pending_approval -> draft",
            "assigned -> pending_approval",
            "in_progress -> pending_approval",
            "blocked -> pending_approval",
            "completed -> in_progress",
        ]
    );
    assert_eq!(
        sent_back(&lifecycle("agent_change")),
        ["pending_review -> in_progress", "pending_review -> draft"]
    );
    // The rework that follows a rejection is not a second one.
    assert_eq!(sent_back(&lifecycle("fleet_task")), ["review -> rejected"]);
}

/// A small lifecycle: what is done is looked at twice, can be put on hold, and can go back to two states.
fn of_a_tenant(effects: Value, approvals: Value) -> Lifecycle {
    let edge = |action: &str, from: &[&str], to: &str| json!({"action": action, "from": from, "to": to, "who": ["boss"]});
    let mut finish = edge("finish", &["doing"], "checking");
    finish["effects"] = effects;
    let mut second = edge("second", &["checking"], "signing");
    let mut end = edge("end", &["signing"], "done");
    second["approvals"] = approvals.clone();
    end["approvals"] = approvals;
    let document = json!({
        "name": "small", "title": "Small", "roles": {"boss": "decides"},
        "priorities": ["low"], "default_priority": "low", "regulatory": {"allowed": true},
        "states": [
            {"name": "new", "initial": true}, {"name": "doing"}, {"name": "checking"},
            {"name": "signing"}, {"name": "hold", "blocked": true},
            {"name": "done", "terminal": true, "settles_master": true},
            {"name": "dropped", "terminal": true},
        ],
        "transitions": [
            edge("begin", &["new"], "doing"), edge("unplan", &["doing"], "new"), finish, second, end,
            edge("hold", &["checking"], "hold"), edge("release", &["hold"], "checking"),
            edge("back", &["checking", "signing"], "doing"), edge("again", &["hold"], "new"),
            edge("once_more", &["signing"], "checking"),
            edge("drop", &["new", "doing", "checking", "hold"], "dropped"),
        ],
        "field_rights": {},
    });
    wo_rules::lifecycle::validate(&document, None).unwrap()
}

/// A lifecycle of a tenant counts as well, whether it records the end of the work or only asks for signatures of the
/// result; work that was not handed in, put on hold or dropped is not sent back.
#[test]
fn a_lifecycle_of_a_tenant_counts_what_leaves_the_states_after_the_work() {
    let expected = ["checking -> doing", "signing -> doing", "hold -> new"];
    let signed = json!([
        {"role": "boss", "meaning": "result", "when": "always", "covers": "result"}
    ]);
    assert_eq!(sent_back(&of_a_tenant(json!(["record_actual_end"]), json!([]))), expected);
    assert_eq!(sent_back(&of_a_tenant(json!([]), signed)), expected);
    // Nothing says when the work is handed in: only the effect counts.
    assert_eq!(sent_back(&of_a_tenant(json!([]), json!([]))), [""; 0]);
    assert_eq!(sent_back(&of_a_tenant(json!(["new_revision"]), json!([]))), ["doing -> checking"]);
}
