//! Sequences.

use pgrx::pg_sys;
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;

// PostgreSQL's own, from commands/sequence.h, which pgrx does not bind.
unsafe extern "C-unwind" {
    fn nextval_internal(sequence: pg_sys::Oid, check_permissions: bool) -> i64;
}

/// The last number that a sequence gave; nothing where it was never used.
pub fn last_value(sequence: pg_sys::Oid) -> Option<i64> {
    // SAFETY: the function takes the sequence's oid.
    unsafe {
        pgrx::direct_function_call::<i64>(pg_sys::pg_sequence_last_value, &[sequence.into_datum()])
    }
}

/// The next number of a sequence, whatever the caller may do to it.
pub fn next_value(sequence: pg_sys::Oid) -> i64 {
    // SAFETY: the sequence's oid; an ERROR becomes a panic at the boundary.
    unsafe { pg_guard_ffi_boundary(|| nextval_internal(sequence, false)) }
}

/// The next number of a sequence, where the caller may take it.
pub fn next_value_of_caller(sequence: pg_sys::Oid) -> i64 {
    // SAFETY: as above.
    unsafe { pg_guard_ffi_boundary(|| nextval_internal(sequence, true)) }
}
