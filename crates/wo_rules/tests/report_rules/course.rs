//! What happened to the work order of the sample.

use super::sample::{at, entry, uuid};
use super::signed::SIGNED;
use serde_json::{Value, json};

/// From a course of (hours, actor, action, from, to, reason, changes).
type Step<'a> = (f64, Option<&'a str>, &'a str, Option<&'a str>, &'a str, Option<&'a str>, Value);

pub fn trail() -> Vec<Value> {
    let signed = |index: usize| {
        let one = &SIGNED[index];
        let name = format!("approval:{}", uuid(&format!("approval {index}")));
        json!({ name: { "new": {
            "id": "x", "role": one.role, "meaning": one.meaning, "decision": "approved",
            "signer": one.signer, "signed_at": at(one.hours), "payload": "{}", "signature": "00",
        } } })
    };
    let state = |index: usize, member: &str, hours: f64| {
        let name = format!("approval:{}", uuid(&format!("approval {index}")));
        json!({ name: {
            "old": { "role": SIGNED[index].role },
            "new": { "role": SIGNED[index].role, member: at(hours) },
        } })
    };
    let steps: Vec<Step> = vec![
        (
            0.0,
            Some("paul"),
            "created",
            None,
            "draft",
            None,
            json!({
                "tenant_id": {"new": uuid("tenant")}, "id": {"new": uuid("work order")},
                "wo_number": {"new": "WO-2026-1121-A1B"}, "lifecycle": {"new": "regulated_change"},
                "lifecycle_version": {"new": 3}, "title": {"new": "Update the freezer controllers of lab 4"},
                "description": {"new": "Install firmware 7.2 on the four controllers.\nVerify each alarm afterwards."},
                "priority": {"new": "medium"}, "originator": {"new": "paul"}, "regulatory": {"new": true},
                "tags": {"new": []}, "metadata": {"new": {"type": "firmware", "cost": 12000.50}},
                "due_date": {"new": "2026-12-20"},
            }),
        ),
        (
            2.0,
            Some("paul"),
            "changed",
            Some("draft"),
            "draft",
            None,
            json!({
                "acceptance_criteria": {"new": "Every alarm is raised within 30 s and recorded."},
                "estimated_hours": {"new": 16.50},
            }),
        ),
        (
            3.5,
            Some("paul"),
            "dependency_added",
            Some("draft"),
            "draft",
            None,
            json!({
                format!("dependency:{}", uuid("before")): {"new": {
                    "tenant_id": uuid("tenant"), "lag": "01:00:00", "added_by": "paul", "added_at": at(3.5),
                }},
            }),
        ),
        (4.0, Some("paul"), "submit", Some("draft"), "pending_approval", None, json!({})),
        (
            20.0,
            Some("olga"),
            "signed",
            Some("pending_approval"),
            "pending_approval",
            None,
            signed(0),
        ),
        (
            22.0,
            Some("quentin"),
            "signed",
            Some("pending_approval"),
            "pending_approval",
            None,
            signed(1),
        ),
        (
            22.5,
            Some("quentin"),
            "signature_withdrawn",
            Some("pending_approval"),
            "pending_approval",
            Some("signed the wrong work order"),
            state(1, "withdrawn_at", 22.5),
        ),
        (
            26.5,
            Some("olga"),
            "return",
            Some("pending_approval"),
            "draft",
            Some("returned to draft: the rollback plan was missing"),
            state(0, "voided_at", 26.5),
        ),
        (
            30.0,
            Some("paul"),
            "changed",
            Some("draft"),
            "draft",
            Some("rollback plan added"),
            json!({
                "description": {
                    "old": "Install firmware 7.2 on the four controllers.\nVerify each alarm afterwards.",
                    "new": "Install firmware 7.2 on the four controllers.\nVerify each alarm afterwards.\n\
                            Roll back to 7.1 where an alarm fails.",
                },
                "metadata": {
                    "old": {"type": "firmware", "cost": 12000.50}, "new": {"type": "firmware", "cost": 13500.00},
                },
            }),
        ),
        (31.0, Some("paul"), "submit", Some("draft"), "pending_approval", None, json!({})),
        (
            70.0,
            Some("olga"),
            "signed",
            Some("pending_approval"),
            "pending_approval",
            None,
            signed(2),
        ),
        (
            75.25,
            Some("dora"),
            "signed",
            Some("pending_approval"),
            "pending_approval",
            None,
            signed(3),
        ),
        (
            76.0,
            Some("paul"),
            "assign",
            Some("pending_approval"),
            "assigned",
            None,
            json!({"assignee": {"new": "mira"}}),
        ),
        (
            98.0,
            Some("mira"),
            "start",
            Some("assigned"),
            "in_progress",
            None,
            json!({"actual_start": {"new": at(98.0)}}),
        ),
        (
            150.0,
            Some("mira"),
            "block",
            Some("in_progress"),
            "blocked",
            Some("controller 3 is on loan to lab 2 until Thursday"),
            json!({}),
        ),
        (
            201.0,
            Some("mira"),
            "resume",
            Some("blocked"),
            "in_progress",
            Some("controller 3 is back"),
            json!({}),
        ),
        (
            300.0,
            Some("mira"),
            "complete",
            Some("in_progress"),
            "completed",
            None,
            json!({
                "completion_summary": {"new": "All four controllers run 7.2."},
                "actual_hours": {"new": 15.25}, "actual_end": {"new": at(299.5)},
            }),
        ),
        (320.0, Some("olga"), "signed", Some("completed"), "completed", None, signed(4)),
        (
            331.0,
            Some("mira"),
            "changed",
            Some("completed"),
            "completed",
            Some("the alarm test of controller 3 had to be repeated"),
            json!({
                "completion_summary": {
                    "old": "All four controllers run 7.2.",
                    "new": "All four controllers run 7.2. The alarm test of controller 3 was repeated.",
                },
            }),
        ),
        (
            331.0,
            Some("mira"),
            "signatures_amended",
            Some("completed"),
            "completed",
            None,
            state(4, "amended_at", 331.0),
        ),
        (340.0, Some("quentin"), "signed", Some("completed"), "completed", None, signed(5)),
        (
            339.5,
            None,
            "lifecycle_migrated",
            Some("completed"),
            "completed",
            Some("version 4 adds a meaning"),
            json!({"lifecycle_version": {"old": 3, "new": 4}}),
        ),
    ];
    let written = |(index, (hours, actor, action, from, to, reason, changes)): (usize, Step)| {
        let mut entry = entry(index + 1, hours, actor, action, &changes);
        entry["from_status"] = json!(from);
        entry["to_status"] = json!(to);
        entry["reason"] = json!(reason);
        if actor.is_none() {
            entry["client_address"] = Value::Null;
            entry["login_role"] = json!("postgres");
            entry["authenticated_by"] = json!("login");
        }
        entry
    };
    steps.into_iter().enumerate().map(written).collect()
}
