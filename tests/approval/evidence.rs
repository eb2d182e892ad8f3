//! The evidence of a regulatory work order: made and kept by itself, verified without the database,
//! and worth nothing once a byte of it is another.

use std::process::Command;

use serde_json::Value;
use wo_cluster_tests::db_error;
use wo_rules::evidence::verify::{Report, verify};

use crate::approval::chromium::assert_readable;
use crate::approval::firm::{AUDITOR, Ask, Firm, ROOT, patch};

impl Firm {
    fn package(&self, order: &str) -> String {
        self.one(AUDITOR, &format!("select wo.evidence_package('{order}')"))
    }

    /// Takes the triggers that stand in the way off a table, as a superuser can, and puts them back.
    fn forge(&self, table: &str, sql: &str) {
        self.run(
            ROOT,
            &format!(
                "alter table wo.{table} disable trigger all; {sql};
                 alter table wo.{table} enable trigger all; select wo_private.enforce()"
            ),
        );
    }

    /// What was kept when it ended.
    fn kept(&self, order: &str) -> String {
        let id = self.id(order);
        self.one(
            ROOT,
            &format!("select package::text from wo.evidence where work_order_id = '{id}'"),
        )
    }
}

#[track_caller]
fn assert_verifies(package: &str) -> Report {
    let report = verify(package.as_bytes());
    assert!(report.intact, "{:#?}", report.problems);
    report
}

fn sections(package: &str) -> Value {
    serde_json::from_str::<Value>(package).unwrap()["sections"].take()
}

#[test]
fn the_evidence_of_a_closed_work_order_was_kept_and_verifies() {
    let firm = Firm::found();
    let order = firm.reach("closed");
    let kept = firm.kept(&order);
    assert_eq!(firm.package(&order), kept);
    let report = assert_verifies(&kept);
    assert_eq!(report.work_order.as_deref(), Some(order.as_str()));
    assert_eq!(report.signatures.valid, 4);
    let id = firm.id(&order);
    let (entries, sha): (i64, bool) = {
        let row = firm.with(ROOT, |root| {
            root.query_one(
                "select (select count(*) from wo.audit_entry where subject_id = $1),
                    sha256 = sha256(convert_to(package::text, 'UTF8'))
                 from wo.evidence where work_order_id = $1",
                &[&id],
            )
            .unwrap()
        });
        (row.get(0), row.get(1))
    };
    assert_eq!(i64::try_from(report.entries).unwrap(), entries, "the trail to its very end");
    assert!(sha, "the hash is of the very bytes");

    let sections = sections(&kept);
    assert_eq!(sections["work_order"]["status"], "closed");
    assert!(sections["work_order"]["locked_at"].is_string());
    let signatures = sections["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 4);
    assert!(signatures.iter().all(|one| one["state"] == "valid"), "{signatures:?}");
    let names: Vec<&str> =
        signatures.iter().map(|one| one["printed_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["The owner", "The qa", "The owner", "The qa"]);
    firm.assert_intact();
}

/// Every way that a work order can go leaves evidence that verifies.
#[test]
fn the_evidence_of_every_history_verifies() {
    let firm = Firm::found();
    // Under way: made now, and not kept.
    let running = firm.reach("in_progress");
    assert_verifies(&firm.package(&running));
    assert_eq!(firm.count("evidence"), 0);
    // Amended and signed again.
    let amended = firm.submitted();
    firm.sign_both(&amended, "plan");
    firm.run("owner", &patch(&amended, &serde_json::json!({"title": "Another pump"})));
    assert_eq!(assert_verifies(&firm.package(&amended)).signatures.amended, 2);
    firm.sign_both(&amended, "plan");
    assert_verifies(&firm.package(&amended));
    // Rejected in each phase, withdrawn, delegated, replanned.
    let order = firm.submitted();
    firm.approve("owner", &order, "system_owner", "plan");
    firm.signed("qa", &Ask::reject(&order, "qa", "plan", "the risk is not assessed"));
    assert_verifies(&firm.package(&order));
    firm.transition("originator", &order, "pending_approval");
    firm.acting("owner", |owner| {
        owner.execute(
            "select wo.delegate_approval('deputy', 'system_owner', now(), now() + interval '1 day', 'leave')",
            &[],
        )
    })
    .unwrap();
    let answer =
        firm.signed("deputy", &Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner"));
    let approval: uuid::Uuid = answer["approval"].as_str().unwrap().parse().unwrap();
    firm.acting("deputy", |deputy| {
        deputy.execute("select wo.withdraw_signature($1, 'too soon')", &[&approval])
    })
    .unwrap();
    firm.signed("deputy", &Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner"));
    firm.approve("qa", &order, "qa", "plan");
    firm.transition("planner", &order, "assigned");
    firm.transition("worker", &order, "pending_approval");
    firm.sign_both(&order, "plan");
    firm.transition("planner", &order, "assigned");
    firm.finish(&order);
    firm.signed("qa", &Ask::reject(&order, "qa", "completion", "the test is missing"));
    firm.complete(&order, "tested");
    firm.sign_both(&order, "completion");
    let report = assert_verifies(&firm.kept(&order));
    assert_eq!(report.signatures.withdrawn, 1);
    assert!(report.signatures.void >= 3, "{:?}", report.signatures);
    // Cancelled: a regulatory work order that has ended, too.
    let cancelled = firm.submitted();
    firm.transition("planner", &cancelled, "cancelled");
    assert_verifies(&firm.kept(&cancelled));
    // Not regulatory, and without a signature.
    let plain: String = firm.one("planner", "select wo.create_work_order('x') ->> 'wo_number'");
    assert_verifies(&firm.package(&plain));
    // A key that was revoked after it had signed.
    firm.administer(
        "select wo.revoke_signing_key(key_id, 'lost') from wo.signing_key where principal = 'qa'",
    );
    assert_verifies(&firm.package(&amended));
    firm.assert_intact();
}

#[test]
fn the_evidence_of_a_master_covers_its_parts() {
    let upgrade =
        crate::approval::master::Upgrade::in_review(&serde_json::json!({"regulatory": true}));
    let firm = &upgrade.firm;
    firm.approve("owner", &upgrade.master, "system_owner", "completion");
    firm.approve("qa", &upgrade.master, "qa", "completion");
    assert_eq!(firm.status(&upgrade.master), "completed");
    let kept = firm.kept(&upgrade.master);
    assert_verifies(&kept);
    let sections = sections(&kept);
    assert_eq!(sections["children"].as_array().unwrap().len(), 6);
    for child in &upgrade.children {
        let package = firm.package(child);
        assert_verifies(&package);
        assert!(package.contains(&upgrade.master), "a child names its master");
    }
    firm.assert_intact();
}

/// Places all over the package, its ends and its joints among them.
fn places(package: &str) -> Vec<usize> {
    let mut places: Vec<usize> = (0..package.len()).step_by(package.len() / 400).collect();
    places.push(package.len() - 1);
    places
}

#[test]
fn a_package_with_another_byte_does_not_verify() {
    let firm = Firm::found();
    let order = firm.reach("closed");
    let kept = firm.kept(&order).into_bytes();
    for place in places(std::str::from_utf8(&kept).unwrap()) {
        let mut forged = kept.clone();
        forged[place] ^= 1;
        let report = verify(&forged);
        assert!(!report.intact, "byte {place} of {}", kept.len());
        assert!(!report.problems.is_empty());
    }
    assert!(!verify(&kept[..kept.len() - 1]).intact);
    assert!(!verify(&[&kept[..], b" "].concat()).intact);
}

/// What a superuser does to the tables past the enforcement layer is found by the tenant's own check.
#[test]
fn what_was_tampered_with_in_the_database_is_found() {
    let firm = Firm::found();
    let order = firm.reach("closed");
    let id = firm.id(&order);
    let problems = || firm.problems();
    assert_eq!(problems(), []);
    for (table, change, back) in [
        (
            "approval",
            "update wo.approval set signer = 'qa_2' where role = 'qa' and meaning = 'plan'",
            "update wo.approval set signer = 'qa' where role = 'qa' and meaning = 'plan'",
        ),
        (
            "approval",
            "update wo.approval set voided_at = now() where role = 'qa' and meaning = 'plan'",
            "update wo.approval set voided_at = null where role = 'qa' and meaning = 'plan'",
        ),
        (
            "approval",
            "update wo.approval set payload = payload || ' ' where role = 'qa' and meaning = 'plan'",
            "update wo.approval set payload = rtrim(payload) where role = 'qa' and meaning = 'plan'",
        ),
        (
            "approval",
            "update wo.approval set signature = set_byte(signature, 5, get_byte(signature, 5) # 1) where meaning = 'plan'",
            "update wo.approval set signature = set_byte(signature, 5, get_byte(signature, 5) # 1) where meaning = 'plan'",
        ),
        (
            "approval_request",
            "update wo.approval_request set required = 2",
            "update wo.approval_request set required = 1",
        ),
        (
            "audit_entry",
            "update wo.audit_entry set reason = 'nothing' where action = 'start'",
            "update wo.audit_entry set reason = 'because' where action = 'start'",
        ),
        (
            "work_order",
            "update wo.work_order set completion_summary = 'forged'",
            "update wo.work_order set completion_summary = 'Done.'",
        ),
    ] {
        println!("{change}");
        firm.forge(table, change);
        assert!(!problems().is_empty(), "{change}");
        firm.forge(table, back);
        assert_eq!(problems(), [], "{back}");
    }
    // A signature that is gone, and one that nobody gave.
    firm.forge(
        "approval",
        "create table public.hidden as select * from wo.approval where role = 'qa'; delete from wo.approval where role = 'qa'",
    );
    assert!(!problems().is_empty(), "removed signatures");
    firm.forge(
        "approval",
        "insert into wo.approval select * from public.hidden; drop table public.hidden",
    );
    assert_eq!(problems(), []);
    firm.forge(
        "approval",
        "insert into wo.approval select (another).* from (select jsonb_populate_record(held, jsonb_build_object('id', gen_random_uuid())) as another from wo.approval as held limit 1) as made",
    );
    assert!(!problems().is_empty(), "a signature that nobody gave");
    let kept = format!(
        "update wo.evidence set package = overlay(package::text placing 'X' from 300) where work_order_id = '{id}'"
    );
    firm.forge("evidence", &kept);
    assert!(!verify(firm.kept(&order).as_bytes()).intact, "the kept package itself");
}

/// Evidence made of tampered records does not verify either: signatures are checked against what
/// the record says now.
#[test]
fn evidence_made_of_tampered_records_does_not_verify() {
    let firm = Firm::found();
    let order = firm.reach("in_progress");
    assert_verifies(&firm.package(&order));
    for (table, change) in [
        ("work_order", "update wo.work_order set title = 'forged'"),
        ("approval", "update wo.approval set printed_name = 'Somebody else'"),
        (
            "signing_key",
            "update wo.signing_key set public_key = sha256(public_key) where principal = 'qa'",
        ),
        ("audit_entry", "update wo.audit_entry set actor = 'worker_2' where action = 'start'"),
    ] {
        firm.forge(table, change);
        println!("{change}");
        // It may be made, or refused; it must not verify.
        let made = firm.with(AUDITOR, |auditor| {
            auditor.query_one("select wo.evidence_package($1)", &[&order])
        });
        match made {
            Ok(row) => {
                let report = verify(row.get::<_, String>(0).as_bytes());
                assert!(!report.intact, "{change}");
            }
            Err(error) => {
                db_error::<()>(Err(error));
            }
        }
        assert!(!firm.problems().is_empty(), "{change}");
    }
}

/// The program that anybody verifies a package with, built if it is not there yet.
fn wo() -> Command {
    Command::new(wo_cluster_tests::wo_program())
}

#[test]
fn the_program_for_verifying_tells_intact_evidence_from_forged() {
    let firm = Firm::found();
    let order = firm.reach("closed");
    let file = std::env::temp_dir().join(format!("{}.json", uuid::Uuid::now_v7()));
    let mut kept = firm.kept(&order).into_bytes();
    let verified = |package: &[u8]| {
        std::fs::write(&file, package).unwrap();
        let told = wo().arg("verify").arg(&file).output().unwrap();
        (told.status.code(), String::from_utf8(told.stdout).unwrap())
    };
    let (code, told) = verified(&kept);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(&order), "{told}");
    let middle = kept.len() / 2;
    kept[middle] ^= 1;
    let (code, told) = verified(&kept);
    assert_eq!(code, Some(1), "{told}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(wo().arg("verify").arg(&file).output().unwrap().status.code(), Some(2));
}

/// The page for people says what the package says, and carries nothing that a browser would load.
#[test]
fn the_report_shows_every_signature_with_name_date_zone_and_meaning() {
    let firm = Firm::found();
    let order: String = firm.one(
        "originator",
        "select wo.create_work_order('<script>alert(1)</script>', description => 'It & \"leaks\".',
            assignee => 'worker', regulatory => true) ->> 'wo_number'",
    );
    firm.transition("originator", &order, "pending_approval");
    firm.sign_both(&order, "plan");
    firm.transition("planner", &order, "assigned");
    firm.finish(&order);
    firm.sign_both(&order, "completion");
    let page: String = firm.one(AUDITOR, &format!("select wo.evidence_report('{order}')"));
    for shown in [order.as_str(), "The owner", "The qa", "plan", "completion", "UTC"] {
        assert!(page.contains(shown), "{shown}");
    }
    for loaded in ["<script", " src=", "http-equiv=\"refresh\"", "@import", "url("] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    let again: String = firm.one(AUDITOR, &format!("select wo.evidence_report('{order}')"));
    // The pages differ in when they were made alone.
    let without_time = |page: &str| page.split("Page made").next().unwrap().to_owned();
    assert_eq!(without_time(&again), without_time(&page));
    assert_readable(&page, &["The owner", "The qa", "The owner", "The qa"]);
}
