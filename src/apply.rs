//! Applying one row to a table, as logical replication would: triggers, constraints and indexes as
//! ever, without the set-up of a statement.
//!
//! A transition is one row of the work orders, one of the trail and one of the outbox. As SQL each
//! of them costs the set-up of a plan, of its expressions and of the table's policies, which is more
//! than the row itself. Whatever is unusual goes through SQL: a leaf that is not there, a column, a
//! policy or a trigger for each statement that a DBA added, an isolation level above READ COMMITTED.

pub mod checks;
mod many;

pub use many::many_rows;

use crate::statement::Argument;
use pgrx::pg_sys;
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use wo_rules::time::Day;

thread_local! {
    /// The leaves that take rows as the law writes them, by parent and month, since tables were
    /// last altered.
    static LEAVES: RefCell<HashMap<(&'static str, i64, u32), pg_sys::Oid>> = RefCell::default();
}

/// Forgets what was looked up: a table was altered.
pub fn forget() {
    let _ = LEAVES.try_with(|leaves| leaves.try_borrow_mut().map(|mut leaves| leaves.clear()));
    checks::forget();
}

/// Appends a row to the leaf of that month, its values in the order of `columns`. False where it has
/// to go through the parent.
pub fn append_to_leaf(
    parent: &'static str,
    month: Day,
    columns: &[&str],
    values: &[Argument],
) -> bool {
    if let Some(done) = many::append(parent, month, columns, values) {
        return done;
    }
    let key = (parent, month.year, month.month);
    // SAFETY: relation, indexes, slot and executor state are opened and closed here; values and
    // nulls have the length of the leaf's descriptor, and every value is of its column's type, as
    // the statement that does the same through SQL shows. An ERROR unwinds through us, and the abort
    // releases all of them.
    unsafe {
        // Whoever alters the leaf waits for this lock or has us hear of it here: what is known
        // after it was taken holds until it is given back.
        let known = LEAVES.with_borrow(|leaves| leaves.get(&key).copied());
        if let Some(leaf) = known {
            let relation = pg_sys::try_table_open(leaf, pg_sys::RowExclusiveLock as i32);
            let is_still = LEAVES.with_borrow(|leaves| leaves.get(&key) == known.as_ref());
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
        let leaf = leaf_of(parent, month);
        if leaf == pg_sys::Oid::INVALID {
            return false;
        }
        let relation = pg_sys::table_open(leaf, pg_sys::RowExclusiveLock as i32);
        let is_usual = (*(*relation).rd_rel).relispartition && has_columns(relation, columns);
        if is_usual {
            LEAVES.with_borrow_mut(|leaves| leaves.insert(key, leaf));
            append(relation, values);
        }
        pg_sys::table_close(relation, pg_sys::NoLock as i32);
        is_usual
    }
}

/// The leaf of that month; invalid where there is none.
unsafe fn leaf_of(parent: &str, month: Day) -> pg_sys::Oid {
    let name = format!("{parent}_{:04}_{:02}", month.year, month.month);
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: NUL-terminated names; the look-ups answer from the catalogue caches.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo".as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), schema)
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
    // SAFETY: see append_to_leaf.
    unsafe {
        let target = Target::open(relation);
        target.insert(values);
        target.close();
    }
}

/// An open table that rows are inserted into.
struct Target {
    state: *mut pg_sys::EState,
    result: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Target {
    /// In the present memory context.
    unsafe fn open(relation: pg_sys::Relation) -> Self {
        // SAFETY: the relation is open, and stays so until the target is closed.
        unsafe {
            let state = pg_sys::CreateExecutorState();
            let result: *mut pg_sys::ResultRelInfo =
                pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast();
            // The state has no range table, and an index into it would be followed by who tells
            // which constraint a row has failed.
            pg_sys::InitResultRelInfo(result, relation, 0, std::ptr::null_mut(), 0);
            spare_own_trigger((*result).ri_TrigDesc);
            pg_sys::ExecOpenIndices(result, false);
            Self { state, result, slot: virtual_slot(relation) }
        }
    }

    /// The values are the caller's: they must live until this returns.
    unsafe fn insert(&self, values: &[Argument]) {
        // SAFETY: the values are as many as the columns, each of its column's type.
        unsafe {
            pg_sys::ExecClearTuple(self.slot);
            for (index, value) in values.iter().enumerate() {
                *(*self.slot).tts_values.add(index) = value.unwrap_or(pg_sys::Datum::from(0));
                *(*self.slot).tts_isnull.add(index) = value.is_none();
            }
            pg_sys::ExecStoreVirtualTuple(self.slot);
            insert(self.result, self.state, self.slot);
            pg_sys::ExecClearTuple(self.slot);
        }
    }

    unsafe fn close(self) {
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
    // SAFETY: see append_to_leaf; the indexes are open.
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
unsafe fn generate(
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

/// Where the only trigger before an INSERT is the one that refuses every writer but the law, the law
/// need not ask it. The executor's copy of the triggers is changed, not the table.
unsafe fn spare_own_trigger(triggers: *mut pg_sys::TriggerDesc) {
    // SAFETY: null, or a copy of the relation's triggers, which hold numtriggers elements.
    unsafe {
        if triggers.is_null() {
            return;
        }
        let all =
            std::slice::from_raw_parts((*triggers).triggers, (*triggers).numtriggers as usize);
        let before_insert = (pg_sys::TRIGGER_TYPE_ROW
            | pg_sys::TRIGGER_TYPE_BEFORE
            | pg_sys::TRIGGER_TYPE_INSERT) as i16;
        let mut asked =
            all.iter().filter(|trigger| trigger.tgtype & before_insert == before_insert);
        let is_own = |trigger: &pg_sys::Trigger| CStr::from_ptr(trigger.tgname) == c"rule";
        if asked.next().is_some_and(is_own) && asked.next().is_none() {
            (*triggers).trig_insert_before_row = false;
        }
    }
}

/// Where nobody but the law's own triggers could change a key, those who refer to it need not be
/// asked: an UPDATE would find out for each foreign key that the key is the same. The executor's copy
/// of the triggers is changed, not the table.
unsafe fn spare_key_checks(triggers: *mut pg_sys::TriggerDesc) {
    // SAFETY: null, or a copy of the relation's triggers, which hold numtriggers elements.
    unsafe {
        if triggers.is_null() {
            return;
        }
        let count = (*triggers).numtriggers as usize;
        let all = std::slice::from_raw_parts_mut((*triggers).triggers, count);
        let before_update = (pg_sys::TRIGGER_TYPE_ROW
            | pg_sys::TRIGGER_TYPE_BEFORE
            | pg_sys::TRIGGER_TYPE_UPDATE) as i16;
        let is_own = |trigger: &pg_sys::Trigger| {
            let name = CStr::from_ptr(trigger.tgname);
            name == c"rule" || name == c"keep_key"
        };
        let foreign = |trigger: &&pg_sys::Trigger| {
            trigger.tgtype & before_update == before_update && !is_own(trigger)
        };
        if all.iter().find(foreign).is_some() {
            return;
        }
        let mut kept = 0;
        for index in 0..count {
            if all[index].tgfoid != pg_sys::Oid::from(pg_sys::F_RI_FKEY_NOACTION_UPD) {
                all.swap(kept, index);
                kept += 1;
            }
        }
        (*triggers).numtriggers = kept as i32;
    }
}

/// Updates the row of a table with that primary key: columns, counted from 0, with their values.
/// False where there is no such row.
///
/// The row is locked as it is committed now: that is READ COMMITTED, and no other isolation level
/// may come here.
pub fn update(
    table: pg_sys::Oid,
    primary_key: pg_sys::Oid,
    key: &[(usize, pg_sys::Datum)],
    changes: &[(usize, Argument)],
) -> bool {
    // SAFETY: relation, indexes, slots and executor state are opened and closed here, as the
    // worker that applies logical replication does; key and changes hold values of their columns'
    // types. An ERROR unwinds through us, and the abort releases all of them.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::RowExclusiveLock as i32);
        pg_sys::CommandCounterIncrement();
        pg_sys::PushCopiedSnapshot(pg_sys::GetActiveSnapshot());
        pg_sys::UpdateActiveSnapshotCommandId();
        let state = pg_sys::CreateExecutorState();
        range_table(state, table, changes);
        let result: *mut pg_sys::ResultRelInfo =
            pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast();
        pg_sys::InitResultRelInfo(result, relation, 1, std::ptr::null_mut(), 0);
        spare_key_checks((*result).ri_TrigDesc);
        (*state).es_opened_result_relations =
            pg_sys::lappend((*state).es_opened_result_relations, result.cast());
        (*state).es_output_cid = pg_sys::GetCurrentCommandId(true);
        pg_sys::AfterTriggerBeginQuery();

        let sought = virtual_slot(relation);
        let count = (*(*relation).rd_att).natts as usize;
        std::slice::from_raw_parts_mut((*sought).tts_isnull, count).fill(true);
        for (column, value) in key {
            *(*sought).tts_values.add(*column) = *value;
            *(*sought).tts_isnull.add(*column) = false;
        }
        pg_sys::ExecStoreVirtualTuple(sought);
        let found = pg_sys::table_slot_create(relation, std::ptr::null_mut());
        let is_found = pg_sys::RelationFindReplTupleByIndex(
            relation,
            primary_key,
            pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
            sought,
            found,
        );
        if is_found {
            pg_sys::slot_getsomeattrs_int(found, count as i32);
            let changed = changed(relation, found, changes);
            store(result, state, found, changed);
            pg_sys::ExecDropSingleTupleTableSlot(changed);
        }
        pg_sys::ExecDropSingleTupleTableSlot(found);
        pg_sys::ExecDropSingleTupleTableSlot(sought);
        pg_sys::AfterTriggerEndQuery(state);
        pg_sys::ExecResetTupleTable((*state).es_tupleTable, false);
        pg_sys::FreeExecutorState(state);
        pg_sys::PopActiveSnapshot();
        pg_sys::CommandCounterIncrement();
        pg_sys::table_close(relation, pg_sys::NoLock as i32);
        is_found
    }
}

/// The row as it is to be stored, in a slot that hands it to the triggers, takes theirs and stores
/// it without taking it apart.
unsafe fn changed(
    relation: pg_sys::Relation,
    found: *mut pg_sys::TupleTableSlot,
    changes: &[(usize, Argument)],
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the relation is open, the slot holds a row of it whose columns are all read, and every
    // index is one of its columns.
    unsafe {
        let descriptor = (*relation).rd_att;
        let count = (*descriptor).natts as usize;
        let mut values = std::slice::from_raw_parts((*found).tts_values, count).to_vec();
        let mut nulls = std::slice::from_raw_parts((*found).tts_isnull, count).to_vec();
        for (index, value) in changes {
            values[*index] = value.unwrap_or(pg_sys::Datum::from(0));
            nulls[*index] = value.is_none();
        }
        let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        let slot = pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsHeapTuple);
        pg_sys::ExecStoreHeapTuple(tuple, slot, true)
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
type Indexes = bool;
#[cfg(not(feature = "pg15"))]
type Indexes = pg_sys::TU_UpdateIndexes::Type;

/// Stores a changed row as ExecSimpleRelationUpdate would, but opens the indexes only where they get
/// an entry: an UPDATE that stays on its page gives them none, and they are many. Whoever makes or
/// drops an index waits for our lock on the table.
unsafe fn store(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    found: *mut pg_sys::TupleTableSlot,
    changed: *mut pg_sys::TupleTableSlot,
) {
    // SAFETY: see update.
    unsafe {
        let relation = (*result).ri_RelationDesc;
        let command = pg_sys::CmdType::CMD_UPDATE;
        pg_sys::CheckCmdReplicaIdentity(relation, command);
        if !passes_triggers(result, state, found, changed) {
            return;
        }
        generate(result, state, changed, command);
        checks::meet(result, state, changed);
        let mut indexes = Indexes::default();
        let place = &raw mut (*found).tts_tid;
        let snapshot = (*state).es_snapshot;
        pg_sys::simple_table_tuple_update(relation, place, changed, snapshot, &mut indexes);
        let has_entries = indexes != Indexes::default();
        let mut unsettled = std::ptr::null_mut();
        if has_entries {
            pg_sys::ExecOpenIndices(result, false);
            unsettled = add_to_indexes(result, state, changed, Some(indexes));
        }
        pg_sys::ExecARUpdateTriggers(
            state,
            result,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            place,
            std::ptr::null_mut(),
            changed,
            unsettled,
            std::ptr::null_mut(),
            false,
        );
        if has_entries {
            pg_sys::ExecCloseIndices(result);
        }
    }
}

/// Asks the triggers before an UPDATE of the row; false where one of them says that it shall not be.
unsafe fn passes_triggers(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    found: *mut pg_sys::TupleTableSlot,
    changed: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: see update.
    unsafe {
        let triggers = (*result).ri_TrigDesc;
        if triggers.is_null() || !(*triggers).trig_update_before_row {
            return true;
        }
        let mut recheck = pg_sys::EPQState::default();
        let (plan, marks) = (std::ptr::null_mut(), std::ptr::null_mut());
        #[cfg(feature = "pg15")]
        pg_sys::EvalPlanQualInit(&mut recheck, state, plan, marks, -1);
        #[cfg(not(feature = "pg15"))]
        pg_sys::EvalPlanQualInit(&mut recheck, state, plan, marks, -1, std::ptr::null_mut());
        let place = &raw mut (*found).tts_tid;
        let (foreign, failure) = (std::ptr::null_mut(), std::ptr::null_mut());
        #[cfg(not(feature = "pg15"))]
        let outcome = std::ptr::null_mut();
        let asked = &mut recheck;
        #[cfg(feature = "pg15")]
        let passes =
            pg_sys::ExecBRUpdateTriggers(state, asked, result, place, foreign, changed, failure);
        #[cfg(feature = "pg16")]
        let passes = pg_sys::ExecBRUpdateTriggers(
            state, asked, result, place, foreign, changed, outcome, failure,
        );
        #[cfg(feature = "pg18")]
        let passes = pg_sys::ExecBRUpdateTriggers(
            state, asked, result, place, foreign, changed, outcome, failure, false,
        );
        pg_sys::EvalPlanQualEnd(&mut recheck);
        passes
    }
}

/// Adds the stored row to the open indexes, after an UPDATE to those that it gives an entry; gives
/// those whose uniqueness is still to be asked.
unsafe fn add_to_indexes(
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

unsafe fn virtual_slot(relation: pg_sys::Relation) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the relation is open, and the slot is dropped before it is closed.
    unsafe {
        pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsVirtual)
    }
}

/// Tells the executor which table is written and which columns an UPDATE would name: triggers on
/// columns ask for them.
unsafe fn range_table(
    state: *mut pg_sys::EState,
    table: pg_sys::Oid,
    changes: &[(usize, Argument)],
) {
    // SAFETY: the nodes are made in the present memory context, which outlives the state.
    unsafe {
        let entry: *mut pg_sys::RangeTblEntry =
            pg_sys::palloc0(size_of::<pg_sys::RangeTblEntry>()).cast();
        (*entry).type_ = pg_sys::NodeTag::T_RangeTblEntry;
        (*entry).rtekind = pg_sys::RTEKind::RTE_RELATION;
        (*entry).relid = table;
        (*entry).relkind = pg_sys::RELKIND_RELATION as _;
        (*entry).rellockmode = pg_sys::RowExclusiveLock as i32;
        let updated = changes.iter().fold(std::ptr::null_mut(), |set, (column, _)| {
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
