//! The regulatory work order of spec/2 §3.3, from its draft to its evidence, and every way back.

use serde_json::json;
use wo_cluster_tests::refused;

use crate::approval::firm::{AUDITOR, Ask, Firm, ROOT, move_to, said};

const SIGNED: [&str; 4] = [
    "system_owner plan approved owner valid",
    "qa plan approved qa valid",
    "system_owner completion approved owner valid",
    "qa completion approved qa valid",
];

#[test]
fn a_regulatory_work_order_closes_by_itself_with_its_last_signature() {
    let firm = Firm::found();
    let order = firm.submitted();
    firm.shut(&order, "assigned", &["qa plan", "system_owner plan"]);
    let version = firm.version(&order);
    let answer = firm.approve("owner", &order, "system_owner", "plan");
    assert_eq!(said(&answer, "wo_number"), order);
    assert_eq!(said(&answer, "decision"), "approved");
    assert_eq!(said(&answer, "meaning"), "plan");
    assert_eq!(said(&answer, "role"), "system_owner");
    assert_eq!(said(&answer, "status"), "pending_approval");
    assert_eq!(answer["version"], json!(version));
    firm.shut(&order, "assigned", &["qa plan"]);
    firm.approve("qa", &order, "qa", "plan");
    // The plan's edge is not automatic: somebody assigns.
    assert_eq!(firm.status(&order), "pending_approval");
    assert_eq!(firm.version(&order), version);
    firm.transition("planner", &order, "assigned");
    firm.finish(&order);

    firm.shut(&order, "closed", &["qa completion", "system_owner completion"]);
    let answer = firm.approve("owner", &order, "system_owner", "completion");
    assert_eq!(said(&answer, "status"), "completed");
    assert_eq!(firm.count("evidence"), 0);
    let answer = firm.approve("qa", &order, "qa", "completion");
    assert_eq!(said(&answer, "status"), "closed");
    assert_eq!(firm.status(&order), "closed");
    assert!(firm.stands(&order, "locked_at").is_some());
    assert_eq!(firm.signatures(&order), SIGNED);
    assert_eq!(firm.pending(&order), [""; 0]);

    // Whoever made the gate true is the actor; the reason is the system's.
    let closing = firm.trail(&order, &["close"]);
    assert_eq!(closing.len(), 1);
    assert!(closing[0].starts_with("qa close "), "{closing:?}");
    assert!(closing[0].contains("taken by the system"), "{closing:?}");
    assert_eq!(firm.trail(&order, &["signed"]).len(), 4);
    assert_eq!(firm.events("wo.approval_signed", &order).len(), 4);
    let id = firm.id(&order);
    let kept = format!("evidence where work_order_id = '{id}'");
    assert_eq!(firm.count(&kept), 1);
    for sql in [
        move_to(&order, "completed"),
        format!("select wo.patch_work_order('{order}', '{{\"notes\": \"late\"}}', 'late')"),
    ] {
        firm.refuses("worker", &sql, "55000", "record_locked");
    }
    firm.assert_intact();
}

#[test]
fn a_signed_rejection_of_the_plan_sends_it_back_and_everything_is_signed_again() {
    let firm = Firm::found();
    let order = firm.submitted();
    firm.approve("owner", &order, "system_owner", "plan");
    let no = Ask::reject(&order, "qa", "plan", "the risk is not assessed");
    let answer = firm.signed("qa", &no);
    assert_eq!(said(&answer, "decision"), "rejected");
    assert_eq!(said(&answer, "status"), "draft");
    assert_eq!(firm.status(&order), "draft");
    assert_eq!(firm.trail(&order, &["return"]), ["qa return the risk is not assessed"]);
    assert_eq!(firm.trail(&order, &["rejected"]).len(), 1);
    assert_eq!(firm.events("wo.approval_rejected", &order).len(), 1);
    assert_eq!(firm.signatures(&order)[0], "system_owner plan approved owner void");
    assert!(firm.signatures(&order)[1].starts_with("qa plan rejected qa "));
    assert_eq!(firm.pending(&order), [""; 0]);
    // In the draft there is nothing to sign.
    firm.no_signature(
        "owner",
        &Ask::approve(&order, "system_owner", "plan"),
        "55000",
        "nothing_to_sign",
    );

    firm.transition("originator", &order, "pending_approval");
    assert_eq!(firm.pending(&order), ["qa plan assign 0/1", "system_owner plan assign 0/1"]);
    firm.approve("qa", &order, "qa", "plan");
    firm.shut(&order, "assigned", &["system_owner plan"]);
    firm.approve("owner", &order, "system_owner", "plan");
    firm.transition("planner", &order, "assigned");
    firm.assert_intact();
}

#[test]
fn a_signed_rejection_of_the_result_sends_it_back_to_the_worker() {
    let firm = Firm::found();
    let order = firm.reach("completed");
    firm.approve("owner", &order, "system_owner", "completion");
    let no = Ask::reject(&order, "qa", "completion", "the test is missing");
    assert_eq!(said(&firm.signed("qa", &no), "status"), "in_progress");
    assert_eq!(firm.status(&order), "in_progress");
    assert_eq!(firm.trail(&order, &["reject"]), ["qa reject the test is missing"]);
    let states = firm.states(&order);
    assert_eq!(states[..3], ["valid", "valid", "void"], "the plan stands, the result does not");
    assert_eq!(firm.count("evidence"), 0);

    firm.complete(&order, "tested too");
    firm.approve("owner", &order, "system_owner", "completion");
    assert_eq!(firm.status(&order), "completed");
    firm.shut(&order, "closed", &["qa completion"]);
    firm.approve("qa", &order, "qa", "completion");
    assert_eq!(firm.status(&order), "closed");
    assert_eq!(firm.count("evidence"), 1);
    firm.assert_intact();
}

/// A rejection that is not signed leaves the way of before open: an ordinary transition.
#[test]
fn a_transition_back_voids_like_a_signed_rejection() {
    let firm = Firm::found();
    let order = firm.submitted();
    firm.sign_both(&order, "plan");
    firm.transition("qa", &order, "draft");
    assert_eq!(firm.states(&order), ["void", "void"]);
    let why = format!("select distinct why from wo.signatures('{order}')");
    assert_eq!(firm.all("planner", &why), ["return: because"], "what was done, and why");
    assert_eq!(firm.trail(&order, &["signatures_voided"]).len(), 1);
    assert!(!firm.events("wo.approval_voided", &order).is_empty());
    firm.assert_intact();
}

#[test]
fn a_replan_voids_the_approvals_of_the_plan() {
    let firm = Firm::found();
    let order = firm.reach("in_progress");
    firm.transition("worker", &order, "pending_approval");
    assert_eq!(firm.states(&order), ["void", "void"]);
    firm.shut(&order, "assigned", &["qa plan", "system_owner plan"]);
    firm.sign_both(&order, "plan");
    firm.transition("planner", &order, "assigned");
    firm.finish(&order);
    firm.sign_both(&order, "completion");
    assert_eq!(firm.status(&order), "closed");
    let states = firm.states(&order);
    assert_eq!(states, ["void", "void", "valid", "valid", "valid", "valid"]);
    firm.assert_intact();
}

#[test]
fn a_delegate_signs_as_themself_on_behalf_of_the_delegator() {
    let firm = Firm::found();
    let order = firm.submitted();
    let delegation: uuid::Uuid = firm
        .acting("owner", |owner| {
            let given = "select wo.delegate_approval('deputy', 'system_owner', now(),
                now() + interval '2 days', 'on leave')";
            Ok(owner.query_one(given, &[])?.get(0))
        })
        .unwrap();
    firm.signed("deputy", &Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner"));
    firm.approve("qa", &order, "qa", "plan");
    let row = &firm.rows(
        AUDITOR,
        &format!(
            "select signer, printed_name, on_behalf_of, signed, signed_at
             from wo.signatures('{order}') where role = 'system_owner'"
        ),
    )[0];
    assert_eq!(row.get::<_, String>(0), "deputy");
    assert_eq!(row.get::<_, String>(1), "The deputy");
    assert_eq!(row.get::<_, String>(2), "owner");
    assert!(row.get::<_, String>(3).contains(" UTC ("), "date, time and zone are shown");
    let kept: uuid::Uuid =
        firm.one(ROOT, "select delegation_id from wo.approval where on_behalf_of is not null");
    assert_eq!(kept, delegation);
    firm.transition("planner", &order, "assigned");
    firm.assert_intact();
}

#[test]
fn nobody_approves_their_own_work() {
    let firm = Firm::found();
    // QA who does the work.
    let done_by_qa: String = firm.one(
        "originator",
        "select wo.create_work_order('x', description => 'd', assignee => 'qa_2',
            regulatory => true) ->> 'wo_number'",
    );
    firm.transition("originator", &done_by_qa, "pending_approval");
    let ask = Ask::approve(&done_by_qa, "qa", "plan");
    firm.no_signature("qa_2", &ask, "23514", "signer_is_assignee");
    // QA who asked for it.
    let asked_by_qa: String = firm.one(
        "qa_2",
        "select wo.create_work_order('x', description => 'd', assignee => 'worker',
            regulatory => true) ->> 'wo_number'",
    );
    firm.transition("qa_2", &asked_by_qa, "pending_approval");
    let ask = Ask::approve(&asked_by_qa, "qa", "plan");
    firm.no_signature("qa_2", &ask, "23514", "signer_is_originator");
    firm.approve("qa", &asked_by_qa, "qa", "plan");
    // One person with both roles.
    let order = firm.submitted();
    firm.approve("versatile", &order, "system_owner", "plan");
    let ask = Ask::approve(&order, "qa", "plan");
    firm.no_signature("versatile", &ask, "23514", "signer_has_signed");
    // Who became the assignee between the request and the signature.
    let order = firm.submitted();
    let challenge = firm.request("qa_2", &Ask::approve(&order, "qa", "plan")).unwrap();
    firm.run(
        "planner",
        &format!("select wo.patch_work_order('{order}', '{{\"assignee\": \"qa_2\"}}', 'her then')"),
    );
    let before = firm.everything();
    let code = refused_code(firm.sign("qa_2", &challenge));
    assert!(["signer_is_assignee", "record_changed"].contains(&code.as_str()), "{code}");
    assert_eq!(firm.everything(), before);
    firm.assert_intact();
}

/// The code in the DETAIL of a refusal.
fn refused_code(tried: Result<serde_json::Value, postgres::Error>) -> String {
    let refusal = wo_cluster_tests::db_error(tried);
    let detail: serde_json::Value = serde_json::from_str(refusal.detail().unwrap()).unwrap();
    detail["code"].as_str().unwrap().to_owned()
}

/// Without the regulatory flag nothing is signed, and the enforcement layer stays out of the way.
#[test]
fn an_ordinary_work_order_needs_no_signature() {
    let firm = Firm::found();
    let order: String = firm.one(
        "planner",
        "select wo.create_work_order('x', description => 'd', assignee => 'worker') ->> 'wo_number'",
    );
    firm.transition("planner", &order, "pending_approval");
    assert_eq!(firm.pending(&order), [""; 0]);
    let asked = firm.request("qa", &Ask::approve(&order, "qa", "plan"));
    refused(asked, "55000", "nothing_to_sign");
    for (who, to) in [
        ("planner", "assigned"),
        ("worker", "in_progress"),
        ("worker", "completed"),
        ("planner", "closed"),
    ] {
        firm.transition(who, &order, to);
    }
    assert_eq!(firm.signatures(&order), [""; 0]);
    firm.assert_intact();
}
