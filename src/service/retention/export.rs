//! Writing a month to its files, and making sure of them.
//!
//! The rows stay where they are: dropping the leaf is another step, in a transaction of its own, so
//! that a crash at any moment leaves the rows here, or both the rows and the files.

use super::archive::{Archive, data_file, proof_file};
use super::chains;
use super::files::{self, Writing, unfinished};
use super::month::{self, Month};
use crate::kernel::identity;
use crate::pg::run_as::as_ledger;
use crate::pg::statement::{Mode, statement, timestamp};
use crate::service::ledger::store::{self, LeafTile};
use pgrx::pg_sys;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, VecDeque};
use wo_rules::ledger::names::Name;
use wo_rules::ledger::tile::TILE_WIDTH;
use wo_rules::retention::line::{EntryLine, written};
use wo_rules::retention::proof::{FORMAT, Proof, Reader, tiles_above};

/// How many tiles of leaves are read at a time.
const TILES: u64 = 64;

statement!(
    LAST_ENTRY,
    "select pg_catalog.max(entry.position), pg_catalog.min(entry.position) from wo.audit_entry as entry
     where entry.recorded_at >= $1 and entry.recorded_at < $2",
    [TIMESTAMPTZOID, TIMESTAMPTZOID]
);
statement!(
    WAITING,
    "select reading.consumer from wo.event_consumer as reading
     where exists (select from wo.event as event
        where event.recorded_at >= $1 and event.recorded_at < $2 and event.position > reading.position
            and (event.tenant_id = reading.tenant_id or reading.tenant_id = '00000000-0000-0000-0000-000000000000'))
     order by reading.consumer limit 1",
    [TIMESTAMPTZOID, TIMESTAMPTZOID]
);

/// What was found while a month was written.
#[derive(Default)]
pub struct Summary {
    lines: u64,
    leaves: Option<(u64, u64)>,
    positions: Option<(i64, i64)>,
    tiles: BTreeSet<u64>,
}

impl Summary {
    fn take(&mut self, position: i64, leaf: Option<u64>) {
        self.lines += 1;
        self.positions = Some((self.positions.map_or(position, |it| it.0), position));
        if let Some(leaf) = leaf {
            self.leaves = Some((self.leaves.map_or(leaf, |it| it.0), leaf));
            self.tiles.insert(leaf / TILE_WIDTH as u64);
        }
    }
}

/// Writes a month to its files and puts that on record.
///
/// # Errors
/// One plain sentence why the month has to stay for now; nothing was written to the database then.
pub fn export(month: &Month) -> Result<(), String> {
    still(month.partition)?;
    let checkpoint = match month.source {
        "audit_entry" => sealed(month)?,
        _ => {
            acknowledged(month)?;
            None
        }
    };
    let (data, proof) = (data_file(&month.name)?, proof_file(&month.name)?);
    let mut writing = Writing::begin(&data)?;
    let size = checkpoint.as_ref().map(|sealed| sealed.size);
    let summary = render(month.source, (month.from, month.to), size, |line| writing.write(line))?;
    let data_sha256 = writing.end()?;
    let mut tiles = store::Tiles::default();
    let wanted: Vec<u64> = summary.tiles.iter().copied().collect();
    let tiles = match size {
        Some(size) => tiles_above(&wanted, size, &mut |level, index| tiles.read(level, index))
            .map_err(|damage| format!("the ledger cannot prove it: {damage}"))?,
        None => Vec::new(),
    };
    let text = Proof {
        format: FORMAT.to_owned(),
        archive: month.name.clone(),
        lines: summary.lines,
        data_sha256: hex::encode(data_sha256),
        leaves: summary.leaves,
        positions: summary.positions,
        checkpoint: checkpoint.as_ref().map(|sealed| sealed.note.clone()),
        tiles,
    }
    .to_json();
    let mut writing = Writing::begin(&proof)?;
    writing.write(&text)?;
    let proof_sha256 = writing.end()?;
    read_back(month, &data_sha256, &proof_sha256)?;
    // Chains that do not hold must not become stubs: found out before anything is written.
    let chains = match month.source {
        "audit_entry" => chains::check(month)?,
        _ => 0,
    };
    files::put(&[&data, &proof])?;
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let archive = Archive {
        name: month.name.clone(),
        source: month.source.to_owned(),
        from: month.from,
        to: month.to,
        lines: signed(summary.lines),
        chains,
        leaves: summary.leaves.map(|(first, last)| (signed(first), signed(last))),
        positions: summary.positions,
        data_sha256: data_sha256.to_vec(),
        proof_sha256: proof_sha256.to_vec(),
        checkpoint_size: size.map(signed),
        archived_at: identity::now(),
        detached_at: None,
        restored_at: None,
    };
    let own = match month.source {
        "audit_entry" => chains::leave(month, &archive)?,
        _ => Value::Null,
    };
    archive.add(own);
    Ok(())
}

/// Makes sure that nobody is writing to the leaf, and that nobody will until the transaction ends: a
/// past month has no writers but one whose clock went back.
///
/// # Errors
/// One plain sentence.
pub fn still(leaf: pg_sys::Oid) -> Result<(), String> {
    match crate::pg::lock::try_share_table(leaf) {
        true => Ok(()),
        false => Err("somebody is writing to it".to_owned()),
    }
}

/// The checkpoint that seals every entry of the month; nothing where it has none.
fn sealed(month: &Month) -> Result<Option<store::Sealed>, String> {
    let arguments = [timestamp(month.from), timestamp(month.to)];
    let last: Option<i64> = as_ledger(|| {
        LAST_ENTRY.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    });
    let Some(last) = last else { return Ok(None) };
    match store::newest() {
        Some(sealed) if sealed.position >= last => Ok(Some(sealed)),
        _ => Err("not all of its entries are sealed in the ledger".to_owned()),
    }
}

fn acknowledged(month: &Month) -> Result<(), String> {
    let arguments = [timestamp(month.from), timestamp(month.to)];
    let waiting: Option<String> = as_ledger(|| {
        WAITING.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    });
    match waiting {
        None => Ok(()),
        Some(consumer) => Err(format!("the consumer {consumer} has not acknowledged all of it")),
    }
}

/// Gives the lines of a span of time to `take`, in their order, under the ledger of that size.
///
/// # Errors
/// One plain sentence, or what `take` says.
pub fn render(
    source: &str,
    (from, to): (i64, i64),
    size: Option<u64>,
    mut take: impl FnMut(&str) -> Result<(), String>,
) -> Result<Summary, String> {
    let mut summary = Summary::default();
    if source == "event" {
        month::events(from, to, |event| {
            summary.take(event.position, None);
            take(&written(&event))
        })?;
        return Ok(summary);
    }
    let mut leaves = Leaves::default();
    month::entries(from, to, |row| {
        let name = Name { tenant: row.tenant, subject: row.subject, sequence: row.entry.sequence };
        let leaf = leaves
            .of(&name, row.position)
            .filter(|leaf| size.is_some_and(|size| *leaf < size))
            .ok_or_else(|| {
                format!(
                    "entry {} of {} {} is not sealed in the ledger",
                    row.entry.sequence, row.entry.subject, row.subject
                )
            })?;
        summary.take(row.position, Some(leaf));
        let line = EntryLine::new(row.entry, &row.previous, &row.hash, row.position, leaf);
        take(&written(&line))
    })?;
    Ok(summary)
}

/// Walks along the leaves of the ledger, beside entries that come in the same order.
#[derive(Default)]
struct Leaves {
    tiles: VecDeque<LeafTile>,
    place: usize,
    next: Option<u64>,
}

impl Leaves {
    /// The leaf of that entry, which is one of those behind the last that was asked for.
    fn of(&mut self, name: &Name, position: i64) -> Option<u64> {
        if self.next.is_none() {
            let first = store::tiles_of_position(position).into_iter().next()?;
            self.next = Some(first.index);
        }
        loop {
            let Some(tile) = self.tiles.front() else {
                let next = self.next?;
                self.tiles.extend(store::leaf_tiles(next, next + TILES));
                self.next = self.tiles.back().map(|tile| tile.index + 1);
                self.place = 0;
                continue;
            };
            let found = tile.names[self.place..].iter().position(|other| other == name);
            match found {
                Some(behind) => {
                    let place = self.place + behind;
                    self.place = place + 1;
                    return Some(tile.index * TILE_WIDTH as u64 + place as u64);
                }
                None => {
                    self.tiles.pop_front();
                    self.place = 0;
                }
            }
        }
    }
}

/// Reads both files back from the disk, and verifies everything.
fn read_back(month: &Month, data_sha256: &[u8], proof_sha256: &[u8]) -> Result<(), String> {
    let (data, proof) = (data_file(&month.name)?, proof_file(&month.name)?);
    let (text, hash) = files::whole(&unfinished(&proof))?;
    if hash != proof_sha256 {
        return Err("the proof file does not read back as it was written".to_owned());
    }
    let mut reader = Reader::new(&text, &month.name, None)?;
    let hash = files::lines(&unfinished(&data), |line| match month.source {
        "event" => reader.event(line).map(drop),
        _ => reader.entry(line).map(drop),
    })?;
    if hash != data_sha256 {
        return Err("the data file does not read back as it was written".to_owned());
    }
    reader.finish(&hex::encode(hash))
}

/// Makes sure that the rows that are here are, byte for byte, those of the data file.
///
/// # Errors
/// One plain sentence.
pub fn same_as_file(archive: &Archive) -> Result<(), String> {
    let mut hash = Sha256::new();
    let size = archive.checkpoint_size.and_then(|size| u64::try_from(size).ok());
    render(&archive.source, (archive.from, archive.to), size, |line| {
        hash.update(line);
        Ok(())
    })?;
    match hash.finalize().as_slice() == archive.data_sha256 {
        true => Ok(()),
        false => Err("its rows are not those that were written to its file".to_owned()),
    }
}
