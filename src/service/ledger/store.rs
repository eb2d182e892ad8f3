//! The ledger's tables: checkpoints, tiles, and which entry stands behind a leaf.

use crate::pg::error::{OrRefuse, damaged};
use crate::pg::run_as::as_ledger;
use crate::pg::statement::{Mode, Rows, argument, bigint, bytes, statement, text, timestamp};
use std::collections::HashMap;
use wo_rules::ledger::Hash;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::names::{NAME_SIZE, Name};
use wo_rules::ledger::tile::TileWrite;
use wo_rules::refusal::Refusal;

/// How many tiles one answer keeps in memory before it begins to forget.
const MOST_TILES: usize = 1_024;

statement!(
    NEWEST,
    "select made.size, made.root, made.position, made.sealed_at, made.signed_by, made.note
     from wo.ledger_checkpoint as made order by made.size desc limit 1",
    []
);
statement!(
    OF_SIZE,
    "select made.size, made.root, made.position, made.sealed_at, made.signed_by, made.note
     from wo.ledger_checkpoint as made where made.size = $1",
    [INT8OID]
);
statement!(
    BETWEEN,
    "select made.size, made.root, made.position, made.sealed_at, made.signed_by, made.note
     from wo.ledger_checkpoint as made where made.size > $1 and made.size <= $2
     order by made.size",
    [INT8OID, INT8OID]
);
statement!(
    ADD,
    "insert into wo.ledger_checkpoint (size, root, position, timeline, sealed_at, signed_by, note)
     values ($1, $2, $3, $4, $5, $6, $7)",
    [INT8OID, BYTEAOID, INT8OID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID]
);
statement!(
    TILE,
    "select tile.hashes from wo.ledger_tile as tile where tile.level = $1 and tile.tile_index = $2",
    [INT2OID, INT8OID]
);
statement!(
    LEAVES,
    "select tile.tile_index, tile.hashes, tile.names, tile.last_position from wo.ledger_tile as tile
     where tile.level = 0 and tile.tile_index >= $1 and tile.tile_index < $2
     order by tile.tile_index",
    [INT8OID, INT8OID]
);
statement!(
    TILE_OF_POSITION,
    "select tile.tile_index, tile.hashes, tile.names, tile.last_position from wo.ledger_tile as tile
     where tile.level = 0 and tile.last_position >= $1
     order by tile.last_position, tile.tile_index limit 2",
    [INT8OID]
);
statement!(
    PUT,
    "insert into wo.ledger_tile (level, tile_index, hashes, names, last_position) values ($1, $2, $3, $4, $5)
     on conflict (level, tile_index) do update
     set hashes = excluded.hashes, names = excluded.names, last_position = excluded.last_position",
    [INT2OID, INT8OID, BYTEAOID, BYTEAOID, INT8OID]
);

/// A checkpoint as it is stored.
pub struct Sealed {
    /// How many leaves it seals.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// The position of the last of them.
    pub position: i64,
    /// When.
    pub sealed_at: i64,
    /// The public key of its signature.
    pub signed_by: String,
    /// The signed note.
    pub note: String,
}

impl Sealed {
    /// What its note says, with any signature.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn read(&self) -> Result<Checkpoint, String> {
        let checkpoint = Checkpoint::read_unverified(&self.note)?;
        match (checkpoint.size, checkpoint.root) == (self.size, self.root) {
            true => Ok(checkpoint),
            false => Err("its note is of another tree".to_owned()),
        }
    }
}

fn sealed_at(rows: &Rows, row: usize) -> Option<Sealed> {
    Some(Sealed {
        size: u64::try_from(rows.get::<i64>(row, 1)?).ok()?,
        root: rows.get::<Vec<u8>>(row, 2)?.try_into().ok()?,
        position: rows.get(row, 3)?,
        sealed_at: rows.timestamp(row, 4)?,
        signed_by: rows.get(row, 5)?,
        note: rows.get(row, 6)?,
    })
}

/// The newest checkpoint.
pub fn newest() -> Option<Sealed> {
    as_ledger(|| {
        NEWEST.with(|statement| statement.run(Mode::Latest, &[], |rows| sealed_at(rows, 0)))
    })
}

/// The checkpoint of that size, or the newest.
pub fn of_size(size: Option<i64>) -> Option<Sealed> {
    let Some(size) = size else { return newest() };
    as_ledger(|| {
        OF_SIZE.with(|statement| {
            statement.run(Mode::Latest, &[bigint(size)], |rows| sealed_at(rows, 0))
        })
    })
}

/// The checkpoints larger than the first and not larger than the second size.
pub fn between(from: u64, to: u64) -> Vec<Sealed> {
    let arguments = [bigint(number(from)), bigint(number(to))];
    as_ledger(|| {
        BETWEEN.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count()).filter_map(|row| sealed_at(rows, row)).collect()
            })
        })
    })
}

/// Stores a checkpoint.
pub fn add(sealed: &Sealed, timeline: i32) {
    let arguments = [
        bigint(number(sealed.size)),
        bytes(&sealed.root),
        bigint(sealed.position),
        argument(timeline),
        timestamp(sealed.sealed_at),
        text(&sealed.signed_by),
        text(&sealed.note),
    ];
    as_ledger(|| ADD.with(|statement| statement.store(&arguments)));
}

/// A size or an index as PostgreSQL keeps it.
pub fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// The stored tree; each tile is read once.
#[derive(Default)]
pub struct Tiles {
    kept: HashMap<(u8, u64), Option<Vec<u8>>>,
}

impl Tiles {
    /// The hashes of a tile.
    pub fn read(&mut self, level: u8, index: u64) -> Option<Vec<u8>> {
        if self.kept.len() >= MOST_TILES {
            self.kept.clear();
        }
        self.kept.entry((level, index)).or_insert_with(|| tile(level, index)).clone()
    }

    /// Takes a tile as it is written now.
    pub fn take(&mut self, write: &TileWrite) {
        self.kept.insert((write.level, write.index), Some(write.hashes.clone()));
    }
}

fn tile(level: u8, index: u64) -> Option<Vec<u8>> {
    let arguments = [argument(i16::from(level)), bigint(i64::try_from(index).ok()?)];
    as_ledger(|| {
        TILE.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    })
}

/// Stores a tile; of level 0 with its leaves' names and the position of the last.
pub fn put(write: &TileWrite, leaves: Option<(&[u8], i64)>) {
    let arguments = [
        argument(i16::from(write.level)),
        bigint(number(write.index)),
        bytes(&write.hashes),
        argument(leaves.map(|(names, _)| names)),
        argument(leaves.map(|(_, position)| position)),
    ];
    as_ledger(|| PUT.with(|statement| statement.store(&arguments)));
}

/// A tile of level 0.
pub struct LeafTile {
    /// Which one, from 0.
    pub index: u64,
    /// The leaves' hashes.
    pub hashes: Vec<Hash>,
    /// The entries that they stand for.
    pub names: Vec<Name>,
    /// The position of the last of these.
    pub last_position: i64,
}

fn leaf_tile_at(rows: &Rows, row: usize) -> Result<LeafTile, Refusal> {
    let read = || {
        let (hashes, names) = (rows.get::<Vec<u8>>(row, 2)?, rows.get::<Vec<u8>>(row, 3)?);
        Some(LeafTile {
            index: u64::try_from(rows.get::<i64>(row, 1)?).ok()?,
            hashes: hashes.as_chunks::<32>().0.to_vec(),
            names: Name::row(&names)?,
            last_position: rows.get(row, 4)?,
        })
    };
    let tile = read().filter(|tile| tile.hashes.len() == tile.names.len());
    tile.ok_or_else(|| damaged("a tile of the ledger does not name its leaves"))
}

/// The tiles of level 0 from the first index to before the second.
pub fn leaf_tiles(from: u64, to: u64) -> Vec<LeafTile> {
    let arguments = [bigint(number(from)), bigint(number(to))];
    let read = |rows: &Rows| (0..rows.count()).map(|row| leaf_tile_at(rows, row)).collect();
    let tiles: Result<Vec<LeafTile>, Refusal> =
        as_ledger(|| LEAVES.with(|statement| statement.run(Mode::Latest, &arguments, read)));
    tiles.or_refuse()
}

/// The tiles in which an entry of that position can stand.
pub fn tiles_of_position(position: i64) -> Vec<LeafTile> {
    let read = |rows: &Rows| (0..rows.count()).map(|row| leaf_tile_at(rows, row)).collect();
    let tiles: Result<Vec<LeafTile>, Refusal> = as_ledger(|| {
        TILE_OF_POSITION.with(|statement| statement.run(Mode::Latest, &[bigint(position)], read))
    });
    tiles.or_refuse()
}

/// The names of the first so many leaves of a tile, as they are stored.
pub fn names_of(index: u64, count: usize) -> Vec<u8> {
    let names = leaf_tiles(index, index.saturating_add(1)).into_iter().next();
    let names = names.map(|tile| tile.names).unwrap_or_default();
    if names.len() < count {
        crate::pg::error::refuse(damaged("a tile of the ledger has too few names"));
    }
    let mut row = Vec::with_capacity(count * NAME_SIZE);
    for name in &names[..count] {
        row.extend_from_slice(&name.to_bytes());
    }
    row
}
