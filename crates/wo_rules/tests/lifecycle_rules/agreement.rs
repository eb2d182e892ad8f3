//! What is shown as possible is possible, and nothing else is.

use crate::support::{Write, every_role, lifecycle, shipped, texts};
use wo_rules::field::Field;
use wo_rules::lifecycle::*;

fn reports<'l>(write: &Write<'l>) -> Vec<EdgeReport<'l>> {
    let values = write.after();
    write.lifecycle.allowed_transitions(
        &write.actor(),
        &write.record(),
        values.filled(),
        &values,
        &write.facts,
    )
}

/// Every combination of role, kind, filling, signatures, guards, flag and lock in a state.
fn situations<'l>(lifecycle: &'l Lifecycle, state: &str) -> Vec<Write<'l>> {
    let mut writes: Vec<Write> = every_role(lifecycle)
        .into_iter()
        .map(|role| Write::by(lifecycle, &[role]).within(state))
        .collect();
    let variants: [fn(Write) -> Write; 7] = [
        |write| write.kind(PrincipalKind::Agent),
        |write| write.had_everything(),
        |write| write.had(Field::ActualHours, Scalar::Number(0.0)),
        |write| write.every_approval(),
        |write| write.fact("children_settled", false).fact("dependencies_satisfied", false),
        |write| if write.lifecycle.regulatory().allowed { write.regulatory() } else { write },
        |write| write.locked(),
    ];
    for variant in variants {
        let varied: Vec<Write> = writes.iter().cloned().map(variant).collect();
        writes.extend(varied);
    }
    writes
}

#[test]
fn allowed_transitions_agree_with_decisions() {
    for lifecycle in shipped() {
        for state in lifecycle.states() {
            for write in situations(&lifecycle, &state.name) {
                let reports = reports(&write);
                assert_eq!(reports.len(), lifecycle.edges_from(&state.name).count());
                for report in reports {
                    let attempt = write.clone().step(&state.name, report.to).reason("because");
                    let what = format!("{} {:?} {report:?}", state.name, write.roles);
                    assert!(!report.why.is_empty(), "{what}");
                    match attempt.decide() {
                        Ok(_) => {
                            assert!(report.allowed && report.permitted, "{what}");
                            let mut silent = attempt.clone();
                            silent.reason = None;
                            assert_eq!(silent.decide().is_err(), report.reason_required, "{what}");
                        }
                        Err(refusal) => {
                            assert!(!report.allowed, "{what}: {refusal}");
                            let barred = ["role_missing", "person_required"];
                            if write.locked || state.terminal {
                                assert_eq!(refusal.code, "record_locked");
                                continue;
                            }
                            assert_eq!(report.permitted, !barred.contains(&refusal.code), "{what}");
                            if report.permitted {
                                let missing = texts(&refusal, "missing_fields");
                                assert_eq!(report.missing_fields, missing, "{what}");
                                assert_eq!(report.conditions, texts(&refusal, "conditions"));
                                let count = |key: &str| {
                                    let array = refusal.detail.get(key);
                                    array.and_then(|a| a.as_array()).map_or(0, Vec::len)
                                };
                                assert_eq!(report.guards.len(), count("guards"), "{what}");
                                assert_eq!(report.approvals.len(), count("approvals"), "{what}");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_report_says_in_words_what_is_missing() {
    let fleet = lifecycle("fleet_task");
    let why = |roles: &[&str], state: &str, to: &str| {
        let write = Write::by(&fleet, roles).within(state);
        reports(&write).into_iter().find(|report| report.to == to).unwrap().why
    };
    assert_eq!(
        why(&["assignee"], "in_progress", "review"),
        "it needs completion_summary, actual_hours (actual_hours > 0)"
    );
    assert_eq!(why(&["assignee"], "review", "approved"), "it is for captain");
    assert_eq!(
        why(&["captain"], "review", "approved"),
        "it can be taken with a reason, kept in review_notes"
    );
    assert_eq!(why(&["captain"], "pending", "accepted"), "it can be taken");
}
