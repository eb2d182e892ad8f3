//! Acting as one of the enforcement layer's duty roles for a moment.
//!
//! The triggers of the work orders run as the role that writes: what they read and write on every
//! transition goes past SQL, and a definer's change of role and search path would cost more than
//! the rules. Whatever does need SQL runs in here, with the duty's rights and policies and with a
//! search path that no caller can lead astray.

use crate::pg::error::{damaged, refuse};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// Acts as `wo_trail`: see [`run_as`].
pub fn as_trail<T>(act: impl FnOnce() -> T) -> T {
    run_as(c"wo_trail", act)
}

/// Acts as `wo_ledger`, in the same way.
pub fn as_ledger<T>(act: impl FnOnce() -> T) -> T {
    run_as(c"wo_ledger", act)
}

/// Acts as the owner of the records, in the same way: to make, attach and drop leaves. Row security
/// shows it no row of a table that is closed already.
pub fn as_owner<T>(act: impl FnOnce() -> T) -> T {
    run_as(c"wo_owner", act)
}

/// Acts as the bootstrap superuser, in the same way: for rows of the catalogue that nobody else may write. `act`
/// must run fixed statements on catalogues alone, so that nothing of a caller runs in it.
pub fn as_bootstrap_superuser<T>(act: impl FnOnce() -> T) -> T {
    // BOOTSTRAP_SUPERUSERID, which cannot be dropped.
    run_as_oid(pg_sys::Oid::from(10), act)
}

/// Acts as one of the enforcement layer's duty roles, with a pinned search path. An ERROR in `act` unwinds through us:
/// the abort that follows puts role and setting back.
pub fn run_as<T>(name: &CStr, act: impl FnOnce() -> T) -> T {
    // SAFETY: a NUL-terminated name; the look-up answers from the catalogue cache.
    unsafe {
        let role = pg_sys::get_role_oid(name.as_ptr(), true);
        if role == pg_sys::Oid::INVALID {
            refuse(damaged(&format!("the role {} is missing", name.to_string_lossy())));
        }
        run_as_oid(role, act)
    }
}

fn run_as_oid<T>(role: pg_sys::Oid, act: impl FnOnce() -> T) -> T {
    // SAFETY: role and setting are put back below, or by the abort.
    unsafe {
        let (mut user, mut context) = (pg_sys::Oid::INVALID, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        if user == role {
            // A definer of that duty, or nested: its path is pinned already.
            return act();
        }
        pg_sys::SetUserIdAndSecContext(role, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32);
        let result = with_pinned_path(act);
        pg_sys::SetUserIdAndSecContext(user, context);
        result
    }
}

/// The search path of everything that is run here: no caller can put an operator or a function into it.
const PINNED: &CStr = c"pg_catalog, pg_temp";

/// While it lives, names are quoted where they must be and nowhere else: what is compared with names and texts of ours
/// does not follow the session's `quote_all_identifiers`.
struct PlainNames(bool);

impl PlainNames {
    fn new() -> Self {
        // SAFETY: a plain variable of this backend, which has one thread.
        unsafe {
            let before = pg_sys::quote_all_identifiers;
            pg_sys::quote_all_identifiers = false;
            Self(before)
        }
    }
}

impl Drop for PlainNames {
    fn drop(&mut self) {
        // SAFETY: as above. Dropped while an ERROR unwinds too.
        unsafe { pg_sys::quote_all_identifiers = self.0 };
    }
}

/// Runs `act` with a search path that no caller can change. An ERROR in `act` unwinds through us: the
/// abort that follows puts the setting back.
pub fn with_pinned_path<T>(act: impl FnOnce() -> T) -> T {
    let _names = PlainNames::new();
    // SAFETY: the setting's own string, read here. The setting is put back below, or by the abort.
    unsafe {
        let path = pg_sys::namespace_search_path;
        if !path.is_null() && CStr::from_ptr(path) == PINNED {
            return act();
        }
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            PINNED.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        let result = act();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}

/// The oid of a role, if there is one of that name.
pub fn role(name: &str) -> Option<pg_sys::Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: a NUL-terminated name; the look-up answers from the catalogue cache.
    let role = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (role != pg_sys::Oid::INVALID).then_some(role)
}
