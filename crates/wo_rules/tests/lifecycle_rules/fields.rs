//! Who may change which field, and what values cannot be.

use crate::support::{Write, every_role, lifecycle, plausible, texts};
use crate::tables::TABLES;
use wo_rules::field::Field;
use wo_rules::lifecycle::*;

fn text(text: &str) -> Scalar {
    Scalar::Text(text.into())
}

#[test]
fn every_role_changes_its_own_fields_and_no_other() {
    for table in TABLES {
        let lifecycle = lifecycle(table.name);
        for (state, _) in table.states.iter().filter(|(state, _)| !table.is_terminal(state)) {
            for role in every_role(&lifecycle) {
                for field in Field::ALL.iter().filter(|field| **field != Field::Regulatory) {
                    let write = Write::by(&lifecycle, &[role])
                        .within(state)
                        .gives(*field, plausible(*field));
                    let may = table.may_change(role, field.name(), state);
                    let expected = if may { "ok" } else { "42501 field_not_permitted" };
                    let name = field.name();
                    assert_eq!(write.outcome(), expected, "{} {state} {role} {name}", table.name);
                    if !may {
                        assert_eq!(texts(&write.refusal(), "fields"), [name]);
                    }
                }
            }
        }
    }
}

#[test]
fn rights_are_the_union_of_ones_roles() {
    let fleet = lifecycle("fleet_task");
    let both = |roles: &[&str]| {
        Write::by(&fleet, roles)
            .within("in_progress")
            .gives(Field::Notes, text("done half"))
            .gives(Field::Tags, Scalar::List(1))
    };
    assert_eq!(both(&["assignee", "pm"]).outcome(), "ok");
    assert_eq!(texts(&both(&["assignee"]).refusal(), "fields"), ["tags"]);
    assert_eq!(texts(&both(&["pm"]).refusal(), "fields"), ["notes"]);
}

#[test]
fn clearing_a_field_needs_the_right_to_it() {
    let fleet = lifecycle("fleet_task");
    let write = Write::by(&fleet, &["requester"]).had_everything().clears(Field::Notes);
    assert_eq!(write.outcome(), "42501 field_not_permitted");
    assert_eq!(write.clone().clears(Field::Deliverables).outcome(), "42501 field_not_permitted");
    let write = Write::by(&fleet, &["requester"]).had_everything().clears(Field::Deliverables);
    assert_eq!(write.outcome(), "ok");
}

#[test]
fn who_takes_an_edge_fills_in_what_it_needs_and_is_empty() {
    let agent_change = lifecycle("agent_change");
    let schedule = Write::by(&agent_change, &["scheduler"])
        .step("planned", "scheduled")
        .gives(Field::Assignee, text("worker"))
        .gives(Field::PlannedStart, Scalar::Present)
        .gives(Field::PlannedEnd, Scalar::Present);
    assert_eq!(schedule.outcome(), "ok");
    let replaced = schedule.clone().had(Field::Assignee, text("somebody else"));
    assert_eq!(texts(&replaced.refusal(), "fields"), ["assignee"]);
    let more = schedule.clone().gives(Field::Tags, Scalar::List(1));
    assert_eq!(texts(&more.refusal(), "fields"), ["tags"]);
    assert_eq!(schedule.within("planned").outcome(), "42501 field_not_permitted");
}

#[test]
fn a_task_is_created_by_anybody_with_every_field_but_those_of_what_was_done() {
    for table in TABLES {
        let lifecycle = lifecycle(table.name);
        let mut write = Write::by(&lifecycle, &[]);
        let later = [
            Field::BlockCause,
            Field::ActualStart,
            Field::ActualEnd,
            Field::ActualHours,
            Field::CompletionSummary,
            Field::ReviewNotes,
            Field::Deficiencies,
        ];
        for field in Field::ALL.iter().filter(|field| !later.contains(field)) {
            write = write.gives(*field, plausible(*field));
        }
        for field in later {
            let done = write.clone().gives(field, plausible(field));
            let refused = done.proposing(|proposal| {
                lifecycle.create(&done.actor(), proposal).map(|_| ()).map_err(|why| why.code)
            });
            assert_eq!(refused, Err("field_not_permitted"), "{}", field.name());
            let imported = done.proposing(|proposal| {
                lifecycle.import(&done.actor(), proposal).map(|_| ()).is_ok()
            });
            assert_eq!(imported, field != Field::BlockCause, "{}", field.name());
        }
        let created = write.proposing(|proposal| {
            lifecycle.create(&write.actor(), proposal).map(|c| (c.status, c.priority))
        });
        assert_eq!(created, Ok((lifecycle.initial_state(), "high")));
    }
}

#[test]
fn a_work_order_is_born_in_the_initial_state_with_the_default_priority() {
    let regulated = lifecycle("regulated_change");
    let create = |status: &str| {
        let mut write = Write::by(&regulated, &[]);
        write.to = status.to_owned();
        write.proposing(|proposal| {
            let creation = regulated.create(&write.actor(), proposal);
            creation.map(|c| (c.status, c.priority)).map_err(|r| (r.sqlstate.code(), r.code))
        })
    };
    assert_eq!(create(""), Ok(("draft", "medium")));
    assert_eq!(create("draft"), Ok(("draft", "medium")));
    assert_eq!(create("closed"), Err(("55000", "not_initial_state")));
    assert_eq!(create("nonsense"), Err(("55000", "not_initial_state")));
}

#[test]
fn a_fleet_title_starts_with_project_and_category() {
    let fleet = lifecycle("fleet_task");
    let create = |title: Option<&str>| {
        let mut write = Write::by(&fleet, &[]);
        if let Some(title) = title {
            write = write.gives(Field::Title, text(title));
        }
        write.proposing(|proposal| {
            let created = fleet.create(&write.actor(), proposal);
            created.map(|_| ()).map_err(|refusal| (refusal.sqlstate.code(), refusal.code))
        })
    };
    assert_eq!(create(Some("[SP-Development] Build")), Ok(()));
    assert_eq!(create(Some("Build")), Err(("22023", "title_convention")));
    assert_eq!(create(None), Err(("22023", "title_convention")));

    let rename = Write::by(&fleet, &["captain"]).had_everything();
    assert_eq!(
        rename.clone().gives(Field::Title, text("Build")).outcome(),
        "22023 title_convention"
    );
    assert_eq!(rename.clone().clears(Field::Title).outcome(), "22023 title_convention");
    assert_eq!(rename.gives(Field::Title, text("[SP-Dev] Build")).outcome(), "ok");
}

#[test]
fn an_old_title_that_breaks_the_convention_does_not_hold_up_the_work() {
    let fleet = lifecycle("fleet_task");
    let write = Write::by(&fleet, &["assignee"]).had(Field::Title, text("imported"));
    assert_eq!(write.step("pending", "accepted").outcome(), "ok");
}

#[test]
fn a_priority_is_one_of_the_lifecycles_labels() {
    for table in TABLES {
        let lifecycle = lifecycle(table.name);
        assert_eq!(lifecycle.priorities(), ["low", "medium", "high", "critical"]);
        let role = if table.name == "fleet_task" { "pm" } else { "planner" };
        let set = |label: &str| {
            Write::by(&lifecycle, &[role]).gives(Field::Priority, text(label)).outcome()
        };
        assert_eq!(set("critical"), "ok");
        assert_eq!(set("urgent"), "22023 unknown_priority");
        let cleared = Write::by(&lifecycle, &[role]).had_everything().clears(Field::Priority);
        assert_eq!(cleared.outcome(), "22023 unknown_priority");
    }
}
