//! What stands behind a leaf: which entry of which chain. Tiles of level 0 keep these names beside
//! the hashes, so that an entry's leaf can be computed, and a leaf's entry be found.

use uuid::Uuid;

/// How many bytes a name has.
pub const NAME_SIZE: usize = 40;

/// The name of an entry of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The tenant; the nil UUID for the installation itself.
    pub tenant: Uuid,
    /// The record whose chain it is.
    pub subject: Uuid,
    /// The place in that chain, from 1.
    pub sequence: i64,
}

impl Name {
    /// The tenant's 16 bytes, the subject's 16, and the sequence's 8, the most significant first.
    pub fn to_bytes(&self) -> [u8; NAME_SIZE] {
        let mut bytes = [0; NAME_SIZE];
        bytes[..16].copy_from_slice(self.tenant.as_bytes());
        bytes[16..32].copy_from_slice(self.subject.as_bytes());
        bytes[32..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Reads what [`Name::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8; NAME_SIZE]) -> Self {
        let number = |from: usize| {
            bytes[from..from + 16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
        };
        let sequence = bytes[32..].iter().fold(0, |number, byte| number << 8 | i64::from(*byte));
        Self { tenant: Uuid::from_u128(number(0)), subject: Uuid::from_u128(number(16)), sequence }
    }

    /// The names of a tile, one behind the other; nothing where the bytes are no row of names.
    pub fn row(bytes: &[u8]) -> Option<Vec<Self>> {
        let (names, rest) = bytes.as_chunks::<NAME_SIZE>();
        rest.is_empty().then(|| names.iter().map(Self::from_bytes).collect())
    }
}
