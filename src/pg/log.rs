//! The server's log, in which no credential may stand.

use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char};
use wo_rules::credential::log as credential;

thread_local! {
    /// The hook that was there before ours.
    static NEXT: Cell<pg_sys::emit_log_hook_type> = const { Cell::new(None) };
}

thread_local! {
    /// The database that this process serves, where it is a worker.
    static SERVED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has the lines of this process name the database that it serves: a background worker's line says nothing of it
/// where `log_line_prefix` does not.
pub fn name_database(database: Option<String>) {
    SERVED.set(database);
}

/// A line for the server's log.
pub fn line(text: &str) -> String {
    SERVED.with_borrow(|served| match served {
        Some(database) => format!("wo_core in database {database}: {text}"),
        None => format!("wo_core: {text}"),
    })
}

/// Hides credentials from what this backend writes into the server's log from now on. Without the library
/// preloaded that is from a session's first call of wo_core on, after its statement was logged by
/// `log_statement`.
pub fn register() {
    // SAFETY: a backend has one thread, and loads the library once.
    unsafe {
        NEXT.set(pg_sys::emit_log_hook);
        pg_sys::emit_log_hook = Some(hide_credentials);
    }
}

/// Called for each message that goes to the log. It must not raise: it runs while one is reported.
unsafe extern "C-unwind" fn hide_credentials(message: *mut pg_sys::ErrorData) {
    // SAFETY: PostgreSQL gives a message that is its own until the report ends. Its texts are NULL or end
    // with NUL, and new ones live in its context as the old ones did.
    unsafe {
        let statement = pg_sys::debug_query_string;
        let mut is_about_one = is_in(statement);
        is_about_one |= is_in((*message).message);
        let is_refused = is((*message).detail, credential::is_refused);
        if is_refused {
            // It may show the whole row: COPY does, and so does a statement of PL/pgSQL.
            cut((*message).context);
        }
        let is_error = (*message).elevel >= pgrx::PgLogLevel::ERROR as i32;
        let has_secret = |text| is_error && is(text, credential::has_secret);
        if has_secret(statement) || has_secret((*message).context) {
            // PostgreSQL shows a part of the value, which alone does not look like a secret.
            if !is((*message).detail, credential::is_ours) {
                cut((*message).detail);
            }
            cut((*message).context);
            is_about_one = true;
        }
        is_about_one |= is_refused;
        if is_about_one {
            (*message).hide_stmt = true;
        }
        let context = (*message).assoc_context;
        for text in [
            &raw mut (*message).message,
            &raw mut (*message).detail,
            &raw mut (*message).detail_log,
            &raw mut (*message).context,
            &raw mut (*message).internalquery,
        ] {
            hide(text, is_about_one, context);
        }
        if let Some(next) = NEXT.get() {
            next(message);
        }
    }
}

unsafe fn is_in(text: *const c_char) -> bool {
    // SAFETY: as the caller's.
    unsafe { is(text, credential::is_in) }
}

unsafe fn is(text: *const c_char, condition: fn(&[u8]) -> bool) -> bool {
    // SAFETY: NULL, or a text that ends with NUL.
    !text.is_null() && condition(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Leaves nothing of a text.
unsafe fn cut(text: *mut c_char) {
    // SAFETY: NULL, or a text of the message's own that ends with NUL.
    unsafe {
        if !text.is_null() {
            *text = 0;
        }
    }
}

unsafe fn hide(text: *mut *mut c_char, parameters: bool, context: pg_sys::MemoryContext) {
    // SAFETY: as the caller's. The allocation answers NULL instead of raising; then the text is cut at its
    // beginning, so that nothing is shown.
    unsafe {
        if (*text).is_null() {
            return;
        }
        let Some(hidden) = credential::hide(CStr::from_ptr(*text).to_bytes(), parameters) else {
            return;
        };
        let flags = pg_sys::MCXT_ALLOC_NO_OOM as i32;
        let copy: *mut c_char =
            pg_sys::MemoryContextAllocExtended(context, hidden.len() + 1, flags).cast();
        if copy.is_null() {
            **text = 0;
            return;
        }
        std::ptr::copy_nonoverlapping(hidden.as_ptr().cast(), copy, hidden.len());
        *copy.add(hidden.len()) = 0;
        *text = copy;
    }
}
