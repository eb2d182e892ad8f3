//! Locks of the law's own. They are advisory locks with a field that no SQL function can give, so that
//! nobody who may merely connect can hold up what they serialize.

use pgrx::pg_sys;

/// The fourth field of the tag: SQL's own advisory locks have 1 or 2.
const OUT_OF_REACH: u16 = 3;

/// Takes a lock until the transaction ends, if nobody holds it.
pub fn try_until_end(name: u64) -> bool {
    let tag = pg_sys::LOCKTAG {
        // SAFETY: set once when the backend connects.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: (name >> 32) as u32,
        locktag_field3: name as u32,
        locktag_field4: OUT_OF_REACH,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    };
    // SAFETY: in a transaction, at whose end the lock is released. It does not wait.
    let got = unsafe {
        pg_sys::LockAcquire(&tag, pg_sys::ExclusiveLock as pg_sys::LOCKMODE, false, true)
    };
    got != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}
