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

use crate::pg::invalidation::{has_altered, writes_catalogue};
use crate::pg::shared_memory::agreement;
use crate::pg::{server, transaction};
use std::cell::Cell;
use wo_rules::install::agreement::{Agreement, Answer};

thread_local! {
    /// Whether this transaction has announced that it alters something.
    static ALTERS: Cell<bool> = const { Cell::new(false) };
}

/// Whether the tables are in order: what others have found, or else what `look` finds. Only
/// a yes is told to others.
pub fn cached_verdict(look: impl FnOnce() -> bool) -> bool {
    let database = server::database();
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
    let may = !server::prepares_transactions()
        && !server::is_in_recovery()
        && !transaction::is_parallel()
        && !transaction::has_written();
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
    // A transaction that has written nothing has altered nothing.
    if transaction::has_written() && (has_altered() || writes_catalogue()) {
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
