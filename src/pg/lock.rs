//! Locks of the law's own. They are advisory locks with a field that no SQL function can give, so that
//! nobody who may merely connect can hold up what they serialize.

use pgrx::pg_sys;

/// The fourth field of the tag of an advisory lock that SQL names by one bigint.
const ONE_BIGINT: u16 = 1;

/// The numbers of SQL's own advisory locks of one bigint in this database, held or waited for.
///
/// `pg_locks` shows the same, but makes a row of text of every lock of the cluster first.
pub fn advisory() -> Vec<i64> {
    // SAFETY: set once when the backend connects.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    // SAFETY: a copy of the lock table in our memory: so many elements, freed below with their head.
    unsafe {
        let data = pg_sys::GetLockStatusData();
        let locks = (*data).locks;
        let count = usize::try_from((*data).nelements).unwrap_or(0);
        let all = if count == 0 { &[] } else { std::slice::from_raw_parts(locks, count) };
        let numbers = all
            .iter()
            .map(|held| &held.locktag)
            .filter(|tag| {
                tag.locktag_type == pg_sys::LockTagType::LOCKTAG_ADVISORY as u8
                    && tag.locktag_field1 == database
                    && tag.locktag_field4 == ONE_BIGINT
            })
            .map(|tag| (i64::from(tag.locktag_field2) << 32) | i64::from(tag.locktag_field3))
            .collect();
        pg_sys::pfree(locks.cast());
        pg_sys::pfree(data.cast());
        numbers
    }
}

/// What a lock is for: the fourth field of its tag. SQL's own advisory locks have 1 or 2.
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Purpose {
    /// That something is done by one process at a time.
    Work = 3,
    /// That parts of a master end.
    Ending = 4,
}

/// A lock of this database.
#[derive(Clone, Copy)]
pub struct Lock(pg_sys::LOCKTAG);

impl Lock {
    /// The lock of that name.
    pub fn new(purpose: Purpose, name: u64) -> Self {
        Self(pg_sys::LOCKTAG {
            // SAFETY: set once when the backend connects.
            locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
            locktag_field2: (name >> 32) as u32,
            locktag_field3: name as u32,
            locktag_field4: purpose as u16,
            locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        })
    }

    /// Takes it until the transaction ends, if nobody holds it.
    pub fn try_until_end(self) -> bool {
        self.acquire(pg_sys::ExclusiveLock, true)
    }

    /// Takes it until the transaction ends, when nobody holds it.
    pub fn until_end(self) {
        self.acquire(pg_sys::ExclusiveLock, false);
    }

    /// Takes it until the transaction ends, together with others who share it.
    pub fn share_until_end(self) {
        self.acquire(pg_sys::ShareLock, false);
    }

    /// Gives up what was shared in the same (sub)transaction.
    pub fn give_up_share(self) {
        // SAFETY: this transaction holds it.
        unsafe { pg_sys::LockRelease(&self.0, pg_sys::ShareLock as pg_sys::LOCKMODE, false) };
    }

    fn acquire(self, mode: u32, at_once: bool) -> bool {
        // SAFETY: in a transaction, at whose end the lock is released.
        let got = unsafe { pg_sys::LockAcquire(&self.0, mode as pg_sys::LOCKMODE, false, at_once) };
        got != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }
}
