//! What the guide of spec/5 refuses: each gate with its missing_fields, each step that is another's,
//! and names that lead nowhere. No refusal leaves a trace.

use serde_json::{Value, json};

use crate::fleet::crew::{CAPTAINS, Fleet, LOGINS};

const CREATE: &str =
    "wo.create_work_order(title => '[SS1-Operations] x', assignee => 'Mac CLI 小克')";
const ASSIGNEE: &str = "Mac CLI 小克";
const ACCEPT: &str = "wo.accept_work_order(order_id => 'WO-2026-0305-001')";
const COMPLETE: &str = "wo.complete_work_order(order_id => 'WO-2026-0305-001',
    summary => 'Migrated.', actual_hours => 3.5)";
const APPROVE: &str = "wo.verify_work_order(order_id => 'WO-2026-0305-001', approved => true,
    notes => 'Verified')";
const REJECT: &str = "wo.verify_work_order(order_id => 'WO-2026-0305-001', approved => false,
    notes => 'Missing')";

fn to(status: &str, notes: &str) -> String {
    format!(
        "wo.update_work_order_status(order_id => 'WO-2026-0305-001', new_status => '{status}'{notes})"
    )
}

/// The gates of spec/5, "Transition gates (v4.0)": state, who, call, what is missing.
#[test]
fn each_gate_names_the_fields_that_are_missing() {
    let fleet = Fleet::found();
    let verify = |approved: &str| {
        format!("wo.verify_work_order(order_id => 'WO-2026-0305-001', approved => {approved})")
    };
    for (state, who, call, missing) in [
        (
            "in_progress",
            ASSIGNEE,
            COMPLETE.replace("'Migrated.'", "null"),
            json!(["completion_summary"]),
        ),
        (
            "in_progress",
            ASSIGNEE,
            COMPLETE.replace("'Migrated.'", "''"),
            json!(["completion_summary"]),
        ),
        (
            "in_progress",
            ASSIGNEE,
            COMPLETE.replace("'Migrated.'", "' '"),
            json!(["completion_summary"]),
        ),
        ("in_progress", ASSIGNEE, COMPLETE.replace("3.5", "0"), json!(["actual_hours"])),
        ("in_progress", ASSIGNEE, COMPLETE.replace("3.5", "0.00"), json!(["actual_hours"])),
        ("in_progress", ASSIGNEE, COMPLETE.replace("3.5", "null"), json!(["actual_hours"])),
        (
            "in_progress",
            ASSIGNEE,
            COMPLETE.replace("'Migrated.'", "null").replace("3.5", "0"),
            json!(["completion_summary", "actual_hours"]),
        ),
        ("in_progress", ASSIGNEE, to("review", ""), json!(["completion_summary", "actual_hours"])),
        (
            "in_progress",
            ASSIGNEE,
            to("review", ", notes => 'done'"),
            json!(["completion_summary", "actual_hours"]),
        ),
        ("in_progress", ASSIGNEE, to("blocked", ""), json!(["notes"])),
        ("in_progress", ASSIGNEE, to("blocked", ", notes => null"), json!(["notes"])),
        ("in_progress", ASSIGNEE, to("blocked", ", notes => ''"), json!(["notes"])),
        ("in_progress", ASSIGNEE, to("blocked", ", notes => '  '"), json!(["notes"])),
        // The blocker's notes stand on the record already: how it was resolved is asked for anew.
        ("blocked", ASSIGNEE, to("in_progress", ""), json!(["notes"])),
        ("blocked", ASSIGNEE, to("in_progress", ", notes => ' '"), json!(["notes"])),
        ("review", "夏哥", verify("true"), json!(["review_notes"])),
        ("review", "夏哥", verify("false"), json!(["review_notes"])),
        ("review", "小西", APPROVE.replace("'Verified'", "''"), json!(["review_notes"])),
        (
            "review",
            "system:captain-proxy",
            REJECT.replace("'Missing'", "''"),
            json!(["review_notes"]),
        ),
        ("pending", "夏哥", to("cancelled", ""), json!(["notes"])),
        ("blocked", "小西", to("cancelled", ""), json!(["notes"])),
        ("review", "system:captain-proxy", to("cancelled", ", notes => ''"), json!(["notes"])),
    ] {
        let number = fleet.reach(state);
        let detail = fleet.call_refused(who, &call, &number, "23514", "fields_missing");
        assert_eq!(detail["missing_fields"], missing, "{state}: {call}");
        assert_eq!(detail["from_status"], state, "{call}");
    }
}

/// Python's caller who leaves an argument out is told which field is missing, and so is ours.
#[test]
fn an_argument_left_out_is_a_missing_field() {
    let fleet = Fleet::found();
    for (call, missing) in [
        (
            "wo.complete_work_order(order_id => 'WO-2026-0305-001', actual_hours => 3.5)",
            json!(["completion_summary"]),
        ),
        (
            "wo.complete_work_order(order_id => 'WO-2026-0305-001', summary => 'Done')",
            json!(["actual_hours"]),
        ),
        (
            "wo.complete_work_order(order_id => 'WO-2026-0305-001')",
            json!(["completion_summary", "actual_hours"]),
        ),
    ] {
        let number = fleet.reach("in_progress");
        let detail = fleet.call_refused(ASSIGNEE, call, &number, "23514", "fields_missing");
        assert_eq!(detail["missing_fields"], missing, "{call}");
    }
}

#[test]
fn hours_below_zero_are_no_hours() {
    let fleet = Fleet::found();
    let number = fleet.reach("in_progress");
    for hours in ["-1", "1000000", "'NaN'"] {
        let call = COMPLETE.replace("3.5", hours);
        fleet.call_refused(ASSIGNEE, &call, &number, "22023", "bad_value");
    }
}

/// Requester, PM, assignee and every agent alike: the decision is the captains'.
#[test]
fn nobody_but_a_captain_approves_rejects_or_cancels() {
    let fleet = Fleet::found();
    let number = fleet.reach("review");
    let cancel = to("cancelled", ", notes => 'no longer needed'");
    let others = LOGINS.iter().map(|(who, _)| *who).filter(|who| !CAPTAINS.contains(who));
    for who in others.chain(["pm"]) {
        for (call, action) in [(APPROVE, "approve"), (REJECT, "reject"), (&cancel, "cancel")] {
            let detail = fleet.call_refused(who, call, &number, "42501", "role_missing");
            assert_eq!(detail["action"], action, "{who}");
            assert_eq!(detail["roles"], json!(["captain"]), "{who}");
        }
    }
    for (state, who) in [("pending", ASSIGNEE), ("blocked", "Web 小克"), ("rejected", "pm")] {
        let number = fleet.reach(state);
        fleet.call_refused(who, &cancel, &number, "42501", "role_missing");
    }
}

/// Requester: "cannot do: status changes". The PM and bystanders have no step of their own either.
#[test]
fn nobody_but_assignee_and_captain_moves_the_work() {
    let fleet = Fleet::found();
    for (state, call, action) in [
        ("pending", ACCEPT.to_owned(), "accept"),
        ("accepted", to("in_progress", ""), "start"),
        ("in_progress", to("blocked", ", notes => 'stuck'"), "block"),
        ("blocked", to("in_progress", ", notes => 'free'"), "resume"),
        ("in_progress", COMPLETE.to_owned(), "submit"),
        ("rejected", to("in_progress", ""), "rework"),
    ] {
        let number = fleet.reach(state);
        for (who, what) in [
            ("Web 小克", "requester"),
            ("Win CLI 小克", "originator"),
            ("pm", "pm"),
            ("Win App 小A", "unrelated"),
        ] {
            let detail = fleet.call_refused(who, &call, &number, "42501", "role_missing");
            assert_eq!(detail["action"], action, "{what}");
            assert_eq!(detail["roles"], json!(["assignee", "captain"]), "{what}");
        }
    }
}

#[test]
fn a_title_without_its_prefix_is_refused() {
    let fleet = Fleet::found();
    for title in [
        "Migrate dispatch worker",
        "SS1-Operations Migrate",
        "[SS1] Migrate",
        "[SS1-Operations]Migrate",
        "[-Operations] Migrate",
        "[SS1-] Migrate",
        "[SS1-Operations] ",
        " [SS1-Operations] Migrate",
    ] {
        let create = CREATE.replace("[SS1-Operations] x", title);
        fleet.refused("夏哥", &format!("select {create}"), "22023", "title_convention");
    }
    let untitled = format!("select {}", CREATE.replace("[SS1-Operations] x", ""));
    let detail = fleet.refused("夏哥", &untitled, "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["title"]));
    let number = fleet.reach("in_progress");
    let retitle =
        format!("update wo.work_order set title = 'Migrate' where wo_number = '{number}'");
    fleet.refused("夏哥", &retitle, "22023", "title_convention");
}

/// Only the identities of the table can be assigned, at creation and afterwards.
#[test]
fn an_assignee_who_is_not_on_the_list_is_refused() {
    let fleet = Fleet::found();
    for assignee in ["Linux CLI 小克", "mac cli 小克", "", "captain", "system:captain-proxy"] {
        let create = format!("select {}", CREATE.replace(ASSIGNEE, assignee));
        let detail = fleet.refused("夏哥", &create, "23514", "assignee_not_allowed");
        assert_eq!(detail["assignee"], assignee);
        let number = fleet.reach("pending");
        let patch = format!(
            "select wo.patch_work_order('{number}', '{}')",
            json!({ "assignee": assignee })
        );
        fleet.refused("夏哥", &patch, "23514", "assignee_not_allowed");
    }
}

#[test]
fn a_work_order_is_accepted_once() {
    let fleet = Fleet::found();
    for state in ["accepted", "in_progress", "blocked", "review", "rejected"] {
        let number = fleet.reach(state);
        for who in [ASSIGNEE, "夏哥"] {
            let detail = fleet.call_refused(who, ACCEPT, &number, "55000", "illegal_transition");
            assert_eq!(detail["from_status"], state);
        }
    }
}

/// What has ended stays as it is, for captains too.
#[test]
fn an_ended_work_order_is_locked() {
    let fleet = Fleet::found();
    for state in ["approved", "cancelled"] {
        let number = fleet.reach(state);
        for call in [
            ACCEPT,
            COMPLETE,
            APPROVE,
            REJECT,
            &to("in_progress", ", notes => 'again'"),
            &to("cancelled", ", notes => 'again'"),
            "wo.patch_work_order('WO-2026-0305-001', '{\"notes\": \"late\"}')",
        ] {
            fleet.call_refused("夏哥", call, &number, "55000", "record_locked");
        }
    }
}

#[test]
fn steps_that_the_state_machine_does_not_have_are_refused() {
    let fleet = Fleet::found();
    for (state, call) in [
        ("pending", to("in_progress", "")),
        ("pending", COMPLETE.to_owned()),
        ("accepted", APPROVE.to_owned()),
        ("accepted", to("blocked", ", notes => 'x'")),
        ("in_progress", APPROVE.to_owned()),
        ("in_progress", to("accepted", "")),
        ("in_progress", to("in_progress", "")),
        ("blocked", COMPLETE.to_owned()),
        ("review", to("in_progress", "")),
        ("rejected", APPROVE.to_owned()),
        ("rejected", COMPLETE.to_owned()),
    ] {
        let number = fleet.reach(state);
        fleet.call_refused("夏哥", &call, &number, "55000", "illegal_transition");
    }
    let number = fleet.reach("in_progress");
    let unknown = to("finished", "");
    fleet.call_refused(ASSIGNEE, &unknown, &number, "22023", "unknown_state");
    let undecided = APPROVE.replace("true", "null");
    fleet.call_refused("夏哥", &undecided, &number, "22023", "unknown_action");
}

const EVERY_CALL: [&str; 8] = [
    ACCEPT,
    COMPLETE,
    APPROVE,
    REJECT,
    "wo.update_work_order_status(order_id => 'WO-2026-0305-001', new_status => 'blocked', notes => 'x')",
    "wo.update_work_order_status(order_id => 'WO-2026-0305-001', new_status => 'in_progress')",
    "wo.get_work_order_detail(order_id => 'WO-2026-0305-001')",
    "count(*) from wo.list_work_orders(after_work_order => 'WO-2026-0305-001')",
];

#[test]
fn an_order_id_that_does_not_exist_is_refused_by_every_call() {
    let fleet = Fleet::found();
    fleet.reach("review");
    for order_id in [
        "WO-2026-0305-001",
        "0199c0de-0000-7000-8000-000000000001",
        "",
        "  ",
        "WO-2026-0305-001'' or true --",
    ] {
        for call in EVERY_CALL {
            fleet.call_refused("夏哥", call, order_id, "22023", "work_order_unknown");
        }
    }
    for call in EVERY_CALL.iter().filter(|call| !call.starts_with("count")) {
        let call = format!("select {}", call.replace("'WO-2026-0305-001'", "null"));
        fleet.refused("夏哥", &call, "22023", "work_order_unknown");
    }
}

/// Another tenant's work order looks like none at all, by number and by UUID.
#[test]
fn another_tenants_order_id_is_as_good_as_none() {
    let fleet = Fleet::found();
    fleet.add_rival();
    let theirs: Value = fleet.one("rival", &format!("select {CREATE}"));
    let told_of_none = |name: &str, call: &str| -> Value {
        let mut detail = fleet.call_refused("夏哥", call, name, "22023", "work_order_unknown");
        detail.as_object_mut().unwrap().remove("work_order");
        detail
    };
    for call in EVERY_CALL {
        let none = told_of_none("WO-1999-0101-FFF", call);
        for name in ["wo_number", "id"] {
            let name = theirs[name].as_str().unwrap();
            assert_eq!(told_of_none(name, call), none, "{call}");
        }
    }
    let listed: i64 =
        fleet.one("夏哥", "select count(*) from wo.list_work_orders(include_completed => true)");
    assert_eq!(listed, 0);
    let of_theirs: i64 = fleet.one("rival", "select count(*) from wo.list_work_orders()");
    assert_eq!(of_theirs, 1);
}

#[test]
fn nobody_in_particular_is_told_so() {
    let fleet = Fleet::found();
    let number = fleet.reach("review");
    fleet.database.login("nobody_known", &["wo_user"]);
    for call in &EVERY_CALL[..7] {
        fleet.call_refused("nobody_known", call, &number, "42501", "no_identity");
    }
    fleet.refused("nobody_known", &format!("select {CREATE}"), "42501", "no_identity");
}
