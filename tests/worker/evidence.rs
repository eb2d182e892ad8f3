//! Findings and refused attempts in the evidence of a work order: the first that an inspector asks for.

use serde_json::Value;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_rules::evidence::verify::{Verdict, verify};

use crate::worker::attempts::{company, recorded};

fn text(company: &Company, who: &str, number: &str) -> String {
    company.one(who, &format!("select wo.evidence_package('{number}')"))
}

fn package(company: &Company, who: &str, number: &str) -> Value {
    let text = text(company, who, number);
    let report = verify(text.as_bytes());
    assert!(report.intact, "{:#?}", report.problems);
    serde_json::from_str(&text).unwrap()
}

/// Without them in the package an inspector reads of a proper course where somebody attempted to pass an approval. A
/// column that a later version, or a DBA, adds to findings is there too, with its times written as all others.
#[test]
fn the_evidence_has_the_findings_and_the_refused_attempts() {
    let company = company();
    let number = company.reach("in_progress");
    let closed = format!("select wo.transition('{number}', 'closed', 'now')");
    company.refused("worker", &closed, "55000", "illegal_transition");
    company.refused("worker", &closed, "55000", "illegal_transition");
    company.database.wait_until("select coalesce(sum(attempts), 0) = 2 from wo.finding");
    company.run(
        ROOT,
        "alter table wo.finding add looked_at timestamptz default '2026-03-05 09:08:07.5+00'",
    );
    let held = package(&company, "worker", &number);
    let finding = &held["sections"]["findings"][0];
    assert_eq!(finding["code"], "illegal_transition");
    assert_eq!(finding["attempts"], 2);
    assert_eq!(finding["closed_at"], Value::Null);
    assert_eq!(finding["looked_at"], "2026-03-05T09:08:07.500000Z");
    assert!(finding["opened_at"].as_str().unwrap().ends_with('Z'), "{finding}");
    let attempts = held["sections"]["refused_attempts"]["listed"].as_array().unwrap();
    let times: i64 = attempts.iter().map(|one| one["attempts"].as_i64().unwrap()).sum();
    assert_eq!(times, 2, "{attempts:?}");
    assert_eq!(attempts[0]["actor"], "worker");
    assert_eq!(attempts[0]["to_status"], "closed");
    assert_eq!(attempts[0]["client_address"], Value::Null, "where it came from is for QA alone");
    let made = &held["sections"]["made"];
    assert_eq!(made["by"], "worker");
    assert_eq!(made["occasion"], "request");
    assert_eq!(made["wo_core"], env!("CARGO_PKG_VERSION"));
    let server: String =
        company.one(ROOT, "select split_part(current_setting('server_version'), ' ', 1)");
    assert_eq!(made["postgresql"], Value::from(server));
    let page: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    for shown in
        ["illegal transition", "1 finding", "1 OPEN", "Attempts that were refused", "Page made"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    company.assert_intact();
}

/// Who may not read refused attempts does not get them by way of the evidence of a work order without findings.
#[test]
fn the_refused_attempts_on_a_plain_work_order_are_for_qa() {
    let company = company();
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('[x] free', regulatory => false) ->> 'wo_number'",
    );
    let closed = format!("select wo.transition('{number}', 'closed', 'now')");
    company.refused("originator", &closed, "55000", "illegal_transition");
    recorded(&company.database, "illegal_transition", 1);
    let of = |who| package(&company, who, &number)["sections"]["refused_attempts"].take();
    assert_eq!(of("originator"), Value::Null);
    assert_eq!(of("qa")["total"], 1);
}

/// psycopg and node-pg parse a result of type json, and who stores it again stores other bytes. As text it survives
/// them; what was parsed all the same is distinguished from a forgery.
#[test]
fn the_package_is_text_and_one_that_was_parsed_is_told_from_a_forged_one() {
    let company = company();
    let number = company.reach("in_progress");
    let fields =
        r#"{"metadata": {"a": 12000.50, "b": [1, {"c": "é \" / \\"}]}, "actual_hours": 3.50}"#;
    company.run("worker", &format!("select wo.patch_work_order('{number}', '{fields}')"));
    let types: String = company.one(
        ROOT,
        "select string_agg(distinct prorettype::regtype::text, ',') from pg_proc where proname = 'evidence_package'",
    );
    assert_eq!(types, "text");
    let original = text(&company, "qa", &number);
    assert_eq!(verify(original.as_bytes()).verdict, Verdict::Intact);
    let parsed: Value = serde_json::from_str(&original).unwrap();
    let again = serde_json::to_string_pretty(&parsed).unwrap();
    assert_eq!(verify(again.as_bytes()).verdict, Verdict::Reformatted);
    let forged = again.replace("12000.5", "12000.6");
    assert_eq!(verify(forged.as_bytes()).verdict, Verdict::NotIntact);
}

/// The trail for people names signatures and requests in words, and nobody called postgres did what a job did.
#[test]
fn the_trail_for_people_has_no_json_and_says_who_the_worker_is() {
    let company = company();
    let number = company.reach("in_progress");
    let rows = company.rows("qa", &format!("select who, what from wo.audit_trail('{number}')"));
    let shown: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.get(0), row.get::<_, Option<String>>(1).unwrap_or_default()))
        .collect();
    assert!(
        shown.iter().all(|(_, what)| !what.contains("{\"") && !what.contains("approval:")),
        "{shown:#?}"
    );
    let is_signature = |what: &str| {
        what.contains("approval added (")
            && what.contains("role qa")
            && what.contains("decision approved")
    };
    assert!(shown.iter().any(|(_, what)| is_signature(what)), "{shown:#?}");
    for (proof, who) in [
        ("worker", "the worker"),
        ("job", "a job, called by database role postgres"),
        ("administration", "administrator, as database role postgres"),
    ] {
        company.run(
            ROOT,
            &format!(
                "alter table wo.audit_entry disable trigger all;
                 update wo.audit_entry set actor = null, authenticated_by = '{proof}', login_role = 'postgres'
                 where subject = 'work_order' and sequence = 1;
                 alter table wo.audit_entry enable trigger all; select wo_private.enforce()"
            ),
        );
        let first: String =
            company.one("qa", &format!("select who from wo.audit_trail('{number}') limit 1"));
        assert_eq!(first, who);
    }
}
