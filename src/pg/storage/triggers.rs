//! A table's triggers, copied once for all rows rather than anew for each.
//!
//! The executor copies them for every statement, and asks the triggers of every foreign key whether
//! there is something to do. Where nothing can be, they are not asked: what changes is the copy,
//! never the table.

use crate::pg::cache::{Cached, recall};
use crate::pg::row::same_value;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

/// The triggers of one table.
pub struct Triggers {
    memory: pg_sys::MemoryContext,
    descriptor: pg_sys::TriggerDesc,
    /// The same triggers, without those of the foreign keys from the table.
    same_references: *mut pg_sys::Trigger,
    /// The columns of the foreign keys from the table.
    references: Vec<usize>,
    /// The compiled conditions of the triggers; null where one has none.
    conditions: Vec<*mut pg_sys::ExprState>,
}

/// Of how many tables, each for one role, a backend keeps the triggers.
const MOST: usize = 256;

thread_local! {
    /// By table, and the role whose right to the functions in the conditions was asked.
    static KNOWN: RefCell<Cached<(pg_sys::Oid, pg_sys::Oid), Rc<Triggers>>> =
        RefCell::new(Cached::of_catalogues(MOST));
}

impl Drop for Triggers {
    fn drop(&mut self) {
        // While an ERROR unwinds, nothing of PostgreSQL's is called: those few bytes are left.
        if !std::thread::panicking() {
            // SAFETY: nobody else knows the memory, and we are not in it.
            unsafe { pg_sys::MemoryContextDelete(self.memory) };
        }
    }
}

impl Triggers {
    /// The triggers of an open table. None where it has none.
    ///
    /// # Safety
    /// The relation must be open.
    pub unsafe fn of(relation: pg_sys::Relation) -> Option<Rc<Self>> {
        // SAFETY: the relation is open.
        let key = unsafe {
            if (*relation).trigdesc.is_null() {
                return None;
            }
            ((*relation).rd_id, pg_sys::GetUserId())
        };
        // SAFETY: the relation is open and has triggers.
        Some(recall(&KNOWN, key, |_| Rc::new(unsafe { Self::copy(relation) })))
    }

    unsafe fn copy(relation: pg_sys::Relation) -> Self {
        // SAFETY: the relation is open; its triggers are numtriggers elements, and so are their
        // copies. Lists and arrays live in the memory that is made here.
        unsafe {
            let memory = pg_sys::AllocSetContextCreateInternal(
                pg_sys::TopMemoryContext,
                c"wo_core triggers".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            );
            let before = pg_sys::MemoryContextSwitchTo(memory);
            let descriptor = *pg_sys::CopyTriggerDesc((*relation).trigdesc);
            let keys = pg_sys::RelationGetFKeyList(relation);
            let count = descriptor.numtriggers as usize;
            let bytes = size_of::<pg_sys::Trigger>() * count;
            let same_references: *mut pg_sys::Trigger = pg_sys::palloc(bytes).cast();
            let all = std::slice::from_raw_parts_mut(descriptor.triggers, count);
            let conditions = all.iter().map(|trigger| condition(trigger)).collect();
            pg_sys::MemoryContextSwitchTo(before);

            skip_referring(all);
            std::ptr::copy_nonoverlapping(descriptor.triggers, same_references, count);
            let spared = std::slice::from_raw_parts_mut(same_references, count);
            let keys: &[pg_sys::ListCell] = match keys.as_ref() {
                Some(keys) => std::slice::from_raw_parts(keys.elements, keys.length as usize),
                None => &[],
            };
            let mut references = Vec::new();
            for key in keys {
                let key = &*key.ptr_value.cast::<pg_sys::ForeignKeyCacheInfo>();
                let columns = &key.conkey[..key.nkeys as usize];
                references.extend(columns.iter().map(|column| *column as usize - 1));
                let checks = spared.iter_mut().filter(|trigger| {
                    trigger.tgconstraint == key.conoid
                        && trigger.tgfoid == pg_sys::Oid::from(pg_sys::F_RI_FKEY_CHECK_UPD)
                });
                checks.for_each(skip);
            }
            references.sort_unstable();
            references.dedup();
            Self { memory, descriptor, same_references, references, conditions }
        }
    }

    /// Has the executor ask them.
    ///
    /// # Safety
    /// The result must not outlive these triggers.
    pub unsafe fn ask(&self, result: *mut pg_sys::ResultRelInfo) {
        let count = self.descriptor.numtriggers as usize;
        // SAFETY: as InitResultRelInfo does it, for as many triggers.
        unsafe {
            let descriptor: *mut pg_sys::TriggerDesc =
                pg_sys::palloc(size_of::<pg_sys::TriggerDesc>()).cast();
            *descriptor = self.descriptor;
            let functions = pg_sys::palloc0(
                count * (size_of::<pg_sys::FmgrInfo>() + size_of::<*mut pg_sys::ExprState>()),
            );
            (*result).ri_TrigDesc = descriptor;
            (*result).ri_TrigFunctions = functions.cast();
            let conditions = functions.cast::<pg_sys::FmgrInfo>().add(count);
            (*result).ri_TrigWhenExprs = conditions.cast();
            std::ptr::copy_nonoverlapping(
                self.conditions.as_ptr(),
                (*result).ri_TrigWhenExprs,
                count,
            );
        }
    }

    /// After an UPDATE passed the triggers before it: where the row refers to the same rows as before,
    /// the foreign keys from it need not be asked whether they still hold. They are where this
    /// transaction made the row: it may be that they were not asked yet.
    ///
    /// # Safety
    /// The result must have been given to [`Self::ask`], and both slots hold rows of its relation.
    pub unsafe fn skip_unchanged_references(
        &self,
        result: *mut pg_sys::ResultRelInfo,
        before: *mut pg_sys::TupleTableSlot,
        after: *mut pg_sys::TupleTableSlot,
    ) {
        let Some(last) = self.references.last() else { return };
        // SAFETY: both slots give their values up to the last column that is compared.
        unsafe {
            let made = pg_sys::ExecFetchSlotHeapTuple(before, false, std::ptr::null_mut());
            let maker = (*(*made).t_data).t_choice.t_heap.t_xmin;
            if pg_sys::TransactionIdIsCurrentTransactionId(maker) {
                return;
            }
            pg_sys::slot_getsomeattrs(before, *last as i32 + 1);
            pg_sys::slot_getsomeattrs(after, *last as i32 + 1);
            let value = |slot: *mut pg_sys::TupleTableSlot, column: usize| {
                (!*(*slot).tts_isnull.add(column)).then(|| *(*slot).tts_values.add(column))
            };
            let descriptor = (*before).tts_tupleDescriptor;
            let is_same = self.references.iter().all(|column| {
                match (value(before, *column), value(after, *column)) {
                    (None, None) => true,
                    (Some(before), Some(after)) => same_value(descriptor, *column, before, after),
                    _ => false,
                }
            });
            if is_same {
                (*(*result).ri_TrigDesc).triggers = self.same_references;
            }
        }
    }
}

/// A trigger's condition, compiled as the executor would for every statement anew; null where it has
/// none.
///
/// # Safety
/// The trigger is a copy that lives as long as the present memory context.
unsafe fn condition(trigger: &pg_sys::Trigger) -> *mut pg_sys::ExprState {
    if trigger.tgqual.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: the text is that of an expression over the old and the new row.
    unsafe {
        let tree: *mut pg_sys::Node = pg_sys::stringToNode(trigger.tgqual).cast();
        pg_sys::ChangeVarNodes(tree, pg_sys::PRS2_OLD_VARNO as i32, pg_sys::INNER_VAR, 0);
        pg_sys::ChangeVarNodes(tree, pg_sys::PRS2_NEW_VARNO as i32, pg_sys::OUTER_VAR, 0);
        let planned = pg_sys::expression_planner(tree.cast());
        pg_sys::ExecInitQual(pg_sys::make_ands_implicit(planned), std::ptr::null_mut())
    }
}

fn skip(trigger: &mut pg_sys::Trigger) {
    trigger.tgenabled = pg_sys::TRIGGER_DISABLED as _;
}

/// The table has no triggers but its own before a row is written, and those let no key change. The
/// triggers of the foreign keys to it are skipped: they would find for each of them that the key is the same.
fn skip_referring(triggers: &mut [pg_sys::Trigger]) {
    let referring = pg_sys::Oid::from(pg_sys::F_RI_FKEY_NOACTION_UPD);
    triggers.iter_mut().filter(|trigger| trigger.tgfoid == referring).for_each(skip);
}

/// What the executor writes a relation by, its triggers left to [`Triggers::ask`].
///
/// # Safety
/// The relation must be open, and stay so while the result is used.
pub unsafe fn result_of(
    relation: pg_sys::Relation,
    place_in_range_table: u32,
) -> *mut pg_sys::ResultRelInfo {
    // SAFETY: the executor looks at a relation that is the same but for its triggers, which it would
    // copy; nothing of it is kept.
    unsafe {
        let result: *mut pg_sys::ResultRelInfo =
            pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast();
        let mut bare = *relation;
        bare.trigdesc = std::ptr::null_mut();
        pg_sys::InitResultRelInfo(
            result,
            &raw mut bare,
            place_in_range_table,
            std::ptr::null_mut(),
            0,
        );
        (*result).ri_RelationDesc = relation;
        result
    }
}
