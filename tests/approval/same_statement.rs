//! What runs while a statement has written a work order and has not carried out the effects of that
//! write yet: it neither writes the work order nor passes a gate that looks at it.
//!
//! PostgreSQL runs triggers AFTER ROW at the end of the statement. A function in RETURNING, in a CTE
//! or in SET runs before that, and so do the effects of other rows of the same statement. If they were
//! judged by the row as it is stored, signatures that the write voids would still count.

use serde_json::json;
use wo_cluster_tests::db_error;

use crate::approval::firm::{Ask, Firm, ROOT, deed_with, patch};

/// A regulatory work order whose plan both roles have signed.
fn signed_plan(firm: &Firm) -> String {
    let order = firm.submitted();
    firm.sign_both(&order, "plan");
    order
}

#[test]
fn a_gate_is_not_passed_inside_the_statement_that_voids_its_signatures() {
    let firm = Firm::found();
    visit_in_order(&firm, "owner");
    let order = signed_plan(&firm);
    let attempts = [
        // The finding: returned to draft, submitted and assigned by the signatures that the return voids.
        format!(
            "update wo.work_order set status = 'draft', reason = 'returned' where wo_number = '{order}'
             returning wo.transition(id::text, 'pending_approval', 'r') ->> 'status',
                wo.transition(id::text, 'assigned', 'r') ->> 'status'"
        ),
        format!(
            "with returned as (
                update wo.work_order set status = 'draft', reason = 'r' where wo_number = '{order}' returning id)
             select wo.transition(id::text, 'pending_approval', 'r') from returned"
        ),
        format!(
            "merge into wo.work_order as held using (values ('{order}'::text), ('{}')) as given (number)
             on held.wo_number = given.number
             when matched then update set status = 'draft',
                reason = case when held.wo_number = '{order}' then 'r'
                    else wo.transition('{order}', 'pending_approval', 'r') ->> 'status' end",
            signed_plan(&firm)
        ),
        format!(
            "update wo.work_order set status = 'draft', reason = 'returned' where wo_number = '{order}'
             returning wo.patch_work_order(id::text, '{{\"title\": \"Another title\"}}', 'r')"
        ),
    ];
    for attempt in &attempts {
        let detail = firm.refuses("owner", attempt, "55000", "write_unfinished");
        assert_eq!(detail["work_order_id"], firm.id(&order).to_string(), "{attempt}");
    }
    let refusal = db_error(firm.with("owner", |owner| owner.batch_execute(&attempts[0])));
    assert!(refusal.hint().unwrap().contains("statement of its own"), "{refusal:?}");
    assert_eq!(firm.status(&order), "pending_approval");
    assert_eq!(firm.states(&order), ["valid", "valid"]);

    // In statements of their own the third is refused by its gate.
    firm.run(
        "owner",
        &format!("update wo.work_order set status = 'draft', reason = 'returned' where wo_number = '{order}'"),
    );
    firm.transition("owner", &order, "pending_approval");
    firm.refuses(
        "owner",
        &format!("select wo.transition('{order}', 'assigned', 'r')"),
        "23514",
        "approvals_missing",
    );
    firm.assert_intact();
}

#[test]
fn nothing_is_signed_inside_the_statement_that_changes_what_is_signed() {
    let firm = Firm::found();
    let order = firm.submitted();
    let ask = Ask::approve(&order, "qa", "plan");
    let challenge = firm.request("versatile", &ask).unwrap();
    let signature = firm.signature("versatile", &challenge.payload);
    let tried = firm.acting("versatile", |acting| {
        acting.batch_execute(&format!(
            "update wo.work_order set planned_end = '2030-01-01', reason = 'x' where wo_number = '{order}'
             returning wo.sign('{}', '{signature}')",
            challenge.id
        ))
    });
    wo_cluster_tests::refused(tried, "55000", "write_unfinished");
    assert_eq!(firm.states(&order), [""; 0]);
    firm.sign("versatile", &challenge).unwrap();
    assert_eq!(firm.states(&order), ["valid"]);
    firm.assert_intact();
}

/// Has statements visit rows in the order in which they were made.
fn visit_in_order(firm: &Firm, who: &str) {
    firm.run(who, "set enable_indexscan = off; set enable_bitmapscan = off");
}

/// A lifecycle whose end takes the children along that its signatures cover.
fn covering(firm: &Firm) {
    let mut covering = deed_with(
        "covering",
        json!([
            {"role": "system_owner", "meaning": "plan", "when": "always", "covers": "plan"},
            {"role": "qa", "meaning": "result", "when": "always", "covers": "result"}
        ]),
    );
    for edge in covering["transitions"].as_array_mut().unwrap() {
        if edge["action"] == "finish" {
            edge["effects"] = json!(["approve_children"]);
        }
    }
    firm.publish(&covering);
}

/// A master and a child of it in review, the master signed by both roles for both of them.
fn signed_master(firm: &Firm) -> (String, String) {
    let master = firm.deed_in("covering", "");
    let child = firm.deed_in("covering", &format!(", master => '{master}'"));
    firm.approve("owner", &master, "system_owner", "plan");
    firm.approve("qa", &master, "qa", "result");
    // It is the last row that was written, and so the last one that a statement visits.
    firm.run("planner", &patch(&child, &json!({"notes": "later"})));
    assert_eq!(firm.states(&master), ["valid", "valid"]);
    (master, child)
}

/// The second form: no function at all. The effect of the first row must not move the second one along
/// before the second row's own effects have been carried out.
#[test]
fn an_effect_does_not_move_a_row_along_that_the_same_statement_changes() {
    let firm = Firm::found();
    covering(&firm);
    visit_in_order(&firm, "planner");
    let (master, child) = signed_master(&firm);
    let both = format!(
        "update wo.work_order set
            status = case wo_number when '{master}' then 'done' else status end,
            description = case wo_number when '{child}' then 'Something that nobody signed' else description end,
            reason = 'r'
         where wo_number in ('{master}', '{child}')"
    );
    firm.refuses("planner", &both, "55000", "write_unfinished");
    assert_eq!((firm.status(&master), firm.status(&child)), ("review".into(), "review".into()));
    assert_eq!(firm.states(&master), ["valid", "valid"]);

    // One after the other: the change amends the signatures, so the master's gate is shut.
    firm.run(
        "planner",
        &format!("update wo.work_order set description = 'Something' where wo_number = '{child}'"),
    );
    assert_eq!(firm.states(&master), ["amended", "amended"]);
    firm.shut(&master, "done", &["qa result", "system_owner plan"]);
    firm.assert_intact();
}

/// A write of a child in the same statement that covers nothing signed does not keep the effect from the
/// child: it is carried out when the child's own effects have been.
#[test]
fn an_effect_on_a_row_of_the_same_statement_is_carried_out_after_its_own() {
    let firm = Firm::found();
    covering(&firm);
    visit_in_order(&firm, "planner");
    let (master, child) = signed_master(&firm);
    let both = format!(
        "update wo.work_order set
            status = case wo_number when '{master}' then 'done' else status end,
            notes = case wo_number when '{child}' then 'seen' else notes end, reason = 'r'
         where wo_number in ('{master}', '{child}')"
    );
    firm.run("planner", &both);
    assert_eq!((firm.status(&master), firm.status(&child)), ("done".into(), "done".into()));
    let id = firm.id(&child);
    let actions = firm.all(
        ROOT,
        &format!("select action from wo.audit_entry where subject_id = '{id}' order by position"),
    );
    assert_eq!(actions[actions.len() - 3..], ["changed", "finish", "approval_closed"]);
    firm.assert_intact();
}
