//! A process of ours among PostgreSQL's: signals, sleep, settings, its end.

use crate::pg::own_transaction::caught;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

// PostgreSQL's own: pgrx binds them as functions that cannot be handlers, that guard too much for one, or
// that are not always known never to return.
unsafe extern "C-unwind" {
    fn SignalHandlerForConfigReload(signal: std::os::raw::c_int);
    fn SetLatch(latch: *mut pg_sys::Latch);
    fn proc_exit(code: std::os::raw::c_int) -> !;
}

/// Whether this process was asked to end.
static ENDS: AtomicBool = AtomicBool::new(false);

/// Cancels what runs, as a statement is cancelled, so that the process ends in order and without a word;
/// PostgreSQL's own handler would end it with an ERROR in the log.
unsafe extern "C-unwind" fn end_in_order(_signal: std::os::raw::c_int) {
    ENDS.store(true, SeqCst);
    // SAFETY: what PostgreSQL's own handlers do.
    unsafe {
        (&raw mut pg_sys::InterruptPending).write_volatile(1);
        (&raw mut pg_sys::QueryCancelPending).write_volatile(1);
        SetLatch(pg_sys::MyLatch);
    }
}

/// Lets signals in: a reload is noted, an end interrupts whatever runs.
pub fn heed_signals() {
    // SAFETY: handlers that do no more than a handler may, for this process.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        {
            pg_sys::pqsignal(pg_sys::SIGHUP as i32, Some(SignalHandlerForConfigReload));
            pg_sys::pqsignal(pg_sys::SIGTERM as i32, Some(end_in_order));
        }
        #[cfg(feature = "pg18")]
        {
            pg_sys::pqsignal_be(pg_sys::SIGHUP as i32, Some(SignalHandlerForConfigReload));
            pg_sys::pqsignal_be(pg_sys::SIGTERM as i32, Some(end_in_order));
        }
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Whether this process was asked to end.
pub fn is_to_end() -> bool {
    ENDS.load(SeqCst)
}

/// Does what PostgreSQL asks of every process, and reads the configuration anew where it was asked to:
/// whether it did.
pub fn heed_interrupts() -> bool {
    let heeded = caught(|| {
        // SAFETY: outside a transaction; what raises is caught.
        unsafe {
            pg_sys::check_for_interrupts!();
            let has_to_reload =
                std::ptr::read_volatile(&raw const pg_sys::ConfigReloadPending) != 0;
            if has_to_reload {
                (&raw mut pg_sys::ConfigReloadPending).write_volatile(0);
                pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
            }
            has_to_reload
        }
    });
    heeded.unwrap_or_else(|why| {
        if !is_to_end() {
            pgrx::log!("{}", crate::pg::log::line(&why.text));
        }
        false
    })
}

/// Sleeps until the latch is set, but not longer than that.
pub fn sleep(longest: Duration) {
    let longest = longest.as_micros().div_ceil(1000).clamp(1, 3_600_000) as std::os::raw::c_long;
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    // SAFETY: this process's own latch.
    unsafe {
        pg_sys::WaitLatch(pg_sys::MyLatch, events as i32, longest, pg_sys::PG_WAIT_EXTENSION);
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
}

/// Ends this process without a word.
pub fn end(code: i32) -> ! {
    // SAFETY: runs PostgreSQL's own exit callbacks.
    unsafe { proc_exit(code) }
}

/// Sets a setting of this process, whatever ALTER DATABASE or ALTER ROLE say; for the transaction alone
/// where `local`.
pub fn set(name: &CStr, value: &CStr, local: bool) {
    let action = match local {
        true => pg_sys::GucAction::GUC_ACTION_LOCAL,
        false => pg_sys::GucAction::GUC_ACTION_SET,
    };
    // SAFETY: both strings live through the call.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            if local {
                pg_sys::GucSource::PGC_S_SESSION
            } else {
                pg_sys::GucSource::PGC_S_OVERRIDE
            },
            action,
            true,
            0,
            false,
        );
    }
}

/// Ends the session if this transaction is left idle for so many milliseconds, unless its own setting
/// ends it sooner.
pub fn bound_idle_time(longest: i32) {
    // SAFETY: reads a setting.
    let own = unsafe { pg_sys::IdleInTransactionSessionTimeout };
    if (own == 0 || own > longest)
        && let Ok(value) = CString::new(longest.to_string())
    {
        set(c"idle_in_transaction_session_timeout", &value, true);
    }
}
