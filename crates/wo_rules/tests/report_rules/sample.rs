//! Packages made by hand.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::signed::{SIGNED, signature};

/// Titles and names that want to break out of the page, to hide, or to take its room.
pub const HOSTILE: &[&str] = &[
    "</style><script>document.title='taken'</script>",
    "</title></head><body onload=alert(1)>",
    "<img src=x onerror=alert(1)><svg/onload=alert(1)>",
    "\"><a href=\"javascript:alert(1)\">x</a>",
    "--><!-- ]]> <![CDATA[ <plaintext> <textarea>",
    "&lt;b&gt; &amp; &#x3C;script&#x3E;",
    "url(http://192.0.2.1/x.png) @import 'http://192.0.2.1/x.css'; } * { display: none }",
    "approved \u{202E}dengis ton\u{202C} by QA \u{2066}x\u{2069}",
    "a\u{0}b\u{1b}[31mc\u{7f}d\u{85}e\u{FFFE}f\u{200B}g\u{FEFF}h\u{2028}i",
    "Supercalifragilisticexpialidocious0123456789Supercalifragilisticexpialidocious0123456789Supercalifragilisticexpialidocious0123456789",
    "تحديث البرنامج للمختبر",
    "設備のソフトウェアを更新して検証し記録を残す作業の全体を通して確認する作業",
    "one\r\ntwo\rthree\nfour",
];

/// A moment of the sample's course: so many hours after its beginning.
pub fn at(hours: f64) -> String {
    let start = 848_916_303_123_456_i64;
    wo_rules::time::utc(start + (hours * 3_600_000_000.0) as i64)
}

pub fn hash(of: &str) -> String {
    hex::encode(Sha256::digest(of))
}

/// An id that looks like one and is the same every time.
pub fn uuid(of: &str) -> String {
    let digits = hash(of);
    format!(
        "{}-{}-7{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

/// The text of a package with these sections.
pub fn package(sections: &Value) -> String {
    let manifest: serde_json::Map<String, Value> = sections
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, section)| (name.clone(), json!(hash(&section.to_string()))))
        .collect();
    let manifest = Value::Object(manifest);
    json!({
        "format": "wo_core.evidence.v1",
        "made_at": at(430.0),
        "manifest_sha256": hash(&manifest.to_string()),
        "manifest": manifest,
        "sections": sections,
    })
    .to_string()
}

pub fn entry(
    sequence: usize,
    hours: f64,
    actor: Option<&str>,
    action: &str,
    changes: &Value,
) -> Value {
    json!({
        "action": action, "actor": actor, "application": "wo-desk 4.2",
        "authenticated_by": "token:6f1d2c9e-8a53", "changes": changes.to_string(),
        "client_address": "10.20.4.17", "from_status": "draft", "login_role": "desk",
        "previous_hash": hash("before"), "reason": null, "record_version": sequence,
        "recorded_at": at(hours), "sequence": sequence, "subject": "work_order",
        "subject_id": uuid("work order"), "tenant_id": uuid("tenant"), "to_status": "draft",
        "transaction_id": "81244", "entry_hash": hash(&sequence.to_string()),
    })
}

fn relative(name: &str, number: &str, title: &str, status: &str) -> Value {
    json!({"id": uuid(name), "wo_number": number, "title": title, "status": status})
}

fn child(index: usize, status: &str, required: bool, waived: bool) -> Value {
    let mut child = relative(
        &format!("child {index}"),
        &format!("WO-2026-1121-C{index:02}"),
        &format!("Controller {index}: install and verify"),
        status,
    );
    child["required"] = json!(required);
    child["waived"] = json!(waived);
    child["content_sha256_plan"] = json!(hash("p"));
    child["content_sha256_result"] = json!(hash("r"));
    child
}

fn signing_key(id: &str, name: &str, retired: bool) -> Value {
    let key = hash(&format!("key of {id}"));
    json!({
        "key_id": &key[..43], "principal": id, "name": name, "public_key": &key[..43],
        "enrolled_by": "adele", "enrolled_at": at(-900.0), "verified_by": "hugo", "verified_at": at(-899.0),
        "verification": "passport seen in person, personnel file 7 checked",
        "expires_at": at(7_860.0), "retired_at": null,
        "revoked_at": retired.then(|| at(200.0)),
        "revocation_reason": retired.then_some("the laptop was lost"),
    })
}

fn record() -> Value {
    json!({
        "tenant_id": uuid("tenant"), "id": uuid("work order"), "wo_number": "WO-2026-1121-A1B",
        "lifecycle": "regulated_change", "lifecycle_version": 4, "revision": 2,
        "title": "Update the freezer controllers of lab 4",
        "description": "Install firmware 7.2 on the four controllers.\n\
            Verify each alarm afterwards.\nRoll back to 7.1 where an alarm fails.\n\n\
            \u{2022} door alarm\n\u{2022} temperature alarm\n\u{2022} power alarm",
        "priority": "high", "project": "Cold chain", "originator": "paul", "assignee": "mira",
        "source": "manual", "regulatory": true, "asset": "FRZ-4/CTRL", "due_date": "2026-12-20",
        "planned_start": at(90.0), "planned_end": at(280.0), "actual_start": at(98.0),
        "actual_end": at(299.5), "estimated_hours": 16.50, "actual_hours": 15.25,
        "tags": ["freezer", "firmware"], "acceptance_criteria": "Every alarm is raised within 30 s and recorded.",
        "deliverables": "Signed protocol P-117 for each controller",
        "completion_summary": "All four controllers run 7.2. The alarm test of controller 3 was repeated.",
        "deficiencies": ["Protocol of controller 2 lacks the serial number"],
        "metadata": {"type": "firmware", "cost": 13500.00, "site": {"building": "B", "room": "4.017"}},
        "created_at": at(0.0), "master_id": uuid("master"), "required": true,
    })
}

/// The sections of the sample: a regulatory change on its way to being closed.
pub fn sections() -> Value {
    let principals = [
        ("paul", "person", "Paul Planner"),
        ("olga", "person", "Olga Owner"),
        ("mira", "person", "Mira Maker"),
        ("quentin", "person", "Quentin Quality"),
        ("dora", "person", "Dora Delegate"),
        ("adele", "person", "Adele Admin"),
        ("hugo", "person", "Hugo Human Resources"),
        ("orla", "agent", "Orla"),
    ];
    let lifecycle: Value =
        serde_json::from_str(include_str!("../../lifecycles/regulated_change.json")).unwrap();
    let trail = super::course::trail();
    let waiver = json!({
        "child_id": uuid("child 4"), "reason": "controller 4 is out of service for good",
        "signed_by": "quentin", "signed_at": at(310.0), "approval_id": uuid("approval 5"),
    });
    let request = |meaning: &str, role: &str, asked: f64, closed: Option<f64>| {
        json!({
            "action": if meaning == "plan" { "assign" } else { "close" }, "role": role, "meaning": meaning,
            "required": 1, "ordinal": 1, "requested_at": at(asked), "deadline": at(asked + 72.0),
            "escalations": 0, "closed_at": closed.map(at),
        })
    };
    json!({
        "tenant": {"tenant_id": uuid("tenant"), "slug": "acme", "name": "Acme Laboratories"},
        "work_order": {
            "id": uuid("work order"), "wo_number": "WO-2026-1121-A1B", "status": "completed", "version": 22,
            "updated_at": at(340.0), "locked_at": null, "chain_sequence": trail.len(),
            "chain_hash": hash("head"),
            "record": record(),
        },
        "child_records": {
            format!("waiver:{}", uuid("waiver")): waiver,
            format!("approval_request:{}", uuid("r1")): request("plan", "system_owner", 31.0, Some(70.0)),
            format!("approval_request:{}", uuid("r2")): request("plan", "qa", 31.0, Some(75.25)),
            format!("approval_request:{}", uuid("r3")): request("completion", "system_owner", 331.0, None),
            format!("approval_request:{}", uuid("r4")): request("completion", "qa", 300.0, Some(340.0)),
        },
        "lifecycle": {
            "name": "regulated_change", "version": 4, "published_by": "adele", "published_at": at(-2_000.0),
            "definition": lifecycle,
        },
        "master": relative("master", "WO-2026-1120-0F0", "Renew the cold chain of building B", "in_progress"),
        "children": [
            child(1, "closed", true, false), child(2, "closed", true, false), child(3, "closed", true, false),
            child(4, "blocked", true, true), child(5, "draft", false, false),
        ],
        "dependencies": {
            "waits_for": [
                {"id": uuid("before"), "wo_number": "WO-2026-1119-B2C", "title": "Move the samples to freezer 9",
                    "status": "closed", "lag": "01:00:00"},
                {"id": uuid("before 2"), "wo_number": "WO-2026-1118-99A", "title": "Qualify firmware 7.2",
                    "status": "closed", "lag": null},
            ],
            "awaited_by": [relative("after", "WO-2026-1125-D4E", "Move the samples back", "assigned")],
        },
        "signatures": SIGNED.iter().enumerate().map(|(index, one)| signature(index, one)).collect::<Vec<_>>(),
        "signing_keys": [
            signing_key("olga", "Olga Owner", false), signing_key("quentin", "Quentin Quality", false),
            signing_key("dora", "Dora Delegate", true),
        ],
        "delegations": [{
            "id": uuid("delegation"), "parent_id": null, "delegator": "quentin", "delegate": "dora", "role": "qa",
            "lifecycle": "regulated_change", "meaning": null, "starts_at": at(48.0), "ends_at": at(216.0),
            "reason": "on leave", "created_at": at(40.0), "revoked_at": null,
        }],
        "principals": principals.map(|(id, kind, name)| json!({"id": id, "kind": kind, "name": name})),
        "made": {
            "by": "adele", "login_role": "desk", "occasion": "end", "wo_core": "0.1.0", "postgresql": "15.18",
        },
        "findings": [
            {
                "id": uuid("finding 1"), "work_order_id": uuid("work order"), "code": "approvals_missing",
                "guard": "approvals_collected", "opened_at": at(35.0), "opened_for": "mira",
                "actors": ["mira", "paul"], "attempts": 3, "title": "it needs a signature of qa",
                "entry_sequence": 12, "closed_at": at(60.0), "closed_by": "quentin",
                "resolution": "training record 12 was renewed",
            },
            {
                "id": uuid("finding 2"), "work_order_id": uuid("work order"), "code": "illegal_transition",
                "guard": "", "opened_at": at(120.0), "opened_for": null, "actors": [], "attempts": 1,
                "title": "there is no way from in_progress to closed", "entry_sequence": 19, "closed_at": null,
                "closed_by": null, "resolution": null, "severity": "major", "capa": "CAPA-12",
            },
        ],
        "refused_attempts": {"total": 1, "left_out": 0, "listed": [{
            "sequence": 12, "first_at": at(35.0), "last_at": at(36.0), "attempts": 3, "actor": "mira",
            "code": "approvals_missing", "guards": ["approvals_collected"], "action": "assign",
            "from_status": "pending_approval", "to_status": "assigned", "why": "it needs a signature of qa",
        }]},
        "trail": trail,
        "ledger": null,
        "concepts": {},
        "how_to_verify": "Run wo verify on this file. Each section’s hash stands in the manifest.\n\
            The canonical bytes of an entry are JCS (RFC 8785).",
    })
}

/// The sample with a trail of so many entries.
pub fn long_trail(entries: usize) -> Value {
    let mut sections = sections();
    let trail = (1..=entries).map(|sequence| {
        let hours = sequence as f64 / 4.0;
        let changes = json!({
            "notes": {"old": format!("note {sequence}"), "new": format!("note {}\nand more", sequence + 1)},
        });
        entry(sequence, hours, Some("mira"), "changed", &changes)
    });
    sections["trail"] = trail.collect();
    sections["work_order"]["chain_sequence"] = json!(entries);
    sections
}

/// Puts a text everywhere where people or programs may have written one.
pub fn poisoned(text: &str) -> Value {
    fn poison(value: &mut Value, text: &str, name: &str) {
        const KEPT: &[&str] =
            &["state", "status", "changes", "payload", "previous_hash", "entry_hash", "definition"];
        let told_apart = name == "id" || name.ends_with("_id") || name.ends_with("_at");
        match value {
            Value::String(held) if !told_apart && !KEPT.contains(&name) => *held = text.to_owned(),
            Value::Array(items) => items.iter_mut().for_each(|item| poison(item, text, name)),
            Value::Object(members) => {
                members.iter_mut().for_each(|(name, member)| poison(member, text, name));
            }
            _ => {}
        }
    }
    let mut sections = sections();
    poison(&mut sections, text, "");
    let changes = json!({"title": {"old": text, "new": format!("{text}!")}, text: {"new": text}});
    let trail = sections["trail"].as_array_mut().unwrap();
    trail.iter_mut().for_each(|entry| entry["changes"] = json!(changes.to_string()));
    sections
}
