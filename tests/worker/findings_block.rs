//! Findings of refused attempts: which of them block the last approval, and that they count up.

use uuid::Uuid;
use wo_cluster_tests::signing::ROOT;

use crate::worker::attempts::{company, recorded};

/// Attempts to pass an approval and to take an edge that does not exist block; a missing field does not.
#[test]
fn attempts_to_pass_an_approval_or_a_missing_edge_block_the_last_approval() {
    let company = company();
    let number = company.reach("pending_approval");
    let assign = format!("select wo.transition('{number}', 'assigned', 'because')");
    company.refused("planner", &assign, "23514", "approvals_missing");
    company.refused("planner", &assign.replace(", 'because'", ""), "23514", "fields_missing");
    company.sign_both(&number, "plan");
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    let start = format!("select wo.transition('{number}', 'closed', 'because')");
    company.refused("worker", &start, "55000", "illegal_transition");
    let complete = format!("select wo.transition('{number}', 'completed')");
    company.refused("worker", &complete, "23514", "fields_missing");
    company.database.wait_until("select count(*) = 3 and sum(attempts) = 4 from wo.finding");
    let found = company
        .all(ROOT, "select code || ' ' || source || ' ' || blocking from wo.finding order by code");
    assert_eq!(
        found,
        [
            "approvals_missing approval_attempt true",
            // Its first attempt lacked the signatures too.
            "fields_missing approval_attempt true",
            "illegal_transition missing_edge_attempt true",
        ]
    );
    company.run(
        "worker",
        &format!(
            "select wo.transition('{number}', 'completed', 'because',
                fields => '{{\"completion_summary\": \"s\", \"actual_hours\": 1}}')"
        ),
    );
    company.sign_both(&number, "completion");
    assert_eq!(company.status(&number), "completed");
    let all = "select finding from wo.findings(open => true)";
    for row in company.rows("qa_2", all) {
        assert_eq!(company.status(&number), "completed");
        let id: Uuid = row.get(0);
        company.run("qa_2", &format!("select wo.close_finding('{id}', 'explained')"));
    }
    assert_eq!(company.status(&number), "closed");
    company.assert_intact();
}

/// What the policy says of attempts decides when the finding is opened.
#[test]
fn the_policy_of_the_tenant_decides_about_attempts_too() {
    let company = company();
    company.administer(
        "insert into wo.finding_policy (source, blocking)
         values ('other_attempt', true), ('missing_edge_attempt', false)",
    );
    let number = company.reach("in_progress");
    let patch =
        format!("select wo.patch_work_order('{number}', '{{\"title\": \"x\"}}', 'because')");
    company.refused("worker", &patch, "42501", "field_not_permitted");
    let closed = format!("select wo.transition('{number}', 'closed', 'because')");
    company.refused("worker", &closed, "55000", "illegal_transition");
    recorded(&company.database, "illegal_transition", 1);
    company.database.wait_until("select count(*) = 2 from wo.finding");
    let found = company.all(ROOT, "select source || ' ' || blocking from wo.finding order by code");
    assert_eq!(found, ["other_attempt true", "missing_edge_attempt false"]);
}
