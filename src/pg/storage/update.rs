//! Updating one row of a table without a statement.

use super::insert::{Indexes, add_to_indexes};
use super::query::{CommandSnapshot, Query, Slot};
use super::registered::Command;
use super::triggers::Triggers;
use super::writable::Writable;
use super::{checks, suppressed};
use crate::pg::attribute::attribute;
use crate::pg::error::{damaged, refuse};
use crate::pg::lookup::{Key, Latest, Scan, at_once, index_for};
use crate::pg::relation::OpenTable;
use crate::pg::row::{Row, can_store, same_value};
use crate::pg::statement::Argument;
use pgrx::pg_sys;
use pgrx::pg_sys::TM_Result;
use wo_rules::schema::Table;

/// Where a version of a row lies in its table.
pub type Tid = pg_sys::ItemPointerData;

impl Writable {
    /// Opens a table to update it. Nothing where it is not as registered: then it has to be written by a statement.
    pub fn to_update(registered: &'static Table) -> Option<Self> {
        Self::open(registered, Command::Update)
    }

    /// Whether a statement of the caller could update it, and would meet nothing else: an isolation
    /// level, another extension that hooks into the check of permissions. `roles` are those that its policies
    /// permit to.
    pub fn may_be_updated(&self, roles: &[&str]) -> bool {
        self.may(&[pg_sys::ACL_SELECT, pg_sys::ACL_UPDATE], roles)
    }

    /// Updates the row of that key, by an index that begins with its columns: positions of columns with
    /// their values. Gives where the row lies now; nothing where there is none. If the caller knows where
    /// it lay last, it is looked for there first.
    ///
    /// The row is locked as it is committed now: that is READ COMMITTED, and no other isolation level
    /// may come here.
    pub fn update(
        &self,
        index: &'static str,
        key: &[Key<'_>],
        last: Option<Tid>,
        changes: &[(usize, Argument)],
    ) -> Option<Tid> {
        update(self.table(), index, key, last, changes)
    }

    /// Locks the row of that key as an UPDATE that leaves its key alone would, and gives it to `look` with the
    /// place where it lies; nothing where there is none. The same isolation level as for [`Self::update`].
    pub fn lock<T>(
        &self,
        index: &'static str,
        key: &[Key<'_>],
        last: Option<Tid>,
        look: impl FnOnce(&Row, Tid) -> T,
    ) -> Option<T> {
        let table = self.table();
        let _snapshot = CommandSnapshot::push();
        let found = Slot::stored(table);
        let is_found = last.is_some_and(|last| lock_at(table, last, key, &found))
            || at_once(|latest| lock_by_index(table, index, latest, key, &found));
        is_found.then(|| {
            // SAFETY: the slot holds a row of the table, which is open.
            unsafe {
                let tuple =
                    pg_sys::ExecFetchSlotHeapTuple(found.as_ptr(), true, std::ptr::null_mut());
                look(&Row::of_tuple(tuple, table.descriptor()), (*found.as_ptr()).tts_tid)
            }
        })
    }
}

/// See [`Writable::update`].
fn update(
    table: &OpenTable,
    index: &'static str,
    key: &[Key<'_>],
    last: Option<Tid>,
    changes: &[(usize, Argument)],
) -> Option<Tid> {
    // In this order: the query ends before its snapshot is popped.
    let _snapshot = CommandSnapshot::push();
    let columns: Vec<usize> = changes.iter().map(|(column, _)| *column).collect();
    let query = Query::to_update(table, &columns);
    query.run(|query| {
        let found = Slot::stored(table);
        let is_found = last.is_some_and(|last| lock_at(table, last, key, &found))
            || at_once(|latest| lock_by_index(table, index, latest, key, &found));
        is_found.then(|| {
            let changed = changed(table, &found, changes);
            // SAFETY: both slots hold rows of the query's table.
            unsafe { store(query, &found, &changed) }
        })
    })
}

/// Locks the row of that key as it is committed now, and gives it to the slot; false where there is
/// none. Waits for the transaction that holds it, and then takes the version that was committed last.
fn lock_by_index(
    table: &OpenTable,
    index: &'static str,
    latest: &Latest,
    key: &[Key<'_>],
    found: &Slot,
) -> bool {
    let scan = Scan::begin(table, index_for(table, index, key), latest.snapshot(), key);
    let Some(tuple) = scan.next() else { return false };
    // SAFETY: the tuple is one of the table, valid until the scan goes on.
    let tid = unsafe { (*tuple).t_self };
    let follow =
        pg_sys::TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS | pg_sys::TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
    match lock(table, tid, latest.snapshot(), follow, found) {
        TM_Result::TM_Ok => has_key(table, found, key),
        TM_Result::TM_Deleted => false,
        other => refuse(damaged(&format!("a row could not be locked ({other})"))),
    }
}

/// Locks the row of that key, if its version at that place is the one that counts now, and gives it to
/// the slot. False where it is not: it was changed or deleted since, was never committed, or another row
/// has taken the place.
fn lock_at(table: &OpenTable, last: Tid, key: &[Key<'_>], found: &Slot) -> bool {
    // SAFETY: the table is open. The slot pins the page, so that what lies at the place stays until the
    // row is locked.
    let is_fetched = unsafe {
        let relation = table.as_ptr();
        let mut last = last;
        let block = pgrx::itemptr::item_pointer_get_block_number(&raw const last);
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
        pg_sys::table_tuple_fetch_row_version(relation, &raw mut last, any, found.as_ptr())
    };
    // SAFETY: there is an active snapshot.
    let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
    is_fetched
        && has_key(table, found, key)
        && lock(table, last, snapshot, 0, found) == TM_Result::TM_Ok
}

fn lock(
    table: &OpenTable,
    mut tid: Tid,
    snapshot: pg_sys::Snapshot,
    flags: u32,
    found: &Slot,
) -> TM_Result::Type {
    let mut failure = pg_sys::TM_FailureData::default();
    // SAFETY: the table is open, and the slot is one for its stored rows.
    unsafe {
        pg_sys::table_tuple_lock(
            table.as_ptr(),
            &raw mut tid,
            snapshot,
            found.as_ptr(),
            pg_sys::GetCurrentCommandId(false),
            pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
            pg_sys::LockWaitPolicy::LockWaitBlock,
            flags as u8,
            &mut failure,
        )
    }
}

/// Whether the row in the slot has that key.
fn has_key(table: &OpenTable, found: &Slot, key: &[Key<'_>]) -> bool {
    key.iter().all(|part| {
        let column = usize::try_from(part.attribute_of(table) - 1).unwrap_or(usize::MAX);
        let value = part.value();
        let found = found.as_ptr();
        // SAFETY: the column is one of the slot's, and of the value's type.
        unsafe {
            pg_sys::slot_getsomeattrs(found, column as i32 + 1);
            !*(*found).tts_isnull.add(column)
                && value.datum().is_some_and(|value| {
                    let stored = *(*found).tts_values.add(column);
                    same_value(table.descriptor(), column, stored, value)
                })
        }
    })
}

/// The row as it is to be stored, in a slot that hands it to the triggers, takes theirs and stores it
/// without taking it apart. Refuses a value of another type than its column's.
fn changed(table: &OpenTable, found: &Slot, changes: &[(usize, Argument)]) -> Slot {
    let descriptor = table.descriptor();
    let count = table.width();
    let slot = Slot::of_tuple(table);
    // SAFETY: the slot holds a row of the table, and every index is one of its columns.
    unsafe {
        let found = found.as_ptr();
        pg_sys::slot_getsomeattrs(found, count as i32);
        let mut values = std::slice::from_raw_parts((*found).tts_values, count).to_vec();
        let mut nulls = std::slice::from_raw_parts((*found).tts_isnull, count).to_vec();
        // What a column held before it was dropped is not stored again.
        (0..count)
            .filter(|index| attribute(descriptor, *index).is_none())
            .for_each(|index| nulls[index] = true);
        for (index, value) in changes {
            match table.type_of(*index) {
                Some((column, _)) if can_store(column, value) => {}
                _ => refuse(damaged("a value is of another type than its column")),
            }
            values[*index] = value.datum().unwrap_or(pg_sys::Datum::from(0));
            nulls[*index] = value.is_null();
        }
        let given = changes.iter().map(|(index, value)| (*index, value.datum()));
        crate::pg::output::assert_valid(descriptor, given);
        let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::ExecStoreHeapTuple(tuple, slot.as_ptr(), true);
    }
    slot
}

/// Stores a changed row as ExecSimpleRelationUpdate would and gives where it lies, but opens the indexes
/// only where they get an entry: an UPDATE that stays on its page gives them none, and they are many.
/// A transaction that makes or drops an index waits for our lock on the table.
///
/// # Safety
/// Both slots hold rows of the query's table.
unsafe fn store(query: &Query, found: &Slot, changed: &Slot) -> Tid {
    let (state, result) = (query.state(), query.result());
    let (found, changed) = (found.as_ptr(), changed.as_ptr());
    // SAFETY: as the caller promises.
    unsafe {
        let relation = (*result).ri_RelationDesc;
        pg_sys::CheckCmdReplicaIdentity(relation, pg_sys::CmdType::CMD_UPDATE);
        if !passes_triggers(query, found, changed) {
            refuse(suppressed((*relation).rd_id));
        }
        checks::meet(result, state, changed);
        let mut indexes = Indexes::default();
        let place = &raw mut (*found).tts_tid;
        let snapshot = (*state).es_snapshot;
        pg_sys::simple_table_tuple_update(relation, place, changed, snapshot, &mut indexes);
        if let Some(triggers) = query.triggers() {
            Triggers::skip_unchanged_references(triggers, result, found, changed);
        }
        let mut unsettled = std::ptr::null_mut();
        if indexes != Indexes::default() {
            pg_sys::ExecOpenIndices(result, false);
            unsettled = add_to_indexes(query, changed, Some(indexes));
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
        (*changed).tts_tid
    }
}

/// Asks the triggers before an UPDATE of the row; false where one of them says that it shall not be.
///
/// # Safety
/// Both slots hold rows of the query's table.
unsafe fn passes_triggers(
    query: &Query,
    found: *mut pg_sys::TupleTableSlot,
    changed: *mut pg_sys::TupleTableSlot,
) -> bool {
    let (state, result) = (query.state(), query.result());
    // SAFETY: as the caller promises.
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

#[cfg(any(test, feature = "pg_test"))]
#[pgrx::pg_schema]
mod tests {
    use super::*;
    use crate::pg::statement::argument;
    use pgrx::prelude::*;

    /// Whatever is said of where the row lay last, the row with that key is updated, and no other.
    #[pg_test]
    fn a_row_is_updated_wherever_it_was_said_to_lie() {
        Spi::run(
            "create table public.spot (id uuid primary key, count bigint);
             insert into public.spot select md5(n::text)::uuid, 0 from generate_series(1, 3) as n",
        )
        .unwrap_or_else(|error| error!("{error}"));
        let spot: Option<pg_sys::Oid> =
            Spi::get_one("select 'public.spot'::regclass::oid").unwrap_or_default();
        let table = spot.and_then(OpenTable::of_oid_to_write).unwrap_or_else(|| error!("no spot"));
        let id: Option<pgrx::Uuid> = Spi::get_one("select md5('2')::uuid").unwrap_or_default();
        let id = id.map_or([0; 16], |id| *id.as_bytes());
        let key = |id: [u8; 16]| [Key::Uuid("id", uuid::Uuid::from_bytes(id))];
        let place = |block: u32, item: u16| {
            let mut place = Tid::default();
            pgrx::itemptr::item_pointer_set_all(&mut place, block, item);
            Some(place)
        };
        let mut times = 0i64;
        let mut goes = |last: Option<Tid>| {
            times += 1;
            let now = update(&table, "spot_pkey", &key(id), last, &[(1, argument(times))]);
            let counts: Option<Vec<i64>> = Spi::get_one(
                "select array_agg(count order by id = md5('2')::uuid, id) from public.spot",
            )
            .unwrap_or_default();
            assert_eq!(counts, Some(vec![0, 0, times]), "{last:?}");
            assert!(now.is_some());
            now
        };
        let first = goes(None);
        let second = goes(first);
        // A version that counts no more, other rows, nobody's place, no page, and where it is.
        for last in [first, place(0, 1), place(0, 3), place(0, 200), place(999, 1), second] {
            goes(last);
        }
        let stranger = update(&table, "spot_pkey", &key([7; 16]), second, &[(1, argument(0i64))]);
        assert!(stranger.is_none());
    }
}
