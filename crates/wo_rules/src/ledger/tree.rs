//! Roots and proofs of a tree that stands in tiles (RFC 6962 §2.1). Each answer reads as many tiles
//! as the logarithm of the tree's size.

use super::tile::{Damage, Read, Tiles};
use super::{Hash, empty_root, node_hash};

/// The root of the tree of the first so many leaves.
///
/// # Errors
/// A tile that is missing or too narrow.
pub fn root(size: u64, read: &mut Read<'_>) -> Result<Hash, Damage> {
    range(0, size, &mut Tiles::new(read))
}

/// The proof that the leaf of that index, from 0, stands in the tree of that size.
///
/// # Errors
/// A tile that is missing or too narrow; an index that the tree has not.
pub fn inclusion(index: u64, size: u64, read: &mut Read<'_>) -> Result<Vec<Hash>, Damage> {
    path(index, size, &mut Tiles::new(read))
}

/// [`inclusion`] of several leaves, in the order asked for; no tile is read twice.
///
/// # Errors
/// A tile that is missing or too narrow; an index that the tree has not.
pub fn inclusions(
    indices: &[u64],
    size: u64,
    read: &mut Read<'_>,
) -> Result<Vec<Vec<Hash>>, Damage> {
    let mut tiles = Tiles::new(read);
    indices.iter().map(|index| path(*index, size, &mut tiles)).collect()
}

/// The proof that the tree of `from` leaves is the beginning of the tree of `to` leaves. It is empty
/// where both are equal, and where the first has no leaf.
///
/// # Errors
/// A tile that is missing or too narrow; a beginning that is larger than the whole.
pub fn consistency(from: u64, to: u64, read: &mut Read<'_>) -> Result<Vec<Hash>, Damage> {
    if from > to {
        return Err(Damage::OutOfRange);
    }
    let mut hashes = Vec::new();
    if from == 0 || from == to {
        return Ok(hashes);
    }
    let mut tiles = Tiles::new(read);
    let (mut low, mut high) = (0, to);
    // Towards the smaller tree's right edge; what branches off is needed.
    while from < high {
        let middle = low + left_of(high - low);
        if from <= middle {
            hashes.push(range(middle, high, &mut tiles)?);
            high = middle;
        } else {
            hashes.push(range(low, middle, &mut tiles)?);
            low = middle;
        }
    }
    // Where the smaller tree is this very subtree, the verifier knows its hash.
    if low > 0 {
        hashes.push(range(low, high, &mut tiles)?);
    }
    hashes.reverse();
    Ok(hashes)
}

fn path(index: u64, size: u64, tiles: &mut Tiles<'_, '_>) -> Result<Vec<Hash>, Damage> {
    if index >= size {
        return Err(Damage::OutOfRange);
    }
    let mut hashes = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + left_of(high - low);
        if index < middle {
            hashes.push(range(middle, high, tiles)?);
            high = middle;
        } else {
            hashes.push(range(low, middle, tiles)?);
            low = middle;
        }
    }
    hashes.reverse();
    Ok(hashes)
}

/// How many of so many leaves, two at least, stand to the left of the root: the largest power of two
/// that is smaller.
fn left_of(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root over a range of leaves that begins where a complete subtree of its size could.
fn range(low: u64, high: u64, tiles: &mut Tiles<'_, '_>) -> Result<Hash, Damage> {
    let mut roots = Vec::new();
    let mut low = low;
    while low < high {
        let height = (high - low).ilog2().min(low.trailing_zeros());
        roots.push(tiles.subtree(height, low >> height)?);
        low += 1 << height;
    }
    let whole = roots.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
    Ok(whole.unwrap_or_else(empty_root))
}
