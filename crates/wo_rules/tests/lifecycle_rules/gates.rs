//! What must hold for an edge to be taken.

use crate::support::{Write, lifecycle, texts};
use wo_rules::approval::content::Covers;
use wo_rules::field::Field;
use wo_rules::lifecycle::*;
use wo_rules::refusal::Refusal;

fn text(text: &str) -> Scalar {
    Scalar::Text(text.into())
}

fn missing(refusal: &Refusal) -> Vec<String> {
    assert_eq!((refusal.sqlstate.code(), refusal.code), ("23514", "fields_missing"));
    texts(refusal, "missing_fields")
}

fn names(refusal: &Refusal, array: &str, key: &str) -> Vec<String> {
    let items = refusal.detail[array].as_array().unwrap();
    items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_needed_field_that_is_empty_is_named() {
    for (name, role, from, to, needed) in [
        ("regulated_change", "planner", "draft", "pending_approval", &["title", "description"][..]),
        ("regulated_change", "planner", "pending_approval", "assigned", &["assignee"]),
        ("agent_change", "planner", "draft", "planned", &["description"]),
        (
            "agent_change",
            "scheduler",
            "planned",
            "scheduled",
            &["assignee", "planned_start", "planned_end"],
        ),
        (
            "fleet_task",
            "assignee",
            "in_progress",
            "review",
            &["completion_summary", "actual_hours"],
        ),
    ] {
        let lifecycle = lifecycle(name);
        let write = Write::by(&lifecycle, &[role]).step(from, to);
        assert_eq!(missing(&write.refusal()), needed);
        for left_out in needed {
            let mut write = write.clone();
            for field in needed.iter().filter(|field| *field != left_out) {
                let field = Field::parse(field).unwrap();
                write = write.had(field, crate::support::plausible(field));
            }
            assert_eq!(missing(&write.refusal()), [*left_out]);
        }
        assert_eq!(write.had_everything().outcome(), "ok");
    }
}

#[test]
fn a_submission_needs_hours_above_zero() {
    let fleet = lifecycle("fleet_task");
    let submit = |hours: f64| {
        Write::by(&fleet, &["assignee"])
            .step("in_progress", "review")
            .gives(Field::CompletionSummary, text("done"))
            .gives(Field::ActualHours, Scalar::Number(hours))
    };
    assert_eq!(submit(0.25).outcome(), "ok");
    for hours in [0.0, -0.0, -1.0, f64::NAN] {
        let refusal = submit(hours).refusal();
        assert_eq!(missing(&refusal), ["actual_hours"], "{hours}");
        assert_eq!(texts(&refusal, "conditions"), ["actual_hours > 0"]);
    }
}

#[test]
fn fleet_reasons_are_called_by_the_name_of_their_field() {
    let fleet = lifecycle("fleet_task");
    for (from, to, field) in [
        ("in_progress", "blocked", "notes"),
        ("blocked", "in_progress", "notes"),
        ("review", "approved", "review_notes"),
        ("review", "rejected", "review_notes"),
        ("pending", "cancelled", "notes"),
    ] {
        let write = Write::by(&fleet, &["captain"]).step(from, to);
        assert_eq!(missing(&write.refusal()), [field]);
        assert_eq!(missing(&write.clone().reason("  \n").refusal()), [field]);
        assert_eq!(write.reason("because").outcome(), "ok");
    }
}

#[test]
fn old_notes_do_not_pass_a_gate() {
    let fleet = lifecycle("fleet_task");
    let block = Write::by(&fleet, &["assignee"]).step("in_progress", "blocked").had_everything();
    assert_eq!(missing(&block.refusal()), ["notes"]);
    assert_eq!(missing(&block.clone().clears(Field::Notes).refusal()), ["notes"]);
    assert_eq!(block.gives(Field::Notes, text("no endpoint yet")).outcome(), "ok");
}

#[test]
fn the_reason_goes_into_its_field_unless_the_field_is_written() {
    let fleet = lifecycle("fleet_task");
    let block = Write::by(&fleet, &["assignee"]).step("in_progress", "blocked");

    let write = block.clone().reason("no endpoint");
    let decision = write.decide().unwrap();
    assert_eq!((decision.reason_field, decision.reason_text), (Some(Field::Notes), None));

    let write = block.clone().gives(Field::Notes, text("see ticket"));
    let decision = write.decide().unwrap();
    assert_eq!(decision.reason_field, None);
    assert_eq!(decision.reason_text.as_deref(), Some("see ticket"));

    let write = block.reason("no endpoint").gives(Field::Notes, text("see ticket"));
    let decision = write.decide().unwrap();
    assert_eq!((decision.reason_field, decision.reason_text), (None, None));
}

#[test]
fn whoever_takes_an_edge_may_write_its_reason_field() {
    let fleet = lifecycle("fleet_task");
    let document =
        SHIPPED[2].1.replace(r#"["notes", "completion_summary""#, r#"["completion_summary""#);
    let without = validate(&serde_json::from_str(&document).unwrap(), None).unwrap();
    assert_ne!(without, fleet);
    let block = Write::by(&without, &["assignee"]).gives(Field::Notes, text("stuck"));
    assert_eq!(block.clone().step("in_progress", "blocked").outcome(), "ok");
    assert_eq!(block.within("in_progress").outcome(), "42501 field_not_permitted");
}

#[test]
fn every_transition_of_a_regulatory_work_order_needs_a_reason() {
    for name in ["regulated_change", "agent_change"] {
        let lifecycle = lifecycle(name);
        let roles = crate::support::every_role(&lifecycle);
        for edge in lifecycle.transitions() {
            let mut write = Write::by(&lifecycle, &roles)
                .step(&edge.from[0], &edge.to)
                .with_all_gates_met()
                .regulatory();
            assert_eq!(write.outcome(), "ok", "{}", edge.action);
            write.reason = None;
            assert_eq!(missing(&write.refusal()), ["reason"], "{}", edge.action);
            write = write.flag(false, false);
            assert_eq!(write.outcome() == "ok", !edge.reason.required, "{}", edge.action);
        }
    }
}

#[test]
fn a_regulatory_change_does_not_leave_pending_approval_unsigned() {
    let regulated = lifecycle("regulated_change");
    let assign = || {
        Write::by(&regulated, &["planner"])
            .step("pending_approval", "assigned")
            .had_everything()
            .reason("planned")
    };
    assert_eq!(assign().outcome(), "ok");
    let refusal = assign().regulatory().refusal();
    assert_eq!((refusal.sqlstate.code(), refusal.code), ("23514", "approvals_missing"));
    assert_eq!(names(&refusal, "approvals", "role"), ["system_owner", "qa"]);
    let one = assign().regulatory().approval("system_owner", "plan");
    assert_eq!(names(&one.refusal(), "approvals", "role"), ["qa"]);
    let other = one.clone().approval("qa", "completion");
    assert_eq!(names(&other.refusal(), "approvals", "meaning"), ["plan"]);
    assert_eq!(one.approval("qa", "plan").outcome(), "ok");
}

#[test]
fn an_agents_change_does_not_leave_pending_review_unsigned() {
    let agent_change = lifecycle("agent_change");
    let approve = || Write::by(&agent_change, &["qa"]).step("pending_review", "approved");
    assert_eq!(names(&approve().refusal(), "approvals", "role"), ["qa"]);
    assert_eq!(approve().approval("qa", "completion").outcome(), "ok");
    let regulatory = approve().regulatory().reason("reviewed").approval("qa", "completion");
    assert_eq!(names(&regulatory.refusal(), "approvals", "role"), ["system_owner"]);
    assert_eq!(regulatory.approval("system_owner", "completion").outcome(), "ok");
}

#[test]
fn the_tenants_additional_approvals_are_required_where_it_says_so() {
    let regulated = lifecycle("regulated_change");
    let with_extra = |from: &str, to: &str| {
        let mut write = Write::by(&regulated, &["planner"]).step(from, to).had_everything();
        write.facts.additional_approvals = vec![("assign".to_owned(), approval("safety", 1, 1))];
        write
    };
    let assign = with_extra("pending_approval", "assigned");
    assert_eq!(names(&assign.refusal(), "approvals", "role"), ["safety"]);
    assert_eq!(assign.approval("safety", "plan").outcome(), "ok");
    assert_eq!(with_extra("completed", "closed").outcome(), "ok");
}

fn approval(role: &str, count: u32, order: u32) -> ApprovalRequirement {
    ApprovalRequirement {
        role: Role::named(role),
        meaning: "plan".to_owned(),
        when: When::Always,
        count,
        order,
        covers: Covers::Plan,
    }
}

#[test]
fn several_holders_of_a_role_sign_where_several_are_asked_for() {
    let regulated = lifecycle("regulated_change");
    let mut write =
        Write::by(&regulated, &["planner"]).step("pending_approval", "assigned").had_everything();
    write.facts.additional_approvals = vec![("assign".to_owned(), approval("safety", 2, 1))];
    let one = write.approval("safety", "plan");
    assert_eq!(names(&one.refusal(), "approvals", "role"), ["safety"]);
    assert_eq!(one.approval("safety", "plan").outcome(), "ok");
}

#[test]
fn a_signature_for_one_action_opens_no_other() {
    let regulated = lifecycle("regulated_change");
    let mut write = Write::by(&regulated, &["planner"])
        .step("pending_approval", "assigned")
        .had_everything()
        .regulatory()
        .reason("planned")
        .every_approval();
    for approval in &mut write.facts.approvals {
        approval.action = "close".to_owned();
    }
    assert_eq!(names(&write.refusal(), "approvals", "role"), ["system_owner", "qa"]);
}

#[test]
fn work_does_not_complete_on_a_plan_that_nobody_approved_as_it_is() {
    let regulated = lifecycle("regulated_change");
    let complete = || {
        Write::by(&regulated, &["assignee"])
            .step("in_progress", "completed")
            .had_everything()
            .regulatory()
            .reason("done")
    };
    let refusal = complete().approval("qa", "plan").refusal();
    assert_eq!(names(&refusal, "guards", "guard"), ["plan_approvals_unamended"]);
    assert_eq!(complete().every_approval().outcome(), "ok");
}

#[test]
fn deficiencies_are_given_with_the_rejection_itself() {
    let agent_change = lifecycle("agent_change");
    for to in ["in_progress", "draft"] {
        let write = Write::by(&agent_change, &["qa"]).step("pending_review", to);
        assert_eq!(missing(&write.refusal()), ["deficiencies"]);
        let old = write.clone().had(Field::Deficiencies, Scalar::List(3));
        assert_eq!(missing(&old.refusal()), ["deficiencies"]);
        assert_eq!(missing(&old.clone().clears(Field::Deficiencies).refusal()), ["deficiencies"]);
        assert_eq!(old.gives(Field::Deficiencies, Scalar::List(1)).outcome(), "ok");
    }
}

#[test]
fn a_guard_with_nothing_attached_passes_and_one_that_fails_refuses() {
    let regulated = lifecycle("regulated_change");
    let complete = Write::by(&regulated, &["assignee"]).step("in_progress", "completed");
    assert_eq!(complete.outcome(), "ok");
    let failing = complete.fact("steps_done", false).fact("children_settled", true);
    let refusal = failing.refusal();
    assert_eq!((refusal.sqlstate.code(), refusal.code), ("23514", "guards_not_met"));
    assert_eq!(names(&refusal, "guards", "guard"), ["steps_done"]);
    assert_eq!(names(&refusal, "guards", "detail"), ["steps_done looked at it"]);
    assert!(!refusal.detail.contains_key("missing_fields"));
}

#[test]
fn work_starts_when_its_dependencies_are_satisfied() {
    for (name, from) in [("regulated_change", "assigned"), ("agent_change", "scheduled")] {
        let lifecycle = lifecycle(name);
        let start = Write::by(&lifecycle, &["assignee"]).step(from, "in_progress");
        let waiting = start.clone().fact("dependencies_satisfied", false);
        assert_eq!(waiting.outcome(), "23514 guards_not_met");
        assert_eq!(start.fact("dependencies_satisfied", true).outcome(), "ok");
    }
}

#[test]
fn everything_unmet_is_told_at_once() {
    let mut document: serde_json::Value = serde_json::from_str(SHIPPED[0].1).unwrap();
    document["transitions"][2]["guards"] = serde_json::json!(["budget_available", "sql:frozen"]);
    let lifecycle = validate(&document, None).unwrap();
    assert_eq!(lifecycle.sql_guards("pending_approval", "assigned"), ["frozen"]);
    assert!(lifecycle.sql_guards("draft", "assigned").is_empty());
    let refusal = Write::by(&lifecycle, &["planner"])
        .step("pending_approval", "assigned")
        .regulatory()
        .fact("budget_available", false)
        .refusal();
    assert_eq!(missing(&refusal), ["assignee", "reason"]);
    assert_eq!(names(&refusal, "guards", "guard"), ["budget_available", "sql:frozen"]);
    assert_eq!(names(&refusal, "approvals", "role"), ["system_owner", "qa"]);
    for key in ["work_order_id", "from_status", "to_status"] {
        assert!(refusal.detail.contains_key(key), "{key}");
    }
    assert!(refusal.message.starts_with("work order WO-2026-0305-A1B cannot go"));
    assert!(refusal.hint.contains("assignee, reason"));
}

#[test]
fn a_registered_function_without_a_result_refuses() {
    let mut document: serde_json::Value = serde_json::from_str(SHIPPED[2].1).unwrap();
    document["transitions"][0]["guards"] = serde_json::json!(["sql:frozen", "assignee_set"]);
    let lifecycle = validate(&document, None).unwrap();
    let accept = Write::by(&lifecycle, &["assignee"])
        .step("pending", "accepted")
        .had(Field::Assignee, text("me"));
    assert_eq!(names(&accept.refusal(), "guards", "guard"), ["sql:frozen"]);
    assert_eq!(accept.fact("sql:frozen", true).outcome(), "ok");
    let unassigned = Write::by(&lifecycle, &["captain"]).step("pending", "accepted");
    let refusal = unassigned.fact("sql:frozen", true).refusal();
    assert_eq!(names(&refusal, "guards", "guard"), ["assignee_set"]);
}

#[test]
fn refusals_come_in_order_lock_edge_who_fields_values_gates() {
    let regulated = lifecycle("regulated_change");
    let mut write = Write::by(&regulated, &[])
        .step("pending_approval", "nowhere")
        .locked()
        .flag(true, false)
        .gives(Field::Notes, text("x"))
        .gives(Field::Priority, text("urgent"));
    let mut codes = vec![write.outcome()];
    write.locked = false;
    codes.push(write.outcome());
    write.to = "closed".into();
    codes.push(write.outcome());
    write.to = "assigned".into();
    codes.push(write.outcome());
    write.roles = vec!["planner".into()];
    codes.push(write.outcome());
    write.changes.remove(&Field::Notes);
    codes.push(write.outcome());
    write.changes.remove(&Field::Priority);
    codes.push(write.outcome());
    write = write.flag(true, true);
    codes.push(write.outcome());
    assert_eq!(
        codes,
        [
            "55000 record_locked",
            "22023 unknown_state",
            "55000 illegal_transition",
            "42501 role_missing",
            "42501 field_not_permitted",
            "22023 unknown_priority",
            "23514 regulatory_refused",
            "23514 fields_missing",
        ]
    );
}
