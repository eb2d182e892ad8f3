//! Refused attempts: kept in shared memory before the error is raised, because the transaction that
//! made them rolls back, and written into the trail by the worker or `wo.tick()`.
//!
//! What never reaches our code (a missing GRANT, a foreign key, a CHECK) is not among them, and a crash
//! of the server loses what was not written yet.

mod record;

pub use record::record;

use crate::kernel::identity::{self, memory};
use crate::pg::error::{is_of_many, on_refusal};
use crate::pg::shared_memory as shared;
use crate::pg::source;
use crate::pg::transaction::{self, End, Stack, SubxactStack};
use crate::service::worker::nudge_now;
use pgrx::prelude::*;
use std::cell::RefCell;
use wo_rules::refusal::Refusal;
use wo_rules::refused_attempt::ring::{Dropped, Taken};
use wo_rules::refused_attempt::{Attempt, Short, Source, counts};

/// What a chain of refused attempts is called, and the job that writes it.
pub const SUBJECT: &str = "refused_attempt";
const JOB: &str = "attempts_recorded";

/// What is being written. It is given back to shared memory, to be written again, unless it is
/// committed.
enum InHand {
    Attempts(Vec<Taken>),
    Dropped(Dropped),
}

impl InHand {
    /// Nothing here raises.
    fn settle(&self, is_written: bool) {
        let now = identity::now();
        let database = crate::pg::server::database();
        shared::with_ring(|ring| match self {
            Self::Attempts(taken) => ring.settle(taken, is_written, now),
            Self::Dropped(dropped) => ring.settle_dropped(database, dropped, is_written, now),
        });
    }
}

/// Gives back what is in hand when its subtransaction or transaction is rolled back.
struct Held(Option<InHand>);

impl Held {
    /// It is committed.
    fn written(mut self) {
        if let Some(in_hand) = self.0.take() {
            in_hand.settle(true);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(in_hand) = self.0.take() {
            in_hand.settle(false);
        }
    }
}

thread_local! {
    /// What this transaction is writing.
    static IN_HAND: SubxactStack<Held> = const { SubxactStack::new() };
    /// Code and sentence of the refusal of such a statement, which the row's own refusal will repeat.
    static EXPECTED: RefCell<Option<(&'static str, String)>> = const { RefCell::new(None) };
}

/// Keeps a refusal, if it is one that counts; called before the error is raised, and must not fail.
fn note(refusal: &Refusal) {
    if !shared::is_there() || identity::is_worker() || !counts(refusal) {
        return;
    }
    let this = (refusal.code, refusal.message.clone());
    if EXPECTED.take().as_ref() == Some(&this) {
        return;
    }
    if is_of_many() {
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
        database: crate::pg::server::database(),
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
    let database = crate::pg::server::database();
    shared::with_ring(|ring| ring.next_due(database)).flatten()
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::at_end(|end| {
        if end == End::Committed {
            IN_HAND.take_all().into_iter().for_each(Held::written);
        }
        EXPECTED.take();
    });
    on_refusal(note);
}

/// Whether the session may read who attempted what: administrators and auditors, whose policies leave out nothing, and
/// QA.
pub fn may_read() -> bool {
    let reads_all = ["wo_admin", "wo_auditor"];
    reads_all.into_iter().any(identity::login_is_member) || may_read_attempts()
}

/// Whether the actor may read who attempted what: QA, and administrators. The others of a
/// tenant see its trail without that: it names addresses, and shows an intruder what was noticed.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
fn may_read_attempts() -> bool {
    identity::current().is_some_and(|acting| match &acting.principal {
        None => true,
        Some(principal) => identity::actor::of_actor(acting.tenant, principal, None)
            .is_some_and(|actor| actor.roles.iter().any(|role| role == wo_rules::finding::ROLE)),
    })
}
