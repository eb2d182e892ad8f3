//! Updating one row of a table without a statement.

use super::checks;
use super::target::{Indexes, add_to_indexes, generate, virtual_slot};
use super::triggers::{Triggers, result_of};
use crate::pg::row::same_value;
use crate::pg::statement::Argument;
use pgrx::pg_sys;

/// Where a version of a row lies in its table.
pub type Tid = pg_sys::ItemPointerData;

/// The columns of a primary key, counted from 0, with their values.
pub type PrimaryKey<'a> = &'a [(usize, Argument)];

/// Updates the row of a table with that primary key: columns, counted from 0, with their values.
/// Gives where the row lies now; nothing where there is no such row. If the caller knows where it lay
/// last, it is looked for there first.
///
/// The row is locked as it is committed now: that is READ COMMITTED, and no other isolation level
/// may come here.
pub fn update(
    table: pg_sys::Oid,
    index: pg_sys::Oid,
    key: PrimaryKey<'_>,
    last_place: Option<Tid>,
    changes: &[(usize, Argument)],
) -> Option<Tid> {
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
        let result = result_of(relation, 1);
        let triggers = Triggers::of(relation);
        if let Some(triggers) = &triggers {
            triggers.ask(result);
        }
        (*state).es_opened_result_relations =
            pg_sys::lappend((*state).es_opened_result_relations, result.cast());
        (*state).es_output_cid = pg_sys::GetCurrentCommandId(true);
        pg_sys::AfterTriggerBeginQuery();

        let found = pg_sys::table_slot_create(relation, std::ptr::null_mut());
        let is_found = last_place.is_some_and(|place| lock_at(relation, place, key, found))
            || lock_by_index(relation, index, key, found);
        let place = is_found.then(|| {
            let changed = changed(relation, found, changes);
            let place = store(result, state, triggers.as_deref(), found, changed);
            pg_sys::ExecDropSingleTupleTableSlot(changed);
            place
        });
        pg_sys::ExecDropSingleTupleTableSlot(found);
        pg_sys::AfterTriggerEndQuery(state);
        pg_sys::ExecResetTupleTable((*state).es_tupleTable, false);
        pg_sys::FreeExecutorState(state);
        pg_sys::PopActiveSnapshot();
        pg_sys::CommandCounterIncrement();
        pg_sys::table_close(relation, pg_sys::NoLock as i32);
        place
    }
}

/// Locks the row with that primary key as it is committed now, and gives it to the slot; false where
/// there is none.
unsafe fn lock_by_index(
    relation: pg_sys::Relation,
    index: pg_sys::Oid,
    key: PrimaryKey<'_>,
    found: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: see update; the slot that holds the key is dropped here.
    unsafe {
        let sought = virtual_slot(relation);
        let count = (*(*relation).rd_att).natts as usize;
        std::slice::from_raw_parts_mut((*sought).tts_isnull, count).fill(true);
        for (column, value) in key {
            *(*sought).tts_values.add(*column) = value.datum().unwrap_or(pg_sys::Datum::from(0));
            *(*sought).tts_isnull.add(*column) = value.is_null();
        }
        pg_sys::ExecStoreVirtualTuple(sought);
        let mode = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
        let is_found = pg_sys::RelationFindReplTupleByIndex(relation, index, mode, sought, found);
        pg_sys::ExecDropSingleTupleTableSlot(sought);
        is_found
    }
}

/// Locks the row with that primary key, if its version at that place is the one that counts now, and
/// gives it to the slot. False where it is not: it was changed or deleted since, was never committed,
/// or another row has taken the place.
unsafe fn lock_at(
    relation: pg_sys::Relation,
    mut place: Tid,
    key: PrimaryKey<'_>,
    found: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: see update. The slot pins the page, so that what lies at the place stays until the row
    // is locked.
    unsafe {
        let block = pgrx::itemptr::item_pointer_get_block_number(&raw const place);
        let main = pg_sys::ForkNumber::MAIN_FORKNUM;
        if block >= pg_sys::RelationGetNumberOfBlocksInFork(relation, main) {
            // A VACUUM has given the page back.
            return false;
        }
        // As a reader by an index does: without it the page fills with versions that nobody needs,
        // and each UPDATE goes to another page and into every index.
        let page = pg_sys::ReadBuffer(relation, block);
        pg_sys::heap_page_prune_opt(relation, page);
        pg_sys::ReleaseBuffer(page);
        let any = &raw mut pg_sys::SnapshotAnyData;
        if !pg_sys::table_tuple_fetch_row_version(relation, &raw mut place, any, found) {
            return false;
        }
        let last = key.iter().map(|(column, _)| *column).max().unwrap_or(0);
        pg_sys::slot_getsomeattrs(found, last as i32 + 1);
        let is_it = key.iter().all(|(column, value)| {
            !*(*found).tts_isnull.add(*column)
                && value.datum().is_some_and(|value| {
                    let stored = *(*found).tts_values.add(*column);
                    same_value((*relation).rd_att, *column, stored, value)
                })
        });
        let mut failure = pg_sys::TM_FailureData::default();
        is_it
            && pg_sys::table_tuple_lock(
                relation,
                &raw mut place,
                pg_sys::GetActiveSnapshot(),
                found,
                pg_sys::GetCurrentCommandId(false),
                pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
                pg_sys::LockWaitPolicy::LockWaitBlock,
                0,
                &mut failure,
            ) == pg_sys::TM_Result::TM_Ok
    }
}

/// The row as it is to be stored, in a slot that hands it to the triggers, takes theirs and stores
/// it without taking it apart.
unsafe fn changed(
    relation: pg_sys::Relation,
    found: *mut pg_sys::TupleTableSlot,
    changes: &[(usize, Argument)],
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the relation is open, the slot holds a row of it, and every index is one of its
    // columns.
    unsafe {
        let descriptor = (*relation).rd_att;
        let count = (*descriptor).natts as usize;
        pg_sys::slot_getsomeattrs(found, count as i32);
        let mut values = std::slice::from_raw_parts((*found).tts_values, count).to_vec();
        let mut nulls = std::slice::from_raw_parts((*found).tts_isnull, count).to_vec();
        crate::pg::output::assert_valid(
            descriptor,
            changes.iter().map(|(index, value)| (*index, value.datum())),
        );
        for (index, value) in changes {
            values[*index] = value.datum().unwrap_or(pg_sys::Datum::from(0));
            nulls[*index] = value.is_null();
        }
        let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        let slot = pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsHeapTuple);
        pg_sys::ExecStoreHeapTuple(tuple, slot, true)
    }
}

/// Stores a changed row as ExecSimpleRelationUpdate would and gives where it lies, but opens the indexes only where they get
/// an entry: an UPDATE that stays on its page gives them none, and they are many. Whoever makes or
/// drops an index waits for our lock on the table.
unsafe fn store(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    triggers: Option<&Triggers>,
    found: *mut pg_sys::TupleTableSlot,
    changed: *mut pg_sys::TupleTableSlot,
) -> Tid {
    // SAFETY: see update.
    unsafe {
        let relation = (*result).ri_RelationDesc;
        let command = pg_sys::CmdType::CMD_UPDATE;
        pg_sys::CheckCmdReplicaIdentity(relation, command);
        if !passes_triggers(result, state, found, changed) {
            return (*found).tts_tid;
        }
        generate(result, state, changed, command);
        checks::meet(result, state, changed);
        let mut indexes = Indexes::default();
        let place = &raw mut (*found).tts_tid;
        let snapshot = (*state).es_snapshot;
        pg_sys::simple_table_tuple_update(relation, place, changed, snapshot, &mut indexes);
        if let Some(triggers) = triggers {
            triggers.skip_unchanged_references(result, found, changed);
        }
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
        (*changed).tts_tid
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
