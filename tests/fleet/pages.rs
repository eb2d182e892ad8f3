//! What a list is asked for exists, and a page says whether there is another one.

use crate::fleet::crew::Fleet;

const READER: &str = "Win App 小A";

/// A mistyped status gave no rows, as if there were no work: a transition to it is refused.
#[test]
fn a_filter_that_names_nothing_is_refused() {
    let fleet = Fleet::found();
    let list = |arguments: &str| format!("select * from wo.list_work_orders({arguments})");
    for (arguments, code) in [
        ("status => 'in_progres'", "unknown_state"),
        ("status => 'in_progres', include_completed => true", "unknown_state"),
        ("lifecycle => 'flet_task'", "lifecycle_unknown"),
        // A state of another lifecycle.
        ("lifecycle => 'fleet_task', status => 'pending_approval'", "unknown_state"),
        ("assignee => 'Mac CLI'", "principal_unknown"),
        ("after_work_order => 'WO-2026-0305-001'", "work_order_unknown"),
        ("page_size => 0", "page_size_invalid"),
        ("page_size => -1", "page_size_invalid"),
        ("page_size => 100001", "page_size_invalid"),
    ] {
        fleet.refused(READER, &list(arguments), "22023", code);
    }
    // With rows, too, and through a prepared statement.
    fleet.create("[SS1-Operations] One");
    fleet.refused(READER, &list("status => 'in_progres'"), "22023", "unknown_state");
    fleet.run(READER, &format!("prepare by_status(text) as {}", list("status => $1")));
    for _ in 0..7 {
        fleet.refused(READER, "execute by_status('in_progres')", "22023", "unknown_state");
        fleet.run(READER, "execute by_status('pending')");
    }
    // NULL is no filter, and the usual page.
    let all = "status => null, project => null, category => null, assignee => null,
        page_size => null, after_work_order => null, lifecycle => null";
    assert_eq!(fleet.rows(READER, &list(all)).len(), 1);
    assert_eq!(fleet.rows(READER, &list("lifecycle => 'fleet_task'")).len(), 1);
    assert_eq!(fleet.rows(READER, &list("lifecycle => 'regulated_change'")).len(), 0);
}

/// 50 rows came, and nothing said that there were more.
#[test]
fn a_page_says_whether_there_are_more() {
    let fleet = Fleet::found();
    let numbers: Vec<String> =
        (0..6).map(|place| fleet.create(&format!("[SS1-Operations] Number {place}"))).collect();
    // Open and ended ones are read apart.
    for ended in &numbers[..3] {
        fleet.run("夏哥", &format!("select wo.transition('{ended}', 'cancelled', 'not needed')"));
    }
    let more = |arguments: &str| -> Vec<bool> {
        let list = format!("select has_more from wo.list_work_orders({arguments})");
        fleet.rows(READER, &list).iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(more("page_size => 2"), [true; 2]);
    assert_eq!(more("page_size => 3"), [false; 3]);
    assert_eq!(more("page_size => 3, include_completed => true"), [true; 3]);
    assert_eq!(more("page_size => 5, include_completed => true"), [true; 5]);
    assert_eq!(more("page_size => 6, include_completed => true"), [false; 6]);
    assert_eq!(more("page_size => 7, include_completed => true"), [false; 6]);
    let after = format!("page_size => 2, after_work_order => '{}'", numbers[4]);
    assert_eq!(more(&after), [false; 1]);
}

/// The category came from the title's prefix, and the project did not.
#[test]
fn project_and_category_both_come_from_the_title() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS9-Ops] Sweep");
    let list = |filter: &str| {
        fleet.all(READER, &format!("select wo_number from wo.list_work_orders({filter})"))
    };
    assert_eq!(list("category => 'Ops'"), [number.as_str()]);
    assert_eq!(list("project => 'SS9'"), [number.as_str()]);
    // A new title takes its project with it.
    let patch = |fields: &str| {
        fleet.run("夏哥", &format!("select wo.patch_work_order('{number}', '{fields}')"));
    };
    patch("{\"title\": \"[SS8-Ops] Sweep\"}");
    assert_eq!(list("project => 'SS9'"), [""; 0]);
    assert_eq!(list("project => 'SS8'"), [number.as_str()]);
    // A project that was given stays.
    patch("{\"project\": \"Harbour\"}");
    patch("{\"title\": \"[SS7-Ops] Sweep\"}");
    assert_eq!(list("project => 'Harbour'"), [number.as_str()]);
    fleet.run("夏哥", "select wo.create_work_order('[SS9-Ops] Other', project => 'Harbour')");
    assert_eq!(list("project => 'Harbour'").len(), 2);
    let intact: bool = fleet.one("夏哥", "select bool_and(intact) from wo.verify_audit()");
    assert!(intact);
}

/// Who created a work order was not its requester, and could not change its description.
#[test]
fn who_creates_is_the_requester_unless_somebody_else_is_named() {
    let fleet = Fleet::found();
    let creator = "Web 小克";
    let number: String =
        fleet.one(creator, "select wo.create_work_order('[A-B] x') ->> 'wo_number'");
    let requester = |number: &str| -> Option<String> {
        let sql = format!("select requester from wo.work_order where wo_number = '{number}'");
        fleet.one(creator, &sql)
    };
    assert_eq!(requester(&number).as_deref(), Some(creator));
    let patch = format!("select wo.patch_work_order('{number}', '{{\"description\": \"more\"}}')");
    fleet.run(creator, &patch);
    let other: String = fleet.one(
        creator,
        "select wo.create_work_order('[A-B] x', requester => '小西') ->> 'wo_number'",
    );
    assert_eq!(requester(&other).as_deref(), Some("小西"));
    // The same request with the same key is the same, whether or not it spells the defaults out.
    let made = "select wo.create_work_order('[A-B] x', idempotency_key => 'k'";
    let first: String = fleet.one(creator, &format!("{made}) ->> 'wo_number'"));
    for defaults in ["", ", requester => 'Web 小克'", ", project => 'A'"] {
        let again: String = fleet.one(creator, &format!("{made}{defaults}) ->> 'wo_number'"));
        assert_eq!(again, first, "{defaults}");
    }
    let differs = format!("{made}, requester => '小西')");
    fleet.refused(creator, &differs, "23505", "idempotency_key_reused");
}

/// `allowed: ["review", "blocked", "cancelled"]` was shown to an assignee who may not cancel.
#[test]
fn a_refusal_offers_the_states_that_the_caller_may_reach() {
    let fleet = Fleet::found();
    let assignee = "Mac CLI 小克";
    let number: String = fleet.one(
        "夏哥",
        &format!(
            "select wo.create_work_order('[A-B] x', assignee => '{assignee}') ->> 'wo_number'"
        ),
    );
    fleet.run(assignee, &format!("select wo.accept_work_order('{number}')"));
    fleet.run(assignee, &format!("select wo.transition('{number}', 'in_progress')"));
    let skip = format!("select wo.transition('{number}', 'approved')");
    let detail = fleet.refused(assignee, &skip, "55000", "illegal_transition");
    assert_eq!(detail["allowed"], serde_json::json!(["review", "blocked"]));
    let detail = fleet.refused("夏哥", &skip, "55000", "illegal_transition");
    assert!(detail["allowed"].as_array().unwrap().contains(&"cancelled".into()), "{detail}");
    let detail = fleet.refused("Web 小克", &skip, "55000", "illegal_transition");
    assert_eq!(detail["allowed"], serde_json::json!([]));
    let verify = format!("select wo.verify_work_order('{number}', true)");
    let detail = fleet.refused(assignee, &verify, "55000", "illegal_transition");
    assert_eq!(detail["allowed"], serde_json::json!(["submit", "block"]));
}

/// "no work order has the field status" sent nobody to wo.transition.
#[test]
fn a_patch_of_the_status_is_sent_to_the_transition() {
    let fleet = Fleet::found();
    let number = fleet.create("[A-B] x");
    let patch = format!("select wo.patch_work_order('{number}', '{{\"status\": \"accepted\"}}')");
    fleet.refused("夏哥", &patch, "22023", "unknown_fields");
    let error =
        wo_cluster_tests::db_error(fleet.with("夏哥", |client| client.batch_execute(&patch)));
    assert!(error.hint().unwrap().contains("wo.transition("), "{error:?}");
}
