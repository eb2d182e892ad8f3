//! Caches of a backend that cannot grow without bound.

use foldhash::HashMap;
use std::hash::Hash;

/// A map of at most so many entries. Where it is full, the half that was not used for the longest time
/// makes room.
pub struct Bounded<K, V> {
    most: usize,
    /// Counts the uses.
    clock: u64,
    entries: HashMap<K, Entry<V>>,
}

struct Entry<V> {
    used: u64,
    value: V,
}

impl<K: Eq + Hash, V: Clone> Bounded<K, V> {
    /// An empty map of at most so many entries.
    pub fn new(most: usize) -> Self {
        Self { most, clock: 0, entries: HashMap::default() }
    }

    /// The value, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.get_mut(key)?;
        self.clock += 1;
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    /// Adds a value, or replaces the one of that key.
    pub fn insert(&mut self, key: K, value: V) {
        if self.entries.len() >= self.most {
            self.make_room();
        }
        self.clock += 1;
        self.entries.insert(key, Entry { used: self.clock, value });
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    fn make_room(&mut self) {
        let mut uses: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        uses.sort_unstable();
        // Where there is one entry at most, all of it goes.
        let limit = uses.get(uses.len().div_ceil(2)).copied().unwrap_or(u64::MAX);
        self.entries.retain(|_, entry| entry.used >= limit);
    }
}
