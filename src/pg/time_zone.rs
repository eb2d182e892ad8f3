//! The server's own database of time zones.

use pgrx::pg_sys;
use std::ffi::{CString, c_char, c_int};
use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;

// PostgreSQL's own, from timezone/pgtz.h, which pgrx does not bind.
unsafe extern "C-unwind" {
    fn pg_open_tzfile(name: *const c_char, canonical_name: *mut c_char) -> c_int;
}

/// TZ_STRLEN_MAX of PostgreSQL, and the NUL at the end.
const LONGEST_NAME: usize = 256;

/// The largest file that is read, in bytes: those of the database have a few thousand.
const LARGEST: u64 = 1 << 20;

/// What the database has under a name, in the format TZif: the file that the server itself reads when a statement
/// says `at time zone`. Nothing for a name that it does not have, nor for a zone that counts leap seconds, which
/// PostgreSQL does not take either.
pub fn data_of(name: &str) -> Option<Vec<u8>> {
    let name = CString::new(name).ok().filter(|name| name.as_bytes().len() < LONGEST_NAME)?;
    let mut canonical: [c_char; LONGEST_NAME] = [0; LONGEST_NAME];
    // SAFETY: a name that ends with NUL, and room for the canonical one; with that argument the server looks each part
    // of the name up in its own directory, so that no other file is opened. The descriptor is ours.
    let file = unsafe {
        let zone = pg_sys::pg_tzset(name.as_ptr());
        if zone.is_null() || !pg_sys::pg_tz_acceptable(zone) {
            return None;
        }
        let descriptor = pg_open_tzfile(name.as_ptr(), canonical.as_mut_ptr());
        (descriptor >= 0).then(|| File::from_raw_fd(descriptor))?
    };
    let mut data = Vec::new();
    file.take(LARGEST).read_to_end(&mut data).ok()?;
    Some(data)
}
