//! Tiles: the tree as it is stored, 256 hashes a piece (C2SP tlog-tiles).
//!
//! Tile N of level L holds the hashes of up to 256 complete subtrees of 256^L leaves each, those from
//! subtree 256·N on. A full tile never changes; each level has at most one that is not full, at the
//! right edge of the tree.

use super::{Hash, node_hash};
use std::collections::BTreeMap;
use std::fmt;

/// How many hashes a full tile holds.
pub const TILE_WIDTH: usize = 256;

const HASH_SIZE: usize = 32;

/// How many powers of two stand between a level and the next.
pub(super) const HEIGHT: u32 = 8;

/// Reads a stored tile by level and index: its hashes one behind the other, as many as are stored,
/// or nothing where there is no such tile.
pub type Read<'a> = dyn FnMut(u8, u64) -> Option<Vec<u8>> + 'a;

/// A tile that is to be stored, in place of a narrower one of the same level and index if there is
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileWrite {
    /// The level, 0 for the hashes of leaves.
    pub level: u8,
    /// The place in its level.
    pub index: u64,
    /// All of its hashes, one behind the other.
    pub hashes: Vec<u8>,
}

/// Why the stored tree cannot answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// A tile is not what it must be.
    Tile {
        /// Its level.
        level: u8,
        /// Its place in the level.
        tile: u64,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// The tree of that size has no such leaf, smaller tree or tile, or could not be that large.
    OutOfRange,
}

/// What is wrong with a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It is not stored.
    Missing,
    /// It is not a row of at most 256 hashes.
    Shape,
    /// It has fewer hashes than a tree of the size has there.
    Narrow {
        /// How many it has.
        found: usize,
        /// How many it must have.
        needed: usize,
    },
    /// A hash in it is not the root of the tile below.
    Hash {
        /// Which one, from 0.
        place: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Tile { level, tile, wrong } = self else {
            return f.write_str("the tree has nothing at that place");
        };
        write!(f, "tile {tile} of level {level} ")?;
        match wrong {
            Wrong::Missing => f.write_str("is missing"),
            Wrong::Shape => f.write_str("is no row of at most 256 hashes"),
            Wrong::Narrow { found, needed } => {
                write!(f, "has {found} hashes where {needed} are needed")
            }
            Wrong::Hash { place } => {
                write!(f, "holds at place {place} what is not the root of the tile below it")
            }
        }
    }
}

impl std::error::Error for Damage {}

/// How many hashes that tile holds in a tree of that size; none where the tree has no such tile.
pub fn width(level: u8, index: u64, size: u64) -> usize {
    let Some(hashes) = size.checked_shr(HEIGHT * u32::from(level)) else { return 0 };
    let before = index.saturating_mul(TILE_WIDTH as u64);
    usize::try_from(hashes.saturating_sub(before)).unwrap_or(TILE_WIDTH).min(TILE_WIDTH)
}

/// Which tiles are made or rewritten when leaves are appended to a tree of that size: whole tiles,
/// level by level from the leaves up, and from left to right in each.
///
/// `leaves` are the leaves' hashes ([`super::leaf_hash`]), not their data. `edge` reads the tiles at
/// the right edge of the tree; where one is wider than the tree of that size has it, what is beyond
/// is not looked at.
///
/// # Errors
/// An edge that is missing or too narrow; a tree that would have more than 2^64 − 1 leaves.
pub fn append(size: u64, edge: &mut Read<'_>, leaves: &[Hash]) -> Result<Vec<TileWrite>, Damage> {
    let more = u64::try_from(leaves.len()).map_err(|_| Damage::OutOfRange)?;
    size.checked_add(more).ok_or(Damage::OutOfRange)?;
    let mut writes = Vec::new();
    let mut rising = leaves.to_vec();
    let mut level = 0;
    while !rising.is_empty() {
        // A level above the seventh would have less than one subtree.
        let before = size.checked_shr(HEIGHT * u32::from(level)).unwrap_or_default();
        let mut index = before / TILE_WIDTH as u64;
        let kept = width(level, index, size);
        let mut hashes = match kept {
            0 => Vec::new(),
            kept => Tiles::new(edge).prefix(level, index, kept)?.as_flattened().to_vec(),
        };
        let mut complete = Vec::new();
        let mut from = 0;
        while from < rising.len() {
            let free = TILE_WIDTH - hashes.len() / HASH_SIZE;
            let to = rising.len().min(from + free);
            hashes.extend_from_slice(rising[from..to].as_flattened());
            from = to;
            let tile = std::mem::take(&mut hashes);
            if let (TILE_WIDTH, Some(root)) = (tile.len() / HASH_SIZE, root_of(&rows(&tile))) {
                complete.push(root);
            }
            writes.push(TileWrite { level, index, hashes: tile });
            index += 1;
        }
        rising = complete;
        level += 1;
    }
    Ok(writes)
}

/// Checks that a tile has at least that many hashes and, above level 0, that each of these is the
/// root of the tile below it, which must be full.
///
/// # Errors
/// The first tile that is not as it must be.
pub fn check_tile(level: u8, index: u64, width: usize, read: &mut Read<'_>) -> Result<(), Damage> {
    if width > TILE_WIDTH {
        return Err(Damage::OutOfRange);
    }
    let mut tiles = Tiles::new(read);
    let hashes = tiles.prefix(level, index, width)?.to_vec();
    let Some(below) = level.checked_sub(1) else { return Ok(()) };
    for (place, hash) in hashes.iter().enumerate() {
        let child = index
            .checked_mul(TILE_WIDTH as u64)
            .and_then(|first| first.checked_add(u64::try_from(place).ok()?));
        let child = child.ok_or(Damage::OutOfRange)?;
        tiles.kept.clear();
        if root_of(tiles.prefix(below, child, TILE_WIDTH)?) != Some(*hash) {
            return Err(Damage::Tile { level, tile: index, wrong: Wrong::Hash { place } });
        }
    }
    Ok(())
}

/// The tiles read for one answer, each of them once.
pub(super) struct Tiles<'r, 'a> {
    read: &'r mut Read<'a>,
    kept: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl<'r, 'a> Tiles<'r, 'a> {
    pub fn new(read: &'r mut Read<'a>) -> Self {
        Self { read, kept: BTreeMap::new() }
    }

    /// The first so many hashes of a tile.
    pub fn prefix(&mut self, level: u8, index: u64, needed: usize) -> Result<&[Hash], Damage> {
        let damage = |wrong| Damage::Tile { level, tile: index, wrong };
        let hashes = match self.kept.entry((level, index)) {
            std::collections::btree_map::Entry::Occupied(kept) => kept.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let bytes = (self.read)(level, index).ok_or_else(|| damage(Wrong::Missing))?;
                if bytes.len() % HASH_SIZE != 0 || bytes.len() > TILE_WIDTH * HASH_SIZE {
                    return Err(damage(Wrong::Shape));
                }
                place.insert(rows(&bytes))
            }
        };
        let found = hashes.len();
        hashes.get(..needed).ok_or_else(|| damage(Wrong::Narrow { found, needed }))
    }

    /// The hash of a complete subtree: the one of 2^height leaves that has so many of its kind to
    /// the left. `index` must be below 2^(64 − height).
    pub fn subtree(&mut self, height: u32, index: u64) -> Result<Hash, Damage> {
        let (level, above) = ((height / HEIGHT) as u8, height % HEIGHT);
        let first = index << above;
        let tile = first / TILE_WIDTH as u64;
        let from = (first % TILE_WIDTH as u64) as usize;
        let to = from + (1 << above);
        let hashes = self.prefix(level, tile, to)?;
        root_of(&hashes[from..to]).ok_or(Damage::OutOfRange)
    }
}

/// Bytes as hashes; what is left over at the end is dropped.
fn rows(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<HASH_SIZE>().0.to_vec()
}

/// The hash above so many hashes: of a power of two of them, else of none.
fn root_of(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied()
}
