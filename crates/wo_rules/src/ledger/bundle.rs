//! The proof bundle: a checkpoint, and the proof for each sealed entry of one chain that it stands in
//! the sealed tree. `wo.ledger_proof` gives it, and every evidence package carries the one of its day.

use super::checkpoint::Checkpoint;
use super::key::VerifierKey;
use super::proof::verify_inclusion;
use super::{Hash, leaf_hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A proof bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The signed note.
    pub checkpoint: String,
    /// The sealed entries, by sequence. Those that are not below the checkpoint's size are not here.
    pub entries: Vec<Proven>,
}

/// The proof that one entry is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// The inclusion proof.
    #[serde(with = "super::hashes")]
    pub hashes: Vec<Hash>,
    /// Its leaf, from 0.
    pub leaf_index: u64,
    /// Which entry of the chain.
    pub sequence: i64,
}

/// Something in a bundle that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place in [`Bundle::entries`]; nothing where it is the checkpoint.
    pub entry: Option<usize>,
    /// What is wrong, in one plain sentence.
    pub problem: String,
}

impl Bundle {
    /// The JSON text: members in the order of JCS, without white space.
    pub fn to_json(&self) -> String {
        // Strings and integers have no way to fail; were there one, the text would not be a bundle.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the JSON text.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|why| format!("this is no proof bundle: {why}"))
    }

    /// The checkpoint, opened with the key where one is given.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn checkpoint(&self, key: Option<&VerifierKey>) -> Result<Checkpoint, String> {
        match key {
            Some(key) => Checkpoint::open(&self.checkpoint, key),
            None => Checkpoint::read_unverified(&self.checkpoint),
        }
    }

    /// Holds every proof against the checkpoint, and the checkpoint against the key where one is
    /// given. `hash_of` gives the `entry_hash` of the chain's entry of that sequence.
    pub fn verify(
        &self,
        key: Option<&VerifierKey>,
        hash_of: impl Fn(i64) -> Option<Hash>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(problem) = self.checkpoint(key) {
            problems.push(Problem { entry: None, problem });
        }
        // Proofs are held even against a checkpoint that somebody else signed.
        let Ok(Checkpoint { size, root, .. }) = Checkpoint::read_unverified(&self.checkpoint)
        else {
            return problems;
        };
        let mut before = 0;
        let mut leaves = BTreeSet::new();
        for (place, proven) in self.entries.iter().enumerate() {
            let Proven { hashes, leaf_index, sequence } = proven;
            let follows = *sequence > before;
            before = before.max(*sequence);
            let wrong = match hash_of(*sequence) {
                _ if !follows => "it does not follow the one before it".to_owned(),
                _ if *leaf_index >= size => {
                    format!("its leaf {leaf_index} is not in the tree of size {size}")
                }
                _ if !leaves.insert(*leaf_index) => {
                    format!("its leaf {leaf_index} is that of another entry")
                }
                None => "the trail has no such entry".to_owned(),
                Some(hash) => {
                    let leaf = leaf_hash(&hash);
                    if verify_inclusion(&leaf, *leaf_index, size, hashes, &root) {
                        continue;
                    }
                    format!("it was not sealed as leaf {leaf_index} of the checkpoint's tree")
                }
            };
            problems.push(Problem {
                entry: Some(place),
                problem: format!("the proof of entry {sequence} does not hold: {wrong}"),
            });
        }
        problems
    }
}
