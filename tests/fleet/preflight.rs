//! What the check before work begins looked at beside the record: findings, children and dependencies.

use serde_json::{Value, json};

use crate::fleet::crew::Fleet;

const ASSIGNEE: &str = "Mac CLI 小克";
const CREATOR: &str = "Win CLI 小克";
const CAPTAIN: &str = "夏哥";

/// A lifecycle like fleet_task whose start asks for the check.
fn checked(fleet: &Fleet) {
    let mut definition = fleet.definition("fleet_task");
    definition["name"] = json!("checked_task");
    let edges = definition["transitions"].as_array_mut().unwrap();
    let start = edges.iter_mut().find(|edge| edge["action"] == "start").unwrap();
    start["guards"].as_array_mut().unwrap().push(json!("preflight_done"));
    fleet.administer(&format!("select wo.publish_lifecycle($lifecycle${definition}$lifecycle$)"));
}

/// A start would rest on a check that knew nothing of what was found, linked or made to wait since.
#[test]
fn a_finding_a_child_and_a_dependency_outdate_the_check() {
    let fleet = Fleet::found();
    checked(&fleet);
    let create = |more: &str| -> String {
        fleet.one(
            CREATOR,
            &format!(
                "select wo.create_work_order('[SS1-Operations] x', assignee => '{ASSIGNEE}'{more}) ->> 'wo_number'"
            ),
        )
    };
    let number = create(", lifecycle => 'checked_task'");
    let (child, grandchild, other) = (create(""), create(""), create(""));
    for (part, master) in [(&child, &number), (&grandchild, &child)] {
        fleet.run(CAPTAIN, &format!("select wo.link_work_order('{part}', '{master}')"));
    }
    fleet.run(ASSIGNEE, &format!("select wo.accept_work_order('{number}')"));
    let record = format!("select wo.record_preflight('{number}')");
    let start = format!("select wo.transition('{number}', 'in_progress')");
    let assert_stale = |sql: &str, why: &str| {
        fleet.run(ASSIGNEE, &record);
        fleet.run(CAPTAIN, sql);
        let unmet = fleet.refused(ASSIGNEE, &start, "23514", "guards_not_met");
        let detail = unmet["guards"][0]["detail"].as_str().unwrap_or_default();
        assert_eq!(detail, format!("since its pre-flight check {why}"), "{sql}");
    };
    assert_stale(&format!("select wo.open_finding('{number}', 'x')"), "a finding was opened");
    assert_stale(&format!("select wo.open_finding('{grandchild}', 'x')"), "a finding was opened");
    assert_stale(
        &format!("select wo.patch_work_order('{grandchild}', '{{\"priority\": \"critical\"}}')"),
        "its children have changed",
    );
    assert_stale(
        &format!("select wo.link_work_order('{other}', '{child}')"),
        "its children have changed",
    );
    let outside = create("");
    let edges = "what it waits for or what waits for it has changed";
    assert_stale(&format!("select wo.add_dependency('{outside}', '{number}')"), edges);
    assert_stale(&format!("select wo.add_dependency('{outside}', '{grandchild}')"), edges);
    assert_stale(&format!("select wo.remove_dependency('{outside}', '{number}')"), edges);
    let found: Value = fleet.one(ASSIGNEE, &format!("select wo.preflight('{number}')"));
    assert_eq!(found["open_findings"], 2, "{found}");

    // What has nothing to do with it leaves the check as it is.
    fleet.run(ASSIGNEE, &record);
    fleet.run(CAPTAIN, &format!("select wo.open_finding('{outside}', 'x')"));
    fleet.run(ASSIGNEE, &start);
    assert_eq!(fleet.status(&number), "in_progress");
    let problems: Option<String> = fleet
        .one(CAPTAIN, "select string_agg(problem, '; ') from wo.verify_audit() where not intact");
    assert_eq!(problems, None);
    let shown = fleet.all(
        CAPTAIN,
        &format!(
            "select distinct what from wo.audit_trail('{number}') where action = 'preflight_done'"
        ),
    );
    assert_eq!(shown, [""]);
    // What the check looked at is no column and no child record of the package.
    let package: String = fleet.one(CAPTAIN, &format!("select wo.evidence_package('{number}')"));
    let report = wo_rules::evidence::verify::verify(package.as_bytes());
    assert!(report.intact, "{:#?}", report.problems);
}
