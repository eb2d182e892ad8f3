//! What the executor keeps of a query that writes one table, made without a statement.

use super::triggers::{Triggers, result_of};
use crate::pg::relation::OpenTable;
use pgrx::pg_sys;
use std::rc::Rc;

/// The state of a query that writes an open table. It is freed when it goes out of scope; the table must
/// stay open until then.
pub struct Query {
    state: *mut pg_sys::EState,
    result: *mut pg_sys::ResultRelInfo,
    triggers: Option<Rc<Triggers>>,
}

impl Query {
    /// A query that inserts rows. Its indexes are open.
    pub fn to_insert(table: &OpenTable) -> Self {
        let query = Self::new(table, &[]);
        // SAFETY: the result is of an open table.
        unsafe { pg_sys::ExecOpenIndices(query.result, false) };
        query
    }

    /// A query that updates these columns, counted from 0. Its indexes are opened when one of them gets
    /// an entry.
    pub fn to_update(table: &OpenTable, columns: &[usize]) -> Self {
        Self::new(table, columns)
    }

    fn new(table: &OpenTable, updated: &[usize]) -> Self {
        // SAFETY: the table is open; its triggers live as long as this.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            range_table(state, table.oid(), updated);
            let result = result_of(table.as_ptr(), 1);
            let triggers = Triggers::of(table.as_ptr());
            if let Some(triggers) = &triggers {
                triggers.ask(result);
            }
            (*state).es_opened_result_relations =
                pg_sys::lappend((*state).es_opened_result_relations, result.cast());
            Self { state, result, triggers }
        }
    }

    /// Writes rows as one query: triggers after them fire at its end.
    pub fn run<T>(&self, write: impl FnOnce(&Self) -> T) -> T {
        // SAFETY: begun and ended here. An ERROR unwinds through us, and the abort forgets the query.
        unsafe {
            (*self.state).es_output_cid = pg_sys::GetCurrentCommandId(true);
            pg_sys::AfterTriggerBeginQuery();
            let written = write(self);
            pg_sys::AfterTriggerEndQuery(self.state);
            let checked = (*self.state).es_per_tuple_exprcontext;
            if !checked.is_null() {
                pg_sys::MemoryContextReset((*checked).ecxt_per_tuple_memory);
            }
            written
        }
    }

    /// The state, as long as this lives.
    pub fn state(&self) -> *mut pg_sys::EState {
        self.state
    }

    /// The table, as the executor knows it.
    pub fn result(&self) -> *mut pg_sys::ResultRelInfo {
        self.result
    }

    /// The table's triggers.
    pub fn triggers(&self) -> Option<&Triggers> {
        self.triggers.as_deref()
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        // While an ERROR unwinds, the abort frees everything by itself.
        if !std::thread::panicking() {
            // SAFETY: made by new, and freed once; the table is still open.
            unsafe {
                pg_sys::ExecResetTupleTable((*self.state).es_tupleTable, false);
                pg_sys::ExecCloseResultRelations(self.state);
                pg_sys::FreeExecutorState(self.state);
            }
        }
    }
}

/// A slot that holds one row of a table. It is dropped when it goes out of scope, and the page that it
/// keeps is given back.
pub struct Slot(*mut pg_sys::TupleTableSlot);

impl Slot {
    /// A slot for a row as the table stores it.
    pub fn stored(table: &OpenTable) -> Self {
        // SAFETY: the table is open.
        Self(unsafe { pg_sys::table_slot_create(table.as_ptr(), std::ptr::null_mut()) })
    }

    /// A slot for a row that is made of values.
    pub fn of_values(table: &OpenTable) -> Self {
        // SAFETY: the table is open.
        Self(unsafe {
            pg_sys::MakeSingleTupleTableSlot(table.descriptor(), &raw const pg_sys::TTSOpsVirtual)
        })
    }

    /// A slot for a row that is one tuple in memory.
    pub fn of_tuple(table: &OpenTable) -> Self {
        // SAFETY: the table is open.
        Self(unsafe {
            pg_sys::MakeSingleTupleTableSlot(table.descriptor(), &raw const pg_sys::TTSOpsHeapTuple)
        })
    }

    /// The slot, as long as this lives.
    pub fn as_ptr(&self) -> *mut pg_sys::TupleTableSlot {
        self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made once, and dropped once.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) };
        }
    }
}

/// The active snapshot, with what this transaction has written until now. It is popped when it goes out
/// of scope.
pub struct CommandSnapshot;

impl CommandSnapshot {
    /// Makes visible what was written, and pushes a snapshot that sees it.
    pub fn push() -> Self {
        // SAFETY: in a function that a query calls, so there is an active snapshot.
        unsafe {
            pg_sys::CommandCounterIncrement();
            pg_sys::PushCopiedSnapshot(pg_sys::GetActiveSnapshot());
            pg_sys::UpdateActiveSnapshotCommandId();
        }
        Self
    }
}

impl Drop for CommandSnapshot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: pushed once; whatever was pushed after it was popped before.
            unsafe {
                pg_sys::PopActiveSnapshot();
                pg_sys::CommandCounterIncrement();
            }
        }
    }
}

/// Shows the executor which table is written and which columns an UPDATE names: triggers on columns
/// ask for them.
unsafe fn range_table(state: *mut pg_sys::EState, table: pg_sys::Oid, updated: &[usize]) {
    // SAFETY: the nodes are made in the present memory context, which outlives the state.
    unsafe {
        let entry: *mut pg_sys::RangeTblEntry =
            pg_sys::palloc0(size_of::<pg_sys::RangeTblEntry>()).cast();
        (*entry).type_ = pg_sys::NodeTag::T_RangeTblEntry;
        (*entry).rtekind = pg_sys::RTEKind::RTE_RELATION;
        (*entry).relid = table;
        (*entry).relkind = pg_sys::RELKIND_RELATION as _;
        (*entry).rellockmode = pg_sys::RowExclusiveLock as i32;
        let updated = updated.iter().fold(std::ptr::null_mut(), |set, column| {
            let attribute = *column as i32 + 1;
            pg_sys::bms_add_member(set, attribute - pg_sys::FirstLowInvalidHeapAttributeNumber)
        });
        let entries = |entry: *mut std::ffi::c_void| pg_sys::lappend(std::ptr::null_mut(), entry);
        #[cfg(feature = "pg15")]
        {
            (*entry).updatedCols = updated;
            pg_sys::ExecInitRangeTable(state, entries(entry.cast()));
        }
        #[cfg(not(feature = "pg15"))]
        {
            let permission: *mut pg_sys::RTEPermissionInfo =
                pg_sys::palloc0(size_of::<pg_sys::RTEPermissionInfo>()).cast();
            (*permission).type_ = pg_sys::NodeTag::T_RTEPermissionInfo;
            (*permission).relid = table;
            (*permission).updatedCols = updated;
            (*entry).perminfoindex = 1;
            #[cfg(feature = "pg16")]
            pg_sys::ExecInitRangeTable(state, entries(entry.cast()), entries(permission.cast()));
            #[cfg(feature = "pg18")]
            pg_sys::ExecInitRangeTable(
                state,
                entries(entry.cast()),
                entries(permission.cast()),
                pg_sys::bms_add_member(std::ptr::null_mut(), 1),
            );
        }
    }
}
