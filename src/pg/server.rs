//! What the server says of itself: its clock, its random source, its databases.

use crate::pg::error::{damaged, refuse};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CStr;

/// The oid of the database that this backend is connected to.
pub fn database() -> u32 {
    // SAFETY: set once when the backend connects.
    unsafe { pg_sys::MyDatabaseId }.to_u32()
}

/// The name of a database; nothing where there is none of that oid. In a transaction.
pub fn database_name(database: pg_sys::Oid) -> Option<String> {
    // SAFETY: in a transaction; the name is palloc'ed and NUL-terminated, or null.
    unsafe {
        let name = pg_sys::get_database_name(database);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// The name of the database that this backend is connected to.
pub fn own_database_name() -> Option<String> {
    database_name(pg_sys::Oid::from_u32(database()))
}

/// The server's version, such as 15.18.
pub fn version() -> String {
    // SAFETY: the name ends with a NUL; the value is a text of the server's, or null.
    unsafe {
        let value = pg_sys::GetConfigOption(c"server_version".as_ptr(), true, false);
        if value.is_null() {
            return String::new();
        }
        let value = CStr::from_ptr(value).to_string_lossy();
        value.split(' ').next().unwrap_or(&value).to_owned()
    }
}

/// Whether the server replays what another one writes: a standby, or a recovery that is not over.
pub fn is_standby() -> bool {
    // SAFETY: reads shared memory.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// The server's clock, in microseconds since 2000-01-01 UTC.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// Bytes from PostgreSQL's strong random source.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    // SAFETY: the buffer is N bytes long.
    let filled = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), N) };
    if !filled {
        refuse(damaged("the server's random source gave nothing"));
    }
    bytes
}

/// Whether every statement of the transaction sees what the first one saw, and no conflict is looked for:
/// REPEATABLE READ, and not SERIALIZABLE.
pub fn is_repeatable_read() -> bool {
    // SAFETY: a number of the backend that is set when the transaction begins.
    unsafe { pg_sys::XactIsoLevel == pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether every statement of the transaction sees what the first one saw: REPEATABLE READ or SERIALIZABLE.
pub fn has_one_snapshot() -> bool {
    // SAFETY: a number of the backend that is set when the transaction begins.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Has PostgreSQL notify a channel when the transaction commits.
pub fn notify(channel: &str, payload: &str) {
    // SAFETY: the function takes two texts.
    unsafe {
        pgrx::direct_function_call::<()>(
            pg_sys::pg_notify,
            &[channel.into_datum(), payload.into_datum()],
        );
    }
}

/// Whether the current user is a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: in a transaction; reads the catalogue caches.
    unsafe { pg_sys::superuser() }
}

/// Whether the server has a role of that name.
pub fn is_role(name: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: in a transaction; reads the catalogue cache. The name is NUL-terminated.
    unsafe { pg_sys::get_role_oid(name.as_ptr(), true) != pg_sys::Oid::INVALID }
}
