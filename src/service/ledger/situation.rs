//! How the ledger stands: its newest checkpoint, the key, the checkpoint outside, and whether sealing
//! may go on.

use super::key::{self, Trouble};
use super::outside;
use super::store::{self, Sealed, Tiles};
use crate::kernel::identity::{self, memory};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, bigint, statement, text, uuid as uuid_argument};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::{SealingKey, VerifierKey};
use wo_rules::ledger::recovery::Statement;
use wo_rules::ledger::seal_state::{self, Stop};
use wo_rules::ledger::tree;

/// The subject of what happens to the ledger itself, and the key of its one chain.
pub const SUBJECT: &str = "ledger";
pub const CHAIN: &str = "[\"ledger\"]";

/// The actions in that chain.
pub const KEY_USED: &str = "key_used";
pub const RECOVERED: &str = "recovered";

statement!(
    RECORDED,
    "select entry.changes::pg_catalog.text
     from wo.audit_chain as chain
     join wo.audit_entry as entry on entry.tenant_id = chain.tenant_id and entry.subject_id = chain.subject_id
     where chain.tenant_id = $1 and chain.subject = $2 and chain.subject_key = $3
        and entry.action = $4 and entry.position > $5 and entry.position <= $6
     order by entry.sequence",
    [UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID]
);

/// What the ledger's own chain records of that action between two positions: a member of each entry's
/// details.
fn recorded(action: &str, after: i64, to: i64, member: &str) -> Vec<String> {
    let arguments = [
        uuid_argument(Uuid::nil()),
        text(SUBJECT),
        text(CHAIN),
        text(action),
        bigint(after),
        bigint(to),
    ];
    let texts: Vec<String> = memory::during(identity::installation(), || {
        as_trail(|| {
            RECORDED.with(|statement| {
                statement.run(Mode::Latest, &arguments, |rows| {
                    (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
                })
            })
        })
    });
    let details = texts.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    details.filter_map(|details| details[member].as_str().map(str::to_owned)).collect()
}

/// The public keys that are on record, oldest first.
pub fn keys_on_record() -> Vec<String> {
    recorded(KEY_USED, 0, i64::MAX, "key")
}

/// The recovery statements that were recorded between two positions and are signed with the key.
fn statements(key: &VerifierKey, after: i64, to: i64) -> Vec<Statement> {
    let notes = recorded(RECOVERED, after, to, "statement");
    notes.iter().filter_map(|note| Statement::open(note, key).ok()).collect()
}

/// Why nothing is sealed.
pub enum Halt {
    /// There is no key.
    Key(Trouble),
    /// A note is not what it must be.
    Note {
        /// Whether it is the one outside.
        is_outside: bool,
        /// What is wrong.
        wrong: String,
    },
    /// The checkpoint outside cannot be read or written.
    Outside(String),
    /// What was sealed and what there is do not agree.
    Stop(Stop),
}

impl Halt {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Key(trouble) => trouble.remedy(),
            Self::Note { is_outside: true, .. } => {
                "Put the newest checkpoint that a witness has into the file beside the key (its name ends with .checkpoint)."
            }
            Self::Note { .. } => {
                "Somebody wrote to wo.ledger_checkpoint past the enforcement layer: select * from wo.verify_ledger() says where. Restore the table from a backup."
            }
            Self::Outside(_) => {
                "Let the server's user read and write the directory of the sealing key: the newest checkpoint is kept there."
            }
            Self::Stop(stop) => stop.remedy(),
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(trouble) => trouble.fmt(f),
            Self::Note { is_outside: true, wrong } => {
                write!(f, "the checkpoint that is kept beside the key cannot be used: {wrong}")
            }
            Self::Note { wrong, .. } => write!(f, "the newest checkpoint cannot be used: {wrong}"),
            Self::Outside(why) => {
                write!(f, "the checkpoint beside the key cannot be read or written: {why}")
            }
            Self::Stop(stop) => stop.fmt(f),
        }
    }
}

/// A checkpoint as it is stored, and what it says.
type Stored = (Sealed, Checkpoint);

/// What there is, before it is judged.
pub struct Situation {
    /// The key.
    pub key: Rc<SealingKey>,
    /// The newest checkpoint.
    pub newest: Option<Stored>,
    /// The checkpoint outside.
    pub outside: Option<Checkpoint>,
    /// The recovery statements that were recorded since the newest checkpoint.
    pub statements: Vec<Statement>,
}

impl Situation {
    /// Looks at everything. Statements count where they were recorded at or below `horizon`: only
    /// there is what was written also committed.
    ///
    /// # Errors
    /// Why nothing can be sealed.
    pub fn look(horizon: i64) -> Result<Self, Halt> {
        let key = key::read().map_err(Halt::Key)?;
        let (newest, outside) = trees(key.verifier())?;
        let after = newest.as_ref().map_or(0, |(sealed, _)| sealed.position);
        let statements = statements(key.verifier(), after, horizon);
        Ok(Self { key, newest, outside, statements })
    }

    /// What the newest checkpoint says.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.newest.as_ref().map(|(_, checkpoint)| checkpoint)
    }

    /// Whether sealing may go on, and what becomes of the checkpoint outside.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, tiles: &mut Tiles) -> Result<seal_state::Outside, Halt> {
        let origin = self.key.verifier().name();
        let root_at = |size| tree::root(size, &mut |level, index| tiles.read(level, index));
        let outside = self.outside.as_ref();
        seal_state::judge(origin, self.checkpoint(), outside, &self.statements, root_at)
            .map_err(Halt::Stop)
    }
}

/// The newest checkpoint of the database and the one outside. Each is signed with the key, or with
/// one that is on record; or both are the same, as when the key was changed and its record archived.
fn trees(key: &VerifierKey) -> Result<(Option<Stored>, Option<Checkpoint>), Halt> {
    let wrong = |is_outside| move |wrong| Halt::Note { is_outside, wrong };
    let note = outside::read().map_err(Halt::Outside)?;
    let stored = store::newest();
    let are_same = stored.as_ref().map(|sealed| &sealed.note) == note.as_ref();
    let open = |note: &str| match are_same {
        true => Checkpoint::read_unverified(note),
        false => open(note, key),
    };
    let newest = match stored {
        None => None,
        Some(sealed) => {
            let opened = sealed.read().and_then(|_| open(&sealed.note));
            Some((sealed, opened.map_err(wrong(false))?))
        }
    };
    let outside = note.map(|note| open(&note)).transpose().map_err(wrong(true))?;
    Ok((newest, outside))
}

/// Opens a note with the key, or with another that is on record.
fn open(note: &str, key: &VerifierKey) -> Result<Checkpoint, String> {
    let opened = Checkpoint::open(note, key);
    if opened.is_ok() {
        return opened;
    }
    let known: BTreeSet<String> = keys_on_record().into_iter().collect();
    let known = known.iter().filter_map(|text| VerifierKey::read(text).ok());
    known.filter_map(|key| Checkpoint::open(note, &key).ok()).next().map_or(opened, Ok)
}
