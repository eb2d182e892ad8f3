//! The columns of a tuple descriptor.

use pgrx::pg_sys;

/// The attribute of a column; nothing for one that was dropped.
pub fn attribute(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> Option<*const pg_sys::FormData_pg_attribute> {
    // SAFETY: the callers keep index below natts.
    let attribute = unsafe { tuple_attribute(descriptor, index) };
    // SAFETY: the attribute lies inside the descriptor.
    (!unsafe { (*attribute).attisdropped }).then_some(attribute)
}

#[cfg(not(feature = "pg18"))]
unsafe fn tuple_attribute(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the attributes follow the descriptor's header.
    unsafe { (*descriptor).attrs.as_ptr().add(index) }
}

#[cfg(feature = "pg18")]
unsafe fn tuple_attribute(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the accessor finds the attributes behind the compact ones.
    unsafe { pg_sys::TupleDescAttr(descriptor, index as i32) }
}
