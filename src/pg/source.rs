//! Where a write comes from: what the server knows of the client (21 CFR 11.10(h)).

use crate::pg::cache;
use pgrx::pg_sys;
use std::cell::{OnceCell, RefCell};
use std::ffi::CStr;

thread_local! {
    static ADDRESS: OnceCell<Option<String>> = const { OnceCell::new() };
    static ROLE: RefCell<Option<Role>> = const { RefCell::new(None) };
}

/// The role that logged in, as it was called when roles had last changed.
#[derive(Clone)]
struct Role {
    role: pg_sys::Oid,
    /// See [`cache::generation`].
    generation: u64,
    name: String,
}

/// The role that logged in.
pub fn login_role() -> String {
    // SAFETY: reads a variable.
    let role = unsafe { pg_sys::GetSessionUserId() };
    let generation = cache::generation();
    let known = ROLE.with_borrow(|known| {
        known.as_ref().filter(|known| known.role == role && known.generation == generation).cloned()
    });
    if let Some(known) = known {
        return known.name;
    }
    // SAFETY: the name is palloc'ed and NUL-terminated; a role that was dropped gives null.
    let name = unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() {
            return String::new();
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    };
    ROLE.set(Some(Role { role, generation, name: name.clone() }));
    name
}

/// The client's address; nothing for a local socket. It never changes during a connection.
pub fn client_address() -> Option<String> {
    ADDRESS.with(|address| {
        address
            .get_or_init(|| {
                // Functions themselves rather than SQL: a refusal asks too, where none may run.
                // SAFETY: the first takes nothing, the second the address that the first gave.
                unsafe {
                    let address =
                        pgrx::direct_function_call_as_datum(pg_sys::inet_client_addr, &[]);
                    pgrx::direct_function_call(pg_sys::network_host, &[Some(address?)])
                }
            })
            .clone()
    })
}

/// What the client calls itself.
pub fn application() -> Option<String> {
    // SAFETY: the server's setting is a NUL-terminated string or null.
    let name = unsafe {
        let name = pg_sys::application_name;
        if name.is_null() {
            return None;
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    };
    (!name.is_empty()).then_some(name)
}

/// The current transaction's id, which survives wraparound.
pub fn transaction_id() -> String {
    // SAFETY: called in a transaction that is about to write, so that it may be given an id.
    unsafe { pg_sys::GetCurrentFullTransactionId() }.value.to_string()
}
