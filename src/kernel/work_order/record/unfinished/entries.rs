//! The checked writes of work orders whose triggers AFTER ROW have not run.

use super::Waiting;
use crate::kernel::work_order::record::pending::Pending;
use crate::pg::query::{PerQuery, Query};
use foldhash::HashMap;
use uuid::Uuid;

/// A checked write whose trigger AFTER ROW has not run.
pub(super) struct Entry {
    pub pending: Pending,
    pub level: i32,
    pub query: Option<Query>,
    pub waiting: Vec<Waiting>,
}

/// The checked writes that wait for their rows. A work order has more than one where a row was not stored.
#[derive(Default)]
pub(super) struct Entries {
    by_id: HashMap<Uuid, Vec<([u8; 32], Entry)>>,
    by_query: PerQuery,
    count: usize,
    /// How many of them end their work order.
    ending: usize,
}

impl Entries {
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn is_any_ending(&self) -> bool {
        self.ending > 0
    }

    pub fn has(&self, id: Uuid) -> bool {
        self.by_id.contains_key(&id)
    }

    pub fn insert(&mut self, id: Uuid, hash: [u8; 32], entry: Entry) {
        self.remove(id, &hash);
        self.count += 1;
        self.ending += usize::from(entry.pending.ended);
        self.by_query.add(entry.query);
        self.by_id.entry(id).or_default().push((hash, entry));
    }

    pub fn get(&mut self, id: Uuid, hash: &[u8]) -> Option<&mut Entry> {
        let of_id = self.by_id.get_mut(&id)?;
        of_id.iter_mut().find(|(it, _)| it[..] == *hash).map(|(_, entry)| entry)
    }

    pub fn of_id(&self, id: Uuid) -> impl Iterator<Item = &Entry> {
        self.by_id.get(&id).into_iter().flatten().map(|(_, entry)| entry)
    }

    pub fn remove(&mut self, id: Uuid, hash: &[u8]) -> Option<Entry> {
        let of_id = self.by_id.get_mut(&id)?;
        let place = of_id.iter().position(|(it, _)| it[..] == *hash)?;
        let (_, entry) = of_id.swap_remove(place);
        if of_id.is_empty() {
            self.by_id.remove(&id);
        }
        self.count -= 1;
        self.ending -= usize::from(entry.pending.ended);
        self.by_query.remove(entry.query);
        Some(entry)
    }

    pub fn retain(&mut self, mut stays: impl FnMut(Uuid, &mut Entry) -> bool) {
        let (mut count, mut ending) = (0, 0);
        let mut by_query = PerQuery::default();
        self.by_id.retain(|id, of_id| {
            of_id.retain_mut(|(_, entry)| {
                let stays = stays(*id, entry);
                if stays {
                    count += 1;
                    ending += usize::from(entry.pending.ended);
                    by_query.add(entry.query);
                }
                stays
            });
            !of_id.is_empty()
        });
        (self.count, self.ending, self.by_query) = (count, ending, by_query);
    }

    /// Takes out what a query has left. A query whose rows were all stored has left nothing.
    pub fn forget(&mut self, query: Query, mut gone: impl FnMut(Uuid, &mut Entry)) {
        if !self.by_query.has(query) {
            return;
        }
        self.retain(|id, entry| {
            let stays = entry.query != Some(query);
            if !stays {
                gone(id, entry);
            }
            stays
        });
    }

    pub fn each(&mut self, mut act: impl FnMut(&mut Entry)) {
        self.by_id.values_mut().flatten().for_each(|(_, entry)| act(entry));
    }

    pub fn shrink_to(&mut self, capacity: usize) {
        self.by_id.shrink_to(capacity);
    }
}
