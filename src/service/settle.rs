//! What a transaction brings to an end before it commits: masters whose children have all ended, and the
//! evidence packages of regulatory work orders.
//!
//! A deferred constraint trigger does it, so that the deferred triggers of others see what is written here.
//! It runs as the role that commits, long after the write perhaps: who acts is known from the backend's memory
//! alone, and remembered with each thing to do, since a token may end meanwhile.

use crate::kernel::concept;
use crate::kernel::work_order::unfinished;
use crate::pg::error::refuse;
use crate::pg::transaction::{self, with_snapshot};
use crate::service::evidence;
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use wo_rules::refusal::{Refusal, SqlState};

/// How often what deferred triggers write is settled before a commit is refused.
const ROUNDS: u32 = 1000;

/// After a work order ended or changed its master, and after a waiver, at the end of the transaction.
#[pg_trigger(sql = r#"
create function wo_private.settle() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn settle<'a>(
    _trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    concept::all().for_each(|concept| concept.settle());
    // Where SET CONSTRAINTS has it fire inside a statement, the trail still goes on.
    if !unfinished::is_carrying_out() {
        evidence::settle();
    }
    Ok(None)
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::before_commit(before_commit);
}

/// Before the commit: nothing is left to do, unless SET CONSTRAINTS had the trigger fire while a statement
/// was still writing. The deferred triggers of others then see what is written here all the same.
fn before_commit() {
    for _ in 0..ROUNDS {
        if !concept::all().any(|concept| concept.is_unsettled()) && !evidence::is_open() {
            return;
        }
        with_snapshot(|| {
            concept::all().for_each(|concept| concept.settle());
            evidence::settle();
        });
        transaction::fire_deferred_triggers();
    }
    refuse(
        Refusal::new(
            SqlState::WrongState,
            "transaction_unsettled",
            "the deferred triggers of this transaction write again and again what has to be settled before the commit",
        )
        .hint("Find the deferred trigger of yours that writes work orders each time that one is written."),
    );
}
