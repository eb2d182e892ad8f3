//! Masters whose last parts may have ended at once: left at commit, looked at by the worker.
//!
//! At commit there may be no lock and no allocation, so each place is a few atomics. Who finds no
//! place asks for a look at everything instead.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};
use uuid::Uuid;

const PLACES: usize = 64;

const FREE: u32 = 0;
const WRITING: u32 = 1;
const FULL: u32 = 2;

#[repr(C)]
struct Place {
    state: AtomicU32,
    words: [AtomicU64; 4],
}

/// The masters, each with its tenant.
#[repr(C)]
pub struct Untold {
    places: [Place; PLACES],
    /// 1 where one found no place.
    overflow: AtomicU32,
}

fn words_of(tenant: Uuid, master: Uuid) -> [u64; 4] {
    let ((a, b), (c, d)) = (tenant.as_u64_pair(), master.as_u64_pair());
    [a, b, c, d]
}

impl Untold {
    /// Leaves a master. The write that ended its part must be visible to others already: whoever takes
    /// the master out looks after that.
    pub fn leave(&self, tenant: Uuid, master: Uuid) {
        let words = words_of(tenant, master);
        let is_there = |place: &&Place| {
            place.state.load(SeqCst) == FULL
                && place.words.iter().zip(words).all(|(kept, word)| kept.load(SeqCst) == word)
                && place.state.load(SeqCst) == FULL
        };
        if self.places.iter().any(|place| is_there(&place)) {
            return;
        }
        let free = self
            .places
            .iter()
            .find(|place| place.state.compare_exchange(FREE, WRITING, SeqCst, SeqCst).is_ok());
        match free {
            Some(place) => {
                for (kept, word) in place.words.iter().zip(words) {
                    kept.store(word, SeqCst);
                }
                place.state.store(FULL, SeqCst);
            }
            None => self.overflow.store(1, SeqCst),
        }
    }

    /// Takes the masters out; and whether there were more than found a place.
    pub fn take(&self) -> (Vec<(Uuid, Uuid)>, bool) {
        let mut taken = Vec::new();
        for place in self.places.iter().filter(|place| place.state.load(SeqCst) == FULL) {
            let word = |index: usize| place.words[index].load(SeqCst);
            let tenant = Uuid::from_u64_pair(word(0), word(1));
            let master = Uuid::from_u64_pair(word(2), word(3));
            place.state.store(FREE, SeqCst);
            taken.push((tenant, master));
        }
        taken.sort();
        taken.dedup();
        (taken, self.overflow.swap(0, SeqCst) == 1)
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.take();
    }
}
