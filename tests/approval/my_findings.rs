//! Findings in what waits for somebody and in the overview.

use serde_json::Value;
use wo_cluster_tests::signing::{Company, ROOT};

fn mine(company: &Company, who: &str) -> Vec<String> {
    company.all(
        who,
        "select waits_for || ' ' || wo_number from wo.my_work() where waits_for like 'finding%'",
    )
}

/// QA did not see the findings that wait for it in its own work; and nobody is shown a finding of their own.
#[test]
fn an_open_finding_waits_for_those_who_may_close_it() {
    let company = Company::found();
    company.administer("select wo.grant_role('worker_2', 'qa')");
    let number = company.reach("in_progress");
    // Everybody who was assigned once did the work.
    for to in ["worker_2", "worker"] {
        company.run(
            "planner",
            &format!("update wo.work_order set assignee = '{to}', reason = 'r' where wo_number = '{number}'"),
        );
    }
    company.run(
        "stranger",
        &format!(
            "select wo.open_finding('{number}', 'The label is wrong', due_date => '2026-01-05')"
        ),
    );
    let expected = [format!("finding: The label is wrong {number}")];
    for who in ["qa", "qa_2", "versatile"] {
        assert_eq!(mine(&company, who), expected, "{who}");
    }
    for who in ["worker", "worker_2", "stranger", "planner", "owner", "originator"] {
        assert_eq!(mine(&company, who), [""; 0], "{who}");
    }
    let row: Value = company.one(
        "qa",
        "select to_jsonb(waiting) from wo.my_work() as waiting where waits_for like 'finding%'",
    );
    assert_eq!(row["due"], "2026-01-06T00:00:00+00:00", "{row}");
    assert_eq!(row["overdue"][0], "finding due on 2026-01-05: The label is wrong", "{row}");
    let finding: uuid::Uuid = company.one(ROOT, "select id from wo.finding");
    company.run("qa_2", &format!("select wo.close_finding('{finding}', 'printed anew')"));
    assert_eq!(mine(&company, "qa"), [""; 0]);
    company.assert_intact();
}

/// wo.overdue shows findings past their due date, and the overview said that nothing was late.
#[test]
fn the_overview_counts_work_with_findings_that_are_late() {
    let company = Company::found();
    let going = company.reach("in_progress");
    let ended = company.reach("closed");
    let overdue = || -> (i64, i64) {
        let sql = "select coalesce(sum(overdue), 0)::bigint, coalesce(sum(open), 0)::bigint from wo.fleet_overview()";
        let row = &company.rows("planner", sql)[0];
        (row.get(0), row.get(1))
    };
    assert_eq!(overdue(), (0, 1));
    for number in [&going, &going, &ended] {
        let open = format!(
            "select wo.open_finding('{number}', 'The label is wrong', due_date => '2026-01-05')"
        );
        company.run("stranger", &open);
    }
    let late: i64 = company.one("planner", "select count(distinct id) from wo.overdue");
    assert_eq!(late, 2);
    assert_eq!(overdue(), (2, 1));
    let row: Value =
        company.one("planner", "select to_jsonb(seen) from wo.fleet_overview() as seen");
    assert_eq!(row["by_status"], serde_json::json!({"in_progress": 1}), "{row}");
    assert_eq!(row["oldest"], serde_json::json!(going), "{row}");
}
