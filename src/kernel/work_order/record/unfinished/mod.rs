//! Work orders that are being written: stored, but the effects of the write are not carried out yet.
//!
//! PostgreSQL runs a trigger AFTER ROW at the end of its statement. Before that run the functions in
//! RETURNING, CTEs and SET, and the effects of other rows. A row is unfinished until its own trigger
//! AFTER ROW has carried out its effects: nobody writes it or anything that belongs to it, and no gate
//! is judged by it (55000 `write_unfinished`). Effects of ours that land on such a row wait for it.
//!
//! A write is known by the id and the chain's hash that it stores: an entry whose row was never stored,
//! because the INSERT came to nothing, a trigger suppressed the row or a savepoint was rolled back, then
//! equals no stored row.

mod children;
mod entries;

use super::pending::Pending;
use crate::pg::error::refuse;
use crate::pg::query::{self, Query};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument, uuids};
use crate::pg::transaction::{self, make_visible, nesting_level};
use children::{ChildWrite, ChildWrites};
use entries::{Entries, Entry};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use uuid::Uuid;
use wo_rules::refusal::Refusal;

statement!(
    STORED,
    "select held.id from wo.work_order as held where held.tenant_id = $1 and held.id = any($2)",
    [UUIDOID, UUIDARRAYOID]
);

/// What an effect that waited receives of the write that it waited for.
#[derive(Clone, Copy, Default)]
pub struct FinishedWrite {
    /// Whether it changed what a signature may cover.
    pub content_changed: bool,
    /// Whether it moved the work order along an edge.
    moved: bool,
}

impl FinishedWrite {
    fn of(pending: &Pending) -> Self {
        Self { content_changed: pending.content_changed, moved: pending.written.moved }
    }
}

/// An effect that waits until a write is finished. A rollback to a savepoint takes it away.
struct Waiting {
    level: i32,
    act: Box<dyn FnOnce(FinishedWrite)>,
}

/// A work order whose effects are being carried out.
struct Frame {
    id: Uuid,
    write: FinishedWrite,
    waiting: Vec<Waiting>,
}

/// From how many entries on those are looked for whose rows were never stored.
const SWEEP_AT: usize = 1024;

thread_local! {
    static ENTRIES: RefCell<Entries> = RefCell::default();
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    static CHILDREN: RefCell<ChildWrites> = RefCell::default();
    /// The number of entries at which the next sweep begins.
    static NEXT_SWEEP: Cell<usize> = const { Cell::new(SWEEP_AT) };
    /// Nothing is remembered of a nesting level deeper than this.
    static DEEPEST: Cell<i32> = const { Cell::new(0) };
    /// An effect that waited for a record which was never stored: its nesting level, and its work order.
    static LOST: Cell<Option<(i32, Uuid)>> = const { Cell::new(None) };
}

/// What a write that waits for its row is held by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Its trigger AFTER ROW has not run.
    Entry(Uuid, [u8; 32]),
    /// Its effects are being carried out, from this depth on.
    Frame(usize),
    /// Something that belongs to it is being written.
    Child(Uuid),
}

/// The nesting level of what is remembered now.
fn noted_at() -> i32 {
    let level = nesting_level();
    DEEPEST.set(DEEPEST.get().max(level));
    level
}

/// The refusal of everything that would touch an unfinished work order, or be judged by it.
pub fn refusal(id: Uuid) -> Refusal {
    wo_rules::work_order::write_unfinished(&id.to_string())
}

/// Leaves a checked write for the trigger after it.
pub fn leave(tenant: Uuid, pending: Pending) {
    let query = query::of_row_trigger(forget_query);
    let (id, hash) = (pending.written.id, pending.link.hash);
    let entry = Entry { pending, level: noted_at(), query, waiting: Vec::new() };
    let count = ENTRIES.with_borrow_mut(|all| {
        all.insert(id, hash, entry);
        all.count()
    });
    if count >= NEXT_SWEEP.get() {
        sweep(tenant, id);
    }
}

/// Forgets the entries of new rows that were never stored: `INSERT … ON CONFLICT DO NOTHING` leaves one
/// for each row.
fn sweep(tenant: Uuid, present: Uuid) {
    let mut new: Vec<Uuid> = Vec::new();
    ENTRIES.with_borrow_mut(|all| {
        all.each(|entry| {
            if entry.pending.written.from_status.is_none() {
                new.push(entry.pending.written.id);
            }
        });
    });
    make_visible();
    let stored: HashSet<Uuid> = as_trail(|| {
        let arguments = [uuid_argument(tenant), uuids(new)];
        STORED.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
                    .map(|id| Uuid::from_bytes(*id.as_bytes()))
                    .collect()
            })
        })
    });
    let count = ENTRIES.with_borrow_mut(|all| {
        all.retain(|id, entry| {
            entry.pending.written.from_status.is_some() || id == present || stored.contains(&id)
        });
        all.shrink_to(SWEEP_AT);
        all.count()
    });
    NEXT_SWEEP.set(SWEEP_AT.max(count * 2));
}

/// Takes a checked write out again: from now on its effects are carried out, until the guard ends it.
pub fn begin(id: Uuid, hash: &[u8]) -> Option<(Pending, Finishing)> {
    let entry = ENTRIES.with_borrow_mut(|all| all.remove(id, hash))?;
    let write = FinishedWrite::of(&entry.pending);
    Some((entry.pending, Finishing::push(Frame { id, write, waiting: entry.waiting })))
}

/// A work order whose effects are being carried out. It goes out of scope by an ERROR too.
pub struct Finishing {
    depth: usize,
}

impl Finishing {
    /// The effects of something that is not a write of its row are carried out.
    pub fn of(id: Uuid) -> Self {
        Self::push(Frame { id, write: FinishedWrite::default(), waiting: Vec::new() })
    }

    fn push(frame: Frame) -> Self {
        FRAMES.with_borrow_mut(|all| {
            let depth = all.len();
            all.push(frame);
            Self { depth }
        })
    }

    /// All of them are. What waited for that follows, where nothing around it is unfinished.
    pub fn end(self) {
        let frame = FRAMES.with_borrow_mut(|all| {
            all.truncate(self.depth + 1);
            let mut frame = all.pop()?;
            if let Some(around) = all.iter_mut().find(|around| around.id == frame.id) {
                around.write.content_changed |= frame.write.content_changed;
                around.write.moved |= frame.write.moved;
                around.waiting.append(&mut frame.waiting);
            }
            Some(frame)
        });
        let Some(frame) = frame else { return };
        for waiting in frame.waiting {
            (waiting.act)(frame.write);
        }
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        let _ = FRAMES.try_with(|all| all.try_borrow_mut().map(|mut all| all.truncate(self.depth)));
    }
}

/// Notes that a record that belongs to a work order is being written.
pub fn begin_child(owner: Uuid, name: String) {
    let query = query::of_row_trigger(forget_query);
    let child = ChildWrite { name, level: noted_at(), query, waiting: Vec::new() };
    CHILDREN.with_borrow_mut(|all| all.insert(owner, child));
}

/// Notes that it was written, and carries `act` out: what follows for its work order. What waited for
/// that follows after it.
pub fn end_child(owner: Uuid, name: &str, act: impl FnOnce()) {
    let child = CHILDREN.with_borrow_mut(|all| all.remove(owner, name));
    act();
    let waiting = child.map(|child| child.waiting).unwrap_or_default();
    if waiting.is_empty() {
        return;
    }
    let rest = CHILDREN.with_borrow_mut(|all| match all.any_of(owner) {
        Some(other) => {
            other.waiting.extend(waiting);
            Vec::new()
        }
        None => waiting,
    });
    for waiting in rest {
        (waiting.act)(FinishedWrite::default());
    }
}

/// Whether any other work order is unfinished.
pub fn any_beside(id: Uuid) -> bool {
    ENTRIES.with_borrow(|all| all.count() > 0)
        || FRAMES.with_borrow(|all| all.iter().any(|frame| frame.id != id))
}

/// Whether an unfinished write may change the place of a work order, or its policy as a master.
pub fn may_change_place(id: Uuid) -> bool {
    ENTRIES.with_borrow(|all| all.of_id(id).any(|entry| entry.pending.place_changed))
}

/// Whether an unfinished write may end a work order.
pub fn may_be_ending() -> bool {
    ENTRIES.with_borrow(Entries::is_any_ending) || is_carrying_out()
}

/// Whether effects of any work order are being carried out.
pub fn is_carrying_out() -> bool {
    FRAMES.with_borrow(|all| !all.is_empty())
}

/// Whether the work order, stored with that hash of its chain, is unfinished for an effect of ours:
/// whatever is carried out for the work order itself may write it.
pub fn is_unfinished(id: Uuid, hash: &[u8]) -> bool {
    is_pending(id, hash) || outer_frame(id).is_some()
}

/// Whether it is for everybody else.
pub fn is_being_written(id: Uuid, hash: &[u8]) -> bool {
    is_pending(id, hash) || FRAMES.with_borrow(|all| all.iter().any(|frame| frame.id == id))
}

/// Whether an unfinished write moves the work order, stored with that hash of its chain, along an edge;
/// `is_own` where the effects that are carried out just now do not count.
pub fn is_moving(id: Uuid, hash: &[u8], is_own: bool) -> bool {
    let is_entry = ENTRIES
        .with_borrow_mut(|all| all.get(id, hash).is_some_and(|entry| entry.pending.written.moved));
    let is_frame = |frame: &Frame| frame.id == id && frame.write.moved;
    is_entry
        || FRAMES.with_borrow(|all| {
            let is_innermost = all.last().is_some_and(|frame| frame.id == id);
            all.iter().any(is_frame) && !(is_own && is_innermost)
        })
}

/// Whether a checked write that stores that hash of its chain waits for its row.
pub(super) fn is_pending(id: Uuid, hash: &[u8]) -> bool {
    ENTRIES.with_borrow_mut(|all| all.get(id, hash).is_some())
}

/// The outermost effects of a work order, unless they are what is carried out just now.
pub(super) fn outer_frame(id: Uuid) -> Option<usize> {
    FRAMES.with_borrow(|all| {
        let is_innermost = all.last().is_some_and(|frame| frame.id == id);
        all.iter().position(|frame| frame.id == id).filter(|_| !is_innermost)
    })
}

/// The outermost effects of a work order around those that are carried out just now.
pub(super) fn frame_around(id: Uuid) -> Option<usize> {
    FRAMES.with_borrow(|all| {
        let (_, around) = all.split_last()?;
        around.iter().position(|frame| frame.id == id)
    })
}

/// Whether any checked write of the work order waits for its row.
pub(super) fn has_entries(id: Uuid) -> bool {
    ENTRIES.with_borrow(|all| all.has(id))
}

/// Whether something that belongs to it is being written, by another query than that one.
pub fn has_child_writes(owner: Uuid, beside: Option<Query>) -> bool {
    CHILDREN.with_borrow(|all| all.has(owner, beside))
}

/// The query whose trigger is running.
pub fn running_query() -> Option<Query> {
    query::of_row_trigger(forget_query)
}

/// Has an effect wait until what holds it is finished.
pub fn wait(holder: &Holder, act: impl FnOnce(FinishedWrite) + 'static) {
    let waiting = Waiting { level: noted_at(), act: Box::new(act) };
    match holder {
        Holder::Entry(id, hash) => ENTRIES.with_borrow_mut(|all| {
            if let Some(entry) = all.get(*id, hash) {
                entry.waiting.push(waiting);
            }
        }),
        Holder::Frame(depth) => FRAMES.with_borrow_mut(|all| {
            if let Some(frame) = all.get_mut(*depth) {
                frame.waiting.push(waiting);
            }
        }),
        Holder::Child(owner) => CHILDREN.with_borrow_mut(|all| {
            if let Some(child) = all.any_of(*owner) {
                child.waiting.push(waiting);
            }
        }),
    }
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::committing(|| {
        // An effect waited for a record that was never stored.
        if let Some((_, id)) = LOST.get() {
            refuse(refusal(id));
        }
    });
    transaction::at_end(|_| forget_all());
    transaction::follow(at_rollback_to_savepoint, at_release_of_savepoint);
}

/// Remembers that effects on a work order will not be carried out.
fn lose(id: Uuid, waiting: &[Waiting]) {
    for one in waiting {
        if LOST.get().is_none_or(|(level, _)| one.level < level) {
            LOST.set(Some((one.level, id)));
        }
    }
}

/// Forgets what a query left of rows that were never stored.
fn forget_query(query: Query) {
    let _ = ENTRIES.try_with(|all| {
        all.try_borrow_mut().map(|mut all| {
            all.forget(query, |id, entry| lose(id, &entry.waiting));
            // Not lower: a query inside a large one would begin a sweep of it for each of its rows.
            NEXT_SWEEP.set(NEXT_SWEEP.get().min(SWEEP_AT.max(all.count() * 2)));
        })
    });
    let _ = CHILDREN.try_with(|all| {
        all.try_borrow_mut()
            .map(|mut all| all.forget(query, |owner, child| lose(owner, &child.waiting)))
    });
}

/// Forgets what was left in the subtransaction of that level, or deeper: it has been rolled back.
fn at_rollback_to_savepoint(level: i32) {
    if DEEPEST.get() < level {
        return;
    }
    DEEPEST.set(level - 1);
    LOST.set(LOST.get().filter(|(since, _)| *since < level));
    let stays = |waiting: &mut Vec<Waiting>| waiting.retain(|one| one.level < level);
    let _ = ENTRIES.try_with(|all| {
        all.try_borrow_mut().map(|mut all| {
            all.retain(|_, entry| {
                stays(&mut entry.waiting);
                entry.level < level
            });
        })
    });
    let _ = FRAMES.try_with(|all| {
        all.try_borrow_mut()
            .map(|mut all| all.iter_mut().for_each(|frame| stays(&mut frame.waiting)))
    });
    let _ = CHILDREN.try_with(|all| {
        all.try_borrow_mut().map(|mut all| {
            all.retain(|_, child| {
                stays(&mut child.waiting);
                child.level < level
            });
        })
    });
}

/// What a released savepoint left belongs to what is around it.
fn at_release_of_savepoint(level: i32) {
    if DEEPEST.get() < level {
        return;
    }
    DEEPEST.set(level - 1);
    let outer = |since: &mut i32| *since = (*since).min(level - 1);
    let all_of =
        |waiting: &mut Vec<Waiting>| waiting.iter_mut().for_each(|it| outer(&mut it.level));
    LOST.set(LOST.get().map(|(since, id)| (since.min(level - 1), id)));
    let _ = ENTRIES.try_with(|all| {
        all.try_borrow_mut().map(|mut all| {
            all.each(|entry| {
                outer(&mut entry.level);
                all_of(&mut entry.waiting);
            });
        })
    });
    let _ = FRAMES.try_with(|all| {
        all.try_borrow_mut()
            .map(|mut all| all.iter_mut().for_each(|frame| all_of(&mut frame.waiting)))
    });
    let _ = CHILDREN.try_with(|all| {
        all.try_borrow_mut().map(|mut all| {
            all.each(|child| {
                outer(&mut child.level);
                all_of(&mut child.waiting);
            });
        })
    });
}

/// Forgets everything: the transaction is over.
fn forget_all() {
    let _ = ENTRIES.try_with(|all| all.try_borrow_mut().map(|mut all| *all = Entries::default()));
    let _ = FRAMES.try_with(|all| all.try_borrow_mut().map(|mut all| all.clear()));
    let _ =
        CHILDREN.try_with(|all| all.try_borrow_mut().map(|mut all| *all = ChildWrites::default()));
    NEXT_SWEEP.set(SWEEP_AT);
    DEEPEST.set(0);
    LOST.set(None);
}
