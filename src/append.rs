//! Appending a row to a leaf of the trail or the outbox.
//!
//! Both tables take one row with every write, always into the leaf of the month. Through SQL each
//! row costs the set-up of a plan, of the routing to the leaf and of the leaf's policies, which is
//! more than the row itself; so the row goes to the leaf as logical replication would apply it:
//! triggers, constraints and indexes as ever. Whatever is unusual (no such leaf, a column that a DBA
//! added) goes through SQL.

use crate::statement::Argument;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use wo_rules::time::Day;

/// Appends a row to the leaf of that month, its values in the order of `columns`. False where it has
/// to go through the parent.
pub fn to_leaf(parent: &str, month: Day, columns: &[&str], values: &[Argument]) -> bool {
    let name = format!("{parent}_{:04}_{:02}", month.year, month.month);
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: relation, indexes, slot and executor state are opened and closed here; values and
    // nulls have the length of the leaf's descriptor, and every value is of its column's type, as
    // the statement that does the same through SQL shows. An ERROR unwinds through us, and the abort
    // releases all of them.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo".as_ptr(), true);
        let leaf = pg_sys::get_relname_relid(name.as_ptr(), schema);
        if leaf == pg_sys::Oid::INVALID {
            return false;
        }
        let relation = pg_sys::table_open(leaf, pg_sys::RowExclusiveLock as i32);
        let is_usual = (*(*relation).rd_rel).relispartition && has_columns(relation, columns);
        if is_usual {
            append(relation, values);
        }
        pg_sys::table_close(relation, pg_sys::NoLock as i32);
        is_usual
    }
}

/// Whether the relation has these columns, in this order, and no others.
unsafe fn has_columns(relation: pg_sys::Relation, columns: &[&str]) -> bool {
    // SAFETY: the relation is open; its descriptor holds natts attributes.
    unsafe {
        let descriptor = (*relation).rd_att;
        (*descriptor).natts as usize == columns.len()
            && columns.iter().enumerate().all(|(index, column)| {
                crate::row::attribute(descriptor, index).is_some_and(|attribute| {
                    CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes()
                        == column.as_bytes()
                })
            })
    }
}

unsafe fn append(relation: pg_sys::Relation, values: &[Argument]) {
    // SAFETY: see to_leaf.
    unsafe {
        let state = pg_sys::CreateExecutorState();
        let result: *mut pg_sys::ResultRelInfo =
            pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast();
        pg_sys::InitResultRelInfo(result, relation, 1, std::ptr::null_mut(), 0);
        pg_sys::ExecOpenIndices(result, false);
        let slot =
            pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsVirtual);
        for (index, value) in values.iter().enumerate() {
            *(*slot).tts_values.add(index) = value.unwrap_or(pg_sys::Datum::from(0));
            *(*slot).tts_isnull.add(index) = value.is_none();
        }
        pg_sys::ExecStoreVirtualTuple(slot);
        pg_sys::ExecSimpleRelationInsert(result, state, slot);
        pg_sys::ExecCloseIndices(result);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::FreeExecutorState(state);
    }
}
