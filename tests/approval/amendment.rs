//! What was signed and changed since is amended and unsigned, until it is signed again.

use serde_json::{Value, json};
use wo_cluster_tests::db_error;

use crate::approval::firm::{Ask, Firm, deed_with, patch};

/// A firm whose lifecycle waits for two signatures, of the plan and of the result, and a work order
/// in review with both.
fn signed() -> (Firm, String) {
    let firm = Firm::found();
    let order = firm.deed();
    sign(&firm, &order);
    (firm, order)
}

fn sign(firm: &Firm, order: &str) {
    firm.approve("owner", order, "system_owner", "plan");
    firm.approve("qa", order, "qa", "result");
}

/// The newest signature of the owner, and of QA.
fn newest(firm: &Firm, order: &str) -> [String; 2] {
    let states = |role: &str| {
        firm.all(
            "auditor",
            &format!(
                "select state from wo.signatures('{order}') where role = '{role}'
                 order by signed_at desc limit 1"
            ),
        )
        .remove(0)
    };
    [states("system_owner"), states("qa")]
}

/// Each column of the plan that can be changed at all, with another value each.
fn of_the_plan() -> Vec<(&'static str, Value)> {
    vec![
        ("title", json!("Another deed")),
        ("description", json!("Something else is to be done")),
        ("priority", json!("high")),
        ("project", json!("another")),
        ("requester", json!("stranger")),
        ("asset", json!("PUMP-7")),
        ("due_date", json!("2027-01-01")),
        ("planned_start", json!("2027-01-01T08:00:00Z")),
        ("planned_end", json!("2027-01-02T08:00:00Z")),
        ("estimated_hours", json!(7.25)),
        ("tags", json!(["pump"])),
        ("acceptance_criteria", json!("It is dry.")),
        ("deliverables", json!("A report.")),
        ("metadata", json!({"type": "validation"})),
        ("metadata", json!({"type": "validation", "cost": 5})),
    ]
}

/// Those of the result besides.
fn of_the_result() -> Vec<(&'static str, Value)> {
    vec![
        ("actual_start", json!("2026-01-01T08:00:00Z")),
        ("actual_end", json!("2026-01-02T08:00:00Z")),
        ("actual_hours", json!(4.5)),
        ("completion_summary", json!("It is done.")),
    ]
}

/// Those that no signature covers.
fn of_neither() -> Vec<(&'static str, Value)> {
    vec![
        ("notes", json!("It rains.")),
        ("review_notes", json!("It is fine.")),
        ("deficiencies", json!(["a drop"])),
        ("metadata", json!({"type": "validation", "cost": 5, "colour": "red"})),
        ("assignee", json!("worker_2")),
    ]
}

#[test]
fn a_change_of_what_was_signed_amends_the_signature_and_shuts_the_gate() {
    let (firm, order) = signed();
    firm.is_open(&order, "done");
    for (column, value) in of_the_plan() {
        println!("{column}: {value}");
        firm.run("planner", &patch(&order, &json!({ column: value })));
        assert_eq!(newest(&firm, &order), ["amended", "amended"], "{column}");
        firm.shut(&order, "done", &["qa result", "system_owner plan"]);
        assert_eq!(firm.pending(&order).len(), 2, "{column}");
        sign(&firm, &order);
        assert_eq!(newest(&firm, &order), ["valid", "valid"], "{column}");
        firm.is_open(&order, "done");
    }
    let changes = of_the_plan().len();
    assert_eq!(firm.trail(&order, &["signatures_amended"]).len(), changes);
    assert!(firm.events("wo.approval_amended", &order).len() >= changes);
    for (column, value) in of_the_result() {
        println!("{column}: {value}");
        firm.run("planner", &patch(&order, &json!({ column: value })));
        assert_eq!(newest(&firm, &order), ["valid", "amended"], "{column}");
        firm.shut(&order, "done", &["qa result"]);
        firm.approve("qa", &order, "qa", "result");
        firm.is_open(&order, "done");
    }
    for (column, value) in of_neither() {
        println!("{column}: {value}");
        firm.run("planner", &patch(&order, &json!({ column: value })));
        assert_eq!(newest(&firm, &order), ["valid", "valid"], "{column}");
        firm.is_open(&order, "done");
    }
    firm.transition("planner", &order, "done");
    firm.assert_intact();
}

#[test]
fn an_amended_signature_says_why() {
    let (firm, order) = signed();
    firm.run("planner", &patch(&order, &json!({"asset": "PUMP-7"})));
    let why = firm.all("auditor", &format!("select why from wo.signatures('{order}')"));
    assert_eq!(why.len(), 2);
    assert!(why.iter().all(|why| why.contains("changed")), "{why:?}");
}

#[test]
fn a_raw_update_amends_like_the_api() {
    let (firm, order) = signed();
    let raw =
        format!("update wo.work_order set title = 'raw', reason = 'x' where wo_number = '{order}'");
    firm.run("planner", &raw);
    assert_eq!(firm.states(&order), ["amended", "amended"]);
    firm.shut(&order, "done", &["qa result", "system_owner plan"]);
    firm.assert_intact();
}

/// A value may come back; the signature was given before it went.
#[test]
fn a_value_that_comes_back_does_not_bring_the_signature_back() {
    let (firm, order) = signed();
    for title in ["Another deed", "A deed"] {
        firm.run("planner", &patch(&order, &json!({ "title": title })));
        assert_eq!(firm.states(&order), ["amended", "amended"]);
    }
    firm.shut(&order, "done", &["qa result", "system_owner plan"]);
    firm.assert_intact();
}

#[test]
fn a_write_that_changes_nothing_leaves_signatures_valid() {
    let (firm, order) = signed();
    firm.run("planner", &patch(&order, &json!({"title": "A deed", "tags": []})));
    firm.run(
        "planner",
        &format!("update wo.work_order set title = title where wo_number = '{order}'"),
    );
    assert_eq!(firm.states(&order), ["valid", "valid"]);
    firm.is_open(&order, "done");
}

/// A write that is taken back amends nothing.
#[test]
fn a_rollback_leaves_signatures_valid() {
    let (firm, order) = signed();
    let change = patch(&order, &json!({"title": "Another deed"}));
    firm.with("planner", |planner| crate::approval::firm::rolled_back(planner, &change)).unwrap();
    firm.run("planner", &format!("begin; savepoint s; {change}; rollback to s; commit"));
    assert_eq!(firm.states(&order), ["valid", "valid"]);
    firm.is_open(&order, "done");
}

/// One write that both changes and passes does not pass with the old signatures.
#[test]
fn a_transition_that_changes_what_was_signed_does_not_pass_by_the_signature() {
    let (firm, order) = signed();
    let both =
        format!("select wo.transition('{order}', 'done', 'x', '{{\"title\": \"Smuggled\"}}')");
    firm.refuses("planner", &both, "23514", "approvals_missing");
    let raw = format!(
        "update wo.work_order set title = 'Smuggled', status = 'done', reason = 'x' where wo_number = '{order}'"
    );
    firm.refuses("planner", &raw, "23514", "approvals_missing");
    assert_eq!(firm.states(&order), ["valid", "valid"]);
}

/// Being somebody's child is child of the plan.
#[test]
fn another_master_amends_the_plan() {
    let (firm, order) = signed();
    let master = firm.open_deed("deed", "");
    firm.run("planner", &format!("select wo.link_work_order('{order}', '{master}')"));
    assert_eq!(newest(&firm, &order), ["amended", "amended"]);
    sign(&firm, &order);
    firm.run("planner", &format!("select wo.link_work_order('{order}', '{master}', false)"));
    assert_eq!(newest(&firm, &order), ["amended", "amended"]);
    firm.assert_intact();
}

#[test]
fn the_regulatory_flag_set_while_open_voids_what_was_signed() {
    let (firm, order) = signed();
    firm.run("planner", &patch(&order, &json!({"regulatory": true})));
    assert_eq!(firm.states(&order), ["void", "void"]);
    firm.shut(&order, "done", &["qa result", "system_owner plan"]);
    sign(&firm, &order);
    firm.transition("planner", &order, "done");
    firm.assert_intact();
}

/// The shipped lifecycle: a changed plan can be worked on, but not completed.
#[test]
fn a_changed_plan_cannot_be_completed() {
    let firm = Firm::found();
    let order = firm.reach("in_progress");
    firm.run("owner", &patch(&order, &json!({"acceptance_criteria": "another"})));
    assert_eq!(firm.states(&order), ["amended", "amended"]);
    let fields = json!({"completion_summary": "done", "actual_hours": 1});
    let complete = format!("select wo.transition('{order}', 'completed', 'done', '{fields}')");
    let detail = firm.refuses("worker", &complete, "23514", "guards_not_met");
    assert_eq!(detail["guards"][0]["guard"], "plan_approvals_unamended");
    // Doing the work leaves the plan's signatures alone.
    let other = firm.reach("in_progress");
    firm.complete(&other, "done");
    assert_eq!(firm.states(&other), ["valid", "valid"]);
    // The result's it does not.
    firm.approve("owner", &other, "system_owner", "completion");
    firm.run("worker", &patch(&other, &json!({"completion_summary": "done better"})));
    assert_eq!(firm.states(&other), ["valid", "valid", "amended"]);
    firm.approve("qa", &other, "qa", "completion");
    assert_eq!(firm.status(&other), "completed", "the owner's signature is missing again");
    firm.run("worker", &patch(&other, &json!({"actual_hours": 9})));
    assert_eq!(firm.states(&other)[3], "amended");
    firm.sign_both(&other, "completion");
    assert_eq!(firm.status(&other), "closed");
    firm.assert_intact();
}

#[test]
fn who_signed_cannot_be_assigned() {
    let (firm, order) = signed();
    let assign = |who: &str| patch(&order, &json!({ "assignee": who }));
    for who in ["owner", "qa"] {
        firm.refuses("planner", &assign(who), "23514", "assignee_has_signed");
        let raw =
            format!("update wo.work_order set assignee = '{who}' where wo_number = '{order}'");
        firm.refuses("planner", &raw, "23514", "assignee_has_signed");
    }
    let both =
        format!("select wo.transition('{order}', 'done', 'x', '{{\"assignee\": \"owner\"}}')");
    firm.refuses("planner", &both, "23514", "assignee_has_signed");
    firm.run("planner", &assign("qa_2"));
    // Who withdrew has signed nothing.
    let approval: uuid::Uuid = firm.with("postgres", |root| {
        let owners = "select id from wo.approval where signer = 'owner'";
        root.query_one(owners, &[]).unwrap().get(0)
    });
    firm.acting("owner", |owner| {
        owner.execute("select wo.withdraw_signature($1, 'not mine to sign')", &[&approval])
    })
    .unwrap();
    firm.run("planner", &assign("owner"));
    let ask = Ask::approve(&order, "system_owner", "plan");
    firm.no_signature("owner", &ask, "23514", "signer_is_assignee");
    firm.assert_intact();
}

/// Two rounds: who signed the first, which is void, may do the work of the second.
#[test]
fn who_signed_what_is_void_may_be_assigned() {
    let (firm, order) = signed();
    firm.transition("planner", &order, "open");
    assert_eq!(firm.states(&order), ["void", "void"]);
    firm.run("planner", &patch(&order, &json!({"assignee": "qa"})));
    firm.transition("planner", &order, "review");
    firm.no_signature("qa", &Ask::approve(&order, "qa", "result"), "23514", "signer_is_assignee");
    firm.approve("qa_2", &order, "qa", "result");
    firm.approve("owner", &order, "system_owner", "plan");
    firm.transition("planner", &order, "done");
    firm.assert_intact();
}

/// Metadata at large is a program's own; its type and its cost are the record's.
#[test]
fn a_type_or_cost_that_goes_away_amends() {
    let firm = Firm::found();
    let only = json!([{"role": "qa", "meaning": "check", "when": "always"}]);
    firm.publish(&deed_with("special", only));
    let order = firm.deed_in("special", ", metadata => '{\"type\": \"a\", \"cost\": 1, \"x\": 1}'");
    for (metadata, stays) in [
        (json!({"type": "a", "cost": 1}), true),
        (json!({"cost": 1, "type": "a", "y": {"cost": 2}}), true),
        (json!({"cost": 1}), false),
        (json!({}), false),
    ] {
        firm.approve("qa", &order, "qa", "check");
        firm.run("planner", &patch(&order, &json!({ "metadata": metadata })));
        let state = firm.states(&order).pop().unwrap();
        assert_eq!(state, if stays { "valid" } else { "amended" }, "{metadata}");
        if stays {
            // Signed already: there is nothing to sign until it is amended.
            let again = db_error(firm.try_sign("qa_2", &Ask::approve(&order, "qa", "check")));
            assert_eq!(again.code().code(), "55000", "{again:?}");
            firm.run("planner", &patch(&order, &json!({"title": format!("{metadata}")})));
        }
    }
    firm.assert_intact();
}
