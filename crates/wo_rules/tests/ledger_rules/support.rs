//! A ledger in memory.

use std::collections::BTreeMap;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::tile::{Damage, append};
use wo_rules::ledger::{Hash, leaf_hash, tree};

/// Marsaglia's xorshift: by chance, the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    pub fn hash(&mut self) -> Hash {
        leaf_hash(&self.below(1 << 50).to_le_bytes())
    }
}

/// Stored tiles, and how often they were read.
#[derive(Default, Clone)]
pub struct Store {
    pub tiles: BTreeMap<(u8, u64), Vec<u8>>,
    pub size: u64,
    pub reads: usize,
}

impl Store {
    /// A tree of those leaves' hashes, appended at once.
    pub fn of(leaves: &[Hash]) -> Self {
        let mut store = Self::default();
        store.append(leaves);
        store
    }

    pub fn append(&mut self, leaves: &[Hash]) {
        let mut edge = |level, index| self.tiles.get(&(level, index)).cloned();
        let writes = append(self.size, &mut edge, leaves).unwrap();
        for write in writes {
            self.tiles.insert((write.level, write.index), write.hashes);
        }
        self.size += u64::try_from(leaves.len()).unwrap();
    }

    fn read(&mut self) -> impl FnMut(u8, u64) -> Option<Vec<u8>> {
        |level, index| {
            self.reads += 1;
            self.tiles.get(&(level, index)).cloned()
        }
    }

    pub fn root(&mut self, size: u64) -> Result<Hash, Damage> {
        tree::root(size, &mut self.read())
    }

    pub fn inclusion(&mut self, index: u64, size: u64) -> Result<Vec<Hash>, Damage> {
        tree::inclusion(index, size, &mut self.read())
    }

    pub fn inclusions(&mut self, indices: &[u64], size: u64) -> Result<Vec<Vec<Hash>>, Damage> {
        tree::inclusions(indices, size, &mut self.read())
    }

    pub fn consistency(&mut self, from: u64, to: u64) -> Result<Vec<Hash>, Damage> {
        tree::consistency(from, to, &mut self.read())
    }

    pub fn check_tile(&mut self, level: u8, index: u64, width: usize) -> Result<(), Damage> {
        wo_rules::ledger::tile::check_tile(level, index, width, &mut self.read())
    }
}

/// So many leaves' hashes.
pub fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

pub const LEDGER: &str = "ledger.example/wo";

pub fn key() -> SealingKey {
    SealingKey::new(LEDGER, &[7; 32]).unwrap()
}

pub fn checkpoint(size: u64, root: Hash) -> Checkpoint {
    Checkpoint { origin: LEDGER.to_owned(), size, root, extensions: Vec::new() }
}
