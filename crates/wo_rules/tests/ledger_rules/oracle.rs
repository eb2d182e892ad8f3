//! Roots, tiles and proofs are those of two other implementations: `tlog_tiles`, which is the Go
//! checksum database's, and `ct-merkle`.

use crate::support::{Dice, Store, leaves};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use tlog_tiles::Tile;
use tlog_tiles::tlog::{self, HashReader};
use wo_rules::ledger::Hash;
use wo_rules::ledger::proof::{verify_consistency, verify_inclusion};
use wo_rules::ledger::tile::{TILE_WIDTH, width};

/// What `tlog_tiles` stores: every node of the tree in a row.
#[derive(Default)]
struct Stored(Vec<tlog::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indices: &[u64]) -> Result<Vec<tlog::Hash>, tlog_tiles::tlog::Error> {
        Ok(indices.iter().map(|index| self.0[*index as usize]).collect())
    }
}

impl Stored {
    fn of(leaves: &[Hash]) -> Self {
        let mut stored = Self::default();
        for (index, leaf) in leaves.iter().enumerate() {
            let hash = tlog::Hash(*leaf);
            let more = tlog::stored_hashes_for_record_hash(index as u64, hash, &stored).unwrap();
            stored.0.extend(more);
        }
        stored
    }
}

fn plain(hashes: Vec<tlog::Hash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| hash.0).collect()
}

#[test]
fn random_trees_have_the_roots_tiles_and_proofs_of_the_checksum_database() {
    let leaves = leaves(70_001);
    let stored = Stored::of(&leaves);
    let mut dice = Dice(0x5eed_0001);
    let mut store = Store::default();
    let steps = [1, 254, 255, 256, 257, 3, 65_536 - 1_026, 1, 511, 700];
    for step in steps {
        let (from, to) = (store.size as usize, store.size as usize + step);
        store.append(&leaves[from..to]);
        let size = store.size;
        let root = tlog::tree_hash(size, &stored).unwrap();
        assert_eq!(store.root(size).unwrap(), root.0, "{size}");
        for _ in 0..40 {
            let index = dice.below(size);
            let proof = store.inclusion(index, size).unwrap();
            let expected = tlog::prove_record(size, index, &stored).unwrap();
            assert_eq!(proof, plain(expected), "leaf {index} of {size}");
            let leaf = leaves[index as usize];
            assert!(verify_inclusion(&leaf, index, size, &proof, &root.0));
            let small = 1 + dice.below(size);
            let proof = store.consistency(small, size).unwrap();
            let small_root = tlog::tree_hash(small, &stored).unwrap();
            if small < size {
                let expected = tlog::prove_tree(size, small, &stored).unwrap();
                assert_eq!(proof, plain(expected), "{small} in {size}");
            }
            assert!(verify_consistency(small, &small_root.0, size, &root.0, &proof));
        }
    }
    let expected = Tile::new_tiles(8, 0, store.size);
    let mut tiles = 0;
    for tile in expected {
        let (level, index) = (tile.level(), tile.level_index());
        let held = &store.tiles[&(level, index)];
        assert_eq!(*held, tile.read_data(&stored).unwrap(), "tile {index} of level {level}");
        assert_eq!(held.len(), 32 * tile.width() as usize);
        assert_eq!(width(level, index, store.size), tile.width() as usize);
        tiles += 1;
    }
    assert_eq!(store.tiles.len(), tiles);
    assert!(store.tiles.len() > TILE_WIDTH + 3);
}

#[test]
fn trees_appended_in_random_pieces_are_the_tree_appended_at_once() {
    let leaves = leaves(3_000);
    let whole = Store::of(&leaves);
    for seed in 1..20 {
        let (mut dice, mut store) = (Dice(seed), Store::default());
        while store.size < 3_000 {
            let from = store.size as usize;
            let to = (from + dice.below(600) as usize).min(3_000);
            store.append(&leaves[from..to]);
        }
        assert_eq!(store.tiles, whole.tiles);
    }
}

#[test]
fn every_proof_of_small_trees_is_accepted_by_the_other_and_its_proofs_by_us() {
    let data: Vec<[u8; 8]> = (0..40_u64).map(u64::to_be_bytes).collect();
    let leaves = leaves(40);
    let mut store = Store::of(&leaves);
    let mut theirs = MemoryBackedTree::<ct_sha2::Sha256, [u8; 8]>::new();
    let mut roots: Vec<RootHash<ct_sha2::Sha256>> = Vec::new();
    for (number, leaf) in data.iter().enumerate() {
        theirs.push(*leaf);
        let size = number as u64 + 1;
        let root = theirs.root();
        assert_eq!(store.root(size).unwrap(), root.as_bytes()[..]);
        roots.push(root.clone());
        let our_root = store.root(size).unwrap();
        for index in 0..size {
            let proof = store.inclusion(index, size).unwrap();
            let bytes = proof.as_flattened().to_vec();
            let read = InclusionProof::try_from_bytes(bytes).unwrap();
            assert!(root.verify_inclusion(&data[index as usize], index, &read).is_ok());
            let proof = theirs.prove_inclusion(index as usize);
            let proof = proof.as_bytes().as_chunks::<32>().0;
            assert!(verify_inclusion(&leaves[index as usize], index, size, proof, &our_root));
        }
        for from in 1..size {
            let small = &roots[from as usize - 1];
            let bytes = store.consistency(from, size).unwrap().as_flattened().to_vec();
            let read = ConsistencyProof::try_from_bytes(bytes).unwrap();
            assert!(root.verify_consistency(small, &read).is_ok());
            let proof = theirs.prove_consistency((size - from) as usize);
            let proof = proof.as_bytes().as_chunks::<32>().0;
            let small = store.root(from).unwrap();
            assert!(verify_consistency(from, &small, size, &our_root, proof));
        }
    }
}
