//! What the gates look at beside the record: what it waits for, and its children.

use crate::kernel::concept::Question;
use crate::kernel::identity;
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::tree::with_masters;
use crate::kernel::work_order::{
    Column, Reading, WorkOrderRow, lifecycle_of, master_of, read_as_trail, unfinished,
};
use crate::pg::error::OrRefuse;
use crate::pg::lookup::{Key, find};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, Rows, Statement, argument, statement, uuid as uuid_argument, uuids,
};
use std::rc::Rc;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::hierarchy::policy::{Group, Policy, judge};
use wo_rules::lifecycle::{Facts, Guard, GuardFact, Lifecycle, State};
use wo_rules::time::utc;

/// How many work orders a refusal names.
const NAMED: usize = 8;

statement!(
    PREDECESSORS,
    "select awaited.wo_number, awaited.lifecycle, awaited.lifecycle_version, awaited.status,
        pg_catalog.extract('epoch', edge.lag)::bigint, awaited.id, edge.successor_id
     from wo.dependency as edge
     join wo.work_order as awaited on awaited.tenant_id = edge.tenant_id and awaited.id = edge.predecessor_id
     where edge.tenant_id = $1 and edge.successor_id = any($2)
        and (edge.successor_id = $3 or edge.holds_children)
        and not exists (select from wo.waiver as waived
            where waived.tenant_id = edge.tenant_id and waived.child_id = edge.predecessor_id)
     order by awaited.id",
    [UUIDOID, UUIDARRAYOID, UUIDOID]
);
statement!(
    HOLD_PREDECESSORS,
    "select awaited.id from wo.dependency as edge
     join wo.work_order as awaited on awaited.tenant_id = edge.tenant_id and awaited.id = edge.predecessor_id
     where edge.tenant_id = $1 and edge.successor_id = any($2) and awaited.locked_at is null
        and (edge.successor_id = $3 or edge.holds_children)
     order by awaited.id
     for share of awaited",
    [UUIDOID, UUIDARRAYOID, UUIDOID]
);
statement!(
    LAST_MOVES,
    "select entry.to_status, entry.recorded_at from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.to_status is distinct from entry.from_status
     order by entry.sequence desc
     limit 100",
    [UUIDOID, UUIDOID]
);
statement!(
    CHILDREN,
    "select child.lifecycle, child.lifecycle_version, child.status, child.required, pg_catalog.count(*),
        (pg_catalog.array_agg(child.wo_number::pg_catalog.text order by child.id))[1:8]
     from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2
        and not exists (select from wo.waiver as waived
            where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.child_id = child.id)
     group by 1, 2, 3, 4
     order by 3, 4",
    [UUIDOID, UUIDOID]
);
statement!(
    SIBLINGS_ENDED,
    "select sibling.lifecycle, sibling.lifecycle_version, sibling.status,
        (pg_catalog.array_agg(sibling.wo_number::pg_catalog.text order by sibling.id))[1:8]
     from wo.work_order as sibling
     where sibling.tenant_id = $1 and sibling.master_id = $2 and sibling.locked_at is not null
        and not exists (select from wo.waiver as waived
            where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.child_id = sibling.id)
     group by 1, 2, 3",
    [UUIDOID, UUIDOID]
);

statement!(
    AWAITED,
    "select awaited.id, awaited.chain_hash from wo.dependency as edge
     join wo.work_order as awaited on awaited.tenant_id = edge.tenant_id and awaited.id = edge.predecessor_id
     where edge.tenant_id = $1 and edge.successor_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    ENDED_SIBLINGS,
    "select sibling.id, sibling.chain_hash from wo.work_order as sibling
     where sibling.tenant_id = $1 and sibling.master_id = $2 and sibling.locked_at is not null",
    [UUIDOID, UUIDOID]
);
statement!(
    EVERY_CHILD,
    "select child.id, child.chain_hash from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2",
    [UUIDOID, UUIDOID]
);
/// A state as its version of its lifecycle describes it.
fn state<T>(
    tenant: Uuid,
    rows: &Rows,
    row: usize,
    column: i32,
    ask: impl Fn(&State) -> T,
) -> Option<T> {
    let status: String = rows.get(row, column + 2)?;
    lifecycle_at(tenant, rows, row, column)?.state(&status).map(ask)
}

/// The lifecycle that a row pins by its name and, in the next column, its version.
fn lifecycle_at(tenant: Uuid, rows: &Rows, row: usize, column: i32) -> Option<Rc<Lifecycle>> {
    let name: String = rows.get(row, column)?;
    let version: i32 = rows.get(row, column + 1)?;
    Some(cache::compiled(tenant, &name, version).or_refuse())
}

/// Adds what the guards found. `hold` keeps what was found from being undone before this
/// transaction ends.
fn add_facts<'a>(
    tenant: Uuid,
    place: &HierarchyPosition,
    guards: impl Iterator<Item = &'a Guard>,
    hold: bool,
    facts: &mut Facts,
) {
    let mut add = |guard: &Guard, fact: Option<GuardFact>| {
        if let Some(fact) = fact {
            facts.attached.entry(guard.name().to_owned()).or_insert(fact);
        }
    };
    for guard in guards {
        match guard {
            Guard::DependenciesSatisfied => add(guard, dependencies(tenant, place, hold)),
            Guard::ChildrenSettled => {
                add(guard, children(tenant, place, |state| state.settles_master));
            }
            Guard::ChildrenInReview => {
                add(guard, children(tenant, place, |state| state.satisfies_dependents));
            }
            _ => {}
        }
    }
}

/// Where a work order stands among others, for the gates that look there.
pub struct HierarchyPosition {
    /// The work order.
    pub id: Uuid,
    /// Its master.
    pub master: Option<Uuid>,
    /// Its own policy as a master.
    pub policy: Option<serde_json::Value>,
    /// Its lifecycle's.
    pub lifecycle_policy: Policy,
}

/// Where the work order of a question stands: for the guards of its edges, and for those that are implied.
/// Nothing where no guard looks there.
fn positions(question: &Question<'_>) -> Option<(HierarchyPosition, HierarchyPosition)> {
    let looks_around = |guard: &Guard| {
        matches!(
            guard,
            Guard::DependenciesSatisfied | Guard::ChildrenSettled | Guard::ChildrenInReview
        )
    };
    own(question).chain(implied(question)).any(looks_around).then(|| {
        let place = HierarchyPosition {
            id: question.seen.id(),
            master: master_of(question.seen),
            policy: super::policy_in(question.seen),
            lifecycle_policy: question.lifecycle.hierarchy_policy(),
        };
        // Work that is done ends, though a sibling has failed since.
        let alone = HierarchyPosition { master: None, policy: place.policy.clone(), ..place };
        (place, alone)
    })
}

fn own<'a>(question: &Question<'a>) -> impl Iterator<Item = &'a Guard> {
    question.edges.iter().flat_map(|edge| &edge.guards)
}

fn implied<'a>(question: &Question<'a>) -> impl Iterator<Item = &'a Guard> {
    question.edges.iter().flat_map(|edge| &edge.implied_guards)
}

/// The work orders that the guards of edges look at, each with the hash of its chain.
pub fn judged_by_edges(question: &Question<'_>) -> Vec<(Uuid, Vec<u8>)> {
    let Some((place, alone)) = positions(question) else { return Vec::new() };
    let mut all = judged_by(question.tenant, &place, own(question));
    all.extend(judged_by(question.tenant, &alone, implied(question)));
    all
}

/// Adds what the guards of edges find.
pub fn add_facts_of_edges(question: &Question<'_>, facts: &mut Facts) {
    let Some((place, alone)) = positions(question) else { return };
    add_facts(question.tenant, &place, own(question), question.hold, facts);
    add_facts(question.tenant, &alone, implied(question), question.hold, facts);
}

/// The work orders that these guards look at, each with the hash of its chain.
fn judged_by<'a>(
    tenant: Uuid,
    place: &HierarchyPosition,
    guards: impl Iterator<Item = &'a Guard>,
) -> Vec<(Uuid, Vec<u8>)> {
    let mut all = Vec::new();
    let read = |which: &'static LocalKey<Statement>, of: Uuid| {
        let arguments = [uuid_argument(tenant), uuid_argument(of)];
        as_trail(|| which.with(|statement| statement.run(Mode::Latest, &arguments, links_at)))
    };
    for guard in guards {
        match guard {
            Guard::DependenciesSatisfied => {
                for successor in with_masters(tenant, place.id, place.master) {
                    all.extend(read(&AWAITED, successor));
                }
                if let Some(master) = place.master {
                    if unfinished::may_change_place(master) {
                        let hash = |seen: &WorkOrderRow<'_>| seen.get(Column::ChainHash);
                        let hash = read_as_trail(Reading::Latest, tenant, master, hash).flatten();
                        all.extend(hash.map(|hash| (master, hash)));
                    }
                    if unfinished::may_be_ending()
                        && as_trail(|| policy_of(tenant, master)).failure_halts_siblings()
                    {
                        all.extend(read(&ENDED_SIBLINGS, master));
                    }
                }
            }
            Guard::ChildrenSettled | Guard::ChildrenInReview => {
                all.extend(read(&EVERY_CHILD, place.id));
            }
            _ => {}
        }
    }
    all
}

fn id_at(rows: &Rows, row: usize, column: i32) -> Option<Uuid> {
    rows.get::<pgrx::Uuid>(row, column).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

/// Ids with the hashes of their chains.
pub fn links_at(rows: &Rows) -> Vec<(Uuid, Vec<u8>)> {
    (0..rows.count()).filter_map(|row| Some((id_at(rows, row, 1)?, rows.get(row, 2)?))).collect()
}

fn dependencies(tenant: Uuid, place: &HierarchyPosition, hold: bool) -> Option<GuardFact> {
    let successors = with_masters(tenant, place.id, place.master);
    let arguments = [uuid_argument(tenant), uuids(successors), uuid_argument(place.id)];
    let (mut own, mut inherited): (Vec<String>, Vec<String>) = Default::default();
    let count = as_trail(|| {
        if hold {
            HOLD_PREDECESSORS.with(|statement| statement.run(Mode::Write, &arguments, |_| ()));
        }
        PREDECESSORS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                for row in 0..rows.count() {
                    let is_own = id_at(rows, row, 7) == Some(place.id);
                    let missing = if is_own { &mut own } else { &mut inherited };
                    let number: String = rows.required(row, 1);
                    let status: String = rows.required(row, 4);
                    let satisfies = state(tenant, rows, row, 2, |state| state.satisfies_dependents);
                    let lag: i64 = rows.required(row, 5);
                    if satisfies != Some(true) {
                        missing.push(format!("{number} is {status}"));
                    } else if lag > 0
                        && let Some(id) = rows.get::<pgrx::Uuid>(row, 6)
                        && let Some(lifecycle) = lifecycle_at(tenant, rows, row, 2)
                        && let Some(over) = still_to_wait(
                            tenant,
                            id,
                            |status| {
                                let state = lifecycle.state(status);
                                state.is_some_and(|state| state.satisfies_dependents)
                            },
                            lag,
                        )
                    {
                        missing
                            .push(format!("{number} is {status}, its lag ends at {}", utc(over)));
                    }
                }
                rows.count()
            })
        })
    });
    let halted = place.master.and_then(|master| halted_by(tenant, master));
    if count == 0 && halted.is_none() {
        return None;
    }
    let mut reasons = Vec::new();
    for (missing, whose) in
        [(own, "its predecessors"), (inherited, "the predecessors of its masters")]
    {
        if missing.is_empty() {
            continue;
        }
        let named = missing.len();
        let mut detail = missing.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        if named > NAMED {
            detail.push_str(&format!(" and {} more", named - NAMED));
        }
        reasons.push(format!("it waits for {whose}: {detail}"));
    }
    reasons.extend(halted);
    Some(GuardFact { passed: reasons.is_empty(), detail: reasons.join("; ") })
}

/// Whether a lag after a predecessor, of its own or of a master, is not over yet.
pub fn lags(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) -> bool {
    let place = HierarchyPosition {
        id: work_order,
        master,
        policy: None,
        lifecycle_policy: Policy::default(),
    };
    dependencies(tenant, &place, false).is_some_and(|fact| !fact.passed)
}

/// When a lag ends; nothing where it is over.
fn still_to_wait(
    tenant: Uuid,
    predecessor: pgrx::Uuid,
    satisfies: impl Fn(&str) -> bool,
    lag: i64,
) -> Option<i64> {
    let arguments = [uuid_argument(tenant), argument(predecessor)];
    // Since when it has satisfied its dependents without interruption.
    let since = LAST_MOVES.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            (0..rows.count())
                .take_while(|row| rows.get::<String>(*row, 1).is_some_and(|to| satisfies(&to)))
                .last()
                .and_then(|row| rows.timestamp(row, 2))
        })
    })?;
    let over = since.saturating_add(lag.saturating_mul(1_000_000));
    (over > identity::now()).then_some(over)
}

/// Why a child is halted, where its master's policy says that a failure halts the siblings.
pub fn halted_by(tenant: Uuid, master: Uuid) -> Option<String> {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    as_trail(|| {
        if !policy_of(tenant, master).failure_halts_siblings() {
            return None;
        }
        SIBLINGS_ENDED.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                let failed: Vec<String> = (0..rows.count())
                    .filter(|row| {
                        state(tenant, rows, *row, 1, |state| !state.settles_master) == Some(true)
                    })
                    .filter_map(|row| rows.get::<Vec<String>>(row, 4))
                    .flatten()
                    .take(NAMED)
                    .collect();
                (!failed.is_empty())
                    .then(|| format!("it is halted, because {} failed", failed.join(", ")))
            })
        })
    })
}

/// The policy of a master: its own, its lifecycle's, its tenant's.
pub fn policy_of(tenant: Uuid, master: Uuid) -> Policy {
    let (own, lifecycle) = read_as_trail(Reading::Latest, tenant, master, |seen| {
        (super::policy_in(seen), lifecycle_of(tenant, seen).hierarchy_policy())
    })
    .unwrap_or_default();
    nearest(tenant, own.as_ref(), lifecycle)
}

/// The nearest of what master, lifecycle and tenant say.
pub fn nearest(tenant: Uuid, own: Option<&serde_json::Value>, lifecycle: Policy) -> Policy {
    let own = own.and_then(|own| Policy::read(own).ok()).unwrap_or_default();
    let key = [Key::Uuid("tenant_id", tenant)];
    let tenants = find("tenant", "tenant_pkey", &key, |row| {
        row.named::<crate::pg::jsonb::Document>("hierarchy_policy").map(|policy| policy.0)
    });
    let tenants = tenants.and_then(|policy| Policy::read(&policy).ok()).unwrap_or_default();
    own.or(lifecycle).or(tenants)
}

/// Whether the children of a master are far enough by its policy.
pub fn children(
    tenant: Uuid,
    place: &HierarchyPosition,
    is_done: impl Fn(&State) -> bool,
) -> Option<GuardFact> {
    let arguments = [uuid_argument(tenant), uuid_argument(place.id)];
    let mut groups: Vec<Group> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    as_trail(|| {
        CHILDREN.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                for row in 0..rows.count() {
                    let status: String = rows.required(row, 3);
                    let (done, failed) = state(tenant, rows, row, 1, |state| {
                        let done = is_done(state);
                        (done, state.terminal && !done)
                    })
                    .unwrap_or((false, false));
                    let numbers: Vec<String> = rows.required(row, 6);
                    if !done {
                        open.extend(numbers.iter().map(|number| format!("{number} is {status}")));
                    }
                    groups.push(Group {
                        count: rows.required::<i64>(row, 5).unsigned_abs(),
                        required: rows.required(row, 4),
                        done,
                        failed,
                    });
                }
            });
        });
    });
    open.truncate(NAMED);
    judge(&nearest(tenant, place.policy.as_ref(), place.lifecycle_policy), &groups, &open)
}
