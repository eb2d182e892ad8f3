//! Job plans are versioned, and running work keeps the version that it pinned.

use serde_json::{Value, json};
use wo_cluster_tests::signing::{Company, ROOT};

/// Without the pinned version, publishing another one would change what running work has to do, and how its
/// measurements are judged.
#[test]
fn row_13_running_work_keeps_the_version_of_its_job_plan() {
    let company = Company::found();
    let publish = |upper: i32| {
        let document: Value = json!({"name": "pressure", "steps": [
            {"key": "p", "kind": "measure", "unit": "bar", "instruction": "Measure.", "limits": {"upper": upper}}]});
        let statement = "select wo.publish_definition('job_plan', $1)";
        company
            .administering(|admin| Ok(admin.query_one(statement, &[&document])?.get::<_, i32>(0)))
            .unwrap()
    };
    company.administer("select wo.set_definition_policy('job_plan', 'publication')");
    assert_eq!(publish(5), 1);
    let create = "select wo.create_work_order('Measure', description => 'd', assignee => 'worker',
        job_plan => 'pressure') ->> 'wo_number'";
    let old: String = company.one("planner", create);
    assert_eq!(publish(9), 2);
    let new: String = company.one("planner", create);
    for order in [&old, &new] {
        company.transition("planner", order, "pending_approval");
        company.transition("planner", order, "assigned");
        company.transition("worker", order, "in_progress");
        company.run("worker", &format!("select wo.record_step('{order}', 'p', '7')"));
    }
    let judged = |order: &str| -> String {
        let seen = format!("select plan_version || ' ' || verdict from wo.steps('{order}')");
        company.one("worker", &seen)
    };
    assert_eq!((judged(&old), judged(&new)), ("1 fail".to_owned(), "2 pass".to_owned()));
    let trail: Vec<String> = company.all(
        ROOT,
        "select distinct action from wo.audit_entry where subject = 'job_plan' order by action",
    );
    assert_eq!(trail, ["created"], "each publication is in the trail");
    company.assert_intact();
}
