//! The permission table of spec/4 down to the field: every role at every field, by raw UPDATE and by
//! function. The tables here are transcribed by hand; nothing is read from the definition.

use std::collections::BTreeSet;

use serde_json::json;
use wo_cluster_tests::{literal, new_value, refused};

use crate::fleet::crew::{Fleet, one, tried};

/// Every field of a work order but the regulatory flag, which no fleet task may carry.
const FIELDS: &str = "title description priority project requester assignee source asset task_type due_date \
    planned_start planned_end actual_start actual_end estimated_hours actual_hours tags \
    acceptance_criteria deliverables notes review_notes completion_summary deficiencies block_cause metadata";

/// What a captain can patch: the server derives the source, and a cause is given with a block alone.
const CAPTAIN: &str = "title description priority project requester assignee asset task_type due_date \
    planned_start planned_end actual_start actual_end estimated_hours actual_hours tags \
    acceptance_criteria deliverables notes review_notes completion_summary deficiencies metadata";

/// What the server alone writes.
const KEPT_BY_THE_SERVER: &str = "tenant_id id wo_number lifecycle lifecycle_version status version \
    revision originator reason idempotency_key request_sha256 created_at updated_at locked_at archived_at state_deadline \
    state_deadline_notified_at chain_sequence chain_hash";

/// Where it stands among others, with rights of its own: see the suite hierarchy.
const PLACE: &str = "master_id required hierarchy_policy";

/// Who each of them is to the work orders of [`Fleet::create`].
const PEOPLE: [(&str, &str); 7] = [
    ("captain", "夏哥"),
    ("captain", "小西"),
    ("pm", "pm"),
    ("assignee", "Mac CLI 小克"),
    ("requester", "Web 小克"),
    ("originator", "Win CLI 小克"),
    ("unrelated", "Win App 小A"),
];

type Table = &'static [(&'static str, &'static str)];

/// spec/4 "RBAC permissions": what each role can patch.
const SPEC_4: Table = &[
    ("captain", CAPTAIN),
    ("pm", "assignee priority due_date estimated_hours tags"),
    ("assignee", "notes completion_summary actual_hours"),
    ("requester", "description acceptance_criteria deliverables"),
    ("originator", ""),
    ("unrelated", ""),
];

/// The same table where the PM may describe the work and no longer tag it.
const AMENDED: Table = &[
    ("captain", CAPTAIN),
    ("pm", "assignee priority due_date estimated_hours description"),
    ("assignee", "notes completion_summary actual_hours"),
    ("requester", "description acceptance_criteria deliverables"),
    ("originator", ""),
    ("unrelated", ""),
];

fn may(table: Table, role: &str, field: &str) -> bool {
    let (_, fields) = table.iter().find(|(name, _)| *name == role).unwrap();
    fields.split_whitespace().any(|name| name == field)
}

#[track_caller]
fn assert_matrix(fleet: &Fleet, number: &str, table: Table) {
    let version = format!("select version from wo.work_order where wo_number = '{number}'");
    for (role, who) in PEOPLE {
        for field in FIELDS.split_whitespace() {
            let value = new_value(field, "[SS2-Operations] Mend both pumps", "Mac App 小A");
            let update = format!(
                "update wo.work_order set {field} = {} where wo_number = '{number}'",
                literal(&value)
            );
            let patch =
                format!("select wo.patch_work_order('{number}', '{}')", json!({ field: value }));
            for write in [update, patch] {
                let what = format!("{role} ({who}): {write}");
                let before: i64 = fleet.one("postgres", &version);
                let after = fleet.with(who, |client| {
                    tried(client, |by| {
                        by.batch_execute(&write)?;
                        Ok(one::<i64>(by, &version))
                    })
                });
                if may(table, role, field) {
                    let after = after.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    assert_eq!(after, before + 1, "{what}");
                } else {
                    println!("{what}");
                    let detail = refused(after, "42501", "field_not_permitted");
                    assert_eq!(detail["fields"], json!([field]), "{what}");
                }
            }
        }
    }
}

/// A field that is added to the table of work orders must be added to the matrix.
#[test]
fn the_matrix_covers_every_column_of_a_work_order() {
    let fleet = Fleet::found();
    let columns = fleet.all(
        "postgres",
        "select attname::text from pg_attribute
         where attrelid = 'wo.work_order'::regclass and attnum > 0 and not attisdropped",
    );
    let known = [FIELDS, KEPT_BY_THE_SERVER, PLACE, "regulatory"].join(" ");
    assert_eq!(
        columns.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        known.split_whitespace().collect::<BTreeSet<_>>()
    );
}

#[test]
fn each_role_patches_exactly_the_fields_of_spec_4() {
    let fleet = Fleet::found();
    for state in ["pending", "accepted", "in_progress", "blocked", "review", "rejected"] {
        let number = fleet.reach(state);
        let before = fleet.everything();
        assert_matrix(&fleet, &number, SPEC_4);
        assert_eq!(fleet.everything(), before);
    }
}

/// "Patch any field" stops at what makes the record a record.
#[test]
fn columns_that_the_server_keeps_are_nobodys() {
    let fleet = Fleet::found();
    let number = fleet.reach("in_progress");
    for (role, who) in PEOPLE {
        for column in KEPT_BY_THE_SERVER.split_whitespace() {
            let (value, code) = match column {
                // A mailbox, an expectation, and what the edges decide about.
                "reason" | "version" | "status" => continue,
                "tenant_id" | "id" => ("gen_random_uuid()", "key_change_refused"),
                "wo_number" | "originator" | "idempotency_key" => ("'小西'", "key_change_refused"),
                "created_at" => ("now()", "key_change_refused"),
                "request_sha256" => ("sha256('x')", "key_change_refused"),
                "updated_at"
                | "locked_at"
                | "archived_at"
                | "state_deadline"
                | "state_deadline_notified_at" => ("'2020-01-01'", "column_not_writable"),
                "chain_hash" => ("sha256('x')", "column_not_writable"),
                "lifecycle" => ("'regulated_change'", "column_not_writable"),
                _ => ("41", "column_not_writable"),
            };
            let update =
                format!("update wo.work_order set {column} = {value} where wo_number = '{number}'");
            println!("{role}: {update}");
            fleet.refused(who, &update, "42501", code);
        }
        let patch = |field: &str, value: &str| {
            format!("select wo.patch_work_order('{number}', '{{\"{field}\": \"{value}\"}}')")
        };
        fleet.refused(who, &patch("status", "review"), "22023", "unknown_fields");
        fleet.refused(who, &patch("locked_at", "2020-01-01"), "22023", "unknown_fields");
    }
}

#[test]
fn no_fleet_task_becomes_a_regulated_change() {
    let fleet = Fleet::found();
    let number = fleet.reach("in_progress");
    for (role, who) in PEOPLE {
        println!("{role}");
        let update =
            format!("update wo.work_order set regulatory = true where wo_number = '{number}'");
        fleet.refused(who, &update, "23514", "regulatory_refused");
        let patch = format!("select wo.patch_work_order('{number}', '{{\"regulatory\": true}}')");
        fleet.refused(who, &patch, "23514", "regulatory_refused");
    }
    let create = "select wo.create_work_order('[SS1-Operations] x', regulatory => true)";
    fleet.refused("夏哥", create, "23514", "regulatory_refused");
}

/// Everything that the row would have to hold for the step is given: what refuses is the role.
#[test]
fn each_role_takes_exactly_the_steps_of_spec_4() {
    let fleet = Fleet::found();
    let worker: &[&str] = &["captain", "assignee"];
    let captain: &[&str] = &["captain"];
    for (from, to, with, who_may) in [
        ("pending", "accepted", "", worker),
        ("accepted", "in_progress", "", worker),
        ("in_progress", "review", ", completion_summary = 'done', actual_hours = 2", worker),
        ("in_progress", "blocked", ", notes = 'stuck'", worker),
        ("blocked", "in_progress", ", notes = 'free'", worker),
        ("rejected", "in_progress", "", worker),
        ("review", "approved", ", review_notes = 'good'", captain),
        ("review", "rejected", ", review_notes = 'bad'", captain),
        ("pending", "cancelled", ", notes = 'no longer'", captain),
        ("accepted", "cancelled", ", notes = 'no longer'", captain),
        ("in_progress", "cancelled", ", notes = 'no longer'", captain),
        ("blocked", "cancelled", ", notes = 'no longer'", captain),
        ("review", "cancelled", ", notes = 'no longer'", captain),
        ("rejected", "cancelled", ", notes = 'no longer'", captain),
    ] {
        let number = fleet.reach(from);
        let update = format!(
            "update wo.work_order set status = '{to}'{with} where wo_number = '{number}'
             returning status"
        );
        let status = format!("select status from wo.work_order where wo_number = '{number}'");
        let fields = match to {
            "review" => r#"{"completion_summary": "done", "actual_hours": 2}"#,
            _ => "{}",
        };
        let call = format!("select wo.transition('{number}', '{to}', 'because', '{fields}')");
        for (role, who) in PEOPLE {
            for write in [&update, &call] {
                let moved = fleet.with(who, |client| {
                    tried(client, |by| {
                        by.batch_execute(write)?;
                        Ok(one::<String>(by, &status))
                    })
                });
                let what = format!("{role}: {write}");
                if who_may.contains(&role) {
                    assert_eq!(moved.unwrap_or_else(|error| panic!("{what}: {error:?}")), to);
                } else {
                    println!("{what}");
                    let detail = refused(moved, "42501", "role_missing");
                    assert_eq!(detail["to_status"], to, "{what}");
                }
            }
        }
        assert_eq!(fleet.status(&number), from);
    }
}

/// The table stands in the definition and nowhere else: a new version changes it for what is made
/// from then on, and for nothing that was there before.
#[test]
fn the_matrix_follows_the_definition() {
    let fleet = Fleet::found();
    let old = fleet.reach("in_progress");
    let mut definition = fleet.definition("fleet_task");
    definition["field_rights"]["pm"]["fields"] =
        json!(["assignee", "priority", "due_date", "estimated_hours", "description"]);
    fleet.publish(&definition);
    let new = fleet.reach("in_progress");
    assert_matrix(&fleet, &new, AMENDED);
    assert_matrix(&fleet, &old, SPEC_4);
}

/// So do the steps: a definition that lets the PM approve lets it, and the captains no longer.
#[test]
fn the_steps_follow_the_definition() {
    let fleet = Fleet::found();
    let old = fleet.reach("review");
    let mut definition = fleet.definition("fleet_task");
    for edge in definition["transitions"].as_array_mut().unwrap() {
        if edge["action"] == "approve" {
            edge["who"] = json!(["pm"]);
        }
    }
    fleet.publish(&definition);
    let new = fleet.reach("review");
    let approve =
        "wo.verify_work_order(order_id => 'WO-2026-0305-001', approved => true, notes => 'fine')";
    fleet.call_refused("pm", approve, &old, "42501", "role_missing");
    fleet.call_refused("夏哥", approve, &new, "42501", "role_missing");
    assert_eq!(fleet.call("pm", approve, &new)["status"], "approved");
    assert_eq!(fleet.call("夏哥", approve, &old)["status"], "approved");
}
