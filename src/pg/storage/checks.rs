//! A table's CHECKs and a partition's bounds, compiled once.
//!
//! The executor reads them from their text, plans and compiles them anew for every statement: for a
//! single row that is more than all the rest of storing it. Here they stay compiled for as long as
//! neither the table nor a function, a type, a constraint or a role changes, each for the role
//! whose right to the functions in them was asked when they were compiled.

use crate::pg::cache::{Cached, generation};
use crate::pg::lasting::{LastingMemory, Use};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What was compiled for one table.
#[derive(Clone)]
struct Compiled {
    /// Holds the expressions and what their functions keep.
    memory: Rc<LastingMemory>,
    /// Whether it was compiled to the end.
    is_complete: bool,
    checks: *mut *mut pg_sys::ExprState,
    bounds: *mut pg_sys::ExprState,
}

/// Of how many tables, each for one role, a backend keeps them.
const MOST: usize = 256;

thread_local! {
    /// By table and role.
    static COMPILED: RefCell<Cached<(pg_sys::Oid, pg_sys::Oid), Compiled>> =
        RefCell::new(Cached::of_catalogues(MOST));
    /// Whether something compiled is being evaluated: a CHECK whose function writes to the same
    /// table must not evaluate it a second time meanwhile.
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Holds the row against the table's NOT NULLs and CHECKs and, where the table is a partition,
/// against its bounds, as the executor would; raises where it does not pass.
///
/// # Safety
/// The relation of the result is open, the slot holds a row of it, and the state's per-query memory
/// outlives the call.
pub unsafe fn meet(
    result: *mut pg_sys::ResultRelInfo,
    state: *mut pg_sys::EState,
    slot: *mut pg_sys::TupleTableSlot,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let relation = (*result).ri_RelationDesc;
        let constraints = (*(*relation).rd_att).constr;
        let has_bounds = (*(*relation).rd_rel).relispartition;
        let has_checks = !constraints.is_null() && (*constraints).num_check > 0;
        let ask = move || {
            if !constraints.is_null() {
                pg_sys::ExecConstraints(result, slot, state);
            }
            if has_bounds {
                pg_sys::ExecPartitionCheck(result, slot, state, true);
            }
        };
        if !has_checks && !has_bounds {
            return ask();
        }
        let Some(_use) = Use::begin(&IN_USE) else { return ask() };
        let key = ((*relation).rd_id, pg_sys::GetUserId());
        let generation = generation();
        let known = COMPILED.with_borrow_mut(|all| all.get(&key));
        let is_current = known.as_ref().is_some_and(|known| known.is_complete);
        let mut compiled = known.unwrap_or_else(|| Compiled {
            memory: Rc::new(LastingMemory::new(c"wo_core checks")),
            is_complete: false,
            checks: std::ptr::null_mut(),
            bounds: std::ptr::null_mut(),
        });
        let memory = compiled.memory.context();
        // Nothing is compiled until the row has passed: a function that was left by an ERROR may have
        // kept the half of what it was doing.
        let unknown = Compiled { is_complete: false, ..compiled.clone() };
        COMPILED.with_borrow_mut(|all| all.insert_of(generation, key, unknown));
        if (*state).es_per_tuple_exprcontext.is_null() {
            pg_sys::MakePerTupleExprContext(state);
        }
        // The executor compiles into the state's per-query memory, and what an expression looks up
        // when it is first evaluated it keeps in that of the context.
        let context = (*state).es_per_tuple_exprcontext;
        let of_context = std::mem::replace(&mut (*context).ecxt_per_query_memory, memory);
        if is_current {
            *checks_of(result) = compiled.checks;
            (*result).ri_PartitionCheckExpr = compiled.bounds;
            ask();
        } else {
            pg_sys::MemoryContextReset(memory);
            let of_state = std::mem::replace(&mut (*state).es_query_cxt, memory);
            ask();
            (*state).es_query_cxt = of_state;
            compiled.is_complete = true;
            compiled.checks = *checks_of(result);
            compiled.bounds = (*result).ri_PartitionCheckExpr;
        }
        // A result that is used again must not find what was forgotten meanwhile.
        *checks_of(result) = std::ptr::null_mut();
        (*result).ri_PartitionCheckExpr = std::ptr::null_mut();
        (*context).ecxt_per_query_memory = of_context;
        COMPILED.with_borrow_mut(|all| all.insert_of(generation, key, compiled));
    }
}

/// Where the executor looks for a result's compiled CHECKs.
unsafe fn checks_of<'a>(result: *mut pg_sys::ResultRelInfo) -> &'a mut *mut *mut pg_sys::ExprState {
    // SAFETY: the result outlives the borrow, which ends with the statement that asks for it.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        return &mut (*result).ri_ConstraintExprs;
        #[cfg(feature = "pg18")]
        return &mut (*result).ri_CheckConstraintExprs;
    }
}
