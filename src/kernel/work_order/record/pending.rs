//! What the trigger before the write hands to the trigger after it, and what the API hears of it.
//!
//! A trigger before the write may not write itself (an upsert's INSERT may come to nothing, and a
//! change of its own row fails with 27000), so the finished entry waits here for the other one.

use super::child_change::ChildChange;
use super::follow_up::FollowUp;
use crate::kernel::audit::Link;
use crate::pg::transaction::{Stack, SubxactStack};
use std::cell::Cell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::lifecycle::Along;

/// A checked write, waiting for its row to be stored.
pub struct Pending {
    /// The entry of the trail.
    pub link: Link,
    /// The `data` of the event.
    pub event_data: String,
    /// The event's type, where it does not follow from the write.
    pub kind: Option<&'static str>,
    /// What follows.
    pub follow_ups: Vec<Box<dyn FollowUp>>,
    /// Whether its record is locked from now on.
    pub ended: bool,
    /// Whether it changes what a signature may cover.
    pub content_changed: bool,
    /// Whether it changes its place among others, or its policy as a master.
    pub place_changed: bool,
    /// With what it moves along.
    pub along: Along,
    /// Whether an edge of the state that was reached may be taken by the system.
    pub may_follow: bool,
    /// What the API says of it.
    pub written: Written,
}

/// What a write did, for the API's answer.
#[derive(Clone, Debug)]
pub struct Written {
    /// The work order.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// What was done.
    pub action: String,
    /// The state before; nothing for a new work order.
    pub from_status: Option<String>,
    /// The state after.
    pub status: String,
    /// The version after.
    pub version: i64,
    /// Whether it moved along an edge.
    pub moved: bool,
    /// Its lifecycle and version.
    pub lifecycle: (String, i32),
}

/// A write that the enforcement layer itself makes, and how it is to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemWrite {
    /// An edge that the system takes because its gates became true; with what the work order moves along.
    Auto(Uuid, Along),
    /// A move to another version of the lifecycle.
    Migration(Uuid),
    /// The end of a part whose master was cancelled.
    Cascade(Uuid),
    /// The way back after a signature was refused.
    Rejection(Uuid),
    /// Something that belongs to the work order was written.
    ChildRecord(Uuid, Rc<ChildChange>),
    /// The enforcement layer's own care of the record: the columns that its UPDATE sets are what changes.
    Upkeep(Uuid, Rc<ChildChange>),
}

impl Written {
    /// Whether it created the work order.
    pub fn is_creation(&self) -> bool {
        self.from_status.is_none()
    }
}

thread_local! {
    /// What was written while somebody listened.
    static WRITTEN: SubxactStack<Written> = const { SubxactStack::new() };
    /// Whether a row was stored as it was since somebody listens.
    static UNCHANGED: Cell<bool> = const { Cell::new(false) };
    /// Whether somebody listens.
    static LISTENING: SubxactStack<bool> = const { SubxactStack::new() };
    /// The enforcement layer's own write.
    static SYSTEM_WRITE: SubxactStack<Option<SystemWrite>> = const { SubxactStack::new() };
}

/// Notifies the listener that the write was made.
pub fn heard(pending: &Pending) {
    if LISTENING.top().unwrap_or(false) && pending.kind.is_none() {
        WRITTEN.push(pending.written.clone());
    }
}

/// Who listened before: a trigger or a CHECK of a DBA may call the API while another call of it
/// writes. They go on when this goes out of scope, by an ERROR too.
struct Listener {
    before: bool,
    heard_before: usize,
    unchanged_before: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        LISTENING.set(self.before);
        WRITTEN.take_from(self.heard_before);
        UNCHANGED.set(self.unchanged_before);
    }
}

/// What was written while somebody listened.
pub struct Heard {
    /// The writes, in their order: first the one that was asked for, then its effects.
    pub written: Vec<Written>,
    /// Whether a row was stored as it was.
    pub is_unchanged: bool,
}

impl Heard {
    /// The last write of that work order: an effect may have written it again.
    pub fn last_of(&self, id: Uuid) -> Option<&Written> {
        self.written.iter().rfind(|one| one.id == id)
    }
}

/// Notifies the listener that a row was stored as it was.
pub fn heard_unchanged() {
    UNCHANGED.set(true);
}

/// Hears what is written while `act` runs.
pub fn listen<T>(act: impl FnOnce() -> T) -> (T, Heard) {
    let listener = Listener {
        before: LISTENING.top().unwrap_or(false),
        heard_before: WRITTEN.count(),
        unchanged_before: UNCHANGED.replace(false),
    };
    LISTENING.set(true);
    let result = act();
    let written = WRITTEN.take_from(listener.heard_before);
    (result, Heard { written, is_unchanged: UNCHANGED.get() })
}

/// Makes a write of the enforcement layer's own.
pub fn as_system_write<T>(consequence: SystemWrite, act: impl FnOnce() -> T) -> T {
    SYSTEM_WRITE.during(Some(consequence), act)
}

/// Our own write, where that work order is what it is about to write. It is one write of one row: what a
/// trigger writes after it is not ours.
pub fn take_system_write(id: Uuid) -> Option<SystemWrite> {
    let taken = SYSTEM_WRITE.with_top(|current| match current?.as_ref()? {
        write @ (SystemWrite::Auto(it, _)
        | SystemWrite::Rejection(it)
        | SystemWrite::Migration(it)
        | SystemWrite::Cascade(it)
        | SystemWrite::ChildRecord(it, _)
        | SystemWrite::Upkeep(it, _)) => (*it == id).then(|| write.clone()),
    });
    if taken.is_some() {
        SYSTEM_WRITE.set(None);
    }
    taken
}
