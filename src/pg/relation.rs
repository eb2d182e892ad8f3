//! Relations of schema `wo`: found by their names, and opened under a lock.
//!
//! What a session knows of a relation holds while it has a lock on it. A name is therefore looked up
//! before the lock is taken and again after it was granted: the holder of the lock before may have
//! renamed or dropped the relation.

use crate::pg::attribute::attribute;
use crate::pg::cache::{Cached, generation, recall_found};
use crate::pg::epoch::epoch;
use crate::pg::error::{damaged, refuse};
use crate::pg::oid::oid_of_name;
use crate::pg::registered;
use crate::pg::value::{Argument, read_as};
use pgrx::pg_sys;
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use std::cell::RefCell;
use std::ffi::CStr;

// PostgreSQL's own, from catalog/partition.h, which pgrx does not bind.
unsafe extern "C-unwind" {
    fn PartitionHasPendingDetach(partition: pg_sys::Oid) -> bool;
}

/// How many relations a backend keeps, by names that are written in this library.
const MOST: usize = 512;

thread_local! {
    /// Relations of schema wo by name, as last looked up.
    static RELATIONS: RefCell<Cached<&'static str, Known>> =
        RefCell::new(Cached::of_catalogues(MOST));
}

/// A relation that was looked up.
#[derive(Clone, Copy)]
struct Known {
    oid: pg_sys::Oid,
    /// When it was found as registered: see [`epoch`].
    verified: Option<u64>,
}

impl Known {
    fn is_verified(self) -> bool {
        self.verified == Some(epoch())
    }
}

/// The oid of a relation of schema wo. Refuses where there is none.
pub fn oid_of(name: &'static str) -> pg_sys::Oid {
    known_oid(name).unwrap_or_else(|| refuse(damaged(&format!("wo.{name} is missing"))))
}

/// The oid of a relation of schema wo, if there is one.
pub fn known_oid(name: &'static str) -> Option<pg_sys::Oid> {
    known(name).map(|known| known.oid)
}

fn known(name: &'static str) -> Option<Known> {
    recall_found(&RELATIONS, name, |name| Some(Known { oid: oid_of_name(name)?, verified: None }))
}

/// The oid of a relation of schema wo that is as registered. Refuses another.
pub fn verified_oid(name: &'static str) -> pg_sys::Oid {
    match known(name) {
        Some(known) if known.is_verified() => known.oid,
        _ => {
            let oid = oid_of(name);
            verify(name, oid);
            oid
        }
    }
}

/// Refuses a relation that is not as registered.
fn verify(name: &'static str, oid: pg_sys::Oid) {
    let generation = generation();
    if registered::is_as_registered(oid) {
        let known = Known { oid, verified: Some(epoch()) };
        RELATIONS.with_borrow_mut(|all| all.insert_of(generation, name, known));
    }
}

/// An open relation. It is closed when it goes out of scope. The lock of a table that is written stays
/// until the transaction ends, as that of a statement does.
pub struct OpenTable {
    relation: pg_sys::Relation,
    /// The lock that closing gives back.
    released: pg_sys::LOCKMODE,
}

impl OpenTable {
    /// Opens a table of schema wo to read it. Refuses where there is none.
    pub fn to_read(name: &'static str) -> Self {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let mut table = Self::named(name, lock);
        table.released = lock;
        table
    }

    /// Opens a table of schema wo to write it. Refuses where there is none.
    pub fn to_write(name: &'static str) -> Self {
        Self::named(name, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE)
    }

    fn named(name: &'static str, mode: pg_sys::LOCKMODE) -> Self {
        loop {
            let oid = oid_of(name);
            // SAFETY: a relation may be locked whether or not it still exists. Granting the lock has
            // this backend process what was committed before.
            unsafe { pg_sys::LockRelationOid(oid, mode) };
            if let Some(known) = known(name)
                && known.oid == oid
            {
                if !known.is_verified() {
                    verify(name, oid);
                }
                // SAFETY: the relation exists and is locked.
                let relation = unsafe { pg_sys::table_open(oid, pg_sys::NoLock as i32) };
                return Self { relation, released: pg_sys::NoLock as i32 };
            }
            // SAFETY: locked above.
            unsafe { pg_sys::UnlockRelationOid(oid, mode) };
        }
    }

    /// Opens a table to read it, unless it was dropped.
    pub fn of_oid_to_read(oid: pg_sys::Oid) -> Option<Self> {
        Self::of_oid(oid, pg_sys::AccessShareLock)
            .map(|relation| Self { relation, released: pg_sys::AccessShareLock as i32 })
    }

    /// Opens a table to write it, unless it was dropped.
    pub fn of_oid_to_write(oid: pg_sys::Oid) -> Option<Self> {
        Self::of_oid(oid, pg_sys::RowExclusiveLock)
            .map(|relation| Self { relation, released: pg_sys::NoLock as i32 })
    }

    fn of_oid(oid: pg_sys::Oid, mode: u32) -> Option<pg_sys::Relation> {
        // SAFETY: gives null where there is no such relation.
        let relation = unsafe { pg_sys::try_table_open(oid, mode as pg_sys::LOCKMODE) };
        if relation.is_null() {
            return None;
        }
        registered::verify(oid);
        Some(relation)
    }

    /// Its oid.
    pub fn oid(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.relation).rd_id }
    }

    /// The relation, open as long as this lives.
    pub(in crate::pg) fn as_ptr(&self) -> pg_sys::Relation {
        self.relation
    }

    /// How many columns it has, dropped ones included.
    pub(in crate::pg) fn width(&self) -> usize {
        // SAFETY: the relation is open.
        unsafe { (*self.descriptor()).natts as usize }
    }

    pub(in crate::pg) fn descriptor(&self) -> pg_sys::TupleDesc {
        // SAFETY: the relation is open.
        unsafe { (*self.relation).rd_att }
    }

    /// Where the column of that name stands, counted from 0.
    pub(in crate::pg) fn position(&self, column: &str) -> Option<usize> {
        (0..self.width()).find(|position| {
            attribute(self.descriptor(), *position).is_some_and(|attribute| {
                // SAFETY: the attribute lies inside the descriptor, and its name is NUL-terminated.
                let name = unsafe { CStr::from_ptr((*attribute).attname.data.as_ptr()) };
                name.to_bytes() == column.as_bytes()
            })
        })
    }

    /// A text read as a value of a column (counted from 0), domains and lengths included. `None` where
    /// there is no such column.
    pub fn read(&self, column: usize, given: &str) -> Option<Argument> {
        let (type_oid, modifier) = self.type_of(column)?;
        read_as(given, type_oid, modifier)
    }

    /// NULL as a value of a column.
    pub fn null(&self, column: usize) -> Option<Argument> {
        Some(Argument::null(self.type_of(column)?.0))
    }

    /// The type of a column with its modifier; nothing for one that was dropped or is not there.
    pub(in crate::pg) fn type_of(&self, column: usize) -> Option<(pg_sys::Oid, i32)> {
        if column >= self.width() {
            return None;
        }
        let attribute = attribute(self.descriptor(), column)?;
        // SAFETY: the attribute lies inside the descriptor.
        Some(unsafe { ((*attribute).atttypid, (*attribute).atttypmod) })
    }
}

impl Drop for OpenTable {
    fn drop(&mut self) {
        // While an ERROR unwinds, the abort closes every relation by itself.
        if !std::thread::panicking() {
            // SAFETY: opened once, and closed once.
            unsafe { pg_sys::table_close(self.relation, self.released) };
        }
    }
}

/// Whether rows of the table are routed to an open relation: it is one of the table's partitions, and is not
/// being detached. The description of the table's partitions is not asked: the first time it reads the bounds
/// of all of them.
pub(in crate::pg) fn is_partition_of(open: &OpenTable, parent: &OpenTable) -> bool {
    // SAFETY: the relation is open, and a partition where it is asked; an ERROR becomes a panic at the
    // boundary.
    unsafe {
        (*(*open.as_ptr()).rd_rel).relispartition
            && registered::parent_of(open.oid()) == parent.oid()
            && !pg_guard_ffi_boundary(|| PartitionHasPendingDetach(open.oid()))
    }
}
