//! Inserting a row without a statement: into a table, or appending it to a partition.

use super::query::{CommandSnapshot, Query, Slot};
use super::registered::{Command, Positions, is_parent, positions_in_partition};
use super::writable::Writable;
use super::{assert_types, checks, suppressed};
use crate::pg::error::{damaged, refuse};
use crate::pg::oid::oid_of_name;
use crate::pg::relation::OpenTable;
use crate::pg::row::{Row, can_store};
use crate::pg::statement::Argument;
use pgrx::pg_sys;
use wo_rules::schema::Table;
use wo_rules::time::Day;

/// A partition that rows are appended to, open with all that the executor needs. The query is freed
/// before its tables are closed.
pub struct Appending {
    query: Query,
    slot: Slot,
    table: &'static Table,
    positions: Positions,
    _partition: OpenTable,
    _parent: OpenTable,
}

impl Appending {
    /// Opens the partition of that month. Nothing where there is none, or where the table or the
    /// partition is not as registered: then a statement has to insert the row.
    pub fn open(table: &'static Table, month: Day) -> Option<Self> {
        // A statement would lock and meet the parent too.
        let parent = OpenTable::to_write(table.name);
        // A partition that lacks what is registered is refused, by a statement too.
        let partition = OpenTable::of_oid_to_write(partition_of(table, month)?)?;
        if !is_parent(&parent) {
            return None;
        }
        // A rename or a detachment that was committed while the lock was waited for is known by now.
        if partition_of(table, month) != Some(partition.oid()) {
            return None;
        }
        let positions = positions_in_partition(&partition, &parent)?;
        let query = Query::to_insert(&partition);
        let slot = Slot::of_values(&partition);
        Some(Self { query, slot, table, positions, _partition: partition, _parent: parent })
    }

    /// Inserts a row: values in the order of the registered columns.
    pub fn insert(&self, values: &[Argument]) {
        assert_types(self.table, values);
        let slot = self.slot.as_ptr();
        // SAFETY: the positions are those of the slot's columns, and each value is of its column's type.
        // The values are the caller's, and live until this returns.
        unsafe {
            pg_sys::ExecClearTuple(slot);
            let descriptor = (*slot).tts_tupleDescriptor;
            let count = (*descriptor).natts as usize;
            std::slice::from_raw_parts_mut((*slot).tts_isnull, count).fill(true);
            let placed = || self.positions.iter().zip(values);
            crate::pg::output::assert_valid(
                descriptor,
                placed().map(|(index, value)| (*index, value.datum())),
            );
            for (index, value) in placed() {
                *(*slot).tts_values.add(*index) = value.datum().unwrap_or(pg_sys::Datum::from(0));
                *(*slot).tts_isnull.add(*index) = value.is_null();
            }
            pg_sys::ExecStoreVirtualTuple(slot);
            self.query.run(|query| insert(query, slot));
            pg_sys::ExecClearTuple(slot);
        }
    }
}

impl Writable {
    /// Opens a table to insert into it. Nothing where it is not as registered: then it has to be written by a
    /// statement.
    pub fn to_insert(registered: &'static Table) -> Option<Self> {
        Self::open(registered, Command::Insert)
    }

    /// Whether a statement of the caller could insert into it and read what it inserted, and would meet nothing
    /// else. `roles` are those that its policies permit to.
    pub fn may_be_inserted(&self, roles: &[&str]) -> bool {
        self.may(&[pg_sys::ACL_SELECT, pg_sys::ACL_INSERT], roles)
    }

    /// Inserts a row of these values by their positions, which takes no defaults: the other columns are NULL
    /// until the triggers before it fill them in. Gives the row that was stored to `look`.
    ///
    /// What its triggers and foreign keys see is what is committed now: that is READ COMMITTED, and no other
    /// isolation level may come here.
    pub fn insert<T>(&self, given: &[(usize, Argument)], look: impl FnOnce(&Row) -> T) -> T {
        let table = self.table();
        // In this order: the query ends before its snapshot is popped.
        let _snapshot = CommandSnapshot::push();
        let query = Query::to_insert(table);
        let slot = Slot::of_tuple(table);
        let descriptor = table.descriptor();
        let count = table.width();
        let (mut values, mut nulls) = (vec![pg_sys::Datum::from(0); count], vec![true; count]);
        for (index, value) in given {
            match table.type_of(*index) {
                Some((column, _)) if can_store(column, value) => {}
                _ => refuse(damaged("a value is of another type than its column")),
            }
            values[*index] = value.datum().unwrap_or(pg_sys::Datum::from(0));
            nulls[*index] = value.is_null();
        }
        let data = given.iter().map(|(index, value)| (*index, value.datum()));
        crate::pg::output::assert_valid(descriptor, data);
        // SAFETY: the arrays have the descriptor's length, and the slot is one of the query's table.
        unsafe {
            let tuple =
                pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::ExecStoreHeapTuple(tuple, slot.as_ptr(), true);
            query.run(|query| insert(query, slot.as_ptr()));
            let stored = pg_sys::ExecFetchSlotHeapTuple(slot.as_ptr(), true, std::ptr::null_mut());
            look(&Row::of_tuple(stored, descriptor))
        }
    }
}

/// The partition of that month, if there is one.
fn partition_of(table: &'static Table, month: Day) -> Option<pg_sys::Oid> {
    oid_of_name(&format!("{}_{:04}_{:02}", table.name, month.year, month.month))
}

/// Inserts a row as ExecSimpleRelationInsert would, its CHECKs and bounds compiled already.
///
/// # Safety
/// The slot holds a row of the query's table.
unsafe fn insert(query: &Query, slot: *mut pg_sys::TupleTableSlot) {
    let (state, result) = (query.state(), query.result());
    // SAFETY: as the caller promises; the indexes are open.
    unsafe {
        let relation = (*result).ri_RelationDesc;
        pg_sys::CheckCmdReplicaIdentity(relation, pg_sys::CmdType::CMD_INSERT);
        let triggers = (*result).ri_TrigDesc;
        if !triggers.is_null()
            && (*triggers).trig_insert_before_row
            && !pg_sys::ExecBRInsertTriggers(state, result, slot)
        {
            refuse(suppressed((*relation).rd_id));
        }
        checks::meet(result, state, slot);
        pg_sys::simple_table_tuple_insert(relation, slot);
        let unsettled = match (*result).ri_NumIndices > 0 {
            true => add_to_indexes(query, slot, None),
            false => std::ptr::null_mut(),
        };
        pg_sys::ExecARInsertTriggers(state, result, slot, unsettled, std::ptr::null_mut());
    }
}

/// Which indexes of a table an UPDATE gives an entry; by default none.
#[cfg(feature = "pg15")]
pub type Indexes = bool;
#[cfg(not(feature = "pg15"))]
pub type Indexes = pg_sys::TU_UpdateIndexes::Type;

/// Adds the stored row to the open indexes, after an UPDATE to those that it gives an entry; gives
/// those whose uniqueness is still to be asked.
///
/// # Safety
/// The slot holds a stored row of the query's table.
pub unsafe fn add_to_indexes(
    query: &Query,
    stored: *mut pg_sys::TupleTableSlot,
    updated: Option<Indexes>,
) -> *mut pg_sys::List {
    let (state, result) = (query.state(), query.result());
    let (conflict, arbiters) = (std::ptr::null_mut(), std::ptr::null_mut());
    let is_update = updated.is_some();
    // SAFETY: as the caller promises; the indexes are open.
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_sys::ExecInsertIndexTuples(
            result, stored, state, is_update, false, conflict, arbiters,
        );
        #[cfg(not(feature = "pg15"))]
        return pg_sys::ExecInsertIndexTuples(
            result,
            stored,
            state,
            is_update,
            false,
            conflict,
            arbiters,
            updated == Some(pg_sys::TU_UpdateIndexes::TU_Summarizing),
        );
    }
}
