//! Caches of a backend: none grows without bound, and none answers with what is out of date.
//!
//! What was read of the catalogues is of one generation, which PostgreSQL's invalidations of relations,
//! functions, types, constraints and roles advance. A cache of an earlier generation is emptied when it is used
//! next, so that an invalidation itself only counts.

use foldhash::HashMap;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::thread::LocalKey;

thread_local! {
    /// Counts the changes of relations, functions, types, constraints and roles that this backend was
    /// notified of.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
}

/// The current generation of what is read of the catalogues.
pub fn generation() -> u64 {
    GENERATION.get()
}

/// Begins a new generation: something was altered. It touches Rust memory alone and never raises an ERROR.
pub fn advance() {
    let _ = GENERATION.try_with(|generation| generation.set(generation.get() + 1));
}

/// Has PostgreSQL notify this backend of changes beside those of relations; called once in a backend.
pub fn register() {
    use pg_sys::SysCacheIdentifier::{AUTHMEMROLEMEM, AUTHOID, CONSTROID, PROCOID, TYPEOID};
    for cache in [PROCOID, TYPEOID, CONSTROID, AUTHOID, AUTHMEMROLEMEM] {
        // SAFETY: the callback lives as long as the library, touches Rust memory alone and never
        // raises.
        unsafe {
            pg_sys::CacheRegisterSyscacheCallback(
                cache as i32,
                Some(at_change),
                pg_sys::Datum::from(0),
            );
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_change(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    advance();
}

/// A map of at most so many entries, all of one generation. Where it is full, the half that was not used for
/// the longest time makes room.
pub struct Cached<K, V> {
    most: usize,
    /// Gives the current generation of what is cached.
    current: fn() -> u64,
    /// The generation of the entries.
    generation: u64,
    /// Counts the uses.
    clock: u64,
    entries: HashMap<K, Entry<V>>,
}

struct Entry<V> {
    used: u64,
    value: V,
}

impl<K: Eq + Hash, V: Clone> Cached<K, V> {
    /// An empty cache of at most so many entries that were read of the catalogues.
    pub fn of_catalogues(most: usize) -> Self {
        Self::of(most, generation)
    }

    /// An empty cache of at most so many entries that never are out of date.
    pub fn lasting(most: usize) -> Self {
        Self::of(most, || 0)
    }

    /// An empty cache of at most so many entries, which are out of date when that generation changes.
    pub fn of(most: usize, current: fn() -> u64) -> Self {
        Self { most, current, generation: 0, clock: 0, entries: HashMap::default() }
    }

    /// The value, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.update((self.current)());
        let entry = self.entries.get_mut(key)?;
        self.clock += 1;
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    /// Adds a value, or replaces the one of that key.
    pub fn insert(&mut self, key: K, value: V) {
        self.insert_of((self.current)(), key, value);
    }

    /// The same of a value that was read in that generation. It is dropped where the generation has changed
    /// since.
    pub fn insert_of(&mut self, generation: u64, key: K, value: V) {
        if generation != (self.current)() {
            return;
        }
        self.update(generation);
        if self.entries.len() >= self.most {
            self.make_room();
        }
        self.clock += 1;
        self.entries.insert(key, Entry { used: self.clock, value });
    }

    /// Removes the entries of which `stays` is false.
    pub fn retain(&mut self, mut stays: impl FnMut(&K, &V) -> bool) {
        self.entries.retain(|key, entry| stays(key, &entry.value));
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    fn update(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.entries.clear();
        }
    }

    fn make_room(&mut self) {
        let mut uses: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        uses.sort_unstable();
        // Where there is one entry at most, all of it goes.
        let limit = uses.get(uses.len().div_ceil(2)).copied().unwrap_or(u64::MAX);
        self.entries.retain(|_, entry| entry.used >= limit);
    }
}

/// The cached value, or else what `read` finds, which is kept unless the generation changes meanwhile.
pub fn recall<K: Eq + Hash, V: Clone>(
    cache: &'static LocalKey<RefCell<Cached<K, V>>>,
    key: K,
    read: impl FnOnce(&K) -> V,
) -> V {
    let (known, generation) = known(cache, &key);
    known.unwrap_or_else(|| {
        let found = read(&key);
        cache.with_borrow_mut(|all| all.insert_of(generation, key, found.clone()));
        found
    })
}

/// The same where `read` may find nothing: that is not kept.
pub fn recall_found<K: Eq + Hash, V: Clone>(
    cache: &'static LocalKey<RefCell<Cached<K, V>>>,
    key: K,
    read: impl FnOnce(&K) -> Option<V>,
) -> Option<V> {
    let (known, generation) = known(cache, &key);
    known.or_else(|| {
        let found = read(&key)?;
        cache.with_borrow_mut(|all| all.insert_of(generation, key, found.clone()));
        Some(found)
    })
}

/// The cached value, if any, and the current generation.
fn known<K: Eq + Hash, V: Clone>(
    cache: &'static LocalKey<RefCell<Cached<K, V>>>,
    key: &K,
) -> (Option<V>, u64) {
    cache.with_borrow_mut(|all| (all.get(key), all.generation))
}
