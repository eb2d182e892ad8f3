//! Recovery statements: why a ledger has less than it had, or something else.
//!
//! After a restore of an older backup the tree is smaller than what was sealed, or goes on otherwise.
//! Nobody may do that in silence: sealing goes on only behind a statement, signed with the sealing
//! key, that names what was lost, what was kept and why. Every later checkpoint names the statement.

use super::checkpoint::read_size;
use super::key::{SealingKey, VerifierKey};
use super::note::{self, Note};
use super::proof::is_possible;
use super::{Hash, hash_text, read_hash};
use crate::approval::payload::is_time;
use sha2::{Digest, Sha256};

/// What the first line begins with. No ledger's name does.
pub(super) const TAG: &str = "wo_core.ledger_recovery";

/// The first line.
const FORMAT: &str = "wo_core.ledger_recovery.v1";

/// The longest reason, in characters.
const LONGEST_REASON: usize = 1_000;

/// What a recovery statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The ledger's name.
    pub origin: String,
    /// The size of the newest tree that was sealed and is no longer there.
    pub lost_size: u64,
    /// Its root.
    pub lost_root: Hash,
    /// The size of the tree that is there, from which sealing goes on.
    pub kept_size: u64,
    /// Its root.
    pub kept_root: Hash,
    /// When: see [`crate::time::utc`].
    pub at: String,
    /// Why, in one line.
    pub reason: String,
}

impl Statement {
    /// The text that is signed.
    pub fn body(&self) -> String {
        format!(
            "{FORMAT}\n{}\nlost {} {}\nkept {} {}\n{}\n{}\n",
            self.origin,
            self.lost_size,
            hash_text(&self.lost_root),
            self.kept_size,
            hash_text(&self.kept_root),
            self.at,
            self.reason
        )
    }

    /// Reads the text that is to be signed.
    ///
    /// # Errors
    /// One plain sentence where it is not, byte for byte, what [`Statement::body`] writes.
    pub fn read(body: &str) -> Result<Self, String> {
        let lines: Vec<&str> = body.strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [FORMAT, origin, lost, kept, at, reason] = lines[..] else {
            return Err(format!("the text is no recovery statement of six lines ({FORMAT})"));
        };
        let tree = |line: &str, what: &str| {
            let read = || {
                let (size, root) = line.strip_prefix(what)?.strip_prefix(' ')?.split_once(' ')?;
                let (size, root) = (read_size(size)?, read_hash(root)?);
                is_possible(size, &root).then_some((size, root))
            };
            read().ok_or_else(|| format!("the line of what was {what} has no size and root"))
        };
        super::key::check_name(origin)?;
        let ((lost_size, lost_root), (kept_size, kept_root)) =
            (tree(lost, "lost")?, tree(kept, "kept")?);
        if (lost_size, lost_root) == (kept_size, kept_root) {
            return Err("what was lost is what was kept: there is nothing to recover".to_owned());
        }
        if !is_time(at) {
            return Err("the statement's time is no time in UTC with microseconds".to_owned());
        }
        check_reason(reason)?;
        Ok(Self {
            origin: origin.to_owned(),
            lost_size,
            lost_root,
            kept_size,
            kept_root,
            at: at.to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// The signed note.
    pub fn sign(&self, key: &SealingKey) -> String {
        note::sign(&self.body(), key)
    }

    /// Reads a note that the key signed, about the ledger that has the key's name.
    ///
    /// # Errors
    /// One plain sentence where the note is not in its one form, or not signed with the key.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, String> {
        let statement = Self::read(Note::read(note)?.text_signed_by(key)?)?;
        if statement.origin != key.name() {
            return Err(format!(
                "the statement is about the ledger {}, and the key is that of {}",
                statement.origin,
                key.name()
            ));
        }
        Ok(statement)
    }

    /// SHA-256 of the text.
    pub fn hash(&self) -> Hash {
        Sha256::digest(self.body()).into()
    }
}

/// Checks a reason before a statement is made of it.
///
/// # Errors
/// One plain sentence.
pub fn check_reason(reason: &str) -> Result<(), String> {
    let wrong = if reason.trim().is_empty() {
        "is empty"
    } else if reason.chars().any(char::is_control) {
        "is not one line, or has a control character in it"
    } else if reason.chars().count() > LONGEST_REASON {
        "is longer than 1,000 characters"
    } else {
        return Ok(());
    };
    Err(format!("the reason of the recovery {wrong}"))
}

/// The line by which every checkpoint after the recovery of that number, from 1, names its statement.
pub fn extension_line(number: u64, statement: &Statement) -> String {
    Recovery { number, statement: statement.hash() }.line()
}

/// A recovery as a checkpoint names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Its number, from 1.
    pub number: u64,
    /// [`Statement::hash`] of its statement.
    pub statement: Hash,
}

impl Recovery {
    fn line(&self) -> String {
        format!("recovery {} {}", self.number, hash_text(&self.statement))
    }

    /// Reads the line; nothing where it is about something else.
    pub fn of_line(line: &str) -> Option<Self> {
        let (number, statement) = line.strip_prefix("recovery ")?.split_once(' ')?;
        Some(Self { number: read_size(number)?, statement: read_hash(statement)? })
    }
}
