//! The guide of spec/5, phase by phase: each call as it is written there, in SQL's named notation.

use serde_json::{Value, json};

use crate::fleet::crew::{CAPTAINS, Fleet, LOGINS};

const CREATE: &str = "wo.create_work_order(
    title => '[SS1-Operations] Migrate dispatch worker to Cloud UB',
    assignee => 'Mac CLI 小克',
    project => 'SS1',
    description => 'Migrate the dispatch worker from Local UB to Cloud UB...',
    priority => 'high',
    requester => '夏哥',
    due_date => '2026-03-10',
    estimated_hours => 4,
    acceptance_criteria => 'Dispatch worker uses Cloud UB for all operations',
    deliverables => 'Updated worker code, test results, migration report'
)";
const ACCEPT: &str = "wo.accept_work_order(order_id => 'WO-2026-0305-001')";
const START: &str = "wo.update_work_order_status(
    order_id => 'WO-2026-0305-001',
    new_status => 'in_progress'
)";
const BLOCK: &str = "wo.update_work_order_status(
    order_id => 'WO-2026-0305-001',
    new_status => 'blocked',
    notes => 'Waiting for Cloud UB API endpoint to be deployed' -- Required
)";
const UNBLOCK: &str = "wo.update_work_order_status(
    order_id => 'WO-2026-0305-001',
    new_status => 'in_progress',
    notes => 'Cloud UB endpoint deployed, resuming work' -- Required
)";
const COMPLETE: &str = "wo.complete_work_order(
    order_id => 'WO-2026-0305-001',
    summary => 'Migrated dispatch worker to Cloud UB. All 9 engine modes tested.',
    actual_hours => 3.5
)";
const APPROVE: &str = "wo.verify_work_order(
    order_id => 'WO-2026-0305-001',
    approved => true,
    notes => 'Verified: dispatch worker using Cloud UB, tests passing'
)";
const REJECT: &str = "wo.verify_work_order(
    order_id => 'WO-2026-0305-001',
    approved => false,
    notes => 'Missing: edge case for offline mode. Please add and resubmit.'
)";
const DETAIL: &str = "wo.get_work_order_detail(order_id => 'WO-2026-0305-001')";

const ASSIGNEE: &str = "Mac CLI 小克";

fn created(fleet: &Fleet) -> String {
    let made: Value = fleet.one("夏哥", &format!("select {CREATE}"));
    made["wo_number"].as_str().unwrap().to_owned()
}

/// The guide's work order, after its assignee's calls.
fn after(fleet: &Fleet, calls: &[&str]) -> String {
    let number = created(fleet);
    for call in calls {
        fleet.call(ASSIGNEE, call, &number);
    }
    number
}

#[test]
fn phase_1_a_new_work_order_is_pending_and_has_what_was_given() {
    let fleet = Fleet::found();
    let made: Value = fleet.one("夏哥", &format!("select {CREATE}"));
    assert_eq!(made["status"], "pending");
    assert_eq!(made["lifecycle"], "fleet_task");
    assert_eq!(made["created"], true);
    let detail = fleet.call("夏哥", DETAIL, made["wo_number"].as_str().unwrap());
    for (field, value) in [
        ("wo_number", made["wo_number"].clone()),
        ("title", json!("[SS1-Operations] Migrate dispatch worker to Cloud UB")),
        ("category", json!("Operations")),
        ("status", json!("pending")),
        ("assignee", json!(ASSIGNEE)),
        ("project", json!("SS1")),
        ("description", json!("Migrate the dispatch worker from Local UB to Cloud UB...")),
        ("priority", json!("high")),
        ("requester", json!("夏哥")),
        ("originator", json!("夏哥")),
        ("due_date", json!("2026-03-10")),
        ("acceptance_criteria", json!("Dispatch worker uses Cloud UB for all operations")),
        ("deliverables", json!("Updated worker code, test results, migration report")),
    ] {
        assert_eq!(detail[field], value, "{field}");
    }
    assert_eq!(detail["estimated_hours"].as_f64(), Some(4.0));
}

/// Captains, agents and what the system triggers: all of them.
#[test]
fn phase_1_anyone_can_create_a_work_order() {
    let fleet = Fleet::found();
    for identity in LOGINS.iter().map(|(identity, _)| *identity).chain(["pm"]) {
        let made: Value = fleet.one(identity, &format!("select {CREATE}"));
        let originator: String = fleet.one(
            identity,
            &format!(
                "select originator from wo.work_order where id = '{}'",
                made["id"].as_str().unwrap()
            ),
        );
        assert_eq!(originator, identity);
    }
}

#[test]
fn the_guide_runs_from_creation_to_approval_as_it_is_written() {
    let fleet = Fleet::found();
    let number = created(&fleet);
    for (who, call, status, action) in [
        (ASSIGNEE, ACCEPT, "accepted", "accept"),
        (ASSIGNEE, START, "in_progress", "start"),
        (ASSIGNEE, BLOCK, "blocked", "block"),
        (ASSIGNEE, UNBLOCK, "in_progress", "resume"),
        (ASSIGNEE, COMPLETE, "review", "submit"),
        ("夏哥", APPROVE, "approved", "approve"),
    ] {
        let answer = fleet.call(who, call, &number);
        assert_eq!(answer["status"], status, "{call}");
        assert_eq!(answer["action"], action, "{call}");
        assert_eq!(answer["wo_number"], number.as_str(), "{call}");
        assert_eq!(fleet.status(&number), status, "{call}");
    }
    let detail = fleet.call("Web 小克", DETAIL, &number);
    assert_eq!(detail["notes"], "Cloud UB endpoint deployed, resuming work");
    assert_eq!(
        detail["completion_summary"],
        "Migrated dispatch worker to Cloud UB. All 9 engine modes tested."
    );
    assert_eq!(detail["actual_hours"].as_f64(), Some(3.5));
    assert_eq!(detail["review_notes"], "Verified: dispatch worker using Cloud UB, tests passing");
    fleet.assert_intact();
}

#[test]
fn phase_3_a_blocked_work_order_shows_its_blocker_until_it_is_resumed() {
    let fleet = Fleet::found();
    let number = after(&fleet, &[ACCEPT, START, BLOCK]);
    let shown = || -> (Option<String>, Value) {
        let list = "select blocker from wo.list_work_orders(assignee => 'Mac CLI 小克')";
        (fleet.one("夏哥", list), fleet.call("夏哥", DETAIL, &number)["blocker"].clone())
    };
    let blocker = "Waiting for Cloud UB API endpoint to be deployed";
    assert_eq!(shown(), (Some(blocker.to_owned()), json!(blocker)));
    fleet.call(ASSIGNEE, UNBLOCK, &number);
    assert_eq!(shown(), (None, Value::Null));
}

/// Each of the three approves and rejects, a person, an agent and a program.
#[test]
fn phase_5_each_captain_identity_approves_and_rejects() {
    let fleet = Fleet::found();
    for captain in CAPTAINS {
        let approved = after(&fleet, &[ACCEPT, START, COMPLETE]);
        assert_eq!(fleet.call(captain, APPROVE, &approved)["status"], "approved", "{captain}");
        let rejected = after(&fleet, &[ACCEPT, START, COMPLETE]);
        assert_eq!(fleet.call(captain, REJECT, &rejected)["status"], "rejected", "{captain}");
        let detail = fleet.call(captain, DETAIL, &rejected);
        assert_eq!(
            detail["review_notes"],
            "Missing: edge case for offline mode. Please add and resubmit."
        );
        let last = detail["history"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["actor"], captain);
    }
}

#[test]
fn a_rejected_work_order_goes_back_to_work_and_is_submitted_again() {
    let fleet = Fleet::found();
    let number = after(&fleet, &[ACCEPT, START, COMPLETE]);
    fleet.call("小西", REJECT, &number);
    assert_eq!(fleet.call(ASSIGNEE, START, &number)["action"], "rework");
    let again = COMPLETE.replace("3.5", "5.25").replace("9 engine", "9 engine and offline");
    fleet.call(ASSIGNEE, &again, &number);
    assert_eq!(fleet.call("system:captain-proxy", APPROVE, &number)["status"], "approved");
    let detail = fleet.call(ASSIGNEE, DETAIL, &number);
    assert_eq!(detail["actual_hours"].as_f64(), Some(5.25));
    assert_eq!(detail["review_notes"], "Verified: dispatch worker using Cloud UB, tests passing");
}

#[test]
fn a_captain_cancels_with_a_reason_that_stays_in_the_notes() {
    let fleet = Fleet::found();
    for state in ["pending", "accepted", "in_progress", "blocked", "review", "rejected"] {
        let number = fleet.reach(state);
        let cancel = "wo.update_work_order_status(order_id => 'WO-2026-0305-001',
            new_status => 'cancelled', notes => 'Superseded by the new worker')";
        let answer = fleet.call("夏哥", cancel, &number);
        assert_eq!(
            (&answer["from_status"], &answer["status"]),
            (&json!(state), &json!("cancelled"))
        );
        assert_eq!(fleet.call("夏哥", DETAIL, &number)["notes"], "Superseded by the new worker");
    }
}

/// Notes that no gate asks for are kept all the same.
#[test]
fn notes_of_a_step_without_a_gate_are_kept() {
    let fleet = Fleet::found();
    let number = after(&fleet, &[ACCEPT]);
    let start = START.replace("'in_progress'", "'in_progress', notes => 'On it'");
    fleet.call(ASSIGNEE, &start, &number);
    let detail = fleet.call(ASSIGNEE, DETAIL, &number);
    assert_eq!(detail["notes"], "On it");
    assert_eq!(detail["history"].as_array().unwrap().last().unwrap()["reason"], "On it");
}

#[test]
fn the_detail_tells_every_step_with_who_and_why() {
    let fleet = Fleet::found();
    let number = after(&fleet, &[ACCEPT, START, BLOCK, UNBLOCK, COMPLETE]);
    fleet.call("小西", REJECT, &number);
    let detail = fleet.call("Win App 小A", DETAIL, &number);
    let history = detail["history"].as_array().unwrap();
    let steps: Vec<(&str, &str, Value, &str, Value)> = history
        .iter()
        .map(|step| {
            let text = |name: &str| step[name].as_str().unwrap();
            (
                text("action"),
                text("actor"),
                step["from_status"].clone(),
                text("to_status"),
                step["reason"].clone(),
            )
        })
        .collect();
    let none = Value::Null;
    assert_eq!(
        steps,
        [
            ("created", "夏哥", none.clone(), "pending", none.clone()),
            ("accept", ASSIGNEE, json!("pending"), "accepted", none.clone()),
            ("start", ASSIGNEE, json!("accepted"), "in_progress", none.clone()),
            (
                "block",
                ASSIGNEE,
                json!("in_progress"),
                "blocked",
                json!("Waiting for Cloud UB API endpoint to be deployed")
            ),
            (
                "resume",
                ASSIGNEE,
                json!("blocked"),
                "in_progress",
                json!("Cloud UB endpoint deployed, resuming work")
            ),
            ("submit", ASSIGNEE, json!("in_progress"), "review", none),
            (
                "reject",
                "小西",
                json!("review"),
                "rejected",
                json!("Missing: edge case for offline mode. Please add and resubmit.")
            ),
        ]
    );
    let at: Vec<&str> = history.iter().map(|step| step["at"].as_str().unwrap()).collect();
    assert!(at.is_sorted(), "{at:?}");
    assert_eq!(history[5]["changes"]["actual_hours"]["new"].as_f64(), Some(3.5));
    assert!(detail.get("chain_hash").is_none() && detail.get("tenant_id").is_none());
}

/// Each answer is held to the numbers that were made for it, in the order that they were made.
#[test]
fn querying_lists_what_is_asked_for_newest_first_and_hides_what_has_ended() {
    let fleet = Fleet::found();
    let make = |title: &str, project: &str, assignee: &str, calls: &[&str]| {
        fleet.next_millisecond();
        let made: Value = fleet.one(
            "小西",
            &format!(
                "select wo.create_work_order(title => '{title}', project => '{project}', assignee => '{assignee}')"
            ),
        );
        let number = made["wo_number"].as_str().unwrap().to_owned();
        for call in calls {
            fleet.call("夏哥", call, &number);
        }
        number
    };
    let cli = "Mac CLI 小克";
    let web = "Web 小克";
    let pending = make("[SS1-Operations] a", "SS1", cli, &[]);
    let working = make("[SP-Development] b", "SP", cli, &[ACCEPT, START]);
    let also_working = make("[SS1-Operations] c", "SS1", web, &[ACCEPT, START]);
    let approved = make("[SS1-Development] d", "SS1", cli, &[ACCEPT, START, COMPLETE, APPROVE]);
    let rejected = make("[EGS-Code-Standards] e", "EGS", web, &[ACCEPT, START, COMPLETE, REJECT]);
    for (arguments, expected) in [
        ("", vec![&rejected, &also_working, &working, &pending]),
        ("status => 'in_progress'", vec![&also_working, &working]),
        ("project => 'SS1'", vec![&also_working, &pending]),
        ("assignee => 'Mac CLI 小克'", vec![&working, &pending]),
        (
            "include_completed => true",
            vec![&rejected, &approved, &also_working, &working, &pending],
        ),
        ("category => 'Operations'", vec![&also_working, &pending]),
        ("category => 'Code-Standards'", vec![&rejected]),
        ("category => 'Development'", vec![&working]),
        ("category => 'Development', include_completed => true", vec![&approved, &working]),
        ("status => 'approved'", vec![&approved]),
        ("status => 'approved', assignee => 'Web 小克'", vec![]),
        ("status => 'rejected', project => 'EGS', category => 'Code-Standards'", vec![&rejected]),
        (
            "project => 'SS1', assignee => 'Mac CLI 小克', include_completed => true",
            vec![&approved, &pending],
        ),
        ("status => 'cancelled', include_completed => true", vec![]),
        ("page_size => 2", vec![&rejected, &also_working]),
    ] {
        let list = format!("select wo_number from wo.list_work_orders({arguments})");
        let listed = fleet.all("Win App 小克", &list);
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{arguments}");
        if arguments.contains("page_size") {
            continue;
        }
        let mut paged: Vec<String> = Vec::new();
        loop {
            let after = paged.last().map_or("null".to_owned(), |last| format!("'{last}'"));
            let separator = if arguments.is_empty() { "" } else { ", " };
            let next = format!(
                "select wo_number from wo.list_work_orders({arguments}{separator}page_size => 1, after_work_order => {after})"
            );
            let page = fleet.all("Win App 小克", &next);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
            assert!(paged.len() <= listed.len(), "{arguments}: {paged:?}");
        }
        assert_eq!(paged, listed, "page by page: {arguments}");
    }
}

#[test]
fn a_list_shows_what_a_reader_needs_to_decide_whom_to_ask() {
    let fleet = Fleet::found();
    let number = after(&fleet, &[ACCEPT, START, COMPLETE]);
    let listed: Value = fleet.one(
        "Web 小克",
        "select to_jsonb(listed) from wo.list_work_orders(status => 'review') as listed",
    );
    assert_eq!(listed["wo_number"], number.as_str());
    for (column, value) in [
        ("title", json!("[SS1-Operations] Migrate dispatch worker to Cloud UB")),
        ("status", json!("review")),
        ("priority", json!("high")),
        ("project", json!("SS1")),
        ("category", json!("Operations")),
        ("assignee", json!(ASSIGNEE)),
        ("requester", json!("夏哥")),
        ("due_date", json!("2026-03-10")),
        ("lifecycle", json!("fleet_task")),
        ("blocker", Value::Null),
        ("version", json!(4)),
    ] {
        assert_eq!(listed[column], value, "{column}");
    }
}

#[test]
fn an_order_id_is_the_number_or_the_uuid() {
    let fleet = Fleet::found();
    let number = created(&fleet);
    let id: String = fleet
        .one("夏哥", &format!("select id::text from wo.work_order where wo_number = '{number}'"));
    let upper = id.to_uppercase();
    for (who, call, name, status) in [
        (ASSIGNEE, ACCEPT, &id, "accepted"),
        (ASSIGNEE, START, &upper, "in_progress"),
        (ASSIGNEE, BLOCK, &number, "blocked"),
        (ASSIGNEE, UNBLOCK, &id, "in_progress"),
        (ASSIGNEE, COMPLETE, &id, "review"),
        ("夏哥", APPROVE, &id, "approved"),
    ] {
        assert_eq!(fleet.call(who, call, name)["status"], status, "{call}");
    }
    assert_eq!(fleet.call("夏哥", DETAIL, &id), fleet.call("夏哥", DETAIL, &number));
}
