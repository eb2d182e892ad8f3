//! Applying one row to a table, as logical replication would: triggers, constraints and indexes as
//! ever, without the set-up of a statement.
//!
//! A transition is one row of the work orders, one of the trail and one of the outbox. As SQL each
//! of them costs the set-up of a plan, of its expressions and of the table's policies, which is more
//! than the row itself. Whatever is unusual goes through SQL: a partition that is not there, a column, a
//! policy or a trigger for each statement that a DBA added, an isolation level above READ COMMITTED.

pub mod checks;
mod many;
mod target;
mod triggers;
mod update;

pub use many::many_rows;
pub use update::{Tid, update};

use crate::pg::statement::Argument;
use crate::pg::value::{base_type, refuse_type, table_name};
use foldhash::HashMap;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use target::Target;
use wo_rules::time::Day;

thread_local! {
    /// The partitions that take rows as the law writes them, by parent and month, since tables were
    /// last altered.
    static PARTITIONS: RefCell<HashMap<(&'static str, i64, u32), pg_sys::Oid>> = RefCell::default();
}

/// Forgets what was looked up: a table was altered.
pub fn forget() {
    let _ = PARTITIONS.try_with(|partitions| {
        partitions.try_borrow_mut().map(|mut partitions| partitions.clear())
    });
    checks::forget();
}

/// Appends a row to the partition of that month, its values in the order of `columns`. False where it has
/// to go through the parent.
pub fn append_to_partition(
    parent: &'static str,
    month: Day,
    columns: &[Column],
    values: &[Argument],
) -> bool {
    if let Some(done) = many::append(parent, month, columns, values) {
        return done;
    }
    let key = (parent, month.year, month.month);
    // SAFETY: relation, indexes, slot and executor state are opened and closed here; values and
    // nulls have the length of the partition's descriptor, and every value is of its column's type, as
    // the statement that does the same through SQL shows. An ERROR unwinds through us, and the abort
    // releases all of them.
    unsafe {
        // Whoever alters the partition waits for this lock or has us hear of it here: what is known
        // after it was taken holds until it is given back.
        let known = PARTITIONS.with_borrow(|partitions| partitions.get(&key).copied());
        if let Some(partition) = known {
            let relation = pg_sys::try_table_open(partition, pg_sys::RowExclusiveLock as i32);
            let is_still =
                PARTITIONS.with_borrow(|partitions| partitions.get(&key) == known.as_ref());
            if !relation.is_null() {
                if is_still {
                    append(relation, values);
                }
                pg_sys::table_close(relation, pg_sys::NoLock as i32);
            }
            if is_still {
                return !relation.is_null();
            }
        }
        let partition = partition_of(parent, month);
        if partition == pg_sys::Oid::INVALID {
            return false;
        }
        let relation = pg_sys::table_open(partition, pg_sys::RowExclusiveLock as i32);
        let is_usual = (*(*relation).rd_rel).relispartition && has_columns(relation, columns);
        if is_usual {
            PARTITIONS.with_borrow_mut(|partitions| partitions.insert(key, partition));
            append(relation, values);
        }
        pg_sys::table_close(relation, pg_sys::NoLock as i32);
        is_usual
    }
}

/// The partition of that month; invalid where there is none.
unsafe fn partition_of(parent: &str, month: Day) -> pg_sys::Oid {
    let name = format!("{parent}_{:04}_{:02}", month.year, month.month);
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: NUL-terminated names; the look-ups answer from the catalogue caches.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo".as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), schema)
    }
}

/// A column that is written: its name, and its type.
pub type Column = (&'static str, pg_sys::Oid);

/// Whether the relation has these columns, in this order, and no others. Refuses one of another type.
unsafe fn has_columns(relation: pg_sys::Relation, columns: &[Column]) -> bool {
    // SAFETY: the relation is open; its descriptor holds natts attributes.
    unsafe {
        let descriptor = (*relation).rd_att;
        (*descriptor).natts as usize == columns.len()
            && columns.iter().enumerate().all(|(index, (column, type_oid))| {
                crate::pg::row::attribute(descriptor, index).is_some_and(|attribute| {
                    let is_it = CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes()
                        == column.as_bytes();
                    let found = (*attribute).atttypid;
                    if is_it && base_type(found) != *type_oid {
                        refuse_type(&table_name((*relation).rd_id), column, found, *type_oid);
                    }
                    is_it
                })
            })
    }
}

unsafe fn append(relation: pg_sys::Relation, values: &[Argument]) {
    // SAFETY: see append_to_partition.
    unsafe {
        let target = Target::open(relation);
        target.insert(values);
        target.close();
    }
}
