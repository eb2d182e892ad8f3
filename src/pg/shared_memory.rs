//! What the worker, the launcher and all backends share: one site for each database that has a
//! worker, and the ring of refused attempts.
//!
//! The memory is there only where the library was preloaded; without it every function here says so
//! by giving nothing, and nothing else in the extension depends on it. It begins as zeros, which is empty.
//! A crash of any backend makes PostgreSQL begin it anew.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::UnsafeCell;
use std::mem::size_of;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicPtr, AtomicU32};
use wo_rules::refused_attempt::ring::{Book, DATABASES, Head, Ring};
use wo_rules::refused_attempt::{Attempt, Short};

/// For how many databases there are sites.
pub const SITES: usize = 64;

/// How many jobs a site keeps books of.
pub const JOBS: usize = 24;

/// The name under which PostgreSQL knows our memory and locks.
const NAME: &std::ffi::CStr = c"wo_core";

/// How a worker stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// There is none.
    Absent = 0,
    /// It is looking at its database.
    Starting = 1,
    /// It does the jobs.
    Serving = 2,
    /// It waits until extension and records are there, and of the library's version.
    Idle = 3,
}

impl State {
    fn of(number: u32) -> Self {
        [Self::Starting, Self::Serving, Self::Idle]
            .into_iter()
            .find(|state| *state as u32 == number)
            .unwrap_or(Self::Absent)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Idle => "idle",
        }
    }
}

/// The books of one job in one database.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct JobBook {
    /// When it began last, in microseconds since 2000-01-01 UTC; 0 for never.
    pub last_run: i64,
    /// How long that took, in microseconds.
    pub last_duration: i64,
    /// How much it has done since the worker started.
    pub done: i64,
    /// How often it has failed since then.
    pub errors: i64,
    /// How often it has failed in a row.
    pub failures: i64,
    /// What it failed with last.
    pub last_error: Short<300>,
}

/// One database's part of the shared memory. What commits touch is atomic; the rest is under the lock.
#[repr(C)]
pub struct Site {
    /// The worker's process; 0 where there is none.
    pub pid: AtomicI32,
    /// The worker's latch.
    pub latch: AtomicPtr<pg_sys::Latch>,
    state: AtomicU32,
    /// Since when the worker is in that state.
    pub since: AtomicI64,
    /// Since when the worker is doing a job; 0 while it is not.
    pub busy_since: AtomicI64,
    /// The newest position of an event that was committed.
    pub newest: AtomicI64,
    /// The position up to which subscribers were woken.
    pub announced: AtomicI64,
    /// Whether the worker wants to be woken by a commit: 1 while it sleeps.
    pub listening: AtomicU32,
    /// The jobs that were asked for, a bit each.
    pub nudges: AtomicU32,
    /// Until when the launcher starts no worker here: the last one made way for somebody.
    pub not_before: AtomicI64,
    books: UnsafeCell<Books>,
}

/// What of a site is under the lock.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Books {
    /// Why the worker is idle, where it is.
    pub reason: Short<300>,
    /// The jobs, in their order.
    pub jobs: [JobBook; JOBS],
}

impl Site {
    /// How its worker stands.
    pub fn state(&self) -> State {
        match self.pid.load(SeqCst) {
            0 => State::Absent,
            _ => State::of(self.state.load(SeqCst)),
        }
    }

    /// Says how the worker stands, and why where it is idle.
    pub fn stand(&self, state: State, reason: &str) {
        if self.state.swap(state as u32, SeqCst) != state as u32 {
            self.since.store(crate::pg::server::now(), SeqCst);
        }
        self.with_books(|books| books.reason = Short::new(reason));
    }

    /// Works with what is under the lock; `work` must be quick, and must not raise.
    pub fn with_books<T>(&self, work: impl FnOnce(&mut Books) -> T) -> T {
        // SAFETY: nobody else looks at the books while the lock is held.
        locked(|| work(unsafe { &mut *self.books.get() }))
    }

    /// Wakes the worker. Called at the end of transactions too: no ERROR, no lock, no allocation.
    pub fn wake(&self) {
        let latch = self.latch.load(SeqCst);
        if !latch.is_null() {
            // SAFETY: a latch in the shared memory of processes, where it stays; if its process is
            // another's by now, that one wakes for nothing.
            unsafe { pg_sys::SetLatch(latch) };
        }
    }
}

/// The head of our shared memory; heads and attempts of the ring follow it.
#[repr(C)]
struct Board {
    places: usize,
    /// Whose the sites are, side by side, so that a commit finds its own quickly.
    databases: [AtomicU32; SITES],
    sites: [Site; SITES],
    /// Of the ring; under the lock.
    books: UnsafeCell<[Book; DATABASES]>,
}

static BOARD: AtomicPtr<Board> = AtomicPtr::new(std::ptr::null_mut());
static LOCK: AtomicPtr<pg_sys::LWLock> = AtomicPtr::new(std::ptr::null_mut());

/// What was there before our hooks.
static mut REQUEST_BEFORE: pg_sys::shmem_request_hook_type = None;
static mut STARTUP_BEFORE: pg_sys::shmem_startup_hook_type = None;

/// Asks for the memory. Called while the postmaster preloads the library.
pub fn reserve() {
    // SAFETY: the postmaster has one thread, and calls this once.
    unsafe {
        REQUEST_BEFORE = pg_sys::shmem_request_hook;
        pg_sys::shmem_request_hook = Some(request);
        STARTUP_BEFORE = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(startup);
    }
}

fn places() -> usize {
    usize::try_from(crate::pg::setting::REFUSED_ATTEMPTS_KEPT.get()).unwrap_or(0)
}

fn size_of_all() -> usize {
    size_of::<Board>() + places() * (size_of::<Head>() + size_of::<Attempt>())
}

#[pg_guard]
unsafe extern "C-unwind" fn request() {
    // SAFETY: the postmaster calls the hooks one after the other.
    unsafe {
        if let Some(before) = REQUEST_BEFORE {
            before();
        }
        pg_sys::RequestAddinShmemSpace(size_of_all());
        pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), 1);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn startup() {
    // SAFETY: called in the postmaster alone, before anybody uses the memory; backends inherit the
    // pointers. After a crash it is called again, for memory that is new.
    unsafe {
        if let Some(before) = STARTUP_BEFORE {
            before();
        }
        let mut found = false;
        let size = size_of_all();
        let board = pg_sys::ShmemInitStruct(NAME.as_ptr(), size, &mut found).cast::<Board>();
        if !found {
            board.cast::<u8>().write_bytes(0, size);
            (*board).places = places();
        }
        BOARD.store(board, SeqCst);
        LOCK.store(&raw mut (*pg_sys::GetNamedLWLockTranche(NAME.as_ptr())).lock, SeqCst);
    }
}

fn board() -> Option<&'static Board> {
    // SAFETY: null, or memory that lives as long as the process.
    unsafe { BOARD.load(SeqCst).as_ref() }
}

/// Whether the library was preloaded.
pub fn is_there() -> bool {
    board().is_some()
}

/// Holds our lock while `act` runs, which must be quick, and must not raise.
fn locked<T>(act: impl FnOnce() -> T) -> T {
    let lock = LOCK.load(SeqCst);
    // SAFETY: set together with the board, which every caller has found.
    unsafe { pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
    let result = act();
    // SAFETY: taken above.
    unsafe { pg_sys::LWLockRelease(lock) };
    result
}

/// Works with the ring of refused attempts; nothing where the library was not preloaded.
pub fn with_ring<T>(act: impl FnOnce(&mut Ring<'_>) -> T) -> Option<T> {
    let board = BOARD.load(SeqCst);
    if board.is_null() {
        return None;
    }
    Some(locked(|| {
        // SAFETY: under the lock nobody else looks at the ring; heads and attempts follow the board in
        // the memory that was asked for, and their alignment is the board's.
        let mut ring = unsafe {
            let places = (*board).places;
            let heads = board.add(1).cast::<Head>();
            let attempts = heads.add(places).cast::<Attempt>();
            Ring {
                heads: std::slice::from_raw_parts_mut(heads, places),
                attempts: std::slice::from_raw_parts_mut(attempts, places),
                books: &mut *(*board).books.get(),
            }
        };
        act(&mut ring)
    }))
}

/// The sites that are some database's, each with that database's oid.
pub fn sites() -> impl Iterator<Item = (pg_sys::Oid, &'static Site)> {
    board().into_iter().flat_map(|board| {
        board
            .databases
            .iter()
            .zip(&board.sites)
            .map(|(database, site)| (pg_sys::Oid::from(database.load(SeqCst)), site))
            .filter(|(database, _)| *database != pg_sys::Oid::INVALID)
    })
}

/// The site of a database, if it has one.
pub fn site_of(database: pg_sys::Oid) -> Option<&'static Site> {
    sites().find(|(oid, _)| *oid == database).map(|(_, site)| site)
}

/// The site of this backend's own database, if it has one.
pub fn own_site() -> Option<&'static Site> {
    // SAFETY: set once when the backend connects.
    site_of(unsafe { pg_sys::MyDatabaseId })
}

/// Takes the site of a database for this process; nothing where another process has it, or none is
/// free.
pub fn claim(database: pg_sys::Oid) -> Option<&'static Site> {
    let board = board()?;
    let number = database.to_u32();
    let site = locked(|| {
        let is_its_own = |index: &usize| board.databases[*index].load(SeqCst) == number;
        let is_free = |index: &usize| board.databases[*index].load(SeqCst) == 0;
        let is_left = |index: &usize| board.sites[*index].pid.load(SeqCst) == 0;
        let index = (0..SITES)
            .find(is_its_own)
            .or_else(|| (0..SITES).find(is_free))
            .or_else(|| (0..SITES).find(is_left))?;
        let site = &board.sites[index];
        // SAFETY: reads this process's own number.
        let own = unsafe { pg_sys::MyProcPid };
        site.pid.compare_exchange(0, own, SeqCst, SeqCst).ok()?;
        if board.databases[index].swap(number, SeqCst) != number {
            site.newest.store(0, SeqCst);
            site.announced.store(0, SeqCst);
        }
        site.busy_since.store(0, SeqCst);
        // SAFETY: this process's latch, in shared memory.
        site.latch.store(unsafe { pg_sys::MyLatch }, SeqCst);
        Some(site)
    })?;
    site.stand(State::Starting, "");
    Some(site)
}

/// Gives the site up: this process ends. Called while it exits: no ERROR, no lock, no allocation.
pub fn give_up(site: &Site) {
    site.latch.store(std::ptr::null_mut(), SeqCst);
    site.listening.store(0, SeqCst);
    site.busy_since.store(0, SeqCst);
    site.pid.store(0, SeqCst);
}
