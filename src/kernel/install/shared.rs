//! What sessions tell each other of the records, where the library is preloaded: see
//! [`wo_rules::install::agreement`], which says why nobody relies on what is out of date.
//!
//! Every process of such a server has our callbacks, so whoever alters something announces it. What
//! counts as an alteration is whatever the check looks at: tables, but for temporary ones, and, for
//! their names, roles, schemas, functions, operators and databases (one that is dropped and made
//! again may have the oid of the other). PostgreSQL itself keeps a message for each of them until the
//! commit, whoever made the change and by which command. Rows of `pg_trigger`, `pg_rewrite` and `pg_policy` that a
//! superuser writes by hand leave none, but such a statement holds its lock until the commit.
//!
//! Nothing is shared where a change can come without its session: on a standby, and where
//! transactions can be prepared, since any session may commit those, after a crash too. Nor by a
//! transaction that has written already: it may see alterations of its own.

use crate::pg::transaction;
use crate::service::worker::shared::agreement;
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::CStr;
use wo_rules::install::agreement::{Agreement, Answer};

/// The oids of `pg_policy` and `pg_rewrite`, which no header that pgrx binds names.
pub const POLICIES: pg_sys::Oid = pg_sys::Oid::from_u32(3256);
const RULES: pg_sys::Oid = pg_sys::Oid::from_u32(2618);

thread_local! {
    /// Whether this transaction has announced that it alters something.
    static ALTERS: Cell<bool> = const { Cell::new(false) };
}

/// Whether the tables are in order: what others have found, or else what `look` finds. Only
/// a yes is told to others.
pub fn cached_verdict(look: impl FnOnce() -> bool) -> bool {
    // SAFETY: set once when the backend connects.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    let Some(agreement) = usable() else { return look() };
    match agreement.ask(database) {
        Answer::Yes => true,
        Answer::Unsettled => look(),
        Answer::Unknown(generation) => {
            let found = look();
            if found {
                agreement.say(database, generation);
            }
            found
        }
    }
}

/// What is shared, where this transaction may use it.
fn usable() -> Option<&'static Agreement> {
    let agreement = agreement()?;
    // SAFETY: reads the standing of server and transaction; the setting's value is a NUL-terminated
    // string.
    let may = unsafe {
        let prepared = pg_sys::GetConfigOption(c"max_prepared_transactions".as_ptr(), true, false);
        !prepared.is_null()
            && CStr::from_ptr(prepared) == c"0"
            && !pg_sys::RecoveryInProgress()
            && !pg_sys::IsInParallelMode()
            && pg_sys::GetTopTransactionIdIfAny() == pg_sys::InvalidTransactionId
    };
    may.then_some(agreement)
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::committing(committing);
    transaction::at_end(|_| at_end());
}

/// When the commit begins: announces that this transaction alters something, if it does.
fn committing() {
    let Some(agreement) = agreement() else { return };
    // SAFETY: whoever has written nothing has altered nothing.
    let has_written = unsafe { pg_sys::GetTopTransactionIdIfAny() } != pg_sys::InvalidTransactionId;
    if has_written && (has_altered() || writes_by_hand()) {
        ALTERS.set(true);
        agreement.alter();
    }
}

/// At the end of the transaction, when it can be seen by everybody. No ERROR, no lock, no allocation.
fn at_end() {
    if ALTERS.replace(false)
        && let Some(agreement) = agreement()
    {
        agreement.altered();
    }
}

/// Whether other sessions will be told of an alteration when this transaction has committed.
fn has_altered() -> bool {
    let mut messages = std::ptr::null_mut();
    let mut of_init_file = false;
    // SAFETY: called before the commit, as the commit itself does, when no subtransaction is open:
    // it gives an array of so many messages, which is copied memory of the transaction.
    let messages: &[pg_sys::SharedInvalidationMessage] = unsafe {
        let count = pg_sys::xactGetCommittedInvalidationMessages(&mut messages, &mut of_init_file);
        match usize::try_from(count) {
            Ok(count) if count > 0 => std::slice::from_raw_parts(messages, count),
            _ => &[],
        }
    };
    messages.iter().any(is_alteration)
}

fn is_alteration(message: &pg_sys::SharedInvalidationMessage) -> bool {
    use pg_sys::SysCacheIdentifier::*;
    // SAFETY: the first byte of every message says what it is.
    unsafe {
        match i32::from(message.id) {
            pg_sys::SHAREDINVALRELCACHE_ID => is_lasting_table(message.rc.relId),
            cache if cache >= 0 => {
                [AUTHOID, DATABASEOID, NAMESPACEOID, OPEROID, PROCOID].contains(&(cache as _))
            }
            _ => false,
        }
    }
}

/// Whether that is, or was, a table that others may see. What is gone may have been one.
fn is_lasting_table(relation: pg_sys::Oid) -> bool {
    // SAFETY: the look-ups answer from the catalogue caches, with zero for what is not there.
    let (kind, persistence) = unsafe {
        match pg_sys::get_rel_relkind(relation) as u8 {
            0 => return true,
            kind => (kind, pg_sys::get_rel_persistence(relation) as u8),
        }
    };
    let is_index = [pg_sys::RELKIND_INDEX, pg_sys::RELKIND_PARTITIONED_INDEX].contains(&kind);
    !is_index && persistence != pg_sys::RELPERSISTENCE_TEMP
}

/// Whether this transaction writes rows of `pg_trigger`, `pg_rewrite` or `pg_policy` by a statement of its own.
fn writes_by_hand() -> bool {
    [pg_sys::TriggerRelationId, RULES, POLICIES].into_iter().any(|table| {
        let tag = pg_sys::LOCKTAG {
            // SAFETY: set once when the backend connects.
            locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
            locktag_field2: table.to_u32(),
            locktag_field3: 0,
            locktag_field4: 0,
            locktag_type: pg_sys::LockTagType::LOCKTAG_RELATION as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        };
        let mode = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
        // SAFETY: looks into this backend's own table of locks.
        unsafe {
            #[cfg(feature = "pg18")]
            return pg_sys::LockHeldByMe(&tag, mode, false);
            #[cfg(not(feature = "pg18"))]
            pg_sys::LockHeldByMe(&tag, mode)
        }
    })
}
