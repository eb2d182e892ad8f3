//! The masters of whose children a transaction ended some: before the commit each learns once that all of its
//! children have ended, if they have.
//!
//! A deferred constraint trigger has this done, so that what others defer sees what is written here. SET
//! CONSTRAINTS may have it done earlier and more than once.

use super::ending::{self, By, Ending};
use super::settled::settled;
use crate::kernel::identity;
use crate::kernel::identity::memory::Identity;
use crate::pg::error::OrRefuse;
use crate::pg::to_do::{List, ToDo};
use crate::pg::transaction;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;
use uuid::Uuid;

/// A master to look at, why, and who brought that about.
type Master = (Uuid, By, Rc<Identity>);

thread_local! {
    static MASTERS: ToDo<Master> = const { ToDo::new() };
    static ENDING: RefCell<Ending> = RefCell::default();
}

fn note(master: Uuid, by: By) {
    let acting = identity::required().or_refuse();
    MASTERS.note((master, by, acting));
}

/// Remembers that a child of a master ended, or left it.
pub fn remember(master: Uuid) {
    note(master, By::End);
}

/// Remembers that a child of a master was waived while others were open: they may end meanwhile, and
/// the transaction that ends the last of them does not know of the waiver yet.
pub fn waived(tenant: Uuid, master: Uuid) {
    if ending::has_open(tenant, master) {
        note(master, By::Waiver);
    }
}

/// Whether a master is still to be looked at.
pub fn is_open() -> bool {
    MASTERS.is_open()
}

/// Notifies each master once that all of its children have ended, if they have.
///
/// The masters come in the order of their ids, the newest first: a master that ends in here has been
/// made before its own, as a rule, so that two transactions do not wait for each other.
pub fn settle() {
    loop {
        let mut ended = MASTERS.take_open();
        if ended.is_empty() {
            return;
        }
        ended.sort_by_key(|(master, by, _)| Reverse((*master, *by)));
        ended.dedup_by_key(|(master, ..)| *master);
        for (master, by, acting) in ended {
            identity::as_before(&acting, || {
                let mut ending = ENDING.take();
                let is_last = ending.is_last(acting.tenant, master, by);
                ENDING.set(ending);
                if is_last {
                    settled(acting.tenant, master);
                }
            });
        }
    }
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::follow(
        |level| with_ending(|ending| ending.at_rollback_to_savepoint(level)),
        |level| with_ending(|ending| ending.at_release_of_savepoint(level)),
    );
}

fn with_ending(act: impl FnOnce(&mut Ending)) {
    let _ = ENDING.try_with(|ending| ending.try_borrow_mut().map(|mut ending| act(&mut ending)));
}
