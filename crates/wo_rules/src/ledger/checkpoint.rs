//! Checkpoints (C2SP tlog-checkpoint): the size and root of the tree, signed.

use super::key::{SealingKey, VerifierKey};
use super::note::{self, Note};
use super::proof::{is_possible, verify_consistency};
use super::recovery::{self, Recovery};
use super::{Hash, hash_text, read_hash};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name, which is that of its key.
    pub origin: String,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Further lines, none of them empty. After a recovery they hold
    /// [`recovery::extension_line`].
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn body(&self) -> String {
        let mut body = format!("{}\n{}\n{}\n", self.origin, self.size, hash_text(&self.root));
        for line in &self.extensions {
            body.push_str(line);
            body.push('\n');
        }
        body
    }

    /// The signed note.
    pub fn sign(&self, key: &SealingKey) -> String {
        note::sign(&self.body(), key)
    }

    /// Reads a note that the key signed, of the ledger that has the key's name.
    ///
    /// # Errors
    /// One plain sentence where the note is not in its one form, or not signed with the key.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, String> {
        let checkpoint = Self::of(Note::read(note)?.text_signed_by(key)?)?;
        if checkpoint.origin != key.name() {
            return Err(format!(
                "the checkpoint is of the ledger {}, and the key is that of {}",
                checkpoint.origin,
                key.name()
            ));
        }
        Ok(checkpoint)
    }

    /// Reads a note without asking who signed it.
    ///
    /// # Errors
    /// One plain sentence where the note is not in its one form.
    pub fn read_unverified(note: &str) -> Result<Self, String> {
        Self::of(Note::read(note)?.text())
    }

    /// The recoveries that it names, in the order of its lines.
    pub fn recoveries(&self) -> impl Iterator<Item = Recovery> {
        self.extensions.iter().filter_map(|line| Recovery::of_line(line))
    }

    /// The newest recovery that it names.
    pub fn recovery(&self) -> Option<Recovery> {
        self.recoveries().max_by_key(|recovery| recovery.number)
    }

    /// Whether both say the same of the tree.
    pub fn is_same_tree(&self, other: &Self) -> bool {
        (&self.origin, self.size, self.root) == (&other.origin, other.size, other.root)
    }

    /// Whether the proof shows this tree to be the beginning of that one.
    pub fn is_beginning_of(&self, other: &Self, proof: &[Hash]) -> bool {
        self.origin == other.origin
            && verify_consistency(self.size, &self.root, other.size, &other.root, proof)
    }

    fn of(body: &str) -> Result<Self, String> {
        let lines: Vec<&str> = body.strip_suffix('\n').unwrap_or(body).split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err("a checkpoint has three lines at least".to_owned());
        };
        if lines.iter().any(|line| line.is_empty()) {
            return Err("a line of the checkpoint is empty".to_owned());
        }
        if origin.starts_with(recovery::TAG) {
            return Err("this is a recovery statement and no checkpoint".to_owned());
        }
        let size = read_size(size)
            .ok_or_else(|| "the second line of the checkpoint is no size of a tree".to_owned())?;
        let root = read_hash(root)
            .ok_or_else(|| "the third line of the checkpoint is no root of a tree".to_owned())?;
        if !is_possible(size, &root) {
            return Err("a tree without leaves has another root than the checkpoint's".to_owned());
        }
        let extensions = extensions.iter().map(|line| (*line).to_owned()).collect();
        Ok(Self { origin: (*origin).to_owned(), size, root, extensions })
    }
}

/// Reads a number in its one spelling.
pub(super) fn read_size(text: &str) -> Option<u64> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}
