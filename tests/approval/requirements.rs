//! Which signatures an edge waits for: what the lifecycle says (count, order, when, covers), and
//! what the tenant adds.

use serde_json::{Value, json};
use wo_cluster_tests::db_error;

use crate::approval::firm::{ADMIN, Ask, Firm, deed, deed_with, move_to, patch};

/// A lifecycle whose end waits for these signatures, in a firm of its own.
fn with(approvals: Value) -> Firm {
    let firm = Firm::found();
    firm.publish(&deed_with("special", approvals));
    firm
}

fn check(who: &str) -> Value {
    json!({"role": who, "meaning": "check", "when": "always"})
}

#[test]
fn so_many_signatures_of_a_role_are_those_of_as_many_people() {
    let mut twice = check("qa");
    twice["count"] = json!(2);
    let firm = with(json!([twice]));
    let order = firm.deed_in("special", "");
    assert_eq!(firm.pending(&order), ["qa check finish 0/2"]);
    firm.approve("qa", &order, "qa", "check");
    assert_eq!(firm.pending(&order), ["qa check finish 1/2"]);
    firm.shut(&order, "done", &["qa check"]);
    // The same person twice is one person.
    let again = firm.try_sign("qa", &Ask::approve(&order, "qa", "check"));
    let refusal = db_error(again);
    assert!(["23514", "55000"].contains(&refusal.code().code()), "{refusal:?}");
    assert_eq!(firm.pending(&order), ["qa check finish 1/2"]);
    firm.approve("qa_2", &order, "qa", "check");
    assert_eq!(firm.pending(&order), [""; 0]);
    // A third has nothing left to sign.
    firm.no_signature(
        "versatile",
        &Ask::approve(&order, "qa", "check"),
        "55000",
        "nothing_to_sign",
    );
    firm.transition("planner", &order, "done");
    firm.assert_intact();
}

#[test]
fn signatures_in_an_order_are_refused_out_of_it() {
    let (mut first, mut second) = (check("system_owner"), check("qa"));
    first["order"] = json!(1);
    second["order"] = json!(2);
    let firm = with(json!([second, first]));
    let order = firm.deed_in("special", "");
    let qa = Ask::approve(&order, "qa", "check");
    firm.no_signature("qa", &qa, "55000", "approval_out_of_order");
    firm.approve("owner", &order, "system_owner", "check");
    // Asked in order, signed out of it: the first was withdrawn meanwhile.
    let challenge = firm.request("qa", &qa).unwrap();
    let approval: uuid::Uuid = firm
        .with("postgres", |root| root.query_one("select id from wo.approval", &[]).unwrap().get(0));
    firm.acting("owner", |owner| {
        owner.execute("select wo.withdraw_signature($1, 'not yet')", &[&approval])
    })
    .unwrap();
    assert!(firm.sign("qa", &challenge).is_err(), "signed before the first");
    firm.approve("owner", &order, "system_owner", "check");
    firm.signed("qa", &qa);
    firm.transition("planner", &order, "done");
    firm.assert_intact();
}

#[test]
fn signatures_without_an_order_are_parallel() {
    for turn in [["owner", "qa"], ["qa", "owner"]] {
        let firm = with(json!([check("system_owner"), check("qa")]));
        let order = firm.deed_in("special", "");
        for who in turn {
            let role = if who == "qa" { "qa" } else { "system_owner" };
            firm.approve(who, &order, role, "check");
        }
        firm.transition("planner", &order, "done");
    }
}

#[test]
fn a_signature_is_required_when_its_condition_holds() {
    for (when, without, having) in [
        (json!("regulatory"), "", ", regulatory => true"),
        (json!("priority = high"), ", priority => 'low'", ", priority => 'high'"),
        (
            json!("metadata.type = validation"),
            ", metadata => '{\"type\": \"repair\"}'",
            ", metadata => '{\"type\": \"validation\"}'",
        ),
        (
            json!("metadata.cost > 10000"),
            ", metadata => '{\"cost\": 10000}'",
            ", metadata => '{\"cost\": 10000.5}'",
        ),
        (
            json!(["priority = high", "metadata.cost > 10"]),
            ", priority => 'high', metadata => '{\"cost\": 5}'",
            ", priority => 'high', metadata => '{\"cost\": 50}'",
        ),
    ] {
        println!("{when}");
        let mut approval = check("qa");
        approval["when"] = when;
        let firm = with(json!([approval]));
        let free = firm.deed_in("special", without);
        assert_eq!(firm.pending(&free), [""; 0]);
        firm.no_signature("qa", &Ask::approve(&free, "qa", "check"), "55000", "nothing_to_sign");
        firm.transition("planner", &free, "done");
        let bound = firm.deed_in("special", having);
        firm.shut(&bound, "done", &["qa check"]);
        firm.approve("qa", &bound, "qa", "check");
        firm.transition("planner", &bound, "done");
        firm.assert_intact();
    }
}

/// Nobody slips out of a signature by changing what its condition looks at.
#[test]
fn a_condition_that_comes_true_later_asks_for_its_signature() {
    let mut approval = check("qa");
    approval["when"] = json!("metadata.cost > 10000");
    let firm = with(json!([approval]));
    let order = firm.deed_in("special", "");
    assert_eq!(firm.pending(&order), [""; 0]);
    firm.run("planner", &patch(&order, &json!({"metadata": {"cost": 20000}})));
    assert_eq!(firm.pending(&order), ["qa check finish 0/1"]);
    assert_eq!(firm.events("wo.approval_requested", &order).len(), 1);
    firm.shut(&order, "done", &["qa check"]);
    // Signed for that much, and not for more.
    firm.approve("qa", &order, "qa", "check");
    firm.run("planner", &patch(&order, &json!({"metadata": {"cost": 90000}})));
    firm.shut(&order, "done", &["qa check"]);
    firm.run("planner", &patch(&order, &json!({"metadata": {"cost": 1}})));
    assert_eq!(firm.pending(&order), [""; 0]);
    firm.transition("planner", &order, "done");
    firm.assert_intact();
}

#[test]
fn what_a_signature_covers_is_what_the_lifecycle_says() {
    let firm = with(json!([
        {"role": "system_owner", "meaning": "plan", "when": "always"},
        {"role": "qa", "meaning": "check", "when": "always", "covers": "result"}
    ]));
    let order = firm.deed_in("special", "");
    firm.approve("owner", &order, "system_owner", "plan");
    let challenge = firm.request("qa", &Ask::approve(&order, "qa", "check")).unwrap();
    assert_eq!(challenge.said()["covers"], "result");
    firm.sign("qa", &challenge).unwrap();
    firm.run("planner", &patch(&order, &json!({"completion_summary": "done"})));
    assert_eq!(firm.states(&order), ["valid", "amended"]);
    firm.shut(&order, "done", &["qa check"]);
}

#[test]
fn a_meaning_that_nobody_asks_for_is_refused() {
    let firm = Firm::found();
    let order = firm.deed();
    for meaning in ["", " ", "approval", "Plan", "plan "] {
        let ask = Ask::approve(&order, "system_owner", meaning);
        firm.no_signature("owner", &ask, "22023", "meaning_unknown");
    }
    // The meaning is known, but not of this role.
    let crossed = Ask::approve(&order, "qa", "plan");
    firm.no_signature("qa", &crossed, "55000", "nothing_to_sign");
}

#[test]
fn a_definition_that_asks_for_the_impossible_is_refused() {
    let firm = Firm::found();
    for (name, value) in [
        ("count", json!(0)),
        ("count", json!(-1)),
        ("count", json!("two")),
        ("order", json!("first")),
        ("covers", json!("everything")),
        ("when", json!("metadata > 5")),
        ("meaning", json!("")),
    ] {
        let mut approval = check("qa");
        approval[name] = value;
        let definition = deed_with("special", json!([approval]));
        let told = firm.with(ADMIN, |admin| {
            admin.query("select pointer from wo.validate_lifecycle($1)", &[&definition]).unwrap()
        });
        let told: Vec<String> = told.iter().map(|row| row.get(0)).collect();
        let pointer = format!("/transitions/2/approvals/0/{name}");
        assert!(told.iter().any(|at| at.starts_with(&pointer)), "{pointer} is not in {told:?}");
    }
    let mut definition = deed("special");
    definition["transitions"][2]["rejection"] = json!("nowhere");
    let told: i64 = firm.with(ADMIN, |admin| {
        let count =
            "select count(*) from wo.validate_lifecycle($1) where pointer like '%rejection%'";
        admin.query_one(count, &[&definition]).unwrap().get(0)
    });
    assert_eq!(told, 1);
}

#[test]
fn what_the_tenant_adds_counts_for_gates_that_are_open_already() {
    let firm = Firm::found();
    let order = firm.deed();
    let other = firm.deed_in("deed", "");
    firm.approve("owner", &order, "system_owner", "plan");
    firm.approve("qa", &order, "qa", "result");
    firm.is_open(&order, "done");
    firm.administer(
        "insert into wo.approval_requirement (name, lifecycle, action, role, meaning)
         values ('safety', 'deed', 'finish', 'qa', 'safety')",
    );
    firm.shut(&order, "done", &["qa safety"]);
    assert_eq!(firm.pending(&order), ["qa safety finish 0/1"]);
    assert_eq!(firm.pending(&other).len(), 3);
    // One person still fills one role only; another of that role signs.
    firm.approve("qa_2", &order, "qa", "safety");
    firm.transition("planner", &order, "done");

    firm.administer("update wo.approval_requirement set disabled_at = now() where name = 'safety'");
    assert_eq!(firm.pending(&other).len(), 2);
    firm.approve("owner", &other, "system_owner", "plan");
    firm.approve("qa", &other, "qa", "result");
    firm.transition("planner", &other, "done");
    firm.assert_intact();
}

#[test]
fn what_the_tenant_adds_is_for_its_lifecycle_action_and_condition() {
    let firm = Firm::found();
    firm.publish(&deed("special"));
    firm.publish(&deed("third"));
    firm.administer(
        "insert into wo.approval_requirement (name, lifecycle, action, role, meaning, count, \"when\", covers)
         values ('costly', 'deed', 'finish', 'qa', 'cost', 2, 'metadata.cost > 10000', 'result'),
            ('elsewhere', 'third', 'finish', 'qa', 'cost', 1, null, 'plan'),
            ('everywhere', null, 'finish', 'system_owner', 'safety', 1, null, 'plan')",
    );
    let own = ["qa result finish 0/1", "system_owner plan finish 0/1"];
    let everywhere = "system_owner safety finish 0/1";
    let cheap = firm.deed();
    assert_eq!(firm.pending(&cheap), [own[0], own[1], everywhere]);
    let costly = firm.deed_in("deed", ", metadata => '{\"cost\": 10001}'");
    assert_eq!(firm.pending(&costly), ["qa cost finish 0/2", own[0], own[1], everywhere]);
    let special = firm.deed_in("special", ", metadata => '{\"cost\": 10001}'");
    assert_eq!(firm.pending(&special), [own[0], own[1], everywhere]);
    // Another tenant is not concerned.
    let rivals: i64 = firm.one("rival", "select count(*) from wo.approval_requirement");
    assert_eq!(rivals, 0);
}

#[test]
fn a_requirement_that_cannot_be_is_refused() {
    let firm = Firm::found();
    let columns = "(name, lifecycle, action, role, meaning, count, \"when\", covers)";
    for values in [
        "('x', 'deed', 'finish', 'qa', '', 1, null, 'plan')",
        "('x', 'deed', 'finish', 'nobody', 'check', 1, null, 'plan')",
        "('x', 'deed', 'finish', 'qa', 'check', 0, null, 'plan')",
        "('x', 'deed', 'finish', 'qa', 'check', 1, 'colour = red', 'plan')",
        "('x', 'deed', 'finish', 'qa', 'check', 1, null, 'all')",
    ] {
        let sql = format!("insert into wo.approval_requirement {columns} values {values}");
        let tried = firm.administering(|admin| admin.batch_execute(&sql));
        let refusal = db_error(tried);
        assert!(
            ["22023", "23514", "23503"].contains(&refusal.code().code()),
            "{values}: {refusal:?}"
        );
    }
    assert_eq!(firm.count("approval_requirement"), 0);
}

/// Configuration has a trail of its own, and is never deleted.
#[test]
fn requirements_are_audited_and_kept() {
    let firm = Firm::found();
    firm.administer(
        "insert into wo.approval_requirement (name, lifecycle, action, role, meaning)
         values ('safety', 'deed', 'finish', 'qa', 'safety')",
    );
    firm.administer("update wo.approval_requirement set disabled_at = now() where name = 'safety'");
    let entries = firm.count("audit_entry where subject = 'approval_requirement'");
    assert_eq!(entries, 2);
    let tried =
        firm.administering(|admin| admin.batch_execute("delete from wo.approval_requirement"));
    assert_eq!(db_error(tried).code().code(), "42501");
    let by_user = firm.with("planner", |planner| {
        planner.batch_execute("update wo.approval_requirement set disabled_at = now()")
    });
    assert_eq!(db_error(by_user).code().code(), "42501");
    firm.assert_intact();
    let order = firm.deed();
    firm.refuses("planner", &move_to(&order, "done"), "23514", "approvals_missing");
}
