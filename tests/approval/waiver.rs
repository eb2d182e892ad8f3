//! A child that is stuck, waived by a signature with a reason: the master settles without it, and
//! what waited for it goes on.

use serde_json::{Value, json};
use wo_cluster_tests::{db_error, refused};

use crate::approval::firm::{ADMIN, AUDITOR, Ask, Firm, ROOT, move_to};
use crate::approval::master::Upgrade;

/// The child `accounts`, for which `decommission` waits.
const STUCK: usize = 4;
const WAITING: usize = 5;

/// Every child in review but `accounts`, which is blocked, and `decommission`, which waits for it.
fn stuck() -> Upgrade {
    let upgrade = Upgrade::scheduled(&json!({}));
    for child in [0, 1, 2, 3] {
        upgrade.do_it(child);
    }
    for to in ["in_progress", "blocked"] {
        upgrade.firm.transition("scheduling", &upgrade.children[STUCK], to);
    }
    upgrade
}

fn waiver(upgrade: &Upgrade) -> Ask {
    Ask::approve(&upgrade.master, "qa", "waiver")
        .about_child(&upgrade.children[STUCK])
        .because("accounts are made by the other site")
}

#[test]
fn a_signed_waiver_lets_the_dependents_go_on_and_the_master_settle() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    let start = move_to(&upgrade.children[WAITING], "in_progress");
    firm.refuses("asset_manager", &start, "23514", "guards_not_met");
    let submit = move_to(&upgrade.master, "pending_review");
    firm.refuses("orchestrator", &submit, "23514", "guards_not_met");

    let challenge = firm.request("qa", &waiver(&upgrade)).unwrap();
    let stuck = firm.id(&upgrade.children[STUCK]).to_string();
    assert_eq!(challenge.said()["waives"], json!(stuck));
    assert_eq!(challenge.said()["reason"], "accounts are made by the other site");
    firm.sign("qa", &challenge).unwrap();
    let row = &firm.rows(ROOT, "select child_id::text, reason, approval_id from wo.waiver")[0];
    assert_eq!(row.get::<_, String>(0), stuck);
    assert_eq!(row.get::<_, String>(1), "accounts are made by the other site");
    assert_eq!(firm.events("wo.child_waived", &upgrade.master).len(), 1);
    assert_eq!(firm.trail(&upgrade.master, &["child_waived"]).len(), 1);
    firm.assert_intact();

    upgrade.do_it(WAITING);
    firm.transition("orchestrator", &upgrade.master, "pending_review");
    firm.approve("qa", &upgrade.master, "qa", "completion");
    assert_eq!(firm.status(&upgrade.master), "completed");
    assert_eq!(firm.status(&upgrade.children[STUCK]), "blocked");
    for child in [0, 1, 2, 3, WAITING] {
        assert_eq!(firm.status(&upgrade.children[child]), "completed");
    }
    firm.assert_intact();
}

#[test]
fn a_waiver_needs_the_role_a_reason_a_part_and_a_person() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    firm.no_signature("worker", &waiver(&upgrade), "42501", "role_missing");
    let as_owner = Ask { role: "system_owner".into(), ..waiver(&upgrade) };
    assert!(firm.try_sign("owner", &as_owner).is_err(), "the lifecycle names QA alone");
    firm.no_signature("qa_agent", &waiver(&upgrade), "42501", "person_required");
    for reason in [None, Some(String::new()), Some("  ".into())] {
        let ask = Ask { reason, ..waiver(&upgrade) };
        let refusal = db_error(firm.try_sign("qa", &ask));
        assert!(["23514", "22023"].contains(&refusal.code().code()), "{refusal:?}");
    }
    let without_part = Ask { child: None, ..waiver(&upgrade) };
    db_error(firm.try_sign("qa", &without_part));
    // A child of somebody else's master, or none at all.
    let stranger = firm.deed();
    db_error(firm.try_sign("qa", &waiver(&upgrade).about_child(&stranger)));
    db_error(firm.try_sign("qa", &waiver(&upgrade).about_child(&upgrade.master)));
    assert_eq!(firm.count("waiver"), 0);
    firm.assert_intact();
}

#[test]
fn a_waiver_is_written_by_nothing_but_a_signature() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    let (master, child) = (firm.id(&upgrade.master), firm.id(&upgrade.children[STUCK]));
    let raw = format!(
        "insert into wo.waiver (tenant_id, work_order_id, child_id, reason)
         values ('{}', '{master}', '{child}', 'forged')",
        firm.tenant
    );
    for who in ["qa", "orchestrator", ADMIN, AUDITOR] {
        let refusal = db_error(firm.with(who, |client| client.batch_execute(&raw)));
        assert_eq!(refusal.code().code(), "42501", "{who}: {refusal:?}");
    }
    assert_eq!(firm.count("waiver"), 0);
    let start = move_to(&upgrade.children[WAITING], "in_progress");
    firm.refuses("asset_manager", &start, "23514", "guards_not_met");
}

/// A waiver of one master's child says nothing about another's.
#[test]
fn a_waived_part_that_moves_to_another_master_is_not_waived_there() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    firm.signed("qa", &waiver(&upgrade));
    let other: String = firm.one(
        "orchestrator",
        "select wo.create_work_order('other', description => 'd', assignee => 'orchestrator',
            lifecycle => 'agent_change') ->> 'wo_number'",
    );
    firm.run(
        "orchestrator",
        &format!(
            "select wo.transition('{other}', 'planned');
             select wo.transition('{other}', 'scheduled', 'x',
                '{{\"planned_start\": \"2026-01-01\", \"planned_end\": \"2026-01-02\"}}');
             select wo.transition('{other}', 'in_progress');
             select wo.link_work_order('{}', '{other}')",
            upgrade.children[STUCK]
        ),
    );
    let submit = move_to(&other, "pending_review");
    let detail = firm.refuses("orchestrator", &submit, "23514", "guards_not_met");
    assert_eq!(detail["guards"][0]["guard"], "children_in_review");
    firm.assert_intact();
}

/// The tenant's captain approves unsigned, so there is nobody who could sign a waiver.
#[test]
fn a_fleet_task_knows_no_waiver() {
    let firm = Firm::found();
    let make = |further: &str| -> String {
        firm.one(
            "planner",
            &format!(
                "select wo.create_work_order('[Acme-Test] x', description => 'd', assignee => 'worker',
                    lifecycle => 'fleet_task'{further}) ->> 'wo_number'"
            ),
        )
    };
    let master = make("");
    let child = make(&format!(", master => '{master}'"));
    let ask = Ask::approve(&master, "qa", "waiver").about_child(&child).because("stuck");
    let refusal = db_error(firm.try_sign("qa", &ask));
    assert!(["42501", "22023", "55000"].contains(&refusal.code().code()), "{refusal:?}");
    assert_eq!(firm.count("waiver"), 0);
}

/// Others went on because of it: a waiver is taken back by nothing.
#[test]
fn a_waiver_is_not_withdrawn() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    let answer = firm.signed("qa", &waiver(&upgrade));
    let approval: uuid::Uuid = answer["approval"].as_str().unwrap().parse().unwrap();
    let before = firm.everything();
    let withdrawn = firm.acting("qa", |qa| {
        qa.execute("select wo.withdraw_signature($1, 'they are needed')", &[&approval])
    });
    refused(withdrawn, "55000", "signature_in_effect");
    assert_eq!(firm.everything(), before);
    upgrade.do_it(WAITING);
    firm.assert_intact();
}

/// The waiver was signed for the child; a change of the master does not make it unsigned while it
/// goes on counting.
#[test]
fn a_waiver_counts_exactly_as_long_as_its_signature_does() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    firm.signed("qa", &waiver(&upgrade));
    firm.run(
        "owner",
        &crate::approval::firm::patch(&upgrade.master, &json!({"title": "Another upgrade"})),
    );
    let valid = firm.states(&upgrade.master) == ["valid"];
    let start = move_to(&upgrade.children[WAITING], "in_progress");
    let goes_on =
        firm.with("asset_manager", |agent| crate::approval::firm::rolled_back(agent, &start));
    assert_eq!(goes_on.is_ok(), valid, "{goes_on:?}");
}

/// A master that goes on without a child was never complete, and was expected in an hour for ever.
#[test]
fn a_waived_child_is_no_work_of_the_master() {
    let upgrade = stuck();
    let firm = &upgrade.firm;
    let progress =
        || -> Value { firm.one(AUDITOR, &format!("select wo.progress('{}')", upgrade.master)) };
    let before = progress();
    assert_eq!((&before["waived"], &before["required"]), (&json!(0), &json!(6)));
    assert_eq!(before["blocked"].as_array().map(Vec::len), Some(1));
    let challenge = firm.request("qa", &waiver(&upgrade)).unwrap();
    firm.sign("qa", &challenge).unwrap();
    let waived = progress();
    assert_eq!((&waived["waived"], &waived["required"]), (&json!(1), &json!(5)));
    assert_eq!(waived["blocked"], json!([]));
    upgrade.do_it(WAITING);
    firm.transition("orchestrator", &upgrade.master, "pending_review");
    firm.approve("qa", &upgrade.master, "qa", "completion");
    let over = progress();
    assert_eq!(over["percent_complete"], json!(100.0), "{over}");
    assert_eq!((&over["done"], &over["not_started"]), (&json!(5), &json!(0)), "{over}");
    let is_past: bool = firm.one(
        AUDITOR,
        &format!(
            "select (wo.progress('{}') ->> 'estimated_completion')::timestamptz <= now() + interval '1 second'",
            upgrade.master
        ),
    );
    assert!(is_past, "{over}");
    let picture: String =
        firm.one(AUDITOR, &format!("select wo.dependency_diagram('{}', 'svg')", upgrade.master));
    assert!(picture.contains("class=\"is_waived\""), "{picture}");
}
