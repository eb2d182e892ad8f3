//! What is counted: each case prepares its input outside the count.

use std::hint::black_box;

use crate::tree;
use wo_rules::audit::{Entry, GENESIS, Replay};
use wo_rules::field::{Field, FieldSet};
use wo_rules::hierarchy::network::{Link, LinkKind, Network, Progress, Task};
use wo_rules::lifecycle::{
    Actor, CollectedApproval, Facts, Lifecycle, PrincipalKind, Proposal, Record, SHIPPED, Scalar,
    Values, validate,
};

/// Something that can be run again and again.
pub type Case = Box<dyn Fn()>;

/// A case's name and how it is prepared.
type Prepare = (&'static str, fn() -> Result<Case, String>);

/// What is counted.
pub const CASES: &[Prepare] = &[
    ("canonical_bytes", canonical_bytes),
    ("entry_hash", entry_hash),
    ("chain_of_100_entries", chain),
    ("gates_fleet_task", gates_fleet),
    ("gates_regulated_change", gates_regulated),
    ("critical_path_of_1000", critical_path),
    ("ledger_append_500_to_10007", tree::append_500),
    ("ledger_root_of_10007", tree::root),
    ("ledger_inclusion_in_10007", tree::inclusion),
    ("ledger_inclusion_verified", tree::inclusion_verified),
    ("ledger_consistency_to_10007", tree::consistency),
];

/// A case, prepared.
///
/// # Errors
/// There is no such case, or the core refuses what it is made of.
pub fn case(name: &str) -> Result<Case, String> {
    let make = CASES.iter().find(|(case, _)| *case == name).map(|(_, make)| make);
    make.ok_or_else(|| format!("{name} is no case"))?()
}

/// A transition as the trail keeps it.
fn entry(sequence: i64) -> Entry {
    Entry {
        tenant_id: "0190b2d4-5f3c-7c1e-9a6b-0242ac120002".into(),
        subject: "work_order".into(),
        subject_id: "0190b2d4-61aa-7d2f-8b7c-0242ac120002".into(),
        sequence,
        recorded_at: "2026-11-21T14:03:07.123456Z".into(),
        action: "block".into(),
        actor: Some("Mac CLI 小克".into()),
        reason: Some("waiting for a part".into()),
        from_status: Some("in_progress".into()),
        to_status: Some("blocked".into()),
        record_version: Some(sequence),
        changes: r#"{"notes":{"old":"arrived","new":"waiting for a part"}}"#.into(),
        client_address: Some("10.1.2.3".into()),
        application: Some("dispatch".into()),
        login_role: "service".into(),
        authenticated_by: "token:0190b2d4-7f00-7aaa-8bbb-0242ac120002".into(),
        transaction_id: "1234567".into(),
    }
}

fn canonical_bytes() -> Result<Case, String> {
    let entry = entry(7);
    Ok(Box::new(move || drop(black_box(black_box(&entry).canonical(&GENESIS)))))
}

fn entry_hash() -> Result<Case, String> {
    let entry = entry(7);
    Ok(Box::new(move || {
        black_box(black_box(&entry).hash(&GENESIS));
    }))
}

fn chain() -> Result<Case, String> {
    let mut previous = GENESIS;
    let mut links = Vec::new();
    for sequence in 1..=100 {
        let (old, new) = (format!("note {}", sequence - 1), format!("note {sequence}"));
        let old = if sequence == 1 { String::new() } else { format!(r#""old":"{old}","#) };
        let (from, to) = match sequence % 2 {
            1 => ("blocked", "in_progress"),
            _ => ("in_progress", "blocked"),
        };
        let entry = Entry {
            from_status: (sequence > 1).then(|| from.to_owned()),
            to_status: Some(to.to_owned()),
            changes: format!(r#"{{"notes":{{{old}"new":"{new}"}}}}"#),
            ..entry(sequence)
        };
        let hash = entry.hash(&previous);
        links.push((entry, previous, hash));
        previous = hash;
    }
    let follow = move || {
        let mut replay = Replay::default();
        black_box(&links)
            .iter()
            .try_for_each(|(entry, previous, hash)| replay.follow(entry, previous, hash))
    };
    follow().map_err(|broken| format!("the chain does not hold: {broken:?}"))?;
    // It held once, and nothing of it changes.
    Ok(Box::new(move || drop(black_box(follow()))))
}

fn lifecycle(name: &str) -> Result<Lifecycle, String> {
    let shipped = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
    let (_, text) = shipped.ok_or_else(|| format!("{name} does not ship"))?;
    let definition = serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))?;
    validate(&definition, None).map_err(|problems| format!("{name}: {problems:?}"))
}

/// A record whose every field holds something.
struct Filled;

impl Values for Filled {
    fn get(&self, field: Field) -> Option<Scalar> {
        match field {
            Field::ActualHours | Field::EstimatedHours => Some(Scalar::Number(2.0)),
            _ => Some(Scalar::Text("something".into())),
        }
    }

    fn member(&self, _: &str) -> Option<Scalar> {
        None
    }
}

fn decision(
    lifecycle: &'static str,
    [from, to]: [&'static str; 2],
    role: &str,
    regulatory: bool,
    facts: Facts,
) -> Result<Case, String> {
    let lifecycle = self::lifecycle(lifecycle)?;
    let roles = vec![role.to_owned()];
    let filled: FieldSet = Field::ALL.iter().copied().collect();
    let decide = move || {
        let actor = Actor { id: "me", kind: PrincipalKind::Person, roles: &roles };
        let record = Record {
            id: "0190b2d4",
            number: "WO-2026-0305-A1B",
            status: from,
            originator: "somebody",
            requester: None,
            assignee: Some("me"),
            regulatory,
            locked: false,
        };
        let proposal = Proposal {
            status: to,
            regulatory,
            changed: FieldSet::default(),
            filled_before: filled,
            filled,
            values: &Filled,
            reason: Some("waiting for a part"),
        };
        lifecycle.decide(&actor, &record, &proposal, &facts).map(|taken| drop(black_box(taken)))
    };
    decide().map_err(|refusal| format!("the case is refused: {}", refusal.message))?;
    // It was accepted once, and nothing of it changes.
    Ok(Box::new(move || drop(black_box(decide()))))
}

fn gates_fleet() -> Result<Case, String> {
    decision("fleet_task", ["in_progress", "blocked"], "captain", false, Facts::default())
}

fn gates_regulated() -> Result<Case, String> {
    let signed = |role: &str| CollectedApproval {
        action: "assign".into(),
        role: role.into(),
        meaning: "plan".into(),
    };
    let facts = Facts { approvals: vec![signed("system_owner"), signed("qa")], ..Facts::default() };
    decision("regulated_change", ["pending_approval", "assigned"], "planner", true, facts)
}

/// Each task waits for three earlier ones.
fn critical_path() -> Result<Case, String> {
    let tasks = (0..1_000)
        .map(|number: i64| Task {
            number: format!("WO-{number}"),
            title: "Replace the pump".into(),
            status: "pending".into(),
            progress: Progress::NotStarted,
            duration: 3_600 * (1 + number % 40),
            started: None,
            finished: None,
        })
        .collect();
    let links = (3..1_000_usize)
        .flat_map(|to| {
            [to - 1, to / 2, to / 3].map(|from| Link {
                from,
                to,
                kind: LinkKind::FinishToStart,
                lag: 0,
            })
        })
        .collect();
    let network = Network { tasks, links };
    network.schedule(0).map_err(|cycle| format!("a cycle: {cycle:?}"))?;
    Ok(Box::new(move || drop(black_box(black_box(&network).schedule(0)))))
}
