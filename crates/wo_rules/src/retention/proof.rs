//! The proof of an archive: what its data file must be, and that the ledger sealed every entry in it.
//!
//! Leaves lie side by side, so instead of a proof for each entry the file holds the tiles of the
//! ledger that cover them, and of the tiles above as many as lead to the root that the checkpoint
//! names: somewhat more than one hash for each entry.

use super::line::{EntryLine, EventLine};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::VerifierKey;
use crate::ledger::proof::verify_inclusion;
use crate::ledger::tile::{Damage, Read, TILE_WIDTH, width};
use crate::ledger::{Hash, leaf_hash, tree};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Names the layout of both files.
pub const FORMAT: &str = "wo_core.archive.v1";

const HASH_SIZE: usize = 32;

/// What stands in the proof file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`FORMAT`].
    pub format: String,
    /// The archive's name.
    pub archive: String,
    /// How many lines the data file has.
    pub lines: u64,
    /// SHA-256 of the data file, in hexadecimal.
    pub data_sha256: String,
    /// The first and the last leaf; nothing for events, and for a month without entries.
    pub leaves: Option<(u64, u64)>,
    /// The first and the last position; nothing where there is no line.
    pub positions: Option<(i64, i64)>,
    /// The checkpoint under which the leaves are sealed; nothing for events.
    pub checkpoint: Option<String>,
    /// The tiles that lead from the leaves to its root.
    pub tiles: Vec<Tile>,
}

/// A tile, as wide as the checkpoint's tree has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// Its level, 0 for the hashes of leaves.
    pub level: u8,
    /// Its place in the level.
    pub index: u64,
    /// Its hashes, one behind the other, in base64.
    pub hashes: String,
}

impl Proof {
    /// The JSON text.
    pub fn to_json(&self) -> String {
        // Texts and integers have no way to fail; were there one, the text would not read back.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the JSON text.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn read(text: &str) -> Result<Self, String> {
        let proof: Self = serde_json::from_str(text)
            .map_err(|why| format!("the proof file cannot be read: {why}"))?;
        if proof.format != FORMAT {
            return Err(format!("the proof file is of another format than {FORMAT}"));
        }
        Ok(proof)
    }
}

/// The tiles of a tree of that size that lead from those tiles of leaves to the root.
///
/// # Errors
/// A tile of the ledger that is missing or too narrow.
pub fn tiles_above(
    tiles_of_leaves: &[u64],
    size: u64,
    read: &mut Read<'_>,
) -> Result<Vec<Tile>, Damage> {
    let mut used: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
    for tile in tiles_of_leaves {
        let first = tile.checked_mul(TILE_WIDTH as u64).ok_or(Damage::OutOfRange)?;
        let mut record = |level: u8, index: u64| -> Option<Vec<u8>> {
            if let Some(known) = used.get(&(level, index)) {
                return Some(known.clone());
            }
            let mut hashes = read(level, index)?;
            hashes.truncate(width(level, index, size) * HASH_SIZE);
            used.insert((level, index), hashes.clone());
            Some(hashes)
        };
        tree::inclusion(first, size, &mut record)?;
        // The proof of a tile's first leaf does not look at the leaf itself.
        record(0, *tile).ok_or(Damage::OutOfRange)?;
    }
    let tiles = used.into_iter().map(|((level, index), hashes)| Tile {
        level,
        index,
        hashes: Base64::encode_string(&hashes),
    });
    Ok(tiles.collect())
}

/// Reads an archive line by line, and holds each line against the proof.
pub struct Reader {
    proof: Proof,
    checkpoint: Option<Checkpoint>,
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
    /// The tiles of leaves that were found to stand in the checkpoint's tree.
    proven: HashSet<u64>,
    /// The last entry of each chain.
    heads: HashMap<(String, String), (i64, Hash)>,
    leaves: Option<(u64, u64)>,
    positions: Option<(i64, i64)>,
    lines: u64,
}

impl Reader {
    /// Reads the proof file; with the key, its checkpoint must be signed with it.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn new(proof: &str, archive: &str, key: Option<&VerifierKey>) -> Result<Self, String> {
        let proof = Proof::read(proof)?;
        if proof.archive != archive {
            return Err(format!("the proof file is that of {}", proof.archive));
        }
        let checkpoint = match (&proof.checkpoint, key) {
            (Some(note), Some(key)) => Some(Checkpoint::open(note, key)?),
            (Some(note), None) => Some(Checkpoint::read_unverified(note)?),
            (None, _) => None,
        };
        let mut tiles = BTreeMap::new();
        for tile in &proof.tiles {
            let hashes = Base64::decode_vec(&tile.hashes).map_err(|_| {
                format!("tile {} of level {} is not base64", tile.index, tile.level)
            })?;
            if tiles.insert((tile.level, tile.index), hashes).is_some() {
                return Err(format!("tile {} of level {} stands twice", tile.index, tile.level));
            }
        }
        Ok(Self {
            proof,
            checkpoint,
            tiles,
            proven: HashSet::new(),
            heads: HashMap::new(),
            leaves: None,
            positions: None,
            lines: 0,
        })
    }

    /// What the proof file says.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Its checkpoint.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The hashes of a tile of leaves, as the proof file has them.
    pub fn tile_of_leaves(&self, index: u64) -> Option<&[u8]> {
        self.tiles.get(&(0, index)).map(Vec::as_slice)
    }

    /// Reads the next line as an entry of the trail: its content is what was hashed, it follows the
    /// entry before it in its chain, and its leaf stands in the checkpoint's tree.
    ///
    /// # Errors
    /// One plain sentence that names the line.
    pub fn entry(&mut self, line: &str) -> Result<EntryLine, String> {
        self.lines += 1;
        let number = self.lines;
        self.check_entry(line).map_err(|why| format!("line {number}: {why}"))
    }

    fn check_entry(&mut self, line: &str) -> Result<EntryLine, String> {
        let read: EntryLine =
            serde_json::from_str(line).map_err(|why| format!("it cannot be read: {why}"))?;
        let named = || format!("entry {} of {} {}", read.sequence, read.subject, read.subject_id);
        let (entry, previous, hash) = read.entry().map_err(|why| format!("{}: {why}", named()))?;
        if entry.hash(&previous) != hash {
            return Err(format!("{} is not what was hashed", named()));
        }
        let chain = (read.tenant_id.clone(), read.subject_id.clone());
        if let Some((sequence, head)) = self.heads.insert(chain, (read.sequence, hash))
            && (read.sequence != sequence + 1 || previous != head)
        {
            return Err(format!("{} does not follow entry {sequence} of its chain", named()));
        }
        let follows = self.leaves.is_none_or(|(_, last)| read.leaf_index > last)
            && self.positions.is_none_or(|(_, last)| read.position >= last);
        if !follows {
            return Err(format!("{} is out of order", named()));
        }
        self.leaves = Some((self.leaves.map_or(read.leaf_index, |it| it.0), read.leaf_index));
        self.positions = Some((self.positions.map_or(read.position, |it| it.0), read.position));
        if self.sealed(read.leaf_index)? != leaf_hash(&hash) {
            return Err(format!("{} is not what leaf {} seals", named(), read.leaf_index));
        }
        Ok(read)
    }

    /// The hash of a leaf, whose tile must stand in the checkpoint's tree.
    fn sealed(&mut self, leaf: u64) -> Result<Hash, String> {
        let Some(checkpoint) = &self.checkpoint else {
            return Err("the proof file has no checkpoint".to_owned());
        };
        let tile = leaf / TILE_WIDTH as u64;
        let hashes = self
            .tiles
            .get(&(0, tile))
            .ok_or_else(|| format!("the proof file has no tile {tile} of leaves"))?;
        let hash_at = |place: u64| {
            let place = usize::try_from(place).ok()?.checked_mul(HASH_SIZE)?;
            Hash::try_from(hashes.get(place..place + HASH_SIZE)?).ok()
        };
        let none = || format!("the proof file has no leaf {leaf}");
        if !self.proven.contains(&tile) {
            // The proof of the tile's first leaf is made of all its others.
            let first = tile * TILE_WIDTH as u64;
            let mut read = |level: u8, index: u64| self.tiles.get(&(level, index)).cloned();
            let path = tree::inclusion(first, checkpoint.size, &mut read)
                .map_err(|why| format!("the proof file proves nothing: {why}"))?;
            let first_hash = hash_at(0).ok_or_else(none)?;
            let holds =
                verify_inclusion(&first_hash, first, checkpoint.size, &path, &checkpoint.root);
            let is_wide = hashes.len() == width(0, tile, checkpoint.size) * HASH_SIZE;
            if !holds || !is_wide {
                return Err(format!("tile {tile} of leaves is not in the checkpoint's tree"));
            }
            self.proven.insert(tile);
        }
        hash_at(leaf % TILE_WIDTH as u64).ok_or_else(none)
    }

    /// Reads the next line as an event.
    ///
    /// # Errors
    /// One plain sentence that names the line.
    pub fn event(&mut self, line: &str) -> Result<EventLine, String> {
        self.lines += 1;
        let number = self.lines;
        let read: EventLine = serde_json::from_str(line)
            .map_err(|why| format!("line {number}: it cannot be read: {why}"))?;
        if self.positions.is_some_and(|(_, last)| read.position <= last) {
            return Err(format!("line {number}: event {} is out of order", read.position));
        }
        self.positions = Some((self.positions.map_or(read.position, |it| it.0), read.position));
        Ok(read)
    }

    /// The end of the data file, which has that SHA-256.
    ///
    /// # Errors
    /// One plain sentence where it is not the file that the proof is about.
    pub fn finish(&self, data_sha256: &str) -> Result<(), String> {
        let proof = &self.proof;
        if proof.lines != self.lines {
            return Err(format!("it has {} lines instead of {}", self.lines, proof.lines));
        }
        if (proof.leaves, proof.positions) != (self.leaves, self.positions) {
            return Err("its leaves or positions are not those of the proof file".to_owned());
        }
        if proof.data_sha256 != data_sha256 {
            return Err("its SHA-256 is not that of the proof file".to_owned());
        }
        Ok(())
    }
}
