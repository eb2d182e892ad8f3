//! Violated constraints of schema `wo`, answered as wo_core answers.
//!
//! A constraint is checked where no trigger of ours runs any more, and a domain's where none has run yet. While
//! a statement runs, a callback is therefore in PostgreSQL's stack of error contexts: it is called when an error
//! is complete and nothing has caught it yet, and gives the error the sentence, the DETAIL and the HINT that the
//! registry has for the constraint. The SQLSTATE and the names of table and constraint stay.
//!
//! Errors leave the hooks below by a jump: they hold nothing that would have to be dropped.

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use wo_rules::constraint::{Kind, Violated, refusal};
use wo_rules::refusal::Refusal;

// PostgreSQL's own. pgrx's wrappers would turn an error into a panic, and back into one that lacks the names of
// table and constraint.
unsafe extern "C-unwind" {
    #[cfg(not(feature = "pg18"))]
    fn standard_ExecutorRun(
        query: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
        execute_once: bool,
    );
    #[cfg(feature = "pg18")]
    fn standard_ExecutorRun(
        query: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
    );
    fn standard_ExecutorFinish(query: *mut pg_sys::QueryDesc);
    fn standard_ProcessUtility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        is_read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        receiver: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
    fn geterrcode() -> c_int;
    fn CopyErrorData() -> *mut pg_sys::ErrorData;
    fn FreeErrorData(error: *mut pg_sys::ErrorData);
    fn errmsg_internal(format: *const c_char, ...) -> c_int;
    fn errdetail_internal(format: *const c_char, ...) -> c_int;
    fn errhint(format: *const c_char, ...) -> c_int;
}

thread_local! {
    /// The hooks that were there before ours.
    static RUN: Cell<pg_sys::ExecutorRun_hook_type> = const { Cell::new(None) };
    static FINISH: Cell<pg_sys::ExecutorFinish_hook_type> = const { Cell::new(None) };
    static UTILITY: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
}

/// Registers the hooks; called once in a backend. Without the library preloaded that is with the first function
/// of ours that a session calls: the statement that calls it is not watched.
pub fn register() {
    // SAFETY: a backend has one thread.
    unsafe {
        RUN.set(pg_sys::ExecutorRun_hook);
        pg_sys::ExecutorRun_hook = Some(run);
        FINISH.set(pg_sys::ExecutorFinish_hook);
        pg_sys::ExecutorFinish_hook = Some(finish);
        UTILITY.set(pg_sys::ProcessUtility_hook);
        pg_sys::ProcessUtility_hook = Some(utility);
    }
}

/// Does `act` with the callback in the stack of error contexts.
///
/// # Safety
/// An ERROR of `act` jumps over this frame: neither it nor `act` may hold what would have to be dropped.
#[inline(always)]
unsafe fn watched(act: impl FnOnce()) {
    // SAFETY: the callback lives on this frame, and is taken out of the stack when the frame ends; an ERROR
    // resets the stack to where it is caught.
    unsafe {
        let mut callback = pg_sys::ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(answer),
            arg: std::ptr::null_mut(),
        };
        pg_sys::error_context_stack = &raw mut callback;
        act();
        pg_sys::error_context_stack = callback.previous;
    }
}

#[cfg(not(feature = "pg18"))]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    execute_once: bool,
) {
    // SAFETY: the arguments are PostgreSQL's.
    unsafe {
        watched(|| match RUN.get() {
            Some(next) => next(query, direction, count, execute_once),
            None => standard_ExecutorRun(query, direction, count, execute_once),
        });
    }
}

#[cfg(feature = "pg18")]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
) {
    // SAFETY: the arguments are PostgreSQL's.
    unsafe {
        watched(|| match RUN.get() {
            Some(next) => next(query, direction, count),
            None => standard_ExecutorRun(query, direction, count),
        });
    }
}

unsafe extern "C-unwind" fn finish(query: *mut pg_sys::QueryDesc) {
    // SAFETY: the argument is PostgreSQL's.
    unsafe {
        watched(|| match FINISH.get() {
            Some(next) => next(query),
            None => standard_ExecutorFinish(query),
        });
    }
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C-unwind" fn utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    is_read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the arguments are PostgreSQL's.
    unsafe {
        let next = match UTILITY.get() {
            Some(next) => next,
            None => standard_ProcessUtility,
        };
        watched(|| {
            next(
                statement,
                text,
                is_read_only_tree,
                context,
                parameters,
                environment,
                receiver,
                completion,
            );
        });
    }
}

/// What an error is about, by its SQLSTATE.
#[derive(Clone, Copy)]
enum Class {
    Check,
    Key,
    NotNull,
    Reference,
}

fn class_of(code: c_int) -> Option<Class> {
    use pg_sys::errcodes::PgSqlErrorCode as Code;
    [
        (Code::ERRCODE_CHECK_VIOLATION, Class::Check),
        (Code::ERRCODE_UNIQUE_VIOLATION, Class::Key),
        (Code::ERRCODE_NOT_NULL_VIOLATION, Class::NotNull),
        (Code::ERRCODE_FOREIGN_KEY_VIOLATION, Class::Reference),
    ]
    .into_iter()
    .find_map(|(one, class)| (one as c_int == code).then_some(class))
}

/// Called while a message is reported. It must not raise.
unsafe extern "C-unwind" fn answer(_argument: *mut c_void) {
    // SAFETY: a message is being reported, which is what these functions ask about and write to; their formats
    // take one text.
    unsafe {
        let Some(class) = class_of(geterrcode()) else { return };
        if pg_sys::CurTransactionContext.is_null() {
            return;
        }
        let answer = std::panic::catch_unwind(|| texts_of(class)).ok().flatten();
        if let Some([message, detail, hint]) = answer {
            let one = c"%s".as_ptr();
            errmsg_internal(one, message.as_ptr());
            errdetail_internal(one, detail.as_ptr());
            errhint(one, hint.as_ptr());
        }
    }
}

/// The texts of the answer to the message that is being reported; none where it is not about a constraint of
/// ours.
///
/// # Safety
/// A message is being reported.
unsafe fn texts_of(class: Class) -> Option<[CString; 3]> {
    // SAFETY: as the caller promises. The copy is ours, and its texts are NULL or end with NUL.
    unsafe {
        let before = pg_sys::MemoryContextSwitchTo(pg_sys::CurTransactionContext);
        let error = CopyErrorData();
        let found = refusal_of(&*error, class);
        FreeErrorData(error);
        pg_sys::MemoryContextSwitchTo(before);
        let refusal = found?;
        let text = |text: &str| CString::new(text.replace('\0', "")).ok();
        Some([text(&refusal.message)?, text(&refusal.detail_json())?, text(&refusal.hint)?])
    }
}

unsafe fn refusal_of(error: &pg_sys::ErrorData, class: Class) -> Option<Refusal> {
    // SAFETY: as the caller's.
    let text = |text: *const c_char| match text.is_null() {
        true => None,
        false => unsafe { CStr::from_ptr(text) }.to_str().ok(),
    };
    if text(error.schema_name)? != "wo" {
        return None;
    }
    let of = text(error.table_name).or_else(|| text(error.datatype_name))?;
    let kind = match class {
        Class::Check => Kind::Check,
        Class::Key => Kind::Key,
        Class::NotNull => Kind::NotNull,
        // The text before translation: it alone separates the two cases.
        Class::Reference if text(error.message_id)?.starts_with("update or delete") => {
            Kind::Referenced
        }
        Class::Reference => Kind::Reference,
    };
    let constraint = match kind {
        Kind::NotNull => error.column_name,
        _ => error.constraint_name,
    };
    refusal(&Violated { constraint: text(constraint)?, of, kind })
}
