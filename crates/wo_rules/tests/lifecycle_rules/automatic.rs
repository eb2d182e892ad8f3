//! Edges that the system takes by itself.

use crate::support::{Write, lifecycle};
use wo_rules::field::Field;
use wo_rules::lifecycle::*;

fn auto(write: &Write) -> Option<String> {
    let values = write.after();
    let edge = write.lifecycle.auto_edge(&write.record(), values.filled(), &values, &write.facts);
    edge.map(|edge| edge.action.clone())
}

fn decide_auto(write: &Write) -> Result<bool, (&'static str, &'static str)> {
    write.proposing(|proposal| {
        let decision = write.lifecycle.decide_auto(&write.record(), proposal, &write.facts);
        decision
            .map(|decision| decision.lock)
            .map_err(|refusal| (refusal.sqlstate.code(), refusal.code))
    })
}

#[test]
fn the_last_signature_closes_a_regulatory_change() {
    let regulated = lifecycle("regulated_change");
    let completed = Write::by(&regulated, &[]).within("completed").regulatory();
    assert_eq!(auto(&completed), None);
    let one = completed.approval("qa", "completion");
    assert_eq!(auto(&one), None);
    let both = one.approval("system_owner", "completion");
    assert_eq!(auto(&both).as_deref(), Some("close"));
    let close = both.step("completed", "closed").reason("the last signature was given");
    assert_eq!(decide_auto(&close), Ok(true));
}

#[test]
fn an_edge_with_nothing_to_wait_for_is_left_to_people() {
    let regulated = lifecycle("regulated_change");
    let completed = Write::by(&regulated, &[]).within("completed");
    assert_eq!(auto(&completed), None);
    let close = completed.step("completed", "closed");
    assert_eq!(decide_auto(&close), Err(("55000", "not_automatic")));

    let agent_change = lifecycle("agent_change");
    let approved = Write::by(&agent_change, &[]).within("approved");
    assert_eq!(auto(&approved), None, "no child, no moment at which the last one settled");
}

#[test]
fn the_last_child_completes_its_master() {
    let agent_change = lifecycle("agent_change");
    let approved = Write::by(&agent_change, &[]).within("approved");
    assert_eq!(auto(&approved.clone().fact("children_settled", false)), None);
    let settled = approved.fact("children_settled", true);
    assert_eq!(auto(&settled).as_deref(), Some("complete"));
    assert_eq!(auto(&settled.locked()), None);
}

/// A master that was sent back would be completed again at once, and work without children by itself.
#[test]
fn an_edge_of_masters_is_taken_when_the_last_child_ended_and_at_no_other_moment() {
    let regulated = lifecycle("regulated_change");
    let working = Write::by(&regulated, &[]).within("in_progress");
    assert_eq!(auto(&working), None);
    let settled = working.clone().fact("children_settled", true);
    assert_eq!(auto(&settled), None);
    let ended = |write: &Write<'_>| {
        let mut write = write.clone();
        write.facts.along = Along::Children;
        auto(&write)
    };
    assert_eq!(ended(&working), None, "it has no children");
    assert_eq!(ended(&working.clone().fact("children_settled", false)), None);
    assert_eq!(ended(&settled).as_deref(), Some("complete"));
}

#[test]
fn the_system_takes_no_other_edge_and_changes_no_field() {
    let regulated = lifecycle("regulated_change");
    let write = Write::by(&regulated, &[]).with_all_gates_met();
    let start = write.clone().step("assigned", "in_progress");
    assert_eq!(decide_auto(&start), Err(("55000", "not_automatic")));
    let close = write.clone().step("completed", "closed").regulatory();
    assert_eq!(decide_auto(&close), Ok(true));
    let note = close.clone().gives(Field::Notes, Scalar::Text("by the way".into()));
    assert_eq!(decide_auto(&note), Err(("42501", "field_not_permitted")));
    assert_eq!(decide_auto(&close.flag(true, false)), Err(("42501", "field_not_permitted")));
    assert_eq!(decide_auto(&write.within("draft")), Err(("55000", "not_automatic")));
}

#[test]
fn what_happens_to_a_master_moves_its_children_unless_they_are_locked() {
    let agent_change = lifecycle("agent_change");
    let follow = |write: &Write| {
        let decided = agent_change.decide_consequence(&write.record(), &write.to);
        decided.map(|decision| decision.lock).map_err(|refusal| refusal.code)
    };
    let child = Write::by(&agent_change, &[]).regulatory();
    assert_eq!(follow(&child.clone().step("pending_review", "approved")), Ok(false));
    assert_eq!(follow(&child.clone().step("in_progress", "cancelled")), Ok(true));
    assert_eq!(follow(&child.clone().step("approved", "cancelled")), Err("illegal_transition"));
    assert_eq!(follow(&child.step("completed", "cancelled")), Err("record_locked"));
}
