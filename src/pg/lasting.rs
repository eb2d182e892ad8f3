//! Memory that outlives a transaction, and what is compiled into it.

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::CStr;
use std::thread::LocalKey;

/// Memory of ours for what is compiled. It is freed when it goes out of scope.
pub(in crate::pg) struct LastingMemory(pg_sys::MemoryContext);

impl LastingMemory {
    /// New memory.
    pub(in crate::pg) fn new(name: &'static CStr) -> Self {
        // SAFETY: the name is NUL-terminated and static, as its context wants it.
        Self(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::TopMemoryContext,
                name.as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
            )
        })
    }

    /// The memory context, valid as long as this lives.
    pub(in crate::pg) fn context(&self) -> pg_sys::MemoryContext {
        self.0
    }
}

impl Drop for LastingMemory {
    fn drop(&mut self) {
        // While an ERROR unwinds, nothing of PostgreSQL's is called: those few bytes are left.
        if !std::thread::panicking() {
            // SAFETY: nobody else knows the memory, and we are not in it.
            unsafe { pg_sys::MemoryContextDelete(self.0) };
        }
    }
}

/// Marks something compiled as in use. It ends the use when it goes out of scope, by an ERROR too.
pub(in crate::pg) struct Use(&'static LocalKey<Cell<bool>>);

impl Use {
    /// None where it is in use already.
    pub(in crate::pg) fn begin(mark: &'static LocalKey<Cell<bool>>) -> Option<Self> {
        if mark.replace(true) { None } else { Some(Self(mark)) }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
