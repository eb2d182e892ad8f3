//! Refused attempts: kept in shared memory before the error is raised, because the transaction that
//! made them rolls back, and written into the trail by the worker or `wo.tick()`.
//!
//! What never reaches our code (a missing GRANT, a foreign key, a CHECK) is not among them, and a crash
//! of the server loses what was not written yet.

mod record;

pub use record::record;

use crate::kernel::audit::source;
use crate::kernel::identity::{self, memory};
use crate::service::worker::{nudge_now, shared};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use wo_rules::refusal::Refusal;
use wo_rules::refused_attempt::ring::{Dropped, Taken};
use wo_rules::refused_attempt::{Attempt, Short, Source, counts};

/// What a chain of refused attempts is called, and the job that writes it.
pub const SUBJECT: &str = "refused_attempt";
const JOB: &str = "attempts_recorded";

/// What is being written, and must be given back when that is committed or rolled back.
enum InHand {
    Attempts(Vec<Taken>),
    Dropped(Dropped),
}

thread_local! {
    /// What this transaction is writing, each with its nesting level.
    static IN_HAND: RefCell<Vec<(i32, InHand)>> = const { RefCell::new(Vec::new()) };
    /// Whether many rows are tried in one statement just now; where one is refused, each is tried again
    /// by itself.
    static TOGETHER: Cell<bool> = const { Cell::new(false) };
    /// Code and sentence of the refusal of such a statement, which the row's own refusal will repeat.
    static EXPECTED: RefCell<Option<(&'static str, String)>> = const { RefCell::new(None) };
}

/// Tries many rows in one statement, whose refusal is repeated by one of them.
pub fn together<T>(act: impl FnOnce() -> T) -> T {
    TOGETHER.set(true);
    let result = act();
    TOGETHER.set(false);
    result
}

/// Keeps a refusal, if it is one that counts; called before the error is raised, and must not fail.
pub fn note(refusal: &Refusal) {
    if !shared::is_there() || crate::service::worker::is_this_process() || !counts(refusal) {
        return;
    }
    let this = (refusal.code, refusal.message.clone());
    if EXPECTED.take().as_ref() == Some(&this) {
        return;
    }
    if TOGETHER.replace(false) {
        EXPECTED.set(Some(this));
    }
    let attempt = Attempt::new(refusal, source_of(), identity::now());
    shared::with_ring(|ring| ring.put(&attempt));
    nudge_now(JOB);
}

/// Who is trying, as far as the backend knows without looking anything up.
fn source_of() -> Source {
    let acting = memory::known_already();
    let authenticated_by = acting.as_ref().map(|acting| acting.authenticated_by());
    Source {
        // SAFETY: set once when the backend connects.
        database: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        tenant: acting.as_ref().map_or([0; 16], |acting| *acting.tenant.as_bytes()),
        principal: Short::of(acting.as_ref().and_then(|acting| acting.principal.as_deref())),
        login_role: Short::new(&source::login_role()),
        client_address: Short::of(source::client_address().as_deref()),
        application: Short::of(source::application().as_deref()),
        authenticated_by: Short::of(authenticated_by.as_deref()),
    }
}

/// When something is to be written next.
pub fn next_due() -> Option<i64> {
    // SAFETY: set once when the backend connects.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    shared::with_ring(|ring| ring.next_due(database)).flatten()
}

/// At the end of the transaction: what was in hand is written, or is to be written again.
pub fn at_transaction_end(committed: bool) {
    give_back(0, committed);
    TOGETHER.set(false);
    EXPECTED.take();
}

/// What was in hand in the subtransaction of that level, or deeper, is to be written again.
pub fn at_rollback_to_savepoint(level: i32) {
    give_back(level, false);
    TOGETHER.set(false);
}

/// What a released savepoint did belongs to what is around it.
pub fn at_release_of_savepoint(level: i32) {
    let _ = IN_HAND.try_with(|all| {
        all.try_borrow_mut()
            .map(|mut all| all.iter_mut().for_each(|(since, _)| *since = (*since).min(level - 1)))
    });
}

fn give_back(level: i32, written: bool) {
    let in_hand = IN_HAND.try_with(|all| {
        all.try_borrow_mut().map(|mut all| {
            let (back, kept) =
                std::mem::take(&mut *all).into_iter().partition(|(since, _)| *since >= level);
            *all = kept;
            back
        })
    });
    let in_hand: Vec<(i32, InHand)> = in_hand.ok().and_then(Result::ok).unwrap_or_default();
    if in_hand.is_empty() {
        return;
    }
    let now = identity::now();
    // SAFETY: set once when the backend connects.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    // Nothing here raises, and this transaction holds no lock of ours by now.
    shared::with_ring(|ring| {
        for (_, in_hand) in &in_hand {
            match in_hand {
                InHand::Attempts(taken) => ring.settle(taken, written, now),
                InHand::Dropped(dropped) => ring.settle_dropped(database, dropped, written, now),
            }
        }
    });
}

/// Whether whoever is acting may read who attempted what: QA, and whoever administers. The others of a
/// tenant see its trail without that: it names addresses, and tells an intruder what was noticed.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
fn may_read_attempts() -> bool {
    identity::current().is_some_and(|acting| match &acting.principal {
        None => true,
        Some(principal) => identity::actor::of_actor(acting.tenant, principal, None)
            .is_some_and(|actor| actor.roles.iter().any(|role| role == wo_rules::finding::ROLE)),
    })
}
