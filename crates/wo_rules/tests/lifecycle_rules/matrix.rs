//! Which edges there are, and who may take them.

use crate::support::{Write, every_role, lifecycle, shipped, texts};
use crate::tables::TABLES;
use wo_rules::approval::content::Covers;
use wo_rules::field::Field;
use wo_rules::lifecycle::*;

fn written_out(edge: &Transition) -> String {
    let who: Vec<&str> = edge.who.iter().map(Role::name).collect();
    let mut parts = vec![format!(
        "{}: {} -> {} by {}",
        edge.action,
        edge.from.join(", "),
        edge.to,
        who.join(", ")
    )];
    if edge.persons_only {
        parts.push("human".into());
    }
    if edge.auto {
        parts.push(if edge.of_masters { "auto of masters" } else { "auto" }.into());
    }
    parts.extend(edge.needs.iter().map(|need| format!("needs {need}")));
    match (edge.reason.required, edge.reason.field) {
        (true, Some(field)) => parts.push(format!("reason in {}", field.name())),
        (true, None) => parts.push("reason".into()),
        (false, _) => {}
    }
    parts.extend(edge.guards.iter().map(|guard| guard.name().to_owned()));
    parts.extend(edge.approvals.iter().map(|approval| {
        let condition = match &approval.when {
            When::Always => String::new(),
            When::If(conditions) => {
                let all: Vec<String> = conditions.iter().map(ToString::to_string).collect();
                format!(" if {}", all.join(" and "))
            }
        };
        let covers = match approval.covers {
            Covers::Plan => "",
            Covers::Result => " of the result",
        };
        assert_eq!((approval.count, approval.order), (1, 1));
        format!("{} signs {}{covers}{condition}", approval.role.name(), approval.meaning)
    }));
    parts.extend(edge.rejection.as_ref().map(|action| format!("rejected by {action}")));
    parts.extend(edge.effects.iter().map(|effect| match effect {
        Effect::VoidApprovals(meaning) => format!("void_approvals({meaning})"),
        plain => plain.name().to_owned(),
    }));
    parts.join("; ")
}

fn flags(state: &State) -> String {
    let mut flags = Vec::new();
    for (flag, set) in [
        ("initial", state.initial),
        ("blocked", state.blocked),
        ("terminal", state.terminal),
        ("settles_master", state.settles_master),
        ("satisfies_dependents", state.satisfies_dependents),
    ] {
        if set {
            flags.push(flag.to_owned());
        }
    }
    flags.extend(state.maximum_hours.map(|hours| format!("{hours}h")));
    flags.join(" ")
}

#[test]
fn the_shipped_documents_state_the_tables_of_the_design_and_no_more() {
    for table in TABLES {
        let lifecycle = lifecycle(table.name);
        let edges: Vec<String> = lifecycle.transitions().iter().map(written_out).collect();
        assert_eq!(edges, table.edges, "{}", table.name);
        let states: Vec<(&str, String)> =
            lifecycle.states().iter().map(|state| (state.name.as_str(), flags(state))).collect();
        let expected: Vec<(&str, String)> =
            table.states.iter().map(|(name, flags)| (*name, (*flags).to_owned())).collect();
        assert_eq!(states, expected, "{}", table.name);
        assert_eq!(lifecycle.field_rights().len(), table.rights.len());
    }
}

#[test]
fn only_the_listed_edges_exist_whatever_role_asks() {
    for table in TABLES {
        let lifecycle = lifecycle(table.name);
        let roles = every_role(&lifecycle);
        for (from, _) in table.states {
            for (to, _) in table.states {
                let write = Write::by(&lifecycle, &roles).step(from, to).with_all_gates_met();
                let expected = if table.is_terminal(from) {
                    "55000 record_locked"
                } else if from == to || table.edge(from, to).is_some() {
                    "ok"
                } else {
                    "55000 illegal_transition"
                };
                assert_eq!(write.outcome(), expected, "{}: {from} -> {to}", table.name);
                if expected == "ok" && from != to {
                    let taken = write.decide().unwrap().transition.unwrap();
                    assert_eq!(taken.action, table.edge(from, to).unwrap().action);
                }
            }
        }
    }
}

#[test]
fn an_illegal_transition_says_where_one_can_go() {
    let fleet = lifecycle("fleet_task");
    let refusal = Write::by(&fleet, &["captain"]).step("review", "pending").refusal();
    assert_eq!(texts(&refusal, "allowed"), ["approved", "rejected", "cancelled"]);
    assert_eq!(refusal.detail["from_status"], "review");
    assert_eq!(refusal.detail["to_status"], "pending");
    assert_eq!(refusal.detail["work_order_id"], "0190b2d4");
    assert!(refusal.message.contains("WO-2026-0305-A1B"));
    assert!(!refusal.hint.is_empty());
}

#[test]
fn an_unknown_state_is_refused_with_the_known_ones() {
    let fleet = lifecycle("fleet_task");
    let refusal = Write::by(&fleet, &["captain"]).step("pending", "done").refusal();
    assert_eq!((refusal.sqlstate.code(), refusal.code), ("22023", "unknown_state"));
    assert_eq!(texts(&refusal, "states").len(), 8);
}

#[test]
fn every_edge_is_taken_by_the_listed_roles_and_by_nobody_else() {
    for table in TABLES {
        let lifecycle = lifecycle(table.name);
        for edge in table.edges() {
            for from in &edge.from {
                for role in every_role(&lifecycle) {
                    let write =
                        Write::by(&lifecycle, &[role]).step(from, edge.to).with_all_gates_met();
                    let may = edge.who.contains(&role);
                    let expected = if may { "ok" } else { "42501 role_missing" };
                    assert_eq!(write.outcome(), expected, "{} {} {role}", table.name, edge.action);
                    if !may {
                        assert_eq!(texts(&write.refusal(), "roles"), edge.who);
                    }
                }
            }
        }
    }
}

#[test]
fn an_approval_is_given_by_a_human_being() {
    let agent_change = lifecycle("agent_change");
    for kind in [PrincipalKind::Agent, PrincipalKind::System, PrincipalKind::Vendor] {
        let write = Write::by(&agent_change, &["qa"])
            .step("pending_review", "approved")
            .with_all_gates_met()
            .kind(kind);
        assert_eq!(write.outcome(), "42501 person_required");
    }
}

#[test]
fn taking_the_work_over_does_not_give_the_right_to_start_it_in_the_same_write() {
    let fleet = lifecycle("fleet_task");
    let write = Write::by(&fleet, &["pm"])
        .step("pending", "accepted")
        .gives(Field::Assignee, Scalar::Text("me".into()));
    assert_eq!(write.outcome(), "42501 role_missing");
}

#[test]
fn nobody_writes_a_locked_record_captains_included() {
    for lifecycle in shipped() {
        let roles = every_role(&lifecycle);
        for state in lifecycle.states() {
            let write = Write::by(&lifecycle, &roles).within(&state.name).locked();
            assert_eq!(write.outcome(), "55000 record_locked");
            let note = write.gives(Field::Notes, Scalar::Text("more".into()));
            assert_eq!(note.outcome(), "55000 record_locked");
            let unlocked = Write::by(&lifecycle, &roles).within(&state.name);
            assert_eq!(unlocked.outcome() == "ok", !state.terminal, "{}", state.name);
        }
    }
}

#[test]
fn terminal_states_lock() {
    for lifecycle in shipped() {
        for edge in lifecycle.transitions() {
            let roles = every_role(&lifecycle);
            let write =
                Write::by(&lifecycle, &roles).step(&edge.from[0], &edge.to).with_all_gates_met();
            let terminal = lifecycle.state(&edge.to).unwrap().terminal;
            assert_eq!(write.decide().unwrap().lock, terminal, "{}", edge.action);
        }
    }
}

#[test]
fn a_write_that_changes_nothing_decides_nothing() {
    let fleet = lifecycle("fleet_task");
    assert_eq!(Write::by(&fleet, &[]).within("review").decide(), Ok(Decision::default()));
}

#[test]
fn an_edge_tells_the_shell_its_consequences() {
    let agent_change = lifecycle("agent_change");
    let reject = Write::by(&agent_change, &["qa"]).step("pending_review", "draft");
    let decision = reject.with_all_gates_met().decide().unwrap();
    assert!(decision.new_revision && !decision.lock && !decision.release_assignment);
    assert_eq!(decision.void_approvals, VoidApprovals::Meanings(vec!["completion"]));
    assert_eq!(decision.effects.len(), 3);
}
