//! The guard `findings_closed`: no finding that blocks is open, of the work order and of its children at every
//! depth.
//!
//! The transactions that open findings and those that ask for the guard use one lock of the tree of work orders, named
//! by its topmost master, and lock no row for that. Many may open findings at once, and many may pass the guard at
//! once; each of the two waits until the others have committed. A transition locks a child before its master, and a
//! signature a master before its children: locks of the rows in either order would deadlock with one of them.
//!
//! A finding of a refused attempt is opened without the lock, and blocks from the moment on that it is recorded.

use crate::kernel::concept::Question;
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::tree::{DESCENDANTS, masters_of, with_masters};
use crate::kernel::work_order::{
    Column, Reading, WorkOrderRow, WorkOrderView, holder, lifecycle_of, master_of, read_as_trail,
    unfinished, with_work_order,
};
use crate::pg::lock::{Lock, Purpose};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, argument, statement, uuid as uuid_argument};
use serde_json::Map;
use uuid::Uuid;
use wo_rules::field::Field;
use wo_rules::finding::{NAMED, guard_fact};
use wo_rules::lifecycle::{Facts, Guard, GuardFact};
use wo_rules::refusal::{Refusal, SqlState};

/// Its name.
pub const NAME: &str = "findings_closed";

statement!(
    BLOCKING,
    format!(
        "{DESCENDANTS}
     select pg_catalog.format('%s: %s', held.wo_number, pg_catalog.left(opened.title, 80)),
        pg_catalog.count(*) over ()
     from (select $2 as id union select tree.id from tree) as part
     join wo.finding as opened on opened.tenant_id = $1 and opened.work_order_id = part.id
        and opened.closed_at is null and opened.blocking
     join wo.work_order as held on held.tenant_id = $1 and held.id = part.id
     order by opened.opened_at, opened.id
     limit $3"
    ),
    [UUIDOID, UUIDOID, INT4OID]
);

/// What the guard finds of a work order.
fn fact(tenant: Uuid, work_order: Uuid) -> Option<GuardFact> {
    let most = argument(i32::try_from(NAMED).unwrap_or(i32::MAX));
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), most];
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
    if !is_asked {
        return;
    }
    let (tenant, id) = (question.tenant, question.seen.id());
    let found = match question.hold {
        true => held_fact(tenant, id, master_of(question.seen)),
        false => fact(tenant, id),
    };
    if let Some(fact) = found {
        facts.attached.insert(NAME.to_owned(), fact);
    }
}

/// The topmost master of a work order, which has that master; itself where it has none.
fn root_of(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) -> Uuid {
    with_masters(tenant, work_order, master).last().copied().unwrap_or(work_order)
}

fn lock_of(tenant: Uuid, root: Uuid) -> Lock {
    Lock::new(Purpose::Findings, &[*tenant.as_bytes(), *root.as_bytes()].concat())
}

/// Waits for those who open findings in the tree of a work order, which has that master, and keeps others from it
/// until the transaction ends. Gives the topmost master.
fn share(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) -> Uuid {
    loop {
        let root = root_of(tenant, work_order, master);
        lock_of(tenant, root).share_until_end();
        if root_of(tenant, work_order, master) == root {
            return root;
        }
    }
}

/// What the guard finds of a work order that this transaction has locked.
fn held_fact(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) -> Option<GuardFact> {
    loop {
        let root = share(tenant, work_order, master);
        let found = fact(tenant, work_order);
        // Under another root others may have opened some meanwhile.
        if root_of(tenant, work_order, master) == root {
            return found;
        }
    }
}

/// Before a work order comes under another master: waits for those who open findings in the tree that it leaves. They
/// keep the masters of that tree alone from passing the guard.
pub fn before_move(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) {
    share(tenant, work_order, master);
}

/// Keeps a work order and its masters from passing the guard until the transaction ends. Gives who does the work.
///
/// # Errors
/// 22023 `work_order_unknown`; 55000 `write_unfinished`; 40001 `version_conflict` where it came under another
/// master meanwhile.
pub fn hold(tenant: Uuid, work_order: Uuid) -> Result<Option<String>, Refusal> {
    let place = |view: &WorkOrderView<'_>| {
        view.check_finished(None)?;
        let master = master_of(view.seen);
        Ok((root_of(tenant, work_order, master), view.seen.field::<String>(Field::Assignee)))
    };
    let (root, _) = with_work_order(tenant, work_order, place)?;
    lock_of(tenant, root).add_until_end();
    let (now, assignee) = with_work_order(tenant, work_order, place)?;
    if now == root {
        return Ok(assignee);
    }
    Err(Refusal::new(
        SqlState::VersionConflict,
        "version_conflict",
        format!("the masters of work order {work_order} changed meanwhile"),
    )
    .with("work_order_id", work_order.to_string())
    .hint("Run the transaction again."))
}

/// A finding of a work order does not block it any more: where no other one does, the work order and its masters
/// take the edges that waited for it.
pub fn released(tenant: Uuid, work_order: Uuid) {
    // A child before its master, as transitions lock them.
    look_again(tenant, work_order);
    for master in masters_of(tenant, work_order) {
        look_again(tenant, master);
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
            covered: false,
            data: Map::new(),
        };
        child_records::record(tenant, id, change_of_child);
    }
}
