//! The extension's own locks. They are advisory locks with a fourth field that no SQL function can
//! give, so no role can take, conflict with or release them from SQL. Every role can read the lock
//! table, so their keys are computed with a secret of the installation.

use crate::pg::cache::{Cached, recall};
use crate::pg::error::{damaged, refuse};
use crate::pg::lookup::at_once;
use crate::pg::row::Row;
use crate::pg::server::database;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use wo_rules::lock::LockSecret;

// A member of the extension: a dump leaves it out, and each CREATE EXTENSION makes another secret.
// gen_random_uuid() reads the server's strong random source.
extension_sql!(
    r#"
create table wo_private.lock_secret (
    singleton boolean not null primary key default true,
    secret bytea not null,
    constraint lock_secret_is_one check (singleton),
    constraint lock_secret_is_long_enough check (pg_catalog.length(secret) operator(pg_catalog.=) 32)
);
comment on table wo_private.lock_secret is 'The secret that the keys of the extension''s own locks are computed with. No role is granted access to it; the library reads it.';
comment on column wo_private.lock_secret.singleton is 'Is always true, so that the table holds one row.';
comment on column wo_private.lock_secret.secret is 'The secret: 32 bytes from the server''s strong random source.';
revoke all on wo_private.lock_secret from public;

-- gen_random_uuid() reads the server's strong random source.
insert into wo_private.lock_secret (secret)
select pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
    operator(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
    operator(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid()));
"#,
    name = "lock_secret"
);

/// What a lock is for: the fourth field of its tag. SQL's own advisory locks have 1 or 2.
/// `wo.health()` and the documentation name these numbers.
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Purpose {
    /// A job is done by one process at a time.
    Job = 3,
    /// Children of one master end.
    Ending = 4,
    /// A writer may still write events above a position.
    Position = 5,
    /// Versions of one lifecycle are published one after the other.
    Publication = 6,
    /// Months are archived, dropped and restored by one process at a time.
    Archive = 7,
    /// Partitions are made by one process at a time.
    Partitions = 8,
    /// A number was drawn for a new work order.
    Number = 9,
    /// A guard function decides for one caller at a time.
    Guard = 10,
    /// Managers of principals are named one after the other.
    Managers = 11,
    /// Numbers of a block were drawn for new work orders.
    NumberBlock = 12,
    /// Findings are opened in a tree of work orders.
    Findings = 13,
    /// Versions of one document are added one after the other.
    Document = 14,
}

thread_local! {
    /// The secret: of a generation, since the extension may be created anew.
    static SECRET: RefCell<Cached<(), Rc<LockSecret>>> = RefCell::new(Cached::of_catalogues(1));
}

fn secret() -> Rc<LockSecret> {
    let read = |_: &()| {
        let stored = stored_secret();
        stored.as_deref().and_then(LockSecret::new).map(Rc::new).unwrap_or_else(|| {
            refuse(damaged("wo_private.lock_secret does not hold the secret of the locks"))
        })
    };
    recall(&SECRET, (), read)
}

fn stored_secret() -> Option<Vec<u8>> {
    // SAFETY: NUL-terminated names; both look-ups answer from the catalogue caches.
    let table = unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo_private".as_ptr(), true);
        pg_sys::get_relname_relid(c"lock_secret".as_ptr(), schema)
    };
    if table == pg_sys::Oid::INVALID {
        return None;
    }
    let mut found = None;
    at_once(|latest| {
        latest.each_of(table, |tuple, descriptor| {
            // SAFETY: the tuple is the scan's, with the description of its columns.
            let row = unsafe { Row::of_tuple(tuple, descriptor) };
            found = row.named("secret");
        });
    });
    found
}

/// A lock of this database.
#[derive(Clone, Copy)]
pub struct Lock(pg_sys::LOCKTAG);

impl Lock {
    /// The lock that protects `name` for this purpose.
    pub fn new(purpose: Purpose, name: &[u8]) -> Self {
        Self::with_key(purpose, secret().key(purpose as u16, name))
    }

    /// The lock of a writer whose positions are all above `position`.
    pub fn above(position: i64) -> Self {
        let purpose = Purpose::Position;
        Self::with_key(purpose, secret().hide(purpose as u16, position.cast_unsigned()))
    }

    fn with_key(purpose: Purpose, key: u64) -> Self {
        Self(pg_sys::LOCKTAG {
            locktag_field1: database(),
            locktag_field2: (key >> 32) as u32,
            locktag_field3: key as u32,
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

    /// The same, if nobody holds it alone.
    pub fn try_share_until_end(self) -> bool {
        self.acquire(pg_sys::ShareLock, true)
    }

    /// Takes it until the transaction ends, together with others who add, when nobody shares it.
    pub fn add_until_end(self) {
        self.acquire(pg_sys::RowExclusiveLock, false);
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

/// The positions that running writers of this database named: each writes above its own alone.
///
/// `pg_locks` shows the same locks, but makes a row of text of every lock of the cluster first.
pub fn writers_positions() -> Vec<i64> {
    let keys = keys_of(Purpose::Position);
    if keys.is_empty() {
        return Vec::new();
    }
    let secret = secret();
    let reveal = |key| secret.reveal(Purpose::Position as u16, key).cast_signed();
    keys.into_iter().map(reveal).collect()
}

/// The keys of all locks of this database with that purpose, held or waited for.
fn keys_of(purpose: Purpose) -> Vec<u64> {
    let database = database();
    // SAFETY: a copy of the lock table in our memory: so many elements, freed below with their head.
    unsafe {
        let data = pg_sys::GetLockStatusData();
        let locks = (*data).locks;
        let count = usize::try_from((*data).nelements).unwrap_or(0);
        let all = if count == 0 { &[] } else { std::slice::from_raw_parts(locks, count) };
        let keys = all
            .iter()
            .map(|held| &held.locktag)
            .filter(|tag| {
                tag.locktag_type == pg_sys::LockTagType::LOCKTAG_ADVISORY as u8
                    && tag.locktag_field1 == database
                    && tag.locktag_field4 == purpose as u16
            })
            .map(|tag| (u64::from(tag.locktag_field2) << 32) | u64::from(tag.locktag_field3))
            .collect();
        pg_sys::pfree(locks.cast());
        pg_sys::pfree(data.cast());
        keys
    }
}

/// Locks a table against writers until the transaction ends, if there is none just now.
pub fn try_share_table(table: pg_sys::Oid) -> bool {
    // SAFETY: a lock on an oid, released when the transaction ends.
    unsafe { pg_sys::ConditionalLockRelationOid(table, pg_sys::ShareLock as i32) }
}

/// Whether nobody waits for this process to leave its database, for DROP DATABASE. In a transaction.
pub fn may_stay_in(database: pg_sys::Oid) -> bool {
    let tag = pg_sys::LOCKTAG {
        locktag_field1: 0,
        locktag_field2: pg_sys::DatabaseRelationId.to_u32(),
        locktag_field3: database.to_u32(),
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    };
    // SAFETY: the tag of the database as an object, which PostgreSQL locks so while a backend starts in
    // it; in a transaction, at whose end the lock is released. It does not wait.
    let got = unsafe {
        pg_sys::LockAcquire(&tag, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE, false, true)
    };
    got != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}
