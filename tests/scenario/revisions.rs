//! The revision of a work order: how often it was sent back after it was handed in, in every lifecycle.

use wo_cluster_tests::signing::{Ask, Company, ROOT};

fn revision(company: &Company, number: &str) -> i32 {
    company.one(ROOT, &format!("select revision from wo.work_order where wo_number = '{number}'"))
}

/// Of work that was returned, replanned and rejected the evidence said revision 1.
#[test]
fn a_regulated_change_counts_returns_replans_and_rejections() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let mut expected = 1;
    let check = |expected: i32| assert_eq!(revision(&company, &number), expected);
    check(expected);
    company.transition("qa", &number, "draft");
    expected += 1;
    check(expected);
    company.transition("originator", &number, "pending_approval");
    // A signer who rejects sends it back as well.
    company.signed("qa", &Ask::reject(&number, "qa", "plan", "not like this"));
    assert_eq!(company.status(&number), "draft");
    expected += 1;
    check(expected);
    company.transition("originator", &number, "pending_approval");
    company.sign_both(&number, "plan");
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "blocked");
    company.transition("worker", &number, "in_progress");
    check(expected);
    company.transition("planner", &number, "pending_approval");
    expected += 1;
    check(expected);
    company.sign_both(&number, "plan");
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "completed");
    check(expected);
    company.run("qa", &format!("select wo.transition('{number}', 'in_progress', 'not tight')"));
    expected += 1;
    check(expected);
    company.transition("worker", &number, "completed");
    company.sign_both(&number, "completion");
    assert_eq!(company.status(&number), "closed");
    check(expected);
    let page: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    assert!(page.contains("sent back 4 times"));
    company.assert_intact();
}

/// A task that a captain rejected is one revision further, and not two when its rework begins.
#[test]
fn a_rejected_task_and_a_reworked_agent_change_are_counted_once() {
    let company = Company::found();
    company.administer("select wo.grant_role('owner', 'captain')");
    let number: String = company.one(
        "owner",
        "select wo.create_work_order('[A-B] c', lifecycle => 'fleet_task', assignee => 'worker') ->> 'wo_number'",
    );
    for (who, to, expected) in [
        ("worker", "accepted", 1),
        ("worker", "in_progress", 1),
        ("worker", "review", 1),
        ("owner", "rejected", 2),
        ("worker", "in_progress", 2),
        ("worker", "review", 2),
        ("owner", "approved", 2),
    ] {
        let fields = if to == "review" {
            r#", '{"completion_summary": "s", "actual_hours": 1}'"#
        } else {
            ""
        };
        let fields = if revision(&company, &number) == 2 { "" } else { fields };
        company.run(who, &format!("select wo.transition('{number}', '{to}', 'because'{fields})"));
        assert_eq!(revision(&company, &number), expected, "{to}");
    }
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('m', lifecycle => 'agent_change', assignee => 'worker',
            description => 'd', planned_start => now(), planned_end => now()) ->> 'wo_number'",
    );
    for (who, to, expected) in [
        ("orchestrator", "planned", 1),
        ("orchestrator", "scheduled", 1),
        ("worker", "in_progress", 1),
        ("worker", "pending_review", 1),
        ("qa", "in_progress", 2),
        ("worker", "pending_review", 2),
        ("qa", "draft", 3),
    ] {
        let fields = if who == "qa" {
            format!(", '{{\"deficiencies\": [\"{to}\"]}}'")
        } else {
            String::new()
        };
        company.run(who, &format!("select wo.transition('{number}', '{to}', 'because'{fields})"));
        assert_eq!(revision(&company, &number), expected, "{to}");
    }
    company.assert_intact();
}
