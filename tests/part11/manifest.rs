//! What a signature shows (11.50), and that it shows the record that was signed and no other
//! (Annex 11 §14).

use serde_json::json;
use wo_cluster_tests::refused;
use wo_cluster_tests::signing::{Ask, Company, ROOT, full_name};

/// The columns of `wo.signatures`, as a reader in that zone gets them.
fn shown(company: &Company, number: &str, zone: &str) -> Vec<(String, String)> {
    company.with("planner", |planner| {
        planner.batch_execute(&format!("set time zone '{zone}'")).unwrap();
        let rows = planner
            .query(
                "select printed_name, signed from wo.signatures($1) order by signed_at",
                &[&number],
            )
            .unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    })
}

/// What a page says, without its markup.
fn text_of(page: &str) -> String {
    let parts = page.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<String>().replace('\u{a0}', " ")
}

#[test]
fn row_14_renaming_a_person_leaves_old_signatures_as_they_were() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    company.administer("update wo.principal set name = 'Her New Name' where id = 'owner'");

    let names = || -> Vec<String> {
        company.all(
            "planner",
            &format!("select printed_name from wo.signatures('{number}') order by signed_at"),
        )
    };
    assert_eq!(names(), [full_name("owner")]);
    let package: String = company.one("qa", &format!("select wo.evidence_package('{number}')"));
    assert!(package.contains(&full_name("owner")), "{package}");
    let report: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    assert!(report.contains(&full_name("owner")), "{report}");
    company.assert_intact();

    // What is signed from now on bears the new name.
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "completed");
    company.signed("owner", &Ask::approve(&number, "system_owner", "completion"));
    assert_eq!(names(), [full_name("owner"), full_name("qa"), "Her New Name".to_owned()]);
}

#[test]
fn row_14_the_printed_name_is_the_one_at_the_request_and_is_part_of_what_is_signed() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let challenge =
        company.request("owner", &Ask::approve(&number, "system_owner", "plan")).unwrap();
    assert_eq!(challenge.said()["printed_name"], json!(full_name("owner")));
    company.sign("owner", &challenge).unwrap();
    let kept: String = company.one(ROOT, "select payload from wo.approval");
    assert_eq!(kept, challenge.payload);
}

#[test]
fn row_15_date_time_and_zone_are_part_of_every_shown_signature() {
    let company = Company::found();
    let number = company.reach("assigned");
    let in_berlin = shown(&company, &number, "Europe/Berlin");
    assert_eq!(in_berlin.len(), 2);
    // The same for every reader, wherever they sit.
    assert_eq!(shown(&company, &number, "Asia/Kolkata"), in_berlin);
    assert_eq!(shown(&company, &number, "UTC"), in_berlin);

    let kept = company.rows(
        ROOT,
        "select to_char(signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), time_zone
         from wo.approval order by signed_at",
    );
    let report: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    let report = text_of(&report);
    let package: String = company.one("qa", &format!("select wo.evidence_package('{number}')"));
    for ((_, signed), row) in in_berlin.iter().zip(&kept) {
        let (at, zone): (String, String) = (row.get(0), row.get(1));
        assert!(!zone.is_empty());
        assert_eq!(*signed, format!("{at} UTC ({zone})"));
        let (date, time) = at.split_once(' ').unwrap();
        // The page shows signatures to the second.
        let seconds = time.split('.').next().unwrap();
        assert!(report.contains(&format!("{date} {seconds} UTC")), "{at}: {report}");
        assert!(report.contains(&zone), "{zone}: {report}");
        assert!(package.contains(&format!("{date}T{time}Z")), "{at} is not in {package}");
    }
}

#[test]
fn row_15_the_signers_zone_is_recorded_with_what_is_signed() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let ask = Ask::approve(&number, "system_owner", "plan");
    let challenge = company
        .acting("owner", |acting| {
            acting.batch_execute("set local time zone 'Asia/Kolkata'")?;
            ask.on(acting)
        })
        .unwrap();
    assert_eq!(challenge.said()["time_zone"], json!("Asia/Kolkata"));
    company.sign("owner", &challenge).unwrap();
    let signed = &shown(&company, &number, "UTC")[0].1;
    assert!(signed.ends_with(" UTC (Asia/Kolkata)"), "{signed}");
}

#[test]
fn row_16_an_empty_or_unlisted_meaning_is_refused() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    for meaning in ["", " ", "Plan", "plan ", "approval", "I agree", "plan'--"] {
        let asked = company.request("owner", &Ask::approve(&number, "system_owner", meaning));
        refused(asked, "22023", "meaning_unknown");
    }
    let none = company.acting("owner", |acting| {
        acting.query_one(
            "select payload from wo.request_signature($1, 'system_owner', null)",
            &[&number],
        )
    });
    assert!(none.is_err(), "asked without a meaning");
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.signature_challenge"), 0);

    // A meaning that the lifecycle lists, but not for where the work order stands.
    let asked = company.request("owner", &Ask::approve(&number, "system_owner", "completion"));
    refused(asked, "55000", "nothing_to_sign");
}

#[test]
fn row_28_editing_signed_content_shows_it_as_amended_until_it_is_signed_again() {
    for edit in [
        "select wo.patch_work_order('{}', '{\"title\": \"Mend another pump\"}', 'because')",
        "update wo.work_order set description = 'It bursts.', reason = 'because' where wo_number = '{}'",
        "update wo.work_order set planned_start = '2026-12-01', reason = 'because' where wo_number = '{}'",
    ] {
        let company = Company::found();
        let number = company.reach("pending_approval");
        company.sign_both(&number, "plan");
        assert_eq!(
            company.signature_states(&number),
            ["system_owner plan: valid", "qa plan: valid"]
        );
        // The system owner may edit the plan even though they have signed it.
        company.run("owner", &edit.replace("{}", &number));

        let amended = ["system_owner plan: amended", "qa plan: amended"];
        assert_eq!(company.signature_states(&number), amended, "{edit}");
        let assign = format!("select wo.transition('{number}', 'assigned', 'because')");
        company.refused("planner", &assign, "23514", "approvals_missing");
        let report: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
        assert!(report.to_lowercase().contains("amended"), "{report}");
        let package: serde_json::Value =
            company.one("qa", &format!("select wo.evidence_package('{number}')::json"));
        for signature in package["sections"]["signatures"].as_array().unwrap() {
            assert_eq!(signature["state"], "amended", "{edit}");
        }
        let told = format!(
            "select count(*) from wo.audit_entry where action = 'signatures_amended'
                and subject_id = '{}'",
            company.id(&number)
        );
        assert_eq!(company.one::<i64>(ROOT, &told), 1, "{edit}");

        company.sign_both(&number, "plan");
        assert_eq!(
            company.signature_states(&number),
            [
                "system_owner plan: amended",
                "qa plan: amended",
                "system_owner plan: valid",
                "qa plan: valid"
            ]
        );
        company.transition("planner", &number, "assigned");
        company.assert_intact();
    }
}

#[test]
fn row_28_taking_the_edit_back_does_not_bring_the_signatures_back() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.sign_both(&number, "plan");
    for title in ["Mend another pump", "Mend the pump"] {
        company.run(
            "owner",
            &format!("update wo.work_order set title = '{title}', reason = 'because' where wo_number = '{number}'"),
        );
    }
    let amended = ["system_owner plan: amended", "qa plan: amended"];
    assert_eq!(company.signature_states(&number), amended);
    company.assert_intact();
}

#[test]
fn row_28_doing_what_was_signed_amends_nothing() {
    let company = Company::found();
    let number = company.reach("assigned");
    company.transition("worker", &number, "in_progress");
    for doing in [
        "notes = 'half way'",
        "actual_hours = 3.5",
        "completion_summary = 'mended'",
        "metadata = '{\"seen\": true}'",
    ] {
        company.run(
            "worker",
            &format!(
                "update wo.work_order set {doing}, reason = 'because' where wo_number = '{number}'"
            ),
        );
    }
    let reassign = format!(
        "update wo.work_order set assignee = 'worker_2', reason = 'because' where wo_number = '{number}'"
    );
    company.run("planner", &reassign);
    let valid = ["system_owner plan: valid", "qa plan: valid"];
    assert_eq!(company.signature_states(&number), valid);
    company.transition("worker_2", &number, "completed");
    assert_eq!(company.signature_states(&number), valid);
    company.assert_intact();
}

#[test]
fn row_28_the_result_is_signed_anew_when_it_is_edited() {
    let company = Company::found();
    let number = company.reach("completed");
    company.signed("owner", &Ask::approve(&number, "system_owner", "completion"));
    company.run(
        "worker",
        &format!("update wo.work_order set completion_summary = 'mended, mostly', reason = 'because' where wo_number = '{number}'"),
    );
    assert_eq!(
        company.signature_states(&number),
        ["system_owner plan: valid", "qa plan: valid", "system_owner completion: amended"]
    );
    // QA's signature alone does not close it.
    company.signed("qa", &Ask::approve(&number, "qa", "completion"));
    assert_eq!(company.status(&number), "completed");
    company.signed("owner", &Ask::approve(&number, "system_owner", "completion"));
    assert_eq!(company.status(&number), "closed");
    company.assert_intact();
}
