//! The ledger: an RFC 6962 Merkle tree over the hashes of all entries of the trail, sealed by signed
//! checkpoints, so that the keeper of a checkpoint can see whether what it sealed was rewritten.
//!
//! A leaf's data is the 32 bytes of an entry's `entry_hash`. The tree is kept in tiles (C2SP
//! tlog-tiles), a checkpoint is a C2SP signed note, and proofs are those of RFC 9162.

pub mod bundle;
pub mod checkpoint;
pub mod key;
pub mod leaves;
pub mod names;
mod note;
pub mod proof;
pub mod recovery;
pub mod seal_state;
mod tables;
pub mod tile;
pub mod tree;
pub mod witness;

pub use note::one_line_break;
pub use tables::SCHEMA;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

/// A SHA-256, of a leaf, of a node or of a whole tree.
pub type Hash = [u8; 32];

/// The hash of a leaf with that data: SHA-256 of 0x00 and the data.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

/// The hash of the node above two others: SHA-256 of 0x01 and both.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A hash as checkpoints and proofs write it: base64 with padding.
pub fn hash_text(hash: &Hash) -> String {
    Base64::encode_string(hash)
}

/// Reads what [`hash_text`] writes, and nothing else.
pub fn read_hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    // A hash has 44 letters; the decoder refuses what does not fit and what is not canonical.
    let read = Base64::decode(text, &mut hash).ok()?;
    (read.len() == hash.len()).then_some(hash)
}

/// Hashes in JSON: a list of texts, never longer than any proof can be.
mod hashes {
    use super::{Hash, hash_text, proof, read_hash};
    use serde::de::{Deserializer, Error, SeqAccess, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(hashes: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(hash_text))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hash>, D::Error> {
        struct Hashes;
        impl<'de> Visitor<'de> for Hashes {
            type Value = Vec<Hash>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of hashes in base64")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Vec<Hash>, A::Error> {
                let mut hashes = Vec::new();
                while let Some(text) = texts.next_element::<std::borrow::Cow<'de, str>>()? {
                    if hashes.len() == proof::LONGEST {
                        return Err(A::Error::custom("no proof has so many hashes"));
                    }
                    let hash = read_hash(&text);
                    hashes.push(
                        hash.ok_or_else(|| {
                            A::Error::custom("a hash is not the base64 of 32 bytes")
                        })?,
                    );
                }
                Ok(hashes)
            }
        }
        deserializer.deserialize_seq(Hashes)
    }
}
