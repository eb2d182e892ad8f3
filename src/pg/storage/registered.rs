//! Whether a table has nothing beside what the table registry lists, so that writing it past SQL meets
//! all that a statement would meet.
//!
//! A statement meets policies, rules, triggers for each statement and columns of which a direct write
//! knows nothing. Where a table has any that the registry does not list, it is written by a statement.
//! The question is asked under the lock of the write: what another transaction committed while the
//! lock was waited for is then known, and nothing is committed after.

use crate::pg::cache::{Cached, recall};
use crate::pg::registered;
use crate::pg::relation::{OpenTable, is_partition_of};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

pub use wo_rules::schema::compare::Command;

/// Where the columns of the registry stand in a table: for each its position, from 0.
pub type Positions = Rc<[usize]>;

/// Of how many tables, each for one command, a backend keeps the answer.
const MOST: usize = 512;

thread_local! {
    /// By table and command.
    static KNOWN: RefCell<Cached<(pg_sys::Oid, Command), Option<Positions>>> =
        RefCell::new(Cached::of_catalogues(MOST));
}

/// Where the columns of a table stand that a write meets nothing in but what is registered. The table
/// was locked when it was opened, and was found as registered then.
pub fn positions(open: &OpenTable, command: Command) -> Option<Positions> {
    known_positions(open, command, || known(open, command).filter(|_| is_plain(open)))
}

/// The same of a partitioned table that a row is appended to by way of one of its partitions.
pub fn is_parent(open: &OpenTable) -> bool {
    let is_partitioned = || kind_of(open) == pg_sys::RELKIND_PARTITIONED_TABLE;
    let ask = || known(open, Command::Insert).filter(|_| is_partitioned());
    known_positions(open, Command::Insert, ask).is_some()
}

/// The same of a partition of that table. It has the triggers of the table, and no policies.
pub fn positions_in_partition(open: &OpenTable, parent: &OpenTable) -> Option<Positions> {
    known_positions(open, Command::Insert, || {
        known(open, Command::Insert).filter(|_| is_partition_of(open, parent) && is_plain(open))
    })
}

fn known(open: &OpenTable, command: Command) -> Option<Positions> {
    registered::comparison(open.oid())?.positions(command)
}

fn known_positions(
    open: &OpenTable,
    command: Command,
    ask: impl FnOnce() -> Option<Positions>,
) -> Option<Positions> {
    recall(&KNOWN, (open.oid(), command), |_| ask())
}

fn kind_of(open: &OpenTable) -> u8 {
    // SAFETY: the relation is open.
    unsafe { (*(*open.as_ptr()).rd_rel).relkind as u8 }
}

/// Whether rows are stored in a heap that has no children.
fn is_plain(open: &OpenTable) -> bool {
    // SAFETY: the relation is open; the routine is a constant.
    unsafe {
        let relation = open.as_ptr();
        kind_of(open) == pg_sys::RELKIND_RELATION
            && !(*(*relation).rd_rel).relhassubclass
            && std::ptr::eq((*relation).rd_tableam, pg_sys::GetHeapamTableAmRoutine())
    }
}
