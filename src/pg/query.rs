//! The query that is running: what is remembered of its rows is forgotten when it is over.
//!
//! A row trigger is called in memory that belongs to its query and goes with it, however it ends.

use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CStr;

/// A query that is running, as distinct from every other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Query(usize);

/// How many things are remembered of each query. Queries that run inside one another are few.
#[derive(Default)]
pub struct PerQuery {
    counts: Vec<(Query, usize)>,
}

impl PerQuery {
    /// Counts one more.
    pub fn add(&mut self, query: Option<Query>) {
        let Some(query) = query else { return };
        match self.counts.iter_mut().rfind(|(it, _)| *it == query) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((query, 1)),
        }
    }

    /// Counts one less.
    pub fn remove(&mut self, query: Option<Query>) {
        let Some(place) = self.counts.iter().rposition(|(it, _)| Some(*it) == query) else {
            return;
        };
        self.counts[place].1 -= 1;
        if self.counts[place].1 == 0 {
            self.counts.swap_remove(place);
        }
    }

    /// Whether anything of the query is remembered.
    pub fn has(&self, query: Query) -> bool {
        self.counts.iter().any(|(it, _)| *it == query)
    }
}

/// What PostgreSQL keeps in the query's memory until the query is over.
#[repr(C)]
struct Watch {
    callback: pg_sys::MemoryContextCallback,
    query: Query,
    at_end: fn(Query),
}

thread_local! {
    /// The queries whose end is watched.
    static WATCHED: RefCell<Vec<Query>> = const { RefCell::new(Vec::new()) };
}

/// How many memory contexts lie between a row trigger and its query.
const DEPTH: usize = 4;

/// The query whose trigger BEFORE ROW is running; `at_end` is called once when that query is over,
/// by an error too. Nothing where no trigger of a query is running.
pub fn of_row_trigger(at_end: fn(Query)) -> Option<Query> {
    // SAFETY: a trigger BEFORE ROW runs in the memory for one row, a child of the memory of the
    // executor's state (CreateExprContext); names are NUL-terminated. The watch lives in the memory
    // whose end it notifies of.
    unsafe {
        let mut context = pg_sys::CurrentMemoryContext;
        for _ in 0..DEPTH {
            if context.is_null() {
                return None;
            }
            if CStr::from_ptr((*context).name) == c"ExecutorState" {
                let query = Query(context as usize);
                watch(context, query, at_end);
                return Some(query);
            }
            context = (*context).parent;
        }
    }
    None
}

unsafe fn watch(context: pg_sys::MemoryContext, query: Query, at_end: fn(Query)) {
    if WATCHED.with_borrow(|all| all.contains(&query)) {
        return;
    }
    // SAFETY: see of_row_trigger.
    unsafe {
        let watch: *mut Watch = pg_sys::MemoryContextAllocZero(context, size_of::<Watch>()).cast();
        (*watch).query = query;
        (*watch).at_end = at_end;
        (*watch).callback.func = Some(is_over);
        (*watch).callback.arg = watch.cast();
        pg_sys::MemoryContextRegisterResetCallback(context, &raw mut (*watch).callback);
    }
    WATCHED.with_borrow_mut(|all| all.push(query));
}

/// Called while the query's memory is given back, in an abort too: it touches Rust memory alone.
unsafe extern "C-unwind" fn is_over(watch: *mut std::os::raw::c_void) {
    // SAFETY: registered by watch with this argument, which lives until the callbacks have run.
    let (query, at_end) = unsafe {
        let watch = watch.cast::<Watch>();
        ((*watch).query, (*watch).at_end)
    };
    let _ = WATCHED.try_with(|all| {
        all.try_borrow_mut().map(|mut all| all.retain(|watched| *watched != query))
    });
    at_end(query);
}
