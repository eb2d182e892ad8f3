//! The regulatory flag: set early by many, later by few, cleared by QA alone.

use crate::support::{Write, every_role, lifecycle, texts};
use wo_rules::field::Field;
use wo_rules::lifecycle::*;

#[test]
fn the_flag_is_set_by_qa_and_system_owner_and_in_draft_by_those_who_write_it() {
    for name in ["regulated_change", "agent_change"] {
        let lifecycle = lifecycle(name);
        for state in lifecycle.states().iter().filter(|state| !state.terminal) {
            for role in every_role(&lifecycle) {
                let write = Write::by(&lifecycle, &[role]).within(&state.name).flag(false, true);
                let may = ["qa", "system_owner"].contains(&role)
                    || (state.initial && ["originator", "planner"].contains(&role));
                let expected = if may { "ok" } else { "42501 regulatory_refused" };
                assert_eq!(write.outcome(), expected, "{name} {} {role}", state.name);
            }
        }
    }
}

#[test]
fn the_flag_is_cleared_by_qa_in_draft_with_a_reason() {
    for name in ["regulated_change", "agent_change"] {
        let lifecycle = lifecycle(name);
        for state in lifecycle.states().iter().filter(|state| !state.terminal) {
            for role in every_role(&lifecycle) {
                let write = Write::by(&lifecycle, &[role])
                    .within(&state.name)
                    .flag(true, false)
                    .reason("not a validated system after all");
                let expected = match (state.initial, role) {
                    (true, "qa") => "ok",
                    (true, _) => "42501 regulatory_refused",
                    (false, _) => "23514 regulatory_refused",
                };
                assert_eq!(write.outcome(), expected, "{name} {} {role}", state.name);
            }
        }
        let silent = Write::by(&lifecycle, &["qa"]).within("draft").flag(true, false);
        assert_eq!(silent.outcome(), "23514 fields_missing");
        assert_eq!(texts(&silent.refusal(), "missing_fields"), ["reason"]);
    }
}

#[test]
fn setting_the_flag_while_open_voids_every_approval() {
    let regulated = lifecycle("regulated_change");
    let set = |state: &str| {
        let write = Write::by(&regulated, &["qa"]).within(state).flag(false, true);
        write.decide().unwrap().void_approvals
    };
    assert_eq!(set("draft"), VoidApprovals::None);
    assert_eq!(set("pending_approval"), VoidApprovals::All);
    assert_eq!(set("in_progress"), VoidApprovals::All);
}

#[test]
fn approvals_that_the_same_write_voids_do_not_pass_its_gate() {
    let regulated = lifecycle("regulated_change");
    let write = Write::by(&regulated, &["system_owner"])
        .step("pending_approval", "assigned")
        .with_all_gates_met()
        .flag(false, true);
    assert_eq!(write.outcome(), "23514 approvals_missing");
}

#[test]
fn clearing_the_flag_does_not_shed_a_gate_in_the_same_write() {
    let regulated = lifecycle("regulated_change");
    let write = Write::by(&regulated, &["qa", "planner"])
        .step("draft", "pending_approval")
        .had_everything()
        .flag(true, false);
    assert_eq!(write.outcome(), "23514 fields_missing");
    assert_eq!(write.reason("not validated").outcome(), "ok");
}

#[test]
fn a_fleet_task_is_never_regulatory_not_even_for_a_captain() {
    let fleet = lifecycle("fleet_task");
    let write = Write::by(&fleet, &["captain"]).had_everything().flag(false, true);
    assert_eq!(write.outcome(), "23514 regulatory_refused");
    let created = write.proposing(|proposal| {
        fleet.create(&write.actor(), proposal).map(|_| ()).map_err(|refusal| refusal.code)
    });
    assert_eq!(created, Err("regulatory_refused"));
}

#[test]
fn anybody_creates_a_regulatory_work_order() {
    for name in ["regulated_change", "agent_change"] {
        let lifecycle = lifecycle(name);
        let write = Write::by(&lifecycle, &[]).flag(false, true);
        assert!(write.proposing(|p| lifecycle.create(&write.actor(), p).is_ok()));
    }
}

#[test]
fn the_flag_counts_by_its_two_values_whether_or_not_it_is_listed_as_changed() {
    let regulated = lifecycle("regulated_change");
    let set = |roles: &[&str]| {
        Write::by(&regulated, roles)
            .within("assigned")
            .flag(false, true)
            .gives(Field::Regulatory, Scalar::Flag(true))
            .outcome()
    };
    assert_eq!(set(&["qa"]), "ok");
    assert_eq!(set(&["planner"]), "42501 regulatory_refused");
}
