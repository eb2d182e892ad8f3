//! A table that rows are inserted into, opened without a statement.

use super::checks;
use super::triggers::{Triggers, result_of};
use crate::pg::statement::Argument;
use pgrx::pg_sys;
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use std::rc::Rc;

/// An open table that rows are inserted into.
pub struct Target {
    pub state: *mut pg_sys::EState,
    result: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    _triggers: Option<Rc<Triggers>>,
}

impl Target {
    /// In the present memory context.
    ///
    /// # Safety
    /// The relation must be open, and stay so until the target is closed.
    pub unsafe fn open(relation: pg_sys::Relation) -> Self {
        // SAFETY: as the caller promises; the triggers live as long as the target.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            // The state has no range table, and an index into it would be followed by who tells
            // which constraint a row has failed.
            let result = result_of(relation, 0);
            let triggers = Triggers::of(relation);
            if let Some(triggers) = &triggers {
                triggers.ask_for_insert(result);
            }
            pg_sys::ExecOpenIndices(result, false);
            Self { state, result, slot: virtual_slot(relation), _triggers: triggers }
        }
    }

    /// Inserts a row: as many values as the table has columns, each of its column's type.
    ///
    /// # Safety
    /// The values are the caller's: they must live until this returns.
    pub unsafe fn insert(&self, values: &[Argument]) {
        // SAFETY: the values are as many as the columns, each of its column's type.
        unsafe {
            pg_sys::ExecClearTuple(self.slot);
            let descriptor = (*self.slot).tts_tupleDescriptor;
            crate::pg::output::assert_valid(
                descriptor,
                values.iter().map(Argument::datum).enumerate(),
            );
            for (index, value) in values.iter().enumerate() {
                *(*self.slot).tts_values.add(index) =
                    value.datum().unwrap_or(pg_sys::Datum::from(0));
                *(*self.slot).tts_isnull.add(index) = value.is_null();
            }
            pg_sys::ExecStoreVirtualTuple(self.slot);
            insert(self.result, self.state, self.slot);
            pg_sys::ExecClearTuple(self.slot);
        }
    }

    /// Closes it.
    ///
    /// # Safety
    /// The relation must still be open.
    pub unsafe fn close(self) {
        // SAFETY: opened by open, and closed once.
        unsafe {
            pg_sys::ExecCloseIndices(self.result);
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::FreeExecutorState(self.state);
        }
    }
}

/// Inserts a row as ExecSimpleRelationInsert would, its CHECKs and bounds compiled already.
unsafe fn insert(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    slot: *mut pg_sys::TupleTableSlot,
) {
    // SAFETY: see Target; the indexes are open.
    unsafe {
        let relation = (*result).ri_RelationDesc;
        let command = pg_sys::CmdType::CMD_INSERT;
        pg_sys::CheckCmdReplicaIdentity(relation, command);
        let triggers = (*result).ri_TrigDesc;
        if !triggers.is_null()
            && (*triggers).trig_insert_before_row
            && !pg_sys::ExecBRInsertTriggers(state, result, slot)
        {
            return;
        }
        generate(result, state, slot, command);
        checks::meet(result, state, slot);
        pg_sys::simple_table_tuple_insert(relation, slot);
        let unsettled = if (*result).ri_NumIndices > 0 {
            add_to_indexes(result, state, slot, None)
        } else {
            std::ptr::null_mut()
        };
        pg_sys::ExecARInsertTriggers(state, result, slot, unsettled, std::ptr::null_mut());
    }
}

/// Fills stored generated columns that somebody added.
pub(super) unsafe fn generate(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    slot: *mut pg_sys::TupleTableSlot,
    command: pg_sys::CmdType::Type,
) {
    // SAFETY: the relation is open and the slot holds a row of it.
    unsafe {
        let constraints = (*(*(*result).ri_RelationDesc).rd_att).constr;
        if !constraints.is_null() && (*constraints).has_generated_stored {
            pg_guard_ffi_boundary(|| ExecComputeStoredGenerated(result, state, slot, command));
        }
    }
}

// PostgreSQL's own, from executor/nodeModifyTable.h, which pgrx does not bind.
unsafe extern "C-unwind" {
    fn ExecComputeStoredGenerated(
        result: *mut pg_sys::ResultRelInfo,
        state: *mut pg_sys::EState,
        slot: *mut pg_sys::TupleTableSlot,
        command: pg_sys::CmdType::Type,
    );
}

/// Which indexes of a table an UPDATE gives an entry; by default none.
#[cfg(feature = "pg15")]
pub(super) type Indexes = bool;
#[cfg(not(feature = "pg15"))]
pub(super) type Indexes = pg_sys::TU_UpdateIndexes::Type;

/// Adds the stored row to the open indexes, after an UPDATE to those that it gives an entry; gives
/// those whose uniqueness is still to be asked.
pub(super) unsafe fn add_to_indexes(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    stored: *mut pg_sys::TupleTableSlot,
    updated: Option<Indexes>,
) -> *mut pg_sys::List {
    let (conflict, arbiters) = (std::ptr::null_mut(), std::ptr::null_mut());
    let is_update = updated.is_some();
    // SAFETY: see update.
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

pub(super) unsafe fn virtual_slot(relation: pg_sys::Relation) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the relation is open, and the slot is dropped before it is closed.
    unsafe {
        pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsVirtual)
    }
}
