//! The record and what belongs to it, held against what the trail left.

use super::sections::{Texts, WorkOrder};
use super::trail::{End, Trail};
use super::{Findings, escaped};
use crate::audit::{RowState, is_added, is_child_record};
use std::collections::BTreeMap;

pub fn check(
    work_order: &WorkOrder<'_>,
    child_records: &Texts<'_>,
    trail: &Trail,
    findings: &mut Findings<'_>,
) {
    check_beside_record(work_order, findings);
    for (name, value) in &work_order.record.0 {
        if is_child_record(name) {
            let pointer = format!("/sections/work_order/record/{}", escaped(name));
            findings.found(value, pointer, format!("{name} is no column of a work order"));
        }
    }
    for (name, value) in &child_records.0 {
        if !is_child_record(name) {
            let pointer = format!("/sections/child_records/{}", escaped(name));
            findings.found(
                value,
                pointer,
                format!("{name} is nothing that belongs to a work order"),
            );
        }
    }
    let Some(end) = &trail.end else { return };
    let before = findings.count();
    check_head(work_order, end, findings);
    check_values(&work_order.record, "/sections/work_order/record", false, end, findings);
    check_values(child_records, "/sections/child_records", true, end, findings);
    if before < findings.count() {
        return;
    }
    // The database's own verification has the last word.
    let values: BTreeMap<String, String> = [work_order.record.0.iter(), child_records.0.iter()]
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.get().to_owned()))
        .collect();
    let standing = RowState {
        subject: "work_order",
        columns: work_order.record.0.keys().cloned().collect(),
        sequence: work_order.chain_sequence,
        hash: &hex::decode(&work_order.chain_hash).unwrap_or_default(),
        values,
        status: Some(&work_order.status),
        record_version: Some(work_order.version),
        changed_at: Some(work_order.updated_at.clone()),
    };
    if let Err(why) = end.replay.matches(&standing) {
        found(findings, "", why.to_string());
    }
}

/// What stands beside the record and in it as well.
fn check_beside_record(work_order: &WorkOrder<'_>, findings: &mut Findings<'_>) {
    let columns = [
        ("id", Some(&work_order.id)),
        ("wo_number", Some(&work_order.wo_number)),
        ("locked_at", work_order.locked_at.as_ref()),
    ];
    for (column, shown) in columns {
        if work_order.record.text(column).as_ref() != shown {
            found(findings, column, format!("the work order's {column} is not that of its record"));
        }
    }
}

fn check_head(work_order: &WorkOrder<'_>, end: &End, findings: &mut Findings<'_>) {
    let members = [
        ("chain_sequence", work_order.chain_sequence == end.sequence),
        ("chain_hash", work_order.chain_hash == hex::encode(&end.hash)),
    ];
    for (member, holds) in members {
        if !holds {
            let problem = format!("the trail does not end where the work order's {member} says");
            found(findings, member, problem);
        }
    }
    let members = [
        ("status", end.status.as_ref() == Some(&work_order.status)),
        ("version", end.version == Some(work_order.version)),
        ("updated_at", end.changed_at.as_ref() == Some(&work_order.updated_at)),
    ];
    for (member, holds) in members {
        if !holds {
            let problem = format!("the work order's {member} is not what its trail left there");
            found(findings, member, problem);
        }
    }
}

fn check_values(
    held: &Texts<'_>,
    pointer: &str,
    are_child_records: bool,
    end: &End,
    findings: &mut Findings<'_>,
) {
    for (name, value) in &held.0 {
        let pointer = format!("{pointer}/{}", escaped(name));
        match end.values.get(name) {
            Some(left) if left == value.get() => {}
            Some(_) => {
                findings.found(value, pointer, format!("{name} is not what the trail left there"))
            }
            None if is_added("work_order", name) => {}
            None => findings.found(value, pointer, format!("the trail left no {name}")),
        }
    }
    let section = if are_child_records { "child_records" } else { "work_order" };
    for name in end.values.keys().filter(|name| is_child_record(name) == are_child_records) {
        if held.get(name).is_none() && !is_added("work_order", name) {
            findings.found_in(section, "", format!("the trail left {name}, which is missing here"));
        }
    }
}

fn found(findings: &mut Findings<'_>, member: &str, problem: String) {
    findings.found_in("work_order", member, problem);
}
