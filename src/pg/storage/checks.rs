//! A table's CHECKs and a partition's bounds, compiled once.
//!
//! The executor reads them from their text, plans and compiles them anew for every statement: for a
//! single row that is more than all the rest of storing it. Here they stay compiled for as long as
//! neither the table nor a function, a type, a constraint or a role changes, each for the role
//! whose right to the functions in them was asked when they were compiled.

use foldhash::HashMap;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::thread::LocalKey;

/// What was compiled for one table.
#[derive(Clone, Copy)]
struct Compiled {
    /// Holds the expressions and whatever their functions keep.
    memory: pg_sys::MemoryContext,
    /// Of when it is: see [`GENERATION`].
    generation: u64,
    checks: *mut *mut pg_sys::ExprState,
    bounds: *mut pg_sys::ExprState,
}

thread_local! {
    /// By table and role.
    static COMPILED: RefCell<HashMap<(pg_sys::Oid, pg_sys::Oid), Compiled>> = RefCell::default();
    /// Counts the changes of tables, functions, types, constraints and roles that this backend
    /// heard of.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    /// Whether something compiled is being evaluated: a CHECK whose function writes to the same
    /// table must not evaluate it a second time meanwhile.
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Has PostgreSQL tell this backend of what compiled expressions depend on beside their table;
/// called once in a backend.
pub fn register() {
    use pg_sys::SysCacheIdentifier::{AUTHMEMROLEMEM, AUTHOID, CONSTROID, PROCOID, TYPEOID};
    for cache in [PROCOID, TYPEOID, CONSTROID, AUTHOID, AUTHMEMROLEMEM] {
        // SAFETY: the callback lives as long as the library, touches Rust memory alone and never
        // raises.
        unsafe {
            pg_sys::CacheRegisterSyscacheCallback(
                cache as i32,
                Some(at_change),
                pg_sys::Datum::from(0),
            );
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_change(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    forget();
}

/// Forgets what was compiled: a table was altered.
pub fn forget() {
    let _ = GENERATION.try_with(|generation| generation.set(generation.get() + 1));
}

/// Counts what [`forget`] was told: what was looked up in another generation is out of date.
pub fn generation() -> u64 {
    GENERATION.get()
}

/// Marks something compiled as in use. It ends the use when it goes out of scope, by an ERROR too.
pub(in crate::pg) struct Use(&'static LocalKey<Cell<bool>>);

impl Use {
    /// None where it is in use already.
    pub(in crate::pg) fn begin(mark: &'static LocalKey<Cell<bool>>) -> Option<Self> {
        if mark.replace(true) { None } else { Some(Self(mark)) }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Memory for what is compiled, as long as the backend lives.
pub(in crate::pg) fn lasting_memory(name: &'static CStr) -> pg_sys::MemoryContext {
    // SAFETY: the name is NUL-terminated and static, as its context wants it.
    unsafe {
        pg_sys::AllocSetContextCreateInternal(
            pg_sys::TopMemoryContext,
            name.as_ptr(),
            pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
            pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
            pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
        )
    }
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
        let known = COMPILED.with_borrow(|all| all.get(&key).copied());
        let is_current = known.is_some_and(|known| known.generation == generation);
        let memory = match known {
            Some(known) => known.memory,
            None => lasting_memory(c"wo_core checks"),
        };
        let mut compiled = known.filter(|_| is_current).unwrap_or(Compiled {
            memory,
            generation,
            checks: std::ptr::null_mut(),
            bounds: std::ptr::null_mut(),
        });
        // Nothing is compiled until the row has passed: a function that was left by an ERROR may have
        // kept the half of what it was doing.
        let unknown = Compiled { generation: generation.wrapping_sub(1), ..compiled };
        COMPILED.with_borrow_mut(|all| all.insert(key, unknown));
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
            compiled.checks = *checks_of(result);
            compiled.bounds = (*result).ri_PartitionCheckExpr;
        }
        // A result that is used again must not find what was forgotten meanwhile.
        *checks_of(result) = std::ptr::null_mut();
        (*result).ri_PartitionCheckExpr = std::ptr::null_mut();
        (*context).ecxt_per_query_memory = of_context;
        COMPILED.with_borrow_mut(|all| all.insert(key, compiled));
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
