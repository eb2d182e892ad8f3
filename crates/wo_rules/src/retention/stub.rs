//! What stays of a chain whose entries were archived: where it stood at the month's end, and what it
//! had left in its record, so that the entries that follow can be verified without those before.
//!
//! The stubs that a month leaves in a tenant are covered by one hash, which stands in an entry of the
//! tenant's own trail: a changed stub contradicts it.

use crate::audit::Replay;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Names the layout of the hashed bytes.
const FORMAT: &[u8] = b"wo_core.archived_chain.v1\n";

/// A stub as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    /// Whose chain.
    pub subject_id: Uuid,
    /// Its last archived entry.
    pub sequence: i64,
    /// The hash of that entry.
    pub entry_hash: Vec<u8>,
    /// SHA-256 of the state.
    pub state_sha256: Vec<u8>,
    /// What the chain had left in its record ([`Replay::state`]).
    pub state: String,
}

impl Stub {
    /// What stays of a chain.
    pub fn of(subject_id: Uuid, replay: &Replay) -> Self {
        let state = replay.state();
        Self {
            subject_id,
            sequence: replay.entries(),
            entry_hash: replay.hash().to_vec(),
            state_sha256: Sha256::digest(state.as_bytes()).to_vec(),
            state,
        }
    }

    /// The replay that goes on from here.
    ///
    /// # Errors
    /// One plain sentence where the stub contradicts itself.
    pub fn replay(&self) -> Result<Replay, String> {
        if Sha256::digest(self.state.as_bytes()).as_slice() != self.state_sha256 {
            return Err("its state is not what was hashed".to_owned());
        }
        let replay = Replay::resume(&self.state)?;
        if (replay.entries(), replay.hash()) != (self.sequence, self.entry_hash.as_slice()) {
            return Err("its state is that of another entry".to_owned());
        }
        Ok(replay)
    }
}

/// The hash over the stubs that a month left in a tenant, given by subject in ascending order.
#[derive(Default)]
pub struct StubsHash {
    hash: Option<Sha256>,
    count: i64,
}

impl StubsHash {
    /// Takes the next stub.
    pub fn add(&mut self, stub: &Stub) {
        let hash = self.hash.get_or_insert_with(|| Sha256::new_with_prefix(FORMAT));
        hash.update(stub.subject_id.as_bytes());
        hash.update(stub.sequence.to_be_bytes());
        for part in [&stub.entry_hash, &stub.state_sha256] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        self.count += 1;
    }

    /// How many there were.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// The hash, in hexadecimal.
    pub fn finish(self) -> String {
        hex::encode(self.hash.unwrap_or_else(|| Sha256::new_with_prefix(FORMAT)).finalize())
    }
}
