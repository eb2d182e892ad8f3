//! Who may do what: every role at every edge, and every role at every field, as the design's
//! tables say, by function and by raw UPDATE.

use postgres::error::DbError;
use serde_json::{Value, json};
use wo_cluster_tests::{db_error, literal, new_value, refused, tried};

use crate::scenario::company::{Company, one, reach_alone};
use crate::scenario::design::{
    AGENT_CHANGE, ALL, FIELDS, FLEET_TASK, Lifecycle, RELATIONS, STANDING,
};

/// Everybody who is one thing only, and somebody who is nothing at all.
fn everybody() -> impl Iterator<Item = &'static str> {
    STANDING.into_iter().chain(RELATIONS).chain(["stranger"])
}

/// Each edge from each state that it leaves, tried by everybody with all that its gates ask for:
/// what refuses is the role alone.
fn assert_edges(lifecycle: &Lifecycle) {
    let mut company = Company::found(lifecycle.name);
    if lifecycle.name == "agent_change" {
        company.publish_without_approvals("agent_change");
    }
    for edge in lifecycle.edges() {
        for from in &edge.from {
            let number = company.reach(lifecycle, from);
            let (fields, set) = match edge.needs.contains(&"deficiencies") {
                true => (json!({"deficiencies": ["leaks"]}), ", deficiencies = array['leaks']"),
                false => (Value::Null, ""),
            };
            let fields = (!fields.is_null()).then_some(fields);
            for who in everybody() {
                let what = format!("{} by {who}: {} from {from}", lifecycle.name, edge.action);
                let may = edge.who.contains(&who);
                let function = tried(company.get(who), |by| {
                    let row = by.query_one(
                        "select wo.transition($1, $2, 'because', $3) ->> 'status'",
                        &[&number, &edge.to, &fields],
                    )?;
                    Ok(row.get::<_, String>(0))
                });
                let update = tried(company.get(who), |by| {
                    let row = by.query_one(
                        &format!(
                            "update wo.work_order set status = '{}', reason = 'because'{set}
                             where wo_number = '{number}' returning status",
                            edge.to
                        ),
                        &[],
                    )?;
                    Ok(row.get::<_, String>(0))
                });
                for result in [function, update] {
                    println!("{what}");
                    if may {
                        assert_eq!(result.unwrap(), edge.to, "{what}");
                    } else {
                        let detail = refused(result, "42501", "role_missing");
                        assert_eq!(detail["action"], edge.action, "{what}");
                        assert_eq!(detail["roles"], json!(edge.who), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn edges_of_regulated_change_are_for_their_roles() {
    assert_edges(ALL[0]);
}

#[test]
fn edges_of_agent_change_are_for_their_roles() {
    assert_edges(ALL[1]);
}

#[test]
fn edges_of_fleet_task_are_for_their_roles() {
    assert_edges(ALL[2]);
}

/// Everything an edge asks for, left out: one refusal names all that is missing, by the name under
/// which the caller gives it.
#[test]
fn an_edge_without_what_it_needs_says_everything_that_is_missing() {
    for lifecycle in ALL {
        let company = Company::found(lifecycle.name);
        if lifecycle.name == "agent_change" {
            company.publish_without_approvals("agent_change");
        }
        let mut almighty = company.connect("almighty");
        for edge in lifecycle.edges().iter().filter(|edge| !edge.needs.is_empty()) {
            for from in &edge.from {
                println!("{} {} from {from}", lifecycle.name, edge.action);
                let number = reach_alone(&mut almighty, lifecycle, from);
                // What stands on the record already is emptied in the same write; a reason and
                // its like count only if they come with the write.
                let given_with_the_write = ["reason", "notes", "review_notes", "deficiencies"];
                let stored: Vec<&str> = edge
                    .needs
                    .iter()
                    .copied()
                    .filter(|need| !given_with_the_write.contains(need))
                    .collect();
                let emptied: String =
                    stored.iter().map(|field| format!(", {field} = null")).collect();
                let update = format!(
                    "update wo.work_order set status = '{}'{emptied} where wo_number = '{number}'",
                    edge.to
                );
                let fields: Value = stored.iter().map(|field| (*field, Value::Null)).collect();
                let by_update = tried(&mut almighty, |by| by.batch_execute(&update));
                let by_function = tried(&mut almighty, |by| {
                    let call = "select wo.transition($1, $2, fields => $3)";
                    by.execute(call, &[&number, &edge.to, &fields])
                });
                let missing = |detail: Value| {
                    let missing = detail["missing_fields"].as_array().unwrap().clone();
                    let mut names: Vec<String> =
                        missing.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
                    names.sort();
                    names
                };
                let mut expected = edge.needs.clone();
                expected.sort_unstable();
                assert_eq!(missing(refused(by_update, "23514", "fields_missing")), expected);
                assert_eq!(missing(refused(by_function, "23514", "fields_missing")), expected);
            }
        }
    }
}

/// Column by column: each role may change exactly the fields that the table gives it, while the
/// table gives them.
fn assert_fields(lifecycle: &Lifecycle, states: &[&str]) {
    let mut company = Company::found(lifecycle.name);
    for state in states {
        let number = company.reach(lifecycle, state);
        for who in everybody() {
            let client = company.get(who);
            for field in FIELDS.split_whitespace() {
                let value = new_value(field, "[Acme-Test] Mend both pumps", "colleague");
                let update = format!(
                    "update wo.work_order set {field} = {} where wo_number = '{number}'",
                    literal(&value)
                );
                let by_update = tried(client, |by| by.execute(&update, &[]));
                let fields = json!({ field: value });
                let by_patch = tried(client, |by| {
                    by.execute("select wo.patch_work_order($1, $2)", &[&number, &fields])
                });
                for result in [by_update, by_patch] {
                    println!("{} {state}: {field} by {who}", lifecycle.name);
                    if lifecycle.may_change(who, field, state) {
                        assert_eq!(result.unwrap(), 1);
                    } else {
                        let detail = refused(result, "42501", "field_not_permitted");
                        assert_eq!(detail["fields"], json!([field]));
                    }
                }
            }
        }
    }
}

#[test]
fn fields_of_regulated_change_are_for_their_roles() {
    assert_fields(ALL[0], &["draft", "pending_approval", "in_progress", "completed"]);
}

#[test]
fn fields_of_agent_change_are_for_their_roles() {
    assert_fields(ALL[1], &["draft", "planned", "in_progress", "pending_review"]);
}

#[test]
fn fields_of_fleet_task_are_for_their_roles() {
    assert_fields(ALL[2], &["pending", "in_progress", "review", "rejected"]);
}

/// One field too many refuses the write as a whole, and the refusal names that field alone.
#[test]
fn rights_are_the_union_of_ones_roles_and_no_more() {
    let mut company = Company::found("regulated_change");
    company.database.login("two_roles", &["wo_user"]);
    company.administer(
        "select wo.create_principal('two_roles', roles => '{planner,qa}', db_role => 'two_roles')",
    );
    let number = company.reach(&crate::scenario::design::REGULATED_CHANGE, "in_progress");
    let patch = "select (wo.patch_work_order($1, $2) ->> 'version')::bigint";
    let both = json!({"priority": "high", "review_notes": "seen"});
    company.get("two_roles").query_one(patch, &[&number, &both]).unwrap();
    for one_role in ["planner", "qa"] {
        refused(
            company.get(one_role).query_one(
                patch,
                &[
                    &number,
                    &json!({
                        "priority": "low", "review_notes": "again"
                    }),
                ],
            ),
            "42501",
            "field_not_permitted",
        );
    }
    let third = json!({"priority": "low", "review_notes": "again", "notes": "mine"});
    let detail = refused(
        company.get("two_roles").query_one(patch, &[&number, &third]),
        "42501",
        "field_not_permitted",
    );
    assert_eq!(detail["fields"], json!(["notes"]));
    let stored: (String, String) = {
        let row = company
            .get("two_roles")
            .query_one(
                "select priority, review_notes from wo.work_order where wo_number = $1::text",
                &[&number],
            )
            .unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(stored, ("high".to_owned(), "seen".to_owned()));
}

/// A transition is no way around the rights on fields: what the edge does not ask for stays
/// another's.
#[test]
fn a_transition_does_not_carry_fields_of_others_along() {
    let mut company = Company::found("fleet_task");
    let number = company.reach(&FLEET_TASK, "accepted");
    let update = format!(
        "update wo.work_order set status = 'in_progress', priority = 'critical'
         where wo_number = '{number}'"
    );
    let detail =
        refused(company.get("assignee").batch_execute(&update), "42501", "field_not_permitted");
    assert_eq!(detail["fields"], json!(["priority"]));
    let call = "select wo.transition($1, 'in_progress', fields => '{\"assignee\": \"colleague\"}')";
    refused(company.get("assignee").execute(call, &[&number]), "42501", "field_not_permitted");
    company.get("captain").execute(call, &[&number]).unwrap();
}

/// Nobody gains a right by the write that needs it: assigning the work to oneself and starting it
/// in one UPDATE needs the right to both.
#[test]
fn nobody_becomes_the_assignee_by_the_write_that_needs_the_assignee() {
    let mut company = Company::found("regulated_change");
    let number = company.reach(&crate::scenario::design::REGULATED_CHANGE, "assigned");
    let update = format!(
        "update wo.work_order set status = 'in_progress', assignee = 'planner'
         where wo_number = '{number}'"
    );
    refused(company.get("planner").batch_execute(&update), "42501", "role_missing");
}

/// A role is a standing in the tenant, read for every write: revoking it ends the right at once,
/// in a session that used it before.
#[test]
fn a_revoked_role_is_of_no_use_to_a_running_session() {
    let mut company = Company::found("fleet_task");
    let number = company.reach(&FLEET_TASK, "pending");
    let patch = "select wo.patch_work_order($1, $2)";
    company.get("pm").execute(patch, &[&number, &json!({"priority": "high"})]).unwrap();
    company.administer("select wo.revoke_role('pm', 'pm')");
    let again = company.get("pm").execute(patch, &[&number, &json!({"priority": "low"})]);
    refused(again, "42501", "field_not_permitted");
    company.administer("select wo.grant_role('pm', 'pm')");
    company.get("pm").execute(patch, &[&number, &json!({"priority": "low"})]).unwrap();
    company.administer("select wo.disable_principal('pm')");
    let disabled: DbError =
        db_error(company.get("pm").execute(patch, &[&number, &json!({"priority": "high"})]));
    assert_eq!(disabled.code().code(), "42501", "{disabled:?}");
    assert_eq!(
        one::<String>(
            company.get("captain"),
            &format!("select priority from wo.work_order where wo_number = '{number}'")
        ),
        "low"
    );
}

/// Design §4: qa, a human. An agent that was given the role does not decide.
#[test]
fn only_a_human_being_approves_an_agents_work() {
    let mut company = Company::found("agent_change");
    company.publish_without_approvals("agent_change");
    let number = company.reach(&AGENT_CHANGE, "pending_review");
    let approve = "select wo.transition($1, 'approved', 'looks good')";
    refused(company.get("qa_agent").execute(approve, &[&number]), "42501", "person_required");
    let raw = format!("update wo.work_order set status = 'approved' where wo_number = '{number}'");
    refused(company.get("qa_agent").batch_execute(&raw), "42501", "person_required");
    company.get("qa").execute(approve, &[&number]).unwrap();
}

/// `requester` is a claim, `originator` is verified: naming oneself either way gives no more than
/// the table says, and the originator cannot be claimed at all.
#[test]
fn the_originator_is_who_created_it_whatever_the_row_says() {
    let mut company = Company::found("regulated_change");
    let stranger = company.get("stranger");
    let originator: String = one(
        stranger,
        "insert into wo.work_order (title, requester) values ('x', 'captain') returning originator",
    );
    assert_eq!(originator, "stranger");
    let claim = "insert into wo.work_order (title, originator) values ('x', 'captain')";
    refused(stranger.batch_execute(claim), "42501", "column_not_writable");
    let claim = "update wo.work_order set originator = 'captain' where originator = 'stranger'";
    refused(stranger.batch_execute(claim), "42501", "key_change_refused");
}

/// An auditor reads everything of the tenant and writes nothing, through functions and around them.
#[test]
fn an_auditor_reads_and_never_writes() {
    let mut company = Company::found("fleet_task");
    let number = company.reach(&FLEET_TASK, "pending");
    let auditor = company.get("auditor");
    assert_eq!(one::<i64>(auditor, "select count(*) from wo.work_order"), 1);
    assert!(one::<i64>(auditor, "select count(*) from wo.audit_entry") > 1);
    for write in [
        format!("update wo.work_order set title = 'x' where wo_number = '{number}'"),
        "insert into wo.work_order (title) values ('[A-B] c')".to_owned(),
        format!("select wo.transition('{number}', 'accepted')"),
        format!("delete from wo.work_order where wo_number = '{number}'"),
        "truncate wo.work_order".to_owned(),
    ] {
        let refusal = db_error(auditor.batch_execute(&write));
        assert_eq!(refusal.code().code(), "42501", "{write}: {refusal:?}");
    }
}
