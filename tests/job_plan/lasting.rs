//! What leaves results as they are: patch, reassignment, replan, another version, dump and restore.

use serde_json::json;
use wo_cluster_tests::one;

use crate::job_plan::bench::{Bench, QUALIFICATION};

/// Without the pinned version and the rows that never change, one of these would reset or reinterpret results.
#[test]
fn results_stay_byte_equal_whatever_becomes_of_their_work_order() {
    let bench = Bench::found();
    let order = bench.qualifying();
    bench.record("worker", &order, "protocol_approved", "pass");
    bench.record("worker", &order, "identity", "pass");
    bench.run("worker_2", &format!("select wo.witness_step('{order}', 'identity', 'seen')"));
    bench.record("worker", &order, "mains_voltage", "300.50");
    bench.act("qa", &order, "mains_voltage", "disposition", "rejected");
    let results = bench.results(&order);
    let steps = format!("select string_agg(line::text, '|') from wo.steps('{order}') as line");
    let seen: String = bench.one("worker", &steps);

    bench.run(
        "owner",
        &format!("select wo.patch_work_order('{order}', '{{\"notes\": \"n\"}}', 'r')"),
    );
    bench.run(
        "owner",
        &format!("select wo.patch_work_order('{order}', '{{\"assignee\": \"worker_2\"}}', 'r')"),
    );
    bench.transition("planner", &order, "pending_approval");
    let text =
        wo_rules::job_plan::SHIPPED.iter().find(|(name, _)| *name == QUALIFICATION).unwrap().1;
    let mut document: serde_json::Value = serde_json::from_str(text).unwrap();
    document["steps"][3]["limits"] = json!({"upper": 400});
    bench.release_at_publication();
    assert_eq!(bench.publish_plan(&document), 2);
    let retire =
        format!("select wo.retire_definition('job_plan', '{QUALIFICATION}', 1, 'replaced')");
    bench.administer(&retire);
    assert_eq!(bench.results(&order), results);
    assert_eq!(bench.one::<String>("worker", &steps), seen);

    let into = bench.database.cluster().empty_database();
    into.restore(&bench.database.dump()).unwrap();
    let mut root = into.superuser();
    let all = "select string_agg(line::text, '|' order by ordinal) from wo.step_result as line";
    assert_eq!(one::<String>(&mut root, all), results);
    let mut worker = into.connect("worker");
    assert_eq!(one::<String>(&mut worker, &steps), seen);
    bench.sign_both(&order, "plan");
    bench.transition("planner", &order, "assigned");
    bench.transition("worker_2", &order, "in_progress");
    assert_eq!(
        bench.record("worker_2", &order, "mains_voltage", "253.5"),
        "failed fail",
        "by the pinned limits"
    );
    assert_eq!(bench.problems(), []);
}
