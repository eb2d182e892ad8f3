//! What signatures of the result cover, and what packages and reports show.

use serde_json::{Value, json};
use wo_cluster_tests::signing::Ask;

use crate::deliverable::stand::{Stand, review};

/// Without coverage by the signature QA would have signed bytes that were exchanged afterwards.
#[test]
fn a_deliverable_after_a_signature_amends_what_was_signed() {
    let stand = Stand::found();
    let order = stand.surveying(true);
    for (name, kind) in [("roof report", "report"), ("certificate", "certificate")] {
        stand.deliver(&order, name, kind, kind);
        stand.accept("qa", &order, name);
    }
    let of_plan = ["system_owner plan: valid", "qa plan: valid"];
    assert_eq!(stand.signature_states(&order), of_plan, "no change of the plan");
    stand.transition("worker", &order, "completed");
    let sign =
        |who: &str, role: &str| drop(stand.signed(who, &Ask::approve(&order, role, "completion")));
    sign("owner", "system_owner");
    stand.deliver(&order, "photo", "photo", "p1");
    let states = stand.signature_states(&order);
    assert_eq!(states[2], "system_owner completion: amended", "{states:?}");
    sign("owner", "system_owner");
    stand.run("qa", &review(&order, &stand.newest(&order, "photo"), "rejected"));
    let states = stand.signature_states(&order);
    assert_eq!(states.last().unwrap(), "system_owner completion: amended", "{states:?}");
    sign("qa", "qa");
    assert_eq!(stand.status(&order), "completed", "the owner signed before the review");
    sign("owner", "system_owner");
    assert_eq!(stand.status(&order), "closed");

    let package: String =
        stand.one("planner", &format!("select wo.evidence_package('{order}')::text"));
    let verified = wo_rules::evidence::verify::verify(package.as_bytes());
    assert!(verified.intact, "{:?}", verified.problems);
    let read: Value = serde_json::from_str(&package).unwrap();
    let section = &read["sections"]["concepts"]["deliverables"];
    let seen: Vec<String> = section
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["name"], one["state"], one["reviewed_by"]))
        .collect();
    assert_eq!(
        seen,
        [
            r#""roof report" "accepted" "qa""#,
            r#""certificate" "accepted" "qa""#,
            r#""photo" "rejected" "qa""#
        ]
    );
    let report: String = stand.one("planner", &format!("select wo.evidence_report('{order}')"));
    assert!(report.contains("Deliverables") && report.contains("roof report"));
    assert_eq!(stand.problems(), []);
}

/// Another version of the plan asks for other deliverables: the guard goes by the version that the work order has.
#[test]
fn the_pinned_version_of_the_plan_says_what_is_expected() {
    let stand = Stand::found();
    let order = stand.surveying(false);
    stand.deliver(&order, "certificate", "certificate", "c1");
    stand.accept("qa", &order, "certificate");
    let other = json!([{"name": "{{what}} summary", "kind": "report"}]);
    assert_eq!(stand.publish_plan(&crate::deliverable::stand::plan(other)), 2);
    assert_eq!(stand.missing("worker", &order, "completed"), "not received: roof report");
    stand.run("planner", &format!("select wo.move_to_plan_version('{order}', 2, 'shorter')"));
    assert_eq!(stand.states(&order), ["roof summary missing", "certificate accepted"]);
    assert_eq!(stand.missing("worker", &order, "completed"), "not received: roof summary");
    stand.deliver(&order, "roof summary", "report", "s1");
    stand.accept("planner", &order, "roof summary");
    stand.transition("worker", &order, "completed");
    assert_eq!(stand.problems(), []);
}
