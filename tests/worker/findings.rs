//! Findings: opened by the enforcement layer for a regulatory work order, closed by QA with a resolution, and held
//! against their trail.

use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::behind_the_back;
use wo_cluster_tests::signing::{Company, ROOT};

use crate::worker::attempts::{company, recorded};

const OPEN: &str = "select finding from wo.findings()";

fn attempt(company: &Company, who: &str, number: &str) {
    let closed = format!("select wo.transition('{number}', 'closed', 'now')");
    company.refused(who, &closed, "55000", "illegal_transition");
}

fn opened(company: &Company) -> Uuid {
    company.database.wait_until("select count(*) = 1 from wo.finding");
    company.one("qa", OPEN)
}

fn told(company: &Company, kind: &str) -> Vec<Value> {
    company
        .rows(ROOT, &format!("select data from wo.event where type = '{kind}' order by position"))
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[test]
fn a_refused_attempt_at_a_regulatory_work_order_opens_one_finding() {
    let company = company();
    let number = company.reach("in_progress");
    attempt(&company, "worker", &number);
    let finding = opened(&company);
    attempt(&company, "worker", &number);
    attempt(&company, "planner", &number);
    company.database.wait_until("select sum(attempts) = 3 from wo.finding");
    let row = &company.rows(
        "qa",
        "select wo_number, code, opened_for, attempts, (select actors from wo.finding) from wo.findings()",
    )[0];
    assert_eq!(row.get::<_, &str>(0), number);
    assert_eq!(row.get::<_, &str>(1), "illegal_transition");
    assert_eq!(row.get::<_, &str>(2), "worker");
    assert_eq!(row.get::<_, i64>(3), 3);
    assert_eq!(row.get::<_, Vec<String>>(4), ["worker", "planner"]);
    let opened = told(&company, "wo.finding_opened");
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!(opened[0]["finding"], finding.to_string());
    assert_eq!(opened[0]["opened_for"], "worker");
    company.assert_intact();
}

#[test]
fn a_work_order_that_is_not_regulatory_opens_none() {
    let company = company();
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('[x] free', regulatory => false) ->> 'wo_number'",
    );
    attempt(&company, "originator", &number);
    recorded(&company.database, "illegal_transition", 1);
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.finding"), 0);
}

#[test]
fn an_attempt_at_a_locked_work_order_opens_one_too() {
    let company = company();
    let number = company.reach("closed");
    let patch =
        format!("select wo.patch_work_order('{number}', '{{\"notes\": \"x\"}}', 'because')");
    company.refused("worker", &patch, "55000", "record_locked");
    opened(&company);
    company.assert_intact();
}

#[test]
fn qa_closes_a_finding_with_a_resolution_and_whose_attempt_it_was_does_not() {
    let company = company();
    let number = company.reach("in_progress");
    attempt(&company, "qa", &number);
    let finding = opened(&company);
    let close = |resolution: &str| format!("select wo.close_finding('{finding}', {resolution})");
    for (who, resolution, sqlstate, code) in [
        ("worker", "'no harm'", "42501", "role_missing"),
        ("qa", "'no harm'", "42501", "finding_of_ones_own"),
        ("qa_2", "' '", "23514", "fields_missing"),
        ("qa_2", "null", "23514", "fields_missing"),
    ] {
        company.refused(who, &close(resolution), sqlstate, code);
    }
    let unknown = "select wo.close_finding(gen_random_uuid(), 'x')";
    company.refused("qa_2", unknown, "22023", "finding_unknown");
    company.run("qa_2", &close("'no harm: trained anew'"));
    company.refused("qa_2", &close("'again'"), "55000", "finding_closed");
    let row = &company.rows("planner", "select closed_by, resolution from wo.findings(false)")[0];
    assert_eq!(row.get::<_, &str>(0), "qa_2");
    assert_eq!(row.get::<_, &str>(1), "no harm: trained anew");
    assert_eq!(told(&company, "wo.finding_closed").len(), 1);
    company.assert_intact();
    // What is attempted from now on opens another.
    attempt(&company, "worker", &number);
    company.database.wait_until("select count(*) = 2 from wo.finding");
    assert_eq!(company.all("qa", "select code from wo.findings()").len(), 1);
    assert_eq!(company.all("qa", "select code from wo.findings(null)").len(), 2);
}

#[test]
fn raw_sql_meets_the_same_rules() {
    let company = company();
    let number = company.reach("in_progress");
    attempt(&company, "worker", &number);
    opened(&company);
    for (who, sql, sqlstate, code) in [
        ("worker", "update wo.finding set resolution = 'x'", "42501", "role_missing"),
        ("qa", "update wo.finding set resolution = ''", "23514", "fields_missing"),
        (
            "qa",
            "update wo.finding set attempts = 0, resolution = 'x'",
            "42501",
            "written_by_enforcement_alone",
        ),
        ("qa", "update wo.finding set actors = '{}'", "42501", "written_by_enforcement_alone"),
        (ROOT, "truncate wo.finding", "42501", "truncate_refused"),
        (ROOT, "delete from wo.finding", "42501", "delete_refused"),
    ] {
        company.refused(who, sql, sqlstate, code);
    }
    company.run("qa", "update wo.finding set resolution = 'seen', closed_by = 'qa'");
    let row = &company
        .rows("qa", "select closed_by, closed_at > now() - interval '1 hour' from wo.finding")[0];
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("qa", true));
}

#[test]
fn a_finding_that_was_tampered_with_is_named() {
    let company = company();
    let number = company.reach("in_progress");
    attempt(&company, "worker", &number);
    opened(&company);
    for change in [
        "update wo.finding set opened_for = 'planner'",
        "update wo.finding set attempts = 1000",
        "delete from wo.finding",
    ] {
        company.with(ROOT, |client| {
            let mut transaction = client.transaction().unwrap();
            behind_the_back(&mut transaction, "wo.finding", change);
            transaction.commit().unwrap();
        });
        let problems = company.problems();
        assert!(problems.iter().any(|(subject, _)| subject == "finding"), "{change}: {problems:?}");
    }
}
