//! The hooks of a transaction, and what a savepoint restores.
//!
//! A module registers its hooks once in a backend, by [`before_commit`], [`committing`],
//! [`before_prepare`], [`at_end`] and [`at_rollback_to_savepoint`]. State that ROLLBACK TO SAVEPOINT
//! has to restore is kept in a [`SubxactStack`], which needs no hook.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::thread::LocalKey;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By COMMIT.
    Committed,
    /// By ROLLBACK, or an ERROR.
    RolledBack,
    /// By PREPARE TRANSACTION.
    Prepared,
}

thread_local! {
    static BEFORE_COMMIT: RefCell<Vec<fn()>> = const { RefCell::new(Vec::new()) };
    static COMMITTING: RefCell<Vec<fn()>> = const { RefCell::new(Vec::new()) };
    static BEFORE_PREPARE: RefCell<Vec<fn()>> = const { RefCell::new(Vec::new()) };
    static AT_END: RefCell<Vec<fn(End)>> = const { RefCell::new(Vec::new()) };
    static AT_ROLLBACK: RefCell<Vec<fn()>> = const { RefCell::new(Vec::new()) };
    /// Every stack that this backend has used.
    static STACKS: RefCell<Vec<&'static dyn Restore>> = const { RefCell::new(Vec::new()) };
}

/// Registers what is to be written before a commit, when everything else is written. It may run
/// several times in a transaction, and does nothing where nothing is left to do. The hooks run in
/// the order of their registration.
pub fn before_commit(hook: fn()) {
    BEFORE_COMMIT.with_borrow_mut(|hooks| hooks.push(hook));
}

/// Registers what runs when the commit begins. It may raise an ERROR, but writes nothing: deferred
/// triggers have fired already.
pub fn committing(hook: fn()) {
    COMMITTING.with_borrow_mut(|hooks| hooks.push(hook));
}

/// Registers what runs before PREPARE TRANSACTION. It may raise an ERROR.
pub fn before_prepare(hook: fn()) {
    BEFORE_PREPARE.with_borrow_mut(|hooks| hooks.push(hook));
}

/// Registers what runs when the transaction has ended, before the stacks are emptied. It raises no
/// ERROR, since that would take the whole server down after a commit.
pub fn at_end(hook: fn(End)) {
    AT_END.with_borrow_mut(|hooks| hooks.push(hook));
}

/// Registers what runs when a subtransaction was rolled back. It raises no ERROR.
pub fn at_rollback_to_savepoint(hook: fn()) {
    AT_ROLLBACK.with_borrow_mut(|hooks| hooks.push(hook));
}

/// Registers what follows a savepoint by its nesting level: what was done at that level or deeper is rolled back,
/// or belongs to the level around it. Neither raises an ERROR. At the end of the transaction, level 0 is rolled back.
pub fn follow(roll_back: fn(i32), release: fn(i32)) {
    remember(Box::leak(Box::new(Follower { roll_back, release })));
}

struct Follower {
    roll_back: fn(i32),
    release: fn(i32),
}

impl Restore for Follower {
    fn roll_back(&'static self, level: i32) {
        (self.roll_back)(level);
    }

    fn release(&'static self, level: i32) {
        (self.release)(level);
    }
}

/// Has the ends of transactions and subtransactions restore it.
pub(super) fn remember(one: &'static dyn Restore) {
    STACKS.with_borrow_mut(|all| all.push(one));
}

/// Runs the hooks of one kind. A hook may use whatever registers another stack or hook.
fn run<H: Copy>(hooks: &'static LocalKey<RefCell<Vec<H>>>, call: impl Fn(H)) {
    let nth =
        |index| hooks.try_with(|hooks| hooks.try_borrow().ok()?.get(index).copied()).ok().flatten();
    let mut index = 0;
    while let Some(hook) = nth(index) {
        call(hook);
        index += 1;
    }
}

/// Writes what was left to be written before the commit.
pub fn run_before_commit() {
    run(&BEFORE_COMMIT, |hook| hook());
}

/// Runs `act` under a new snapshot of the transaction. An ERROR in `act` unwinds through here, and
/// the abort that follows releases the snapshot.
pub fn with_snapshot<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: in a transaction; the snapshot is popped below, or by the abort.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let result = act();
        pg_sys::PopActiveSnapshot();
        result
    }
}

/// Fires the deferred triggers that were queued since PostgreSQL fired them, and those that they queue. Before the
/// commit, outside of statements.
pub fn fire_deferred_triggers() {
    // SAFETY: in a transaction that is about to commit, where no query runs; PostgreSQL itself calls it as often as
    // something is left to do.
    unsafe { pg_sys::AfterTriggerFireDeferred() };
}

/// Whether a transaction's id is that of this transaction, or of a subtransaction of it that was not rolled back.
pub fn is_current(id: u32) -> bool {
    // SAFETY: reads the transaction manager's own memory.
    unsafe { pg_sys::TransactionIdIsCurrentTransactionId(pg_sys::TransactionId::from(id)) }
}

/// Has what was just written be seen by what is asked next. In a transaction that has written.
pub fn make_visible() {
    // SAFETY: in a transaction, between two commands of it.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// Whether a parallel query runs.
pub fn is_parallel() -> bool {
    // SAFETY: reads a flag of this backend.
    unsafe { pg_sys::IsInParallelMode() }
}

/// How deep in subtransactions this backend is; 1 where in none.
pub fn nesting_level() -> i32 {
    // SAFETY: reads a counter of the transaction manager.
    unsafe { pg_sys::GetCurrentTransactionNestLevel() }
}

/// Has PostgreSQL call the hooks; called once in a backend.
pub fn register() {
    // SAFETY: both callbacks live as long as the library. They touch Rust memory only, and raise no
    // ERROR, but in PRE_COMMIT and PRE_PREPARE, where PostgreSQL allows both.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction_event), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction_event), std::ptr::null_mut());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_transaction_event(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::os::raw::c_void,
) {
    use pg_sys::XactEvent::*;
    let end = match event {
        XACT_EVENT_PRE_PREPARE => return run(&BEFORE_PREPARE, |hook| hook()),
        XACT_EVENT_PRE_COMMIT => {
            run_before_commit();
            return run(&COMMITTING, |hook| hook());
        }
        XACT_EVENT_COMMIT => End::Committed,
        XACT_EVENT_ABORT => End::RolledBack,
        XACT_EVENT_PREPARE => End::Prepared,
        _ => return,
    };
    run(&AT_END, |hook| hook(end));
    run(&STACKS, |stack| stack.roll_back(0));
}

#[pg_guard]
unsafe extern "C-unwind" fn at_subtransaction_event(
    event: pg_sys::SubXactEvent::Type,
    _subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut std::os::raw::c_void,
) {
    use pg_sys::SubXactEvent::*;
    let level = nesting_level();
    match event {
        SUBXACT_EVENT_ABORT_SUB => {
            run(&STACKS, |stack| stack.roll_back(level));
            run(&AT_ROLLBACK, |hook| hook());
        }
        SUBXACT_EVENT_COMMIT_SUB => run(&STACKS, |stack| stack.release(level)),
        _ => {}
    }
}

/// State of a transaction that ROLLBACK TO SAVEPOINT restores: entries, each with the nesting level
/// of the subtransaction that made it. A rollback drops the entries of its subtransaction, RELEASE
/// gives them to the one around it, and the end of the transaction drops all.
///
/// It is a list by [`Stack::push`], or a value by [`Stack::set`], of which the newest entry counts.
/// It lives in a `thread_local!`.
pub struct SubxactStack<T> {
    entries: RefCell<Vec<(i32, T)>>,
    is_known: Cell<bool>,
}

impl<T> SubxactStack<T> {
    /// The stack without entries.
    pub const fn new() -> Self {
        Self { entries: RefCell::new(Vec::new()), is_known: Cell::new(false) }
    }
}

/// What a [`SubxactStack`] does.
pub trait Stack<T> {
    /// Adds an entry.
    fn push(&'static self, value: T);
    /// Replaces the value, until the subtransaction is rolled back.
    fn set(&'static self, value: T);
    /// Gives the newest entry to `read`.
    fn with_top<R>(&'static self, read: impl FnOnce(Option<&T>) -> R) -> R;
    /// Takes all entries out.
    fn take_all(&'static self) -> Vec<T>;
    /// How many entries there are.
    fn count(&'static self) -> usize;
    /// Takes out what was added beyond so many entries.
    fn take_from(&'static self, count: usize) -> Vec<T>;
    /// The newest entry.
    fn top(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with_top(|top| top.cloned())
    }
    /// Has `value` count while `act` runs, and then what counted before. Where `act` raises an
    /// ERROR, the rollback brings back what counted before.
    fn during<R>(&'static self, value: T, act: impl FnOnce() -> R) -> R
    where
        T: Clone + Default,
    {
        let before = self.top().unwrap_or_default();
        self.set(value);
        let result = act();
        self.set(before);
        result
    }
}

impl<T: 'static> Stack<T> for LocalKey<SubxactStack<T>> {
    fn push(&'static self, value: T) {
        let level = nesting_level();
        self.with(|stack| {
            if !stack.is_known.replace(true) {
                remember(self);
            }
            stack.entries.borrow_mut().push((level, value));
        });
    }

    fn set(&'static self, value: T) {
        self.roll_back(nesting_level());
        self.push(value);
    }

    fn with_top<R>(&'static self, read: impl FnOnce(Option<&T>) -> R) -> R {
        self.with(|stack| read(stack.entries.borrow().last().map(|(_, value)| value)))
    }

    fn take_all(&'static self) -> Vec<T> {
        self.take_from(0)
    }

    fn count(&'static self) -> usize {
        self.with(|stack| stack.entries.borrow().len())
    }

    fn take_from(&'static self, count: usize) -> Vec<T> {
        let taken = self.with(|stack| {
            let mut entries = stack.entries.borrow_mut();
            let count = count.min(entries.len());
            entries.split_off(count)
        });
        taken.into_iter().map(|(_, value)| value).collect()
    }
}

/// What the ends of transactions and subtransactions do to a stack.
pub(super) trait Restore {
    /// Drops the entries of that level and deeper ones.
    fn roll_back(&'static self, level: i32);
    /// Gives the entries of that level to the one around it.
    fn release(&'static self, level: i32);
}

impl<T: 'static> Restore for LocalKey<SubxactStack<T>> {
    fn roll_back(&'static self, level: i32) {
        // Each is dropped outside the borrow: what it does then is its own business.
        let pop = || {
            self.try_with(|stack| {
                let mut entries = stack.entries.try_borrow_mut().ok()?;
                entries.pop_if(|(since, _)| *since >= level)
            })
        };
        while let Ok(Some(_)) = pop() {}
    }

    fn release(&'static self, level: i32) {
        let _ = self.try_with(|stack| {
            if let Ok(mut entries) = stack.entries.try_borrow_mut() {
                let inner = entries.iter_mut().rev().take_while(|(since, _)| *since >= level);
                inner.for_each(|(since, _)| *since = level - 1);
            }
        });
    }
}
