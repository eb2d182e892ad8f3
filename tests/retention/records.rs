//! Ended work orders past their retention: a stub in the database, everything else in the package.

use serde_json::Value;
use wo_cluster_tests::signing::ROOT;
use wo_rules::retention::CONTENT;

use crate::retention::past::Past;

fn archive_records(past: &Past) -> i32 {
    past.company.one(ROOT, "select done from wo.tick() where job = 'records_archived'")
}

fn row(past: &Past, number: &str) -> Value {
    past.company.one(
        ROOT,
        &format!("select to_jsonb(held) from wo.work_order as held where wo_number = '{number}'"),
    )
}

#[test]
fn an_ended_work_order_becomes_a_stub_and_its_package_keeps_everything() {
    let past = Past::found();
    let old = past.company.reach("closed");
    // Not regulatory: no package was kept when it ended.
    let plain: String = past.company.one(
        "originator",
        "select wo.create_work_order('Sweep', description => 'The yard.', tags => '{yard}',
            metadata => '{\"a\": 1}') ->> 'wo_number'",
    );
    past.company.transition("originator", &plain, "pending_approval");
    past.company.transition("planner", &plain, "cancelled");
    past.happened(4);
    let young = past.company.reach("closed");
    let before: Vec<Value> = [&old, &plain].map(|number| row(&past, number)).into();
    assert_eq!(archive_records(&past), 2);
    assert_eq!(archive_records(&past), 0, "once");
    assert_eq!(row(&past, &young)["archived_at"], Value::Null);
    for (number, before) in [&old, &plain].into_iter().zip(&before) {
        let after = row(&past, number);
        assert!(after["archived_at"].is_string());
        for field in CONTENT {
            let value = &after[field.name()];
            let is_empty = value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(serde_json::Map::is_empty);
            assert!(is_empty, "{}: {value}", field.name());
        }
        for kept in ["id", "wo_number", "title", "status", "originator", "created_at", "locked_at"]
        {
            assert_eq!(after[kept], before[kept], "{kept}");
        }
        let package: String =
            past.company.one("qa", &format!("select wo.evidence_package('{number}')"));
        let said: Value = serde_json::from_str(&package).unwrap();
        assert_eq!(said["sections"]["work_order"]["record"]["description"], before["description"]);
        let file = past.directory().join(format!("{}/{number}.json", past.company.tenant));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), package);
        let problems = wo_rules::evidence::verify::verify(package.as_bytes()).problems;
        assert!(problems.is_empty(), "{problems:?}");
        let entry: Value = past.company.one(
            "qa",
            &format!(
                "select to_jsonb(told) from wo.audit_entry as told
                 where action = 'archived' and subject_id = '{}'",
                past.company.id(number)
            ),
        );
        let hash: String = past.company.one(
            ROOT,
            &format!(
                "select encode(sha256, 'hex') from wo.evidence where work_order_id = '{}'",
                past.company.id(number)
            ),
        );
        assert!(entry["reason"].as_str().unwrap().ends_with(&hash), "{entry}");
        assert_eq!(entry["changes"]["description"]["old"], before["description"]);
    }
    past.company.assert_intact();
    assert_eq!(past.company.signature_states(&old).len(), 4);
    assert!(
        past.company.signature_states(&old).iter().all(|state| state.ends_with("valid")),
        "what the enforcement layer takes out does not amend what was signed"
    );
}

#[test]
fn nobody_but_enforcement_makes_stubs() {
    let past = Past::found();
    let old = past.company.reach("closed");
    for write in [
        format!("update wo.work_order set archived_at = now() where wo_number = '{old}'"),
        format!("update wo.work_order set description = null where wo_number = '{old}'"),
    ] {
        for who in ["planner", ROOT] {
            let refusal = wo_cluster_tests::db_error(
                past.company.with(who, |client| client.batch_execute(&write)),
            );
            assert!(["42501", "55000"].contains(&refusal.code().code()), "{who}: {refusal:?}");
        }
    }
}

#[test]
fn a_stub_and_its_months_leave_together_and_verify() {
    let past = Past::found();
    let old = past.company.reach("closed");
    past.happened(5);
    assert_eq!(archive_records(&past), 1);
    past.seal();
    past.archive_all();
    past.assert_intact();
    let package: Value =
        past.company.one("qa", &format!("select wo.evidence_package('{old}')::json"));
    assert_eq!(package["sections"]["work_order"]["wo_number"], Value::from(old.as_str()));
}

#[test]
fn one_whose_entries_left_without_a_package_waits() {
    let past = Past::found();
    let plain: String = past.company.one(
        "originator",
        "select wo.create_work_order('Sweep', description => 'The yard.') ->> 'wo_number'",
    );
    past.company.transition("originator", &plain, "pending_approval");
    past.happened(5);
    past.seal();
    // Away before it ended.
    past.archive_all();
    past.company.transition("planner", &plain, "cancelled");
    let id = past.company.id(&plain);
    past.company.tamper(&format!(
        "update wo.work_order set locked_at = now() - interval '5 months' where id = '{id}'"
    ));
    assert_eq!(archive_records(&past), 0);
    let name = past.partition("audit_entry", 5);
    past.company.run(ROOT, &format!("select wo.restore_archive('{name}')"));
    assert_eq!(archive_records(&past), 1);
}
