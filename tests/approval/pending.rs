//! What is waited for, whom, and since when: the lists that people and programs read.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wo_cluster_tests::refused;

use crate::approval::firm::{AUDITOR, Ask, Firm, patch};

fn people(of: &Value) -> BTreeSet<String> {
    let listed = of.as_array().unwrap_or_else(|| panic!("no list: {of}"));
    listed.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn set(people: &[&str]) -> BTreeSet<String> {
    people.iter().map(|one| (*one).to_owned()).collect()
}

#[test]
fn a_request_names_the_people_who_can_sign() {
    let firm = Firm::found();
    let order = firm.submitted();
    let told = firm.events("wo.approval_requested", &order);
    assert_eq!(told.len(), 2, "{told:?}");
    let of = |role: &str| told.iter().find(|one| one["role"] == role).unwrap();
    assert_eq!(of("qa")["meaning"], "plan");
    // Agents with the role sign nothing, so they are not asked.
    assert_eq!(people(&of("qa")["to"]), set(&["qa", "qa_2", "versatile"]));
    assert_eq!(people(&of("system_owner")["to"]), set(&["owner", "owner_2", "versatile"]));
    assert!(!firm.trail(&order, &["approval_requested"]).is_empty());

    firm.sign_both(&order, "plan");
    assert_eq!(firm.count("approval_request where closed_at is null"), 0);
    firm.transition("planner", &order, "assigned");
    firm.finish(&order);
    assert_eq!(firm.events("wo.approval_requested", &order).len(), 4);
    firm.assert_intact();
}

/// Asked are those who may: not the assignee, not QA who asked for the work, not delegates of
/// another role.
#[test]
fn the_approvers_are_those_who_may_sign_now() {
    let firm = Firm::found();
    let order: String = firm.one(
        "qa",
        "select wo.create_work_order('x', description => 'd', assignee => 'owner_2',
            regulatory => true) ->> 'wo_number'",
    );
    firm.transition("qa", &order, "pending_approval");
    let approvers = |role: &str| -> BTreeSet<String> {
        firm.all(
            AUDITOR,
            &format!(
                "select unnest(approvers) from wo.pending_approvals('{order}') where role = '{role}'"
            ),
        )
        .into_iter()
        .collect()
    };
    assert_eq!(approvers("system_owner"), set(&["owner", "versatile"]));
    assert_eq!(approvers("qa"), set(&["qa_2", "versatile"]));
    // Somebody who is asked to stand in is asked too.
    firm.acting("owner", |owner| {
        owner.execute(
            "select wo.delegate_approval('deputy', 'system_owner', now(), now() + interval '1 day', 'leave')",
            &[],
        )
    })
    .unwrap();
    assert_eq!(approvers("system_owner"), set(&["deputy", "owner", "versatile"]));
    // Who has signed one role signs no other.
    firm.approve("versatile", &order, "system_owner", "plan");
    assert_eq!(approvers("qa"), set(&["qa_2"]));
}

#[test]
fn pending_approvals_show_what_is_missing_across_the_company() {
    let firm = Firm::found();
    let everything = |who: &str| -> Vec<String> {
        firm.all(
            who,
            "select concat_ws(' ', wo_number, role, meaning, action) from wo.pending_approvals()
             order by 1",
        )
    };
    assert_eq!(everything(AUDITOR), [""; 0]);
    let (first, second) = (firm.submitted(), firm.deed());
    let mut expected = vec![
        format!("{first} qa plan assign"),
        format!("{first} system_owner plan assign"),
        format!("{second} qa result finish"),
        format!("{second} system_owner plan finish"),
    ];
    expected.sort();
    for who in [AUDITOR, "qa", "worker"] {
        assert_eq!(everything(who), expected, "{who}");
    }
    assert_eq!(everything("rival"), [""; 0]);
    let row = &firm.rows(
        AUDITOR,
        &format!(
            "select required, signed, requested_at > now() - interval '1 minute', deadline is null,
                escalations from wo.pending_approvals('{first}') limit 1"
        ),
    )[0];
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1)), (1, 0));
    assert!(row.get::<_, bool>(2));
    assert!(row.get::<_, bool>(3), "without an SLA there is no deadline");
    assert_eq!(row.get::<_, i32>(4), 0);
}

/// A work order that goes elsewhere waits for nothing any more.
#[test]
fn a_request_is_closed_when_its_gate_is_gone() {
    let firm = Firm::found();
    let order = firm.submitted();
    assert_eq!(firm.pending(&order).len(), 2);
    firm.transition("planner", &order, "cancelled");
    assert_eq!(firm.pending(&order), [""; 0]);
    assert_eq!(firm.count("approval_request where closed_at is null"), 0);
    assert_eq!(firm.trail(&order, &["approval_closed"]).len(), 1);
    firm.assert_intact();
}

#[test]
fn allowed_transitions_say_which_signatures_are_missing() {
    let firm = Firm::found();
    let order = firm.submitted();
    let assign = || {
        let row = firm
            .rows(
                "planner",
                &format!(
                    "select allowed, permitted, approvals, why from wo.allowed_transitions('{order}')
                     where action = 'assign'"
                ),
            )
            .remove(0);
        let missing: Value = row.get(2);
        let mut missing: Vec<String> = missing
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["role"].as_str().unwrap().to_owned())
            .collect();
        missing.sort();
        (row.get::<_, bool>(0), row.get::<_, bool>(1), missing)
    };
    let both = vec!["qa".to_owned(), "system_owner".to_owned()];
    assert_eq!(assign(), (false, true, both.clone()));
    firm.approve("owner", &order, "system_owner", "plan");
    assert_eq!(assign(), (false, true, vec!["qa".into()]));
    firm.approve("qa", &order, "qa", "plan");
    assert_eq!(assign(), (true, true, vec![]));
    firm.run("owner", &patch(&order, &json!({"deliverables": "another"})));
    assert_eq!(assign(), (false, true, both));
}

#[test]
fn signatures_are_read_with_date_time_and_zone() {
    let firm = Firm::found();
    let order = firm.submitted();
    firm.acting("owner", |owner| {
        owner.batch_execute("set local timezone = 'Europe/Berlin'")?;
        let challenge = Ask::approve(&order, "system_owner", "plan").on(owner)?;
        let signature = firm.signature("owner", &challenge.payload);
        challenge.answer(owner, &signature)
    })
    .unwrap();
    let signed: String = firm.one(AUDITOR, &format!("select signed from wo.signatures('{order}')"));
    let (moment, zone) = signed.split_once(" UTC (").unwrap_or_else(|| panic!("{signed}"));
    assert_eq!(zone, "Europe/Berlin)");
    let shown: bool = firm.one(
        AUDITOR,
        &format!("select signed_at = '{moment}+00'::timestamptz from wo.signatures('{order}')"),
    );
    assert!(shown, "{signed}");
    // A later name does not change what was printed.
    firm.administer("update wo.principal set name = 'Somebody else' where id = 'owner'");
    let printed: String =
        firm.one(AUDITOR, &format!("select printed_name from wo.signatures('{order}')"));
    assert_eq!(printed, "The owner");
    let of_a_rival =
        firm.with("rival", |rival| rival.query("select * from wo.signatures($1)", &[&order]));
    refused(of_a_rival, "22023", "work_order_unknown");
}
