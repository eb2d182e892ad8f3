//! The records that belong to work orders and whose triggers AFTER ROW have not run.

use super::Waiting;
use crate::pg::query::{PerQuery, Query};
use foldhash::HashMap;
use uuid::Uuid;

/// A record that belongs to a work order and whose trigger AFTER ROW has not run.
pub(super) struct ChildWrite {
    pub name: String,
    pub level: i32,
    pub query: Option<Query>,
    pub waiting: Vec<Waiting>,
}

/// Such records, by their work orders.
#[derive(Default)]
pub(super) struct ChildWrites {
    by_owner: HashMap<Uuid, Vec<ChildWrite>>,
    by_query: PerQuery,
}

impl ChildWrites {
    pub fn insert(&mut self, owner: Uuid, child: ChildWrite) {
        let of_owner = self.by_owner.entry(owner).or_default();
        let is_it = |it: &ChildWrite| it.query == child.query && it.name == child.name;
        if !of_owner.iter().any(is_it) {
            self.by_query.add(child.query);
            of_owner.push(child);
        }
    }

    /// Takes the newest record of that name out.
    pub fn remove(&mut self, owner: Uuid, name: &str) -> Option<ChildWrite> {
        let of_owner = self.by_owner.get_mut(&owner)?;
        let place = of_owner.iter().rposition(|it| it.name == name)?;
        let child = of_owner.remove(place);
        if of_owner.is_empty() {
            self.by_owner.remove(&owner);
        }
        self.by_query.remove(child.query);
        Some(child)
    }

    pub fn any_of(&mut self, owner: Uuid) -> Option<&mut ChildWrite> {
        self.by_owner.get_mut(&owner)?.first_mut()
    }

    /// Whether a record of that owner is being written, by another query than that one.
    pub fn has(&self, owner: Uuid, beside: Option<Query>) -> bool {
        let is_other = |it: &ChildWrite| it.query.is_none() || it.query != beside;
        self.by_owner.get(&owner).is_some_and(|of_owner| of_owner.iter().any(is_other))
    }

    pub fn retain(&mut self, mut stays: impl FnMut(Uuid, &mut ChildWrite) -> bool) {
        let mut by_query = PerQuery::default();
        self.by_owner.retain(|owner, of_owner| {
            of_owner.retain_mut(|child| {
                let stays = stays(*owner, child);
                if stays {
                    by_query.add(child.query);
                }
                stays
            });
            !of_owner.is_empty()
        });
        self.by_query = by_query;
    }

    /// Takes out what a query has left. A query whose rows were all stored has left nothing.
    pub fn forget(&mut self, query: Query, mut gone: impl FnMut(Uuid, &mut ChildWrite)) {
        if !self.by_query.has(query) {
            return;
        }
        self.retain(|owner, child| {
            let stays = child.query != Some(query);
            if !stays {
                gone(owner, child);
            }
            stays
        });
    }

    pub fn each(&mut self, act: impl FnMut(&mut ChildWrite)) {
        self.by_owner.values_mut().flatten().for_each(act);
    }
}
