//! The state of CREATE EXTENSION.

use pgrx::pg_sys;

/// While it lives, new objects do not become members of the extension.
///
/// `creating_extension` is a plain flag of this backend that says whether new objects are recorded
/// as members of the extension whose script is running. The tables must not be: a member table
/// loses its rows, its run-time partitions and the additions of a DBA in a dump. The flag is
/// put back when the guard goes out of scope, by an ERROR too, and PostgreSQL itself clears it
/// when the script ends.
pub struct OutsideTheExtension {
    before: bool,
}

impl OutsideTheExtension {
    /// Begins it.
    pub fn enter() -> Self {
        // SAFETY: a backend has one thread, and nothing else holds a reference to the flag.
        unsafe {
            let before = pg_sys::creating_extension;
            pg_sys::creating_extension = false;
            Self { before }
        }
    }
}

impl Drop for OutsideTheExtension {
    fn drop(&mut self) {
        // SAFETY: as in enter().
        unsafe { pg_sys::creating_extension = self.before };
    }
}

/// Whether a script of this extension runs: CREATE EXTENSION or ALTER EXTENSION … UPDATE.
pub fn is_own_script() -> bool {
    // SAFETY: two variables of this backend, and a look-up in the catalogue; the name ends with NUL.
    unsafe {
        pg_sys::creating_extension
            && pg_sys::CurrentExtensionObject
                == pg_sys::get_extension_oid(c"wo_core".as_ptr(), true)
    }
}
