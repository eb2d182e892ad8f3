//! What the backend has read of those who may act, kept until it changes.
//!
//! PostgreSQL itself says when it changes: a trigger on each table that was read sends a shared
//! invalidation, which the commit hands to every backend before it is acknowledged, and which a
//! standby replays. Whatever is remembered carries the generation that was current before it was
//! read, and counts for no other. Whoever asks hears first of what was committed meanwhile, so a
//! right that was withdrawn is gone for the next who asks, whatever their isolation level.

use crate::pg::cache::Bounded;
use crate::pg::lookup::oid_of;
use crate::pg::{invalidation, registered, transaction};
use pgrx::AllocatedByPostgres;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::rc::Rc;
use std::thread::LocalKey;

/// The tables whose rows are remembered; each has the trigger `invalidate`, which says that a row changes.
const TABLES: [&str; 5] =
    ["tenant", "principal", "principal_role", "trusted_issuer", "approval_requirement"];

/// What is invalidated where a row changes. An index, because no plan depends on it, and because
/// an invalidation of a table means that the table itself was altered.
const SIGNAL: &str = "principal_pkey";

/// How many answers to one question are remembered.
const REMEMBERED: usize = 1024;

thread_local! {
    /// Counts the changes that this backend has heard of.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    /// The signal, and the tables.
    static RELATIONS: Cell<(pg_sys::Oid, [pg_sys::Oid; 5])> =
        const { Cell::new((pg_sys::Oid::INVALID, [pg_sys::Oid::INVALID; 5])) };
    /// Whether every change was found to be told, and in which generation and
    /// [epoch](registered::epoch).
    static IS_TOLD: Cell<Option<(u64, u64, bool)>> = const { Cell::new(None) };
    /// Whether this transaction has changed such a row: what it reads may be rolled back.
    static CHANGED: Cell<bool> = const { Cell::new(false) };
}

/// Answers to one question, all of one generation.
pub struct Answers<K, V> {
    generation: u64,
    all: Bounded<K, Rc<V>>,
}

impl<K: Eq + Hash, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self { generation: 0, all: Bounded::new(REMEMBERED) }
    }
}

/// The answer that is remembered, or else what `read` finds. It must read nothing but the tables
/// named here, under a snapshot of its own; that it found nothing is not remembered.
pub fn recall<K: Eq + Hash, V>(
    answers: &'static LocalKey<RefCell<Answers<K, V>>>,
    question: K,
    read: impl FnOnce(&K) -> Option<V>,
) -> Option<Rc<V>> {
    let Some(generation) = generation() else { return read(&question).map(Rc::new) };
    let known = answers.with_borrow_mut(|answers| {
        (answers.generation == generation).then(|| answers.all.get(&question)).flatten()
    });
    if known.is_some() {
        return known;
    }
    let found = Rc::new(read(&question)?);
    answers.with_borrow_mut(|answers| {
        if answers.generation != generation {
            answers.all.clear();
            answers.generation = generation;
        }
        answers.all.insert(question, Rc::clone(&found));
    });
    Some(found)
}

/// The generation of everything that is committed by now; nothing where everything has to be read
/// anew: in a transaction that changed it, in a parallel query, which reads under a snapshot that
/// is older, and where a change would not be told.
fn generation() -> Option<u64> {
    if CHANGED.get() || !invalidation::accept() {
        return None;
    }
    let generation = GENERATION.get();
    is_told(generation).then_some(generation)
}

/// Whether every table has the trigger as registered: then no change goes unheard. Refuses a table that is
/// not as registered; false for tables of the version before, which are not compared.
fn is_told(generation: u64) -> bool {
    if let Some((known, epoch, is_told)) = IS_TOLD.get()
        && known == generation
        && epoch == registered::epoch()
    {
        return is_told;
    }
    let tables = TABLES.map(oid_of);
    RELATIONS.set((oid_of(SIGNAL), tables));
    let is_told = tables.into_iter().all(registered::is_as_registered);
    IS_TOLD.set(Some((generation, registered::epoch(), is_told)));
    is_told
}

/// Hears that a relation, or every relation, was invalidated. True where that says no more than
/// that a row changed.
pub fn hear(relation: pg_sys::Oid) -> bool {
    let Ok((signal, tables)) = RELATIONS.try_with(Cell::get) else { return false };
    let is_all = relation == pg_sys::Oid::INVALID;
    if is_all || relation == signal || tables.contains(&relation) {
        let _ = GENERATION.try_with(|generation| generation.set(generation.get() + 1));
    }
    !is_all && relation == signal
}

/// Registers what forgets that a transaction changed anything, when it is over.
pub fn register() {
    transaction::at_end(|_| CHANGED.set(false));
}

/// Before a row changes: has every backend forget what it read of such rows once the change is
/// committed. Before, because a write that fails half-way may have shown the row to what it called
/// on its way.
#[pg_trigger(sql = r#"
create function wo_private.invalidate() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn invalidate<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    CHANGED.set(true);
    invalidation::invalidate(oid_of(SIGNAL));
    Ok(trigger.new().or_else(|| trigger.old()))
}
