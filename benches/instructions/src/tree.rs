//! Cases of the ledger: a tree of ten thousand leaves that is kept in tiles.

use std::collections::HashMap;
use std::hint::black_box;

use wo_rules::ledger::proof::verify_inclusion;
use wo_rules::ledger::tile::append;
use wo_rules::ledger::{Hash, leaf_hash, tree};

use crate::cases::Case;

/// Neither a power of two nor of whole tiles.
const SIZE: u64 = 10_007;
/// A leaf in the middle.
const LEAF: u64 = 4_711;

/// What is stored, by level and index.
type Tiles = HashMap<(u8, u64), Vec<u8>>;

fn leaves(from: u64, count: u64) -> Vec<Hash> {
    (from..from + count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

fn stored() -> Result<Tiles, String> {
    let writes =
        append(0, &mut |_, _| None, &leaves(0, SIZE)).map_err(|damage| damage.to_string())?;
    Ok(writes.into_iter().map(|write| ((write.level, write.index), write.hashes)).collect())
}

pub fn append_500() -> Result<Case, String> {
    let (tiles, new) = (stored()?, leaves(SIZE, 500));
    let run = move || {
        let mut read = |level, index| tiles.get(&(level, index)).cloned();
        append(black_box(SIZE), &mut read, black_box(&new))
    };
    run().map_err(|damage| damage.to_string())?;
    // It was appended once, and nothing of it changes.
    Ok(Box::new(move || drop(black_box(run()))))
}

pub fn root() -> Result<Case, String> {
    let tiles = stored()?;
    let run = move || {
        tree::root(black_box(SIZE), &mut |level, index| tiles.get(&(level, index)).cloned())
    };
    run().map_err(|damage| damage.to_string())?;
    Ok(Box::new(move || drop(black_box(run()))))
}

pub fn inclusion() -> Result<Case, String> {
    let tiles = stored()?;
    let run = move || {
        let mut read = |level, index| tiles.get(&(level, index)).cloned();
        tree::inclusion(black_box(LEAF), SIZE, &mut read)
    };
    run().map_err(|damage| damage.to_string())?;
    Ok(Box::new(move || drop(black_box(run()))))
}

pub fn inclusion_verified() -> Result<Case, String> {
    let tiles = stored()?;
    let mut read = |level, index| tiles.get(&(level, index)).cloned();
    let proof = tree::inclusion(LEAF, SIZE, &mut read).map_err(|damage| damage.to_string())?;
    let root = tree::root(SIZE, &mut read).map_err(|damage| damage.to_string())?;
    let leaf = leaf_hash(&LEAF.to_be_bytes());
    let run = move || verify_inclusion(black_box(&leaf), LEAF, SIZE, &proof, &root);
    if !run() {
        return Err("the proof does not hold".into());
    }
    Ok(Box::new(move || {
        black_box(run());
    }))
}

pub fn consistency() -> Result<Case, String> {
    let tiles = stored()?;
    let run = move || {
        let mut read = |level, index| tiles.get(&(level, index)).cloned();
        tree::consistency(black_box(LEAF), SIZE, &mut read)
    };
    run().map_err(|damage| damage.to_string())?;
    Ok(Box::new(move || drop(black_box(run()))))
}
