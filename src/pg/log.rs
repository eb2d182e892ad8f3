//! The server's log, in which no credential may stand.

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{CStr, c_char};
use wo_rules::credential;

thread_local! {
    /// The hook that was there before ours.
    static NEXT: Cell<pg_sys::emit_log_hook_type> = const { Cell::new(None) };
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
    // SAFETY: NULL, or a text that ends with NUL.
    !text.is_null() && credential::is_in(unsafe { CStr::from_ptr(text) }.to_bytes())
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
