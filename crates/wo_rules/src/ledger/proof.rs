//! Verifying proofs (RFC 9162 §2.1.3.2 and §2.1.4.2), strict about their length: there is one proof
//! of each fact.

use super::{Hash, empty_root, node_hash};
use serde::{Deserialize, Serialize};

/// The most hashes that a proof can have: one for each power of two below 2^64, and one more.
pub const LONGEST: usize = 65;

/// Whether the leaf with that hash ([`super::leaf_hash`]) has that index, from 0, in the tree of that
/// size and root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            // A right edge has no sibling in the rows where it stands alone.
            let alone = if place == 0 { 0 } else { place.trailing_zeros() };
            (place, last) = (place >> alone, last >> alone);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether the tree of size `from` is the beginning of the tree of size `to`.
///
/// The tree without leaves is the beginning of every other, and each tree is its own: both need the
/// empty proof, and the roots that they must have.
pub fn verify_consistency(
    from: u64,
    from_root: &Hash,
    to: u64,
    to_root: &Hash,
    proof: &[Hash],
) -> bool {
    if from > to {
        return false;
    }
    if from == to {
        return proof.is_empty() && from_root == to_root && is_possible(to, to_root);
    }
    if from == 0 {
        return proof.is_empty() && is_possible(from, from_root);
    }
    // The smaller tree's root is the first hash where it is a subtree of the larger one.
    let mut hashes = from.is_power_of_two().then_some(from_root).into_iter().chain(proof);
    let (Some(first), false) = (hashes.next(), proof.is_empty()) else { return false };
    let (mut place, mut last) = (from - 1, to - 1);
    let alone = place.trailing_ones();
    (place, last) = (place >> alone, last >> alone);
    let (mut small, mut large) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (small, large) = (node_hash(hash, &small), node_hash(hash, &large));
            let alone = if place == 0 { 0 } else { place.trailing_zeros() };
            (place, last) = (place >> alone, last >> alone);
        } else {
            large = node_hash(&large, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && small == *from_root && large == *to_root
}

/// Whether a tree of that size can have that root: without leaves there is one root.
pub(super) fn is_possible(size: u64, root: &Hash) -> bool {
    size > 0 || *root == empty_root()
}

/// A consistency proof as `wo.consistency_proof` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The size of the smaller tree.
    pub from: u64,
    /// The size of the larger one.
    pub to: u64,
    /// The proof.
    #[serde(with = "super::hashes")]
    pub hashes: Vec<Hash>,
}

impl Consistency {
    /// Reads the JSON text.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|why| format!("this is no consistency proof: {why}"))
    }

    /// Whether it proves that the one tree is the beginning of the other, given as size and root.
    pub fn holds(&self, from: (u64, &Hash), to: (u64, &Hash)) -> bool {
        (self.from, self.to) == (from.0, to.0)
            && verify_consistency(from.0, from.1, to.0, to.1, &self.hashes)
    }
}
