//! The keys of the installation's own locks.
//!
//! Every role of a database sees the lock table (`pg_locks`). The keys of our locks are therefore
//! computed with a secret of the installation: a reader of the lock table learns neither which work
//! order, tenant or job a lock is about, nor how many events have been written.

use sha2::{Digest, Sha256};

/// How many times the halves of a position are mixed. Four rounds of a Feistel network over a
/// pseudo-random function give a permutation that looks random from both sides (Luby and Rackoff).
const ROUNDS: u8 = 4;

/// One block of SHA-256.
const BLOCK: usize = 64;

/// The secret of the installation, ready to be mixed with the name of a lock.
#[derive(Clone)]
pub struct LockSecret {
    /// SHA-256 after one block that begins with the secret.
    keyed: Sha256,
}

impl LockSecret {
    /// Prepares the secret; None unless it has 32 to 64 bytes.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        if !(32..=BLOCK).contains(&secret.len()) {
            return None;
        }
        let mut block = [0; BLOCK];
        block[..secret.len()].copy_from_slice(secret);
        Some(Self { keyed: Sha256::new_with_prefix(block) })
    }

    /// The key of the lock that protects `name` for this purpose.
    #[must_use]
    pub fn key(&self, purpose: u16, name: &[u8]) -> u64 {
        let digest = self.keyed.clone().chain_update(purpose.to_be_bytes()).chain_update(name);
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest.finalize());
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Encrypts a number, so that it can be the key of a lock and be read back by [`Self::reveal`].
    #[must_use]
    pub fn hide(&self, purpose: u16, number: u64) -> u64 {
        let (mut left, mut right) = halves(number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.mix(purpose, round, right));
        }
        joined(left, right)
    }

    /// Decrypts what [`Self::hide`] encrypted.
    #[must_use]
    pub fn reveal(&self, purpose: u16, key: u64) -> u64 {
        let (mut left, mut right) = halves(key);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.mix(purpose, round, left), left);
        }
        joined(left, right)
    }

    fn mix(&self, purpose: u16, round: u8, half: u32) -> u32 {
        let [a, b, c, d] = half.to_be_bytes();
        // The key's upper half is as good as any other part of the digest.
        (self.key(purpose, &[round, a, b, c, d]) >> 32) as u32
    }
}

fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

fn joined(left: u32, right: u32) -> u64 {
    (u64::from(left) << 32) | u64::from(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> LockSecret {
        LockSecret::new(&[byte; 32]).unwrap_or_else(|| unreachable!("32 bytes are a secret"))
    }

    #[test]
    fn what_is_hidden_is_revealed_by_the_same_secret_alone() {
        for number in [0, 1, 40, u64::from(u32::MAX), 1 << 47, u64::MAX] {
            let key = secret(1).hide(5, number);
            assert_eq!(secret(1).reveal(5, key), number);
            assert_ne!(secret(2).reveal(5, key), number);
            assert_ne!(secret(1).reveal(6, key), number);
        }
    }

    #[test]
    fn neighbours_do_not_look_like_neighbours() {
        let keys: Vec<u64> = (100..164).map(|number| secret(1).hide(5, number)).collect();
        for pair in keys.windows(2) {
            let differing = (pair[0] ^ pair[1]).count_ones();
            assert!((10..=54).contains(&differing), "{pair:x?}");
        }
    }

    #[test]
    fn a_key_depends_on_secret_purpose_and_name() {
        let key = secret(1).key(3, b"name");
        assert_eq!(key, secret(1).key(3, b"name"));
        for other in [secret(2).key(3, b"name"), secret(1).key(4, b"name"), secret(1).key(3, b"x")]
        {
            assert_ne!(key, other);
        }
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(LockSecret::new(&[1; 31]).is_none());
        assert!(LockSecret::new(&[1; 65]).is_none());
    }
}
