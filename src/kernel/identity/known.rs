//! What the backend has read of those who may act, kept until it changes.
//!
//! PostgreSQL itself says when it changes: a trigger on each table that was read sends a shared
//! invalidation, which the commit hands to every backend before it is acknowledged, and which a
//! standby replays. Whatever is remembered carries the generation that was current before it was
//! read, and counts for no other. A question accepts first what was committed meanwhile, so a
//! right that was withdrawn is gone for the next who asks, whatever their isolation level.

use crate::pg::cache::Cached;
use crate::pg::lookup::oid_of;
use crate::pg::{epoch, invalidation, registered, transaction};
use pgrx::AllocatedByPostgres;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::rc::Rc;
use std::thread::LocalKey;

/// A table whose rows are remembered: it has the trigger `invalidate`, which says that a row changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `wo.tenant`.
    Tenant,
    /// `wo.principal`.
    Principal,
    /// `wo.principal_role`.
    PrincipalRole,
    /// `wo.trusted_issuer`.
    TrustedIssuer,
    /// `wo.approval_requirement`.
    ApprovalRequirement,
}

impl Source {
    const COUNT: usize = 5;

    fn table(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Principal => "principal",
            Self::PrincipalRole => "principal_role",
            Self::TrustedIssuer => "trusted_issuer",
            Self::ApprovalRequirement => "approval_requirement",
        }
    }
}

/// How a table was found.
#[derive(Clone, Copy)]
struct Compared {
    table: pg_sys::Oid,
    /// The generation, and the [epoch](epoch::epoch).
    of: (u64, u64),
    /// Whether each change of a row is notified.
    is_notified: bool,
}

/// What is invalidated where a row changes. An index, because no plan depends on it, and because
/// an invalidation of a table means that the table itself was altered.
const SIGNAL: &str = "principal_pkey";

/// How many answers to one question are remembered.
const REMEMBERED: usize = 1024;

thread_local! {
    /// Counts the changes that this backend was notified of.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    /// The oid of the signal.
    static SIGNAL_OID: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::Oid::INVALID) };
    /// How the tables were found that something was asked of.
    static COMPARED: Cell<[Option<Compared>; Source::COUNT]> = const { Cell::new([None; Source::COUNT]) };
    /// Whether this transaction has changed such a row: what it reads may be rolled back.
    static CHANGED: Cell<bool> = const { Cell::new(false) };
}

/// Answers to one question, all of one generation.
pub struct Answers<K, V>(Cached<K, Rc<V>>);

impl<K: Eq + Hash, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self(Cached::of(REMEMBERED, || GENERATION.get()))
    }
}

/// The answer that is remembered, or else what `read` finds. It must read nothing but the tables that
/// are named, under a snapshot of its own; that it found nothing is not remembered.
pub fn recall<K: Eq + Hash, V>(
    answers: &'static LocalKey<RefCell<Answers<K, V>>>,
    tables: &[Source],
    question: K,
    read: impl FnOnce(&K) -> Option<V>,
) -> Option<Rc<V>> {
    let Some(generation) = generation(tables) else { return read(&question).map(Rc::new) };
    let known = answers.with_borrow_mut(|answers| answers.0.get(&question));
    if known.is_some() {
        return known;
    }
    let found = Rc::new(read(&question)?);
    answers.with_borrow_mut(|answers| {
        answers.0.insert_of(generation, question, Rc::clone(&found));
    });
    Some(found)
}

/// The generation of everything that is committed by now; nothing where everything has to be read
/// anew: in a transaction that changed it, in a parallel query, which reads under a snapshot that
/// is older, and where a change of one of the tables would not be notified.
fn generation(tables: &[Source]) -> Option<u64> {
    if CHANGED.get() || !invalidation::accept() {
        return None;
    }
    let now = || (GENERATION.get(), epoch::epoch());
    let before = now();
    let are_notified = tables.iter().all(|table| is_notified(*table, before));
    // What was altered while the last table was compared may have altered the first.
    (are_notified && before == now()).then_some(before.0)
}

/// Whether the table has the trigger as registered: then each change is notified. Refuses a table that is
/// not as registered; false for tables of the version before, which are not compared.
fn is_notified(source: Source, now: (u64, u64)) -> bool {
    let known = COMPARED.get()[source as usize];
    if let Some(known) = known.filter(|known| known.of == now) {
        return known.is_notified;
    }
    let table = oid_of(source.table());
    let store = |of: (u64, u64), is_notified: bool| {
        let mut all = COMPARED.get();
        all[source as usize] = Some(Compared { table, of, is_notified });
        COMPARED.set(all);
    };
    // From here on its alterations are notified.
    SIGNAL_OID.set(oid_of(SIGNAL));
    store((0, 0), false);
    let is_notified = registered::is_as_registered(table);
    store(now, is_notified);
    is_notified
}

/// Hears that a relation, or every relation, was invalidated. True where that says no more than
/// that a row changed.
pub fn hear(relation: pg_sys::Oid) -> bool {
    let (Ok(signal), Ok(compared)) = (SIGNAL_OID.try_with(Cell::get), COMPARED.try_with(Cell::get))
    else {
        return false;
    };
    let is_all = relation == pg_sys::Oid::INVALID;
    let is_asked = || compared.iter().flatten().any(|one| one.table == relation);
    if is_all || relation == signal || is_asked() {
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
