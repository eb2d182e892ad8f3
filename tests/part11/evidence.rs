//! The evidence package: complete, readable, and verified without the database (11.10(b), 11.50(b)).

use serde_json::Value;
use wo_cluster_tests::signing::{Ask, Company, ROOT, full_name};

/// What the offline verifier says against a package; nothing where it passes.
pub fn offline_problems(package: &str) -> Vec<String> {
    let report = wo_rules::evidence::verify::verify(package.as_bytes());
    assert_eq!(report.intact, report.problems.is_empty());
    report.problems.iter().map(|one| format!("{}: {}", one.pointer, one.problem)).collect()
}

const SECTIONS: [&str; 18] = [
    "made",
    "tenant",
    "work_order",
    "child_records",
    "lifecycle",
    "master",
    "children",
    "dependencies",
    "signatures",
    "signing_keys",
    "delegations",
    "principals",
    "findings",
    "refused_attempts",
    "trail",
    "ledger",
    "concepts",
    "how_to_verify",
];

fn package(company: &Company, number: &str) -> (String, Value) {
    let text: String = company.one("qa", &format!("select wo.evidence_package('{number}')"));
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

/// A closed work order with four signatures, one of them by a delegate.
fn closed(company: &Company) -> String {
    let number = company.reach("completed");
    company.run(
        "owner",
        "select wo.delegate_approval('worker_2', 'system_owner', now(), now() + interval '1 day', 'on leave')",
    );
    company.signed(
        "worker_2",
        &Ask::approve(&number, "system_owner", "completion").on_behalf_of("owner"),
    );
    company.signed("qa", &Ask::approve(&number, "qa", "completion"));
    assert_eq!(company.status(&number), "closed");
    number
}

#[test]
fn row_2_the_package_holds_record_signatures_and_trail_and_verifies_offline() {
    let company = Company::found();
    let number = closed(&company);
    let (text, package) = package(&company, &number);
    assert_eq!(package["format"], "wo_core.evidence.v1");
    let sections = package["sections"].as_object().unwrap();
    assert_eq!(sections.keys().map(String::as_str).collect::<Vec<_>>(), SECTIONS);
    assert_eq!(package["manifest"].as_object().unwrap().len(), SECTIONS.len());

    // The record: every column that has a value.
    let record = sections["work_order"]["record"].as_object().unwrap();
    assert_eq!(sections["work_order"]["wo_number"], number.as_str());
    assert_eq!(sections["work_order"]["status"], "closed");
    for column in ["title", "description", "assignee", "originator", "regulatory"] {
        assert!(record.contains_key(column), "{column} is missing: {record:?}");
    }
    // The signatures: each as it stands in the table, with the key that verifies it.
    let rows = company.rows(
        ROOT,
        "select id::text, payload, signer, printed_name from wo.approval order by signed_at, id",
    );
    let signatures = sections["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 4);
    for (signature, row) in signatures.iter().zip(&rows) {
        for (member, column) in
            [("approval", 0), ("payload", 1), ("signer", 2), ("printed_name", 3)]
        {
            assert_eq!(signature[member], row.get::<_, String>(column).as_str());
        }
        let key = signature["key_id"].as_str();
        let keys = sections["signing_keys"].as_array().unwrap();
        assert!(keys.iter().any(|held| held["key_id"].as_str() == key), "{key:?}");
    }
    assert_eq!(sections["delegations"].as_array().unwrap().len(), 1);
    // The trail: every entry.
    let entries: i64 = company.one(
        ROOT,
        &format!(
            "select count(*) from wo.audit_entry where subject_id = '{}'",
            company.id(&number)
        ),
    );
    assert_eq!(sections["trail"].as_array().unwrap().len() as i64, entries);
    for who in ["originator", "planner", "worker", "owner", "qa", "worker_2"] {
        let people = sections["principals"].as_array().unwrap();
        assert!(people.iter().any(|person| person["id"] == who), "{who}");
    }
    assert_eq!(offline_problems(&text), [""; 0]);
}

#[test]
fn row_2_a_package_in_which_one_byte_was_changed_does_not_verify() {
    let company = Company::found();
    let number = closed(&company);
    let (text, _) = package(&company, &number);
    assert_eq!(offline_problems(&text), [""; 0]);
    // Every 97th byte: a prime, so that all kinds of places are met.
    for at in (0..text.len()).step_by(97) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(!offline_problems(&changed).is_empty(), "byte {at} of {}", text.len());
    }
}

#[test]
fn row_2_a_package_is_made_of_a_work_order_in_any_state() {
    let company = Company::found();
    for state in ["draft", "pending_approval", "assigned", "in_progress", "completed", "closed"] {
        let number = company.reach(state);
        let (text, _) = package(&company, &number);
        assert_eq!(offline_problems(&text), [""; 0], "{state}");
    }
}

#[test]
fn row_2_the_report_is_the_same_for_people_to_read() {
    let company = Company::found();
    let number = closed(&company);
    let report: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    assert!(report.to_lowercase().contains("<html"), "{report}");
    for said in [&number, "Mend the pump", "It leaks.", "closed", "regulated_change"] {
        assert!(report.contains(said), "{said} is not in the report: {report}");
    }
    let trail =
        company.all("qa", &format!("select distinct action from wo.audit_trail('{number}')"));
    for action in trail {
        let spoken = action.replace('_', " ");
        assert!(report.contains(&spoken), "{spoken} is not in the report");
    }
}

#[test]
fn row_2_markup_in_a_record_stays_text_in_the_report() {
    let company = Company::found();
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('<script>alert(1)</script>', description => '\"><img src=x onerror=y>',
            regulatory => true) ->> 'wo_number'",
    );
    let report: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    assert!(!report.contains("<script>alert"), "{report}");
    assert!(!report.contains("<img src=x"), "{report}");
    assert!(report.contains("&lt;script&gt;alert(1)"), "{report}");
}

#[test]
fn row_17_every_readable_form_of_the_record_shows_its_signatures() {
    let company = Company::found();
    let number = closed(&company);
    let shown = company.rows(
        "planner",
        &format!("select printed_name, meaning, signed from wo.signatures('{number}')"),
    );
    assert_eq!(shown.len(), 4);
    let forms = [
        ("report", format!("select wo.evidence_report('{number}')")),
        ("package", format!("select wo.evidence_package('{number}')")),
        ("detail", format!("select wo.get_work_order_detail('{number}')::text")),
        (
            "trail",
            format!(
                "select string_agg(concat_ws(' ', at, who, action, why, what), e'\\n') from wo.audit_trail('{number}')"
            ),
        ),
    ];
    for (form, sql) in forms {
        let text: String = company.one("planner", &sql);
        for who in ["owner", "qa", "worker_2"] {
            assert!(text.contains(&full_name(who)), "the {form} does not name {who}: {text}");
        }
        for meaning in ["plan", "completion"] {
            assert!(text.contains(meaning), "the {form} does not say {meaning}: {text}");
        }
        for row in &shown {
            let signed: String = row.get(2);
            // 2026-11-21 14:05:03.123456 UTC (Europe/Berlin)
            let time = signed.split(' ').nth(1).unwrap();
            let seconds = time.split('.').next().unwrap();
            assert!(text.contains(seconds), "the {form} does not say when, {signed}: {text}");
        }
    }
}

#[test]
fn row_27_the_report_flags_what_was_changed_since_it_was_entered() {
    let company = Company::found();
    let number = company.create("Mend the pump");
    let before: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    company.run(
        "originator",
        &format!("update wo.work_order set description = 'It bursts.', reason = 'looked again' where wo_number = '{number}'"),
    );
    let after: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    for said in ["It leaks.", "It bursts.", "looked again"] {
        assert!(after.contains(said), "{said} is not in the report: {after}");
    }
    let flag = "▲ CHANGED";
    assert!(!before.contains(flag), "nothing was changed yet: {before}");
    assert!(after.contains(flag), "the change is not flagged: {after}");
}
