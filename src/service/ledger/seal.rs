//! Sealing: the entries below the horizon become leaves, and a signed checkpoint seals the tree.

use super::outside;
use super::situation::{self, Halt, Situation};
use super::store::{self, Sealed, Tiles};
use crate::kernel::configuration::record_of_installation;
use crate::kernel::event::{self, Event};
use crate::kernel::identity::{self, memory};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::lock::{Lock, Purpose};
use crate::pg::log;
use crate::pg::run_as::as_ledger;
use crate::pg::setting;
use crate::pg::statement::{Mode, Rows, Statement, bigint, statement};
use crate::pg::transaction;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use uuid::Uuid;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::names::{NAME_SIZE, Name};
use wo_rules::ledger::seal_state::{self, Outside};
use wo_rules::ledger::tile::{TILE_WIDTH, TileWrite, append, width};
use wo_rules::ledger::{Hash, hash_text, leaf_hash, tree};
use wo_rules::refusal::Refusal;

/// How many entries are sealed at a time.
pub const BATCH: usize = 20_000;

/// The lock of the one sealer.
const LOCK: &[u8] = b"sealer";

statement!(
    UNSEALED,
    "select entry.tenant_id, entry.subject_id, entry.sequence, entry.position, entry.entry_hash
     from wo.audit_entry as entry
     where entry.position > $1 and entry.position <= $2
     order by entry.position, entry.subject_id, entry.sequence
     limit $3",
    [INT8OID, INT8OID, INT8OID]
);

thread_local! {
    /// Whether this transaction has sealed: what it has not committed is not for the file outside.
    static SEALED: Cell<bool> = const { Cell::new(false) };
    /// What this backend said last in the server's log.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Registers what forgets that a transaction sealed, when it is over; called once in a backend.
pub fn register() {
    transaction::at_end(|_| SEALED.set(false));
}

/// How long the sealer waits after a run that found less than a batch.
pub fn interval() -> Duration {
    Duration::from_secs(u64::try_from(setting::SEALING_INTERVAL.get()).unwrap_or(1))
}

/// Seals what is below the horizon, a batch at most. Gives how many entries it sealed: a whole
/// [`BATCH`] where there may be more.
pub fn seal() -> i32 {
    if SEALED.get() || setting::sealing_key_file().is_none() || !is_only_sealer() {
        return 0;
    }
    // The horizon before any other look: what lies below it is committed by then.
    let horizon = event::horizon();
    let sealed = Situation::look(horizon).and_then(|situation| run(&situation, horizon));
    match sealed {
        Ok(count) => {
            SAID.with_borrow_mut(String::clear);
            i32::try_from(count).unwrap_or(i32::MAX)
        }
        Err(halt) => {
            say(&halt);
            0
        }
    }
}

/// Keeps the newest checkpoint that is committed outside the database. Gives 1 where it was another.
pub fn keep() -> i32 {
    if SEALED.get() || setting::sealing_key_file().is_none() || !is_only_sealer() {
        return 0;
    }
    let kept = Situation::look(event::horizon())
        .and_then(|situation| keep_outside(&situation, &mut Tiles::default()));
    kept.map_or(0, i32::from)
}

/// Whether the note outside had to be replaced by the newest checkpoint.
fn keep_outside(situation: &Situation, tiles: &mut Tiles) -> Result<bool, Halt> {
    let is_other = situation.judge(tiles)? == Outside::Replaced;
    if let (None, Some((newest, _))) = (&situation.outside, &situation.newest) {
        let text = format!(
            "no checkpoint was kept outside, though {} entries are sealed here: a witness knows whether that is all",
            newest.size
        );
        pgrx::log!("{}", log::line(&text));
    }
    if is_other {
        outside::replace(&note_outside(situation)).map_err(Halt::Outside)?;
    }
    Ok(is_other)
}

fn is_only_sealer() -> bool {
    Lock::new(Purpose::Job, LOCK).try_until_end()
}

fn say(halt: &Halt) {
    let sentence = halt.to_string();
    if SAID.with_borrow(|said| *said != sentence) {
        pgrx::log!("{}", log::line(&format!("nothing is sealed: {sentence}")));
        SAID.with_borrow_mut(|said| *said = sentence);
    }
}

fn run(situation: &Situation, horizon: i64) -> Result<usize, Halt> {
    let mut tiles = Tiles::default();
    keep_outside(situation, &mut tiles)?;
    let after = situation.newest.as_ref().map_or(0, |(sealed, _)| sealed.position);
    let entries = unsealed(after, horizon);
    if let Some(last) = entries.last() {
        SEALED.set(true);
        memory::mark_written();
        // What is kept outside must not be ahead of the disk.
        Statement::new("set local synchronous_commit = on", &[]).run_unkept();
        memory::as_enforcement(|| write(situation, tiles, &entries, last.position)).or_refuse();
        crate::service::worker::nudge("checkpoint_kept");
    }
    Ok(entries.len())
}

/// The note of the newest checkpoint; of the tree without leaves where there is none.
fn note_outside(situation: &Situation) -> String {
    match &situation.newest {
        Some((sealed, _)) => sealed.note.clone(),
        None => {
            let (size, root) = seal_state::tree_of(None);
            let origin = situation.key.verifier().name().to_owned();
            let extensions = seal_state::extensions(None, &situation.statements);
            Checkpoint { origin, size, root, extensions }.sign(&situation.key)
        }
    }
}

struct Entry {
    name: Name,
    position: i64,
    hash: Hash,
}

/// The oldest entries that are not sealed yet. Whatever shares a position is sealed together.
fn unsealed(after: i64, horizon: i64) -> Vec<Entry> {
    let (mut from, mut stretch) = (after, BATCH as i64);
    // Every entry has a position, so a stretch is hardly larger than the batch; positions that hold
    // no entry are passed over in longer and longer ones.
    while from < horizon {
        let to = horizon.min(from.saturating_add(stretch));
        let mut found = read(from, to);
        if found.len() > BATCH {
            let next = found[BATCH].position;
            found.retain(|entry| entry.position < next);
        }
        if !found.is_empty() {
            return found;
        }
        (from, stretch) = (to, stretch.saturating_mul(4));
    }
    Vec::new()
}

fn read(after: i64, to: i64) -> Vec<Entry> {
    let arguments = [bigint(after), bigint(to), bigint(BATCH as i64 + 1)];
    let entry = |rows: &Rows, row: usize| {
        let id =
            |column| rows.get::<pgrx::Uuid>(row, column).map(|id| Uuid::from_bytes(*id.as_bytes()));
        Some(Entry {
            name: Name { tenant: id(1)?, subject: id(2)?, sequence: rows.get(row, 3)? },
            position: rows.get(row, 4)?,
            hash: rows.get::<Vec<u8>>(row, 5)?.try_into().ok()?,
        })
    };
    let entries: Option<Vec<Entry>> = as_ledger(|| {
        UNSEALED.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count()).map(|row| entry(rows, row)).collect()
            })
        })
    });
    entries.ok_or_else(|| damaged("an entry of the trail has no hash of 32 bytes")).or_refuse()
}

/// Appends the entries to the tree, and seals it.
fn write(
    situation: &Situation,
    mut tiles: Tiles,
    entries: &[Entry],
    position: i64,
) -> Result<(), Refusal> {
    note_key(situation);
    let (before, _) = seal_state::tree_of(situation.checkpoint());
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(&entry.hash)).collect();
    let writes = append(before, &mut |level, index| tiles.read(level, index), &leaves)
        .map_err(super::unreadable)?;
    for write in &writes {
        tiles.take(write);
        match write.level {
            0 => {
                let (names, last) = names(before, write, entries)?;
                store::put(write, Some((&names, last)));
            }
            _ => store::put(write, None),
        }
    }
    let size = before + leaves.len() as u64;
    let root = tree::root(size, &mut |level, index| tiles.read(level, index))
        .map_err(super::unreadable)?;
    let checkpoint = Checkpoint {
        origin: situation.key.verifier().name().to_owned(),
        size,
        root,
        extensions: seal_state::extensions(situation.checkpoint(), &situation.statements),
    };
    let sealed = Sealed {
        size,
        root,
        position,
        sealed_at: identity::now(),
        signed_by: situation.key.verifier().to_string(),
        note: checkpoint.sign(&situation.key),
    };
    let details = serde_json::json!({
        "origin": checkpoint.origin,
        "size": size,
        "root": hash_text(&root),
        "note": sealed.note,
    });
    let event = Event::new("wo.checkpoint", details.to_string());
    store::add(&sealed, event.timeline());
    event.write(Uuid::nil(), Uuid::nil(), sealed.sealed_at);
    Ok(())
}

/// The names of the leaves of a tile of level 0, and the position of the last.
fn names(before: u64, write: &TileWrite, entries: &[Entry]) -> Result<(Vec<u8>, i64), Refusal> {
    let first = write.index * TILE_WIDTH as u64;
    let kept = width(0, write.index, before);
    let mut names = if kept > 0 { store::names_of(write.index, kept) } else { Vec::new() };
    let from = usize::try_from((first + kept as u64) - before).unwrap_or(usize::MAX);
    let to = from.saturating_add(write.hashes.len() / 32 - kept);
    let new = entries.get(from..to).filter(|new| !new.is_empty());
    let new = new.ok_or_else(|| damaged("a tile of the ledger has no new leaf"))?;
    names.reserve(new.len() * NAME_SIZE);
    for entry in new {
        names.extend_from_slice(&entry.name.to_bytes());
    }
    Ok((names, new.last().map_or(0, |entry| entry.position)))
}

/// Puts a key on record when it is used first, so that a verifier of older checkpoints after a
/// change of the key knows which keys there were.
fn note_key(situation: &Situation) {
    let key = situation.key.verifier().to_string();
    if situation.newest.as_ref().is_some_and(|(sealed, _)| sealed.signed_by == key) {
        return;
    }
    if situation::keys_on_record().last() != Some(&key) {
        let details = serde_json::json!({ "key": key }).to_string();
        let (subject, chain) = (situation::SUBJECT, situation::CHAIN);
        record_of_installation(subject, chain, situation::KEY_USED, None, details);
    }
}
