//! What the server fills in when a work order changes its state: actual start and end, the cause of a block; and
//! where it came from.

use postgres::error::Error;
use wo_cluster_tests::refused;
use wo_cluster_tests::signing::{Company, ROOT};

type Times = (Option<String>, Option<String>);

fn times(company: &Company, number: &str) -> Times {
    let row = &company.rows(
        ROOT,
        &format!("select actual_start::text, actual_end::text from wo.work_order where wo_number = '{number}'"),
    )[0];
    (row.get(0), row.get(1))
}

/// Columns and report stayed empty unless the assignee typed both times.
#[test]
fn start_and_end_are_captured_from_the_transitions() {
    let company = Company::found();
    let number = company.reach("assigned");
    assert_eq!(times(&company, &number), (None, None));
    company.transition("worker", &number, "in_progress");
    let (start, end) = times(&company, &number);
    assert!(start.is_some() && end.is_none());
    // What is blocked and goes on started before.
    company.transition("worker", &number, "blocked");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "completed");
    let (again, first_end) = times(&company, &number);
    assert_eq!(again, start);
    assert!(first_end.is_some());

    // Rework: the first start stays, the work has no end until it is completed again.
    company.run("qa", &format!("select wo.transition('{number}', 'in_progress', 'not tight')"));
    assert_eq!(times(&company, &number), (start.clone(), None));
    company.transition("worker", &number, "completed");
    let (again, second_end) = times(&company, &number);
    assert_eq!(again, start);
    assert!(second_end > first_end, "{second_end:?} {first_end:?}");

    // Planned anew: the first start stays too.
    company.sign_both(&number, "completion");
    assert_eq!(company.status(&number), "closed");
    let trail = company.all(
        "qa",
        &format!(
            "select action from wo.audit_entry as told join wo.work_order as held on held.id = told.subject_id
             where held.wo_number = '{number}' and told.changes::jsonb ?| '{{actual_start,actual_end}}'
             order by told.sequence"
        ),
    );
    assert_eq!(trail, ["start", "complete", "reject", "complete"]);
    company.assert_intact();
}

/// What the assignee states stays, before and with the transition, and by raw SQL.
#[test]
fn what_the_assignee_states_is_kept() {
    let company = Company::found();
    let number = company.reach("assigned");
    company.run(
        "worker",
        &format!(
            "update wo.work_order set status = 'in_progress', reason = 'r', actual_start = '2026-01-02 03:04+00'
             where wo_number = '{number}'"
        ),
    );
    company.run(
        "worker",
        &format!("select wo.patch_work_order('{number}', '{{\"actual_end\": \"2026-01-03T00:00:00Z\"}}', 'r')"),
    );
    company.transition("worker", &number, "completed");
    let stated = |end: &str| {
        let sql = format!(
            "select actual_start = '2026-01-02 03:04+00' and actual_end = '{end}' from wo.work_order where wo_number = '{number}'"
        );
        company.one::<bool>(ROOT, &sql)
    };
    assert!(stated("2026-01-03 00:00+00"));
    company.run("qa", &format!("select wo.transition('{number}', 'in_progress', 'not tight')"));
    company.run(
        "worker",
        &format!(
            "select wo.transition('{number}', 'completed', 'r', fields => '{{\"actual_end\": \"2026-01-04T00:00:00Z\"}}')"
        ),
    );
    assert!(stated("2026-01-04 00:00+00"));
    company.assert_intact();
}

/// Regulatory work was completed without a word of what was done; other work needs none.
#[test]
fn completing_regulatory_work_needs_a_summary_and_hours() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let complete = |fields: &str| {
        format!("select wo.transition('{number}', 'completed', 'r', fields => '{fields}')")
    };
    let raw = format!(
        "update wo.work_order set status = 'completed', reason = 'r' where wo_number = '{number}'"
    );
    for (sql, missing) in [
        (complete("{}"), vec!["completion_summary", "actual_hours"]),
        (raw, vec!["completion_summary", "actual_hours"]),
        (complete(r#"{"completion_summary": "s"}"#), vec!["actual_hours"]),
        (complete(r#"{"completion_summary": " ", "actual_hours": 1}"#), vec!["completion_summary"]),
    ] {
        let detail = company.refused("worker", &sql, "23514", "fields_missing");
        assert_eq!(detail["missing_fields"], serde_json::json!(missing), "{sql}");
    }
    let missing: Vec<String> = company.one(
        "worker",
        &format!("select missing_fields from wo.allowed_transitions('{number}') where action = 'complete'"),
    );
    assert_eq!(missing, ["completion_summary", "actual_hours"]);
    company.run("worker", &complete(r#"{"completion_summary": "s", "actual_hours": 0.5}"#));

    let plain: String = company.one(
        "originator",
        "select wo.create_work_order('plain', description => 'd', assignee => 'worker') ->> 'wo_number'",
    );
    for (who, to) in
        [("originator", "pending_approval"), ("planner", "assigned"), ("worker", "in_progress")]
    {
        company.transition(who, &plain, to);
    }
    company.run("worker", &format!("select wo.transition('{plain}', 'completed')"));

    // The same for agents' changes, at the submission.
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('a', lifecycle => 'agent_change', regulatory => true, description => 'd',
            assignee => 'worker', planned_start => now(), planned_end => now()) ->> 'wo_number'",
    );
    for (who, to) in
        [("orchestrator", "planned"), ("orchestrator", "scheduled"), ("worker", "in_progress")]
    {
        company.transition(who, &number, to);
    }
    let submit = format!("select wo.transition('{number}', 'pending_review', 'r')");
    company.refused("worker", &submit, "23514", "fields_missing");
    company.transition("worker", &number, "pending_review");
}

/// After a rework `complete_work_order` asked for what stood in the row, and the other door did not.
#[test]
fn both_doors_to_a_completion_ask_for_the_same() {
    let company = Company::found();
    let reworked = || {
        let number: String = company.one(
            "originator",
            "select wo.create_work_order('[A-B] t', lifecycle => 'fleet_task', assignee => 'worker') ->> 'wo_number'",
        );
        company.run(
            "worker",
            &format!(
                "select wo.accept_work_order('{number}'); select wo.update_work_order_status('{number}', 'in_progress')"
            ),
        );
        for door in [
            format!("select wo.complete_work_order('{number}')"),
            format!("select wo.complete_work_order('{number}', null, 1)"),
            format!("select wo.update_work_order_status('{number}', 'review')"),
        ] {
            company.refused("worker", &door, "23514", "fields_missing");
        }
        company.run("worker", &format!("select wo.complete_work_order('{number}', 's', 1)"));
        company.run("captain", &format!("select wo.verify_work_order('{number}', false, 'again')"));
        company.run(
            "worker",
            &format!("select wo.update_work_order_status('{number}', 'in_progress')"),
        );
        number
    };
    company.hire("captain", &["captain"]);
    let number = reworked();
    company.run("worker", &format!("select wo.complete_work_order('{number}')"));
    let number = reworked();
    company.run("worker", &format!("select wo.complete_work_order('{number}', actual_hours => 2)"));
    let kept = format!(
        "select completion_summary || actual_hours from wo.work_order where wo_number = '{number}'"
    );
    assert_eq!(company.one::<String>(ROOT, &kept), "s2.00");
    let number = reworked();
    company.run("worker", &format!("select wo.update_work_order_status('{number}', 'review')"));
}

fn cause(company: &Company, number: &str) -> Option<String> {
    let sql = format!("select block_cause::text from wo.work_order where wo_number = '{number}'");
    company.rows(ROOT, &sql)[0].get(0)
}

/// The cause is one of a list, given with the edge into a blocked state and no other way, and ends with the block.
#[test]
fn every_edge_into_a_blocked_state_takes_a_cause() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let block = |cause: &str| {
        format!(
            "select wo.transition('{number}', 'blocked', 'r', fields => '{{\"block_cause\": \"{cause}\"}}')"
        )
    };
    company.refused("worker", &block("mood"), "23514", "value_unknown");
    let set = |value: &str| {
        format!(
            "update wo.work_order set block_cause = {value}, reason = 'r' where wo_number = '{number}'"
        )
    };
    for who in ["worker", "owner", "planner"] {
        company.refused(who, &set("'tool'"), "42501", "field_not_permitted");
    }
    company.refused(
        "worker",
        &format!(
            "select wo.transition('{number}', 'completed', 'r',
                fields => '{{\"block_cause\": \"tool\", \"completion_summary\": \"s\", \"actual_hours\": 1}}')"
        ),
        "42501",
        "field_not_permitted",
    );
    company.run("worker", &block("vendor"));
    assert_eq!(cause(&company, &number).as_deref(), Some("vendor"));
    company.refused("worker", &set("null"), "42501", "field_not_permitted");
    company.transition("worker", &number, "in_progress");
    assert_eq!(cause(&company, &number), None);
    company.transition("planner", &number, "blocked");
    assert_eq!(cause(&company, &number).as_deref(), Some("other"));
    company.run("planner", &format!("select wo.transition('{number}', 'in_progress', 'r')"));
    company.run(
        "planner",
        &format!(
            "update wo.work_order set status = 'blocked', block_cause = 'tool', reason = 'r' where wo_number = '{number}'"
        ),
    );
    assert_eq!(cause(&company, &number).as_deref(), Some("tool"));
    company.refused(
        "worker",
        "insert into wo.work_order (title, block_cause) values ('t', 'tool')",
        "55000",
        "field_not_permitted",
    );
    company.assert_intact();
}

fn source(company: &Company, number: &str) -> String {
    company
        .one(ROOT, &format!("select source::text from wo.work_order where wo_number = '{number}'"))
}

/// Anybody could claim that a program or a vendor had asked for the work.
#[test]
fn the_source_follows_from_the_principal_and_is_not_claimed() {
    let company = Company::found();
    for (id, kind) in [("job", "system"), ("supplier", "vendor"), ("bot", "agent")] {
        company.administer(&format!("select wo.create_principal('{id}', '{kind}')"));
    }
    let create = |who: &str| -> Result<String, Error> {
        company.acting(who, |client| {
            let sql = "select wo.create_work_order('t') ->> 'wo_number'";
            client.query_one(sql, &[]).map(|row| row.get(0))
        })
    };
    for (who, derived) in
        [("job", "automation"), ("supplier", "external"), ("bot", "manual"), ("worker", "manual")]
    {
        let number = create(who).unwrap();
        assert_eq!(source(&company, &number), derived, "{who}");
        if derived == "external" {
            continue;
        }
        let claim = "insert into wo.work_order (title, source) values ('t', 'external')";
        let tried = company.acting(who, |client| client.batch_execute(claim));
        refused(tried, "42501", "column_not_writable");
        let claims = r#"select made::text from wo.create_work_orders('[{"title": "t", "source": "external"}]') as made"#;
        let answer: String = company
            .acting(who, |client| client.query_one(claims, &[]).map(|row| row.get(0)))
            .unwrap();
        assert!(answer.contains("column_not_writable"), "{answer}");
    }
    let copied = company.with("worker", |client| {
        let mut copy = client.copy_in("copy wo.work_order_import (title, source) from stdin")?;
        std::io::Write::write_all(&mut copy, b"t\texternal\n").unwrap();
        copy.finish()
    });
    refused(copied, "42501", "column_not_writable");
    let number = create("worker").unwrap();
    for who in ["worker", "owner", "planner"] {
        let sql = format!(
            "update wo.work_order set source = 'external', reason = 'r' where wo_number = '{number}'"
        );
        company.refused(who, &sql, "42501", "field_not_permitted");
    }
    // An administrator's import states where the work came from.
    company.run(
        "admin",
        "insert into wo.work_order (title, source, wo_number) values ('old', 'external', 'OLD-1')",
    );
    assert_eq!(source(&company, "OLD-1"), "external");
}
