//! The guard `findings_closed`: no finding that blocks is open, of the work order and of its children at every
//! depth.
//!
//! People open a finding under a lock that keeps its work order and the masters above as they are. So it is opened
//! before a transition that asks for the guard, which then waits for its commit and finds it, or after that. A
//! finding of a refused attempt is opened without a lock, and blocks from the moment on that it is recorded.

use crate::kernel::concept::Question;
use crate::kernel::work_order::child_records::{self, ChildChange, Owner};
use crate::kernel::work_order::{
    Column, Reading, WorkOrderRow, holder, lifecycle_of, read_as_trail, unfinished,
};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, argument, statement, uuid as uuid_argument, uuids};
use serde_json::Map;
use uuid::Uuid;
use wo_rules::finding::{NAMED, guard_fact};
use wo_rules::lifecycle::{Facts, Guard, GuardFact};
use wo_rules::refusal::{Refusal, SqlState};

/// Its name.
pub const NAME: &str = "findings_closed";

/// How deep children of children, and masters of masters, are followed.
const DEEPEST: i32 = 100;

statement!(
    BLOCKING,
    "with recursive tree (id, depth) as (
        select $2, 0
        union
        select child.id, tree.depth + 1 from tree
        join wo.work_order as child on child.tenant_id = $1 and child.master_id = tree.id
        where tree.depth < $3
     )
     select pg_catalog.format('%s: %s', held.wo_number, pg_catalog.left(opened.title, 80)),
        pg_catalog.count(*) over ()
     from (select distinct tree.id from tree) as part
     join wo.finding as opened on opened.tenant_id = $1 and opened.work_order_id = part.id
        and opened.closed_at is null and opened.blocking
     join wo.work_order as held on held.tenant_id = $1 and held.id = part.id
     order by opened.opened_at, opened.id
     limit $4",
    [UUIDOID, UUIDOID, INT4OID, INT4OID]
);
statement!(
    WITH_MASTERS,
    "with recursive above (id, depth) as (
        select $2, 0
        union
        select held.master_id, above.depth + 1 from above
        join wo.work_order as held on held.tenant_id = $1 and held.id = above.id
        where held.master_id is not null and above.depth < $3
     )
     select distinct above.id from above order by above.id",
    [UUIDOID, UUIDOID, INT4OID]
);
statement!(
    HOLD,
    "select held.id from wo.work_order as held
     where held.tenant_id = $1 and held.id = any($2)
     order by held.id
     for share",
    [UUIDOID, UUIDARRAYOID]
);

fn ids(rows: &Rows) -> Vec<Uuid> {
    (0..rows.count())
        .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
        .map(|id| Uuid::from_bytes(*id.as_bytes()))
        .collect()
}

/// A work order and its masters at every depth, in the order of their ids.
fn with_masters(tenant: Uuid, work_order: Uuid) -> Vec<Uuid> {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), argument(DEEPEST)];
    as_trail(|| WITH_MASTERS.with(|statement| statement.run(Mode::Latest, &arguments, ids)))
}

/// What the guard finds of a work order.
fn fact(tenant: Uuid, work_order: Uuid) -> Option<GuardFact> {
    let most = argument(i32::try_from(NAMED).unwrap_or(i32::MAX));
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), argument(DEEPEST), most];
    as_trail(|| {
        BLOCKING.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                let named: Vec<String> =
                    (0..rows.count()).map(|row| rows.required(row, 1)).collect();
                let count = match rows.count() {
                    0 => 0,
                    _ => usize::try_from(rows.required::<i64>(0, 2)).unwrap_or(usize::MAX),
                };
                guard_fact(&named, count)
            })
        })
    })
}

/// Adds what the guard finds, where one of the edges asks for it.
pub fn add_facts(question: &Question<'_>, facts: &mut Facts) {
    let is_asked = question
        .edges
        .iter()
        .any(|edge| edge.all_guards().any(|guard| *guard == Guard::FindingsClosed));
    if is_asked && let Some(fact) = fact(question.tenant, question.seen.id()) {
        facts.attached.insert(NAME.to_owned(), fact);
    }
}

/// Keeps a work order and its masters from coming to their end until the transaction ends. Gives who does the work.
///
/// # Errors
/// 22023 `work_order_unknown`; 55000 `write_unfinished`; 40001 `version_conflict` where it came under another
/// master meanwhile.
pub fn hold(tenant: Uuid, work_order: Uuid) -> Result<Option<String>, Refusal> {
    let all = with_masters(tenant, work_order);
    let arguments = [uuid_argument(tenant), uuids(all.iter().copied())];
    as_trail(|| HOLD.with(|statement| statement.run(Mode::Write, &arguments, |_| ())));
    let owner = Owner::share(tenant, work_order)?;
    if with_masters(tenant, work_order) != all {
        return Err(Refusal::new(
            SqlState::VersionConflict,
            "version_conflict",
            format!("the masters of work order {} changed meanwhile", owner.facets.number),
        )
        .with("work_order_id", owner.facets.id.as_str())
        .hint("Run the transaction again."));
    }
    let record = owner.facets.record();
    Ok(record.assignee.map(str::to_owned))
}

/// A finding of a work order does not block it any more: where no other one does, the work order and its masters
/// take the edges that waited for it.
pub fn released(tenant: Uuid, work_order: Uuid) {
    for id in with_masters(tenant, work_order) {
        look_again(tenant, id);
    }
}

fn look_again(tenant: Uuid, id: Uuid) {
    if let Some(holder) = holder::holder_of(tenant, id) {
        unfinished::wait(&holder, move |_| look_again(tenant, id));
        return;
    }
    let waits = |seen: &WorkOrderRow<'_>| {
        let waits_for_guard =
            lifecycle_of(tenant, seen).edges_from(&seen.text(Column::Status)).any(|edge| {
                edge.auto && edge.all_guards().any(|guard| *guard == Guard::FindingsClosed)
            });
        !seen.is_locked() && waits_for_guard
    };
    // Under the lock, so that of two who close the last two findings the second sees the first.
    let waits = |reading: Reading| read_as_trail(reading, tenant, id, waits) == Some(true);
    if waits(Reading::Latest) && waits(Reading::Locked) && fact(tenant, id).is_none() {
        let change_of_child = ChildChange {
            action: "findings_closed",
            reason: None,
            changes: "{}".to_owned(),
            data: Map::new(),
        };
        child_records::record(tenant, id, change_of_child);
    }
}
