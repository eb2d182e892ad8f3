//! The sealing key: read from a file that only the server may read, never from the database.

use crate::pg::key_file::{self, Known, Purpose};
use crate::pg::setting;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use wo_rules::ledger::key::SealingKey;

pub use crate::pg::key_file::{Cause, Trouble};

/// What the key is for.
const SEALING: Purpose = Purpose {
    name: "sealing key",
    unset: "Make a key with wo key new --for ledger, and name its file in wo_core.sealing_key_file (postgresql.conf).",
    unreadable: "Name a file in wo_core.sealing_key_file that the server's user can read.",
    exposed: "The file must belong to the server's user with mode 0600 or 0400, or to root with 0640. Who could read the key could seal: consider a new one.",
    no_key: "Make a key with wo key new --for ledger.",
};

thread_local! {
    static KEY: Known<SealingKey> = const { RefCell::new(None) };
}

/// Where the key is. Each database has a ledger, and so a key, of its own.
pub fn path() -> Option<PathBuf> {
    key_file::path(setting::sealing_key_file())
}

/// The key, read again whenever its file is another one.
///
/// # Errors
/// Why there is none.
pub fn read() -> Result<Rc<SealingKey>, Trouble> {
    key_file::read(&SEALING, path(), &KEY, SealingKey::read)
}
