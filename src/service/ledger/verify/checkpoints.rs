//! Verifying checkpoints: who signed each, and whether the tiles are the tree that it sealed.

use super::super::key;
use super::super::situation::keys_on_record;
use super::super::store::{self, Sealed, Tiles};
use super::Verification;
use std::collections::BTreeSet;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::VerifierKey;
use wo_rules::ledger::{Hash, hash_text, tree};

impl Verification {
    /// The checkpoints of the stretch, and the one outside.
    pub fn verify_checkpoints(&mut self) {
        let known = known_keys();
        let mut broken = 0;
        let mut position = i64::MIN;
        for sealed in store::between(self.from, self.to) {
            if let Err(wrong) = is_signed(&sealed, &known) {
                self.add_of(&sealed, &wrong);
            }
            if sealed.position < position {
                self.add_of(&sealed, "it seals less than one before it");
            }
            position = position.max(sealed.position);
            match root(&mut self.tiles, sealed.size) {
                Ok(root) if root == sealed.root => {}
                // Every later one has the same leaves below it.
                _ if broken > 0 => broken += 1,
                Ok(_) => {
                    broken = 1;
                    self.add_of(&sealed, "the tiles are not the tree that it sealed");
                }
                Err(wrong) => {
                    broken = 1;
                    self.add_of(&sealed, &wrong);
                }
            }
            if self.has_enough() {
                return;
            }
        }
        if broken > 1 {
            self.add(None, None, format!("{} later checkpoints do not hold either", broken - 1));
        }
        let size = self.newest.size;
        let outside = std::mem::replace(&mut self.outside, Ok(None));
        if let Some(wrong) = outside_of(size, outside, &mut self.tiles) {
            self.add(None, None, wrong);
        }
    }

    fn add_of(&mut self, sealed: &Sealed, wrong: &str) {
        let leaf = sealed.size.saturating_sub(1);
        self.add(Some(leaf), None, format!("the checkpoint of size {}: {wrong}", sealed.size));
    }
}

/// What is wrong where the database has no checkpoint at all.
pub fn verify_nothing(outside: Result<Option<String>, String>) -> Option<String> {
    outside_of(0, outside, &mut Tiles::default())
}

fn root(tiles: &mut Tiles, size: u64) -> Result<Hash, String> {
    tree::root(size, &mut |level, index| tiles.read(level, index))
        .map_err(|damage| damage.to_string())
}

/// The keys that checkpoints may be signed with: those on record, and the one in the file.
fn known_keys() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = keys_on_record().into_iter().collect();
    known.extend(key::read().ok().map(|key| key.verifier().to_string()));
    known
}

fn is_signed(sealed: &Sealed, known: &BTreeSet<String>) -> Result<(), String> {
    if !known.contains(&sealed.signed_by) {
        return Err("it is signed with a key that is not on record".to_owned());
    }
    let key = VerifierKey::read(&sealed.signed_by)?;
    let checkpoint = Checkpoint::open(&sealed.note, &key)?;
    match (checkpoint.size, checkpoint.root) == (sealed.size, sealed.root) {
        true => Ok(()),
        false => Err("its note is of another tree".to_owned()),
    }
}

/// What is wrong with the tree of that size by the checkpoint that is kept outside the database.
fn outside_of(
    size: u64,
    outside: Result<Option<String>, String>,
    tiles: &mut Tiles,
) -> Option<String> {
    let note = match outside {
        Ok(note) => note?,
        Err(why) => return Some(format!("the checkpoint beside the key cannot be read: {why}")),
    };
    let outside = match Checkpoint::read_unverified(&note) {
        Ok(outside) => outside,
        Err(wrong) => {
            return Some(format!("the checkpoint beside the key cannot be used: {wrong}"));
        }
    };
    let sealed = format!("a tree of size {} and root {}", outside.size, hash_text(&outside.root));
    if outside.size > size {
        return Some(format!("{sealed} was sealed here, and the ledger has {size} leaves"));
    }
    match root(tiles, outside.size) {
        Ok(root) if root == outside.root => None,
        Ok(root) => Some(format!(
            "{sealed} was sealed here, and the ledger's tree of that size has the root {}",
            hash_text(&root)
        )),
        Err(wrong) => Some(wrong),
    }
}
