//! Whether the relations of schema `wo` are as the table registry has them.
//!
//! Each is compared with the registry when it is opened first, from its relcache entry and under the
//! lock that it is opened with: what another transaction committed while the lock was waited for is then
//! known. One that lacks something, or has it altered, is refused, so that nothing of ours reads or
//! writes it. A session pays for the relations that it uses, and again when PostgreSQL says that one of
//! them, a function, a role or a schema was altered.
//!
//! Who opens a relation of ours asks here: [`crate::pg::relation::OpenTable`], the triggers, and, for
//! all that is written in SQL, a hook where the executor checks permissions. Statements of those whom
//! row security does not hold for pass: they repair, dump and restore.

use crate::pg::epoch::{self, epoch};
use crate::pg::error::{damaged, refuse};
use crate::pg::found;
use crate::pg::oid::oid_of_name;
use crate::pg::value::refuse_type;
use foldhash::HashMap;
use pgrx::pg_sys;
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;
use wo_rules::schema::compare::{Comparison, Problem, Registered, compare};

/// How often a comparison begins anew because something was altered meanwhile.
const TRIES: u32 = 3;

/// The first oid that PostgreSQL gives to objects of users.
const FIRST_OF_USERS: u32 = 16_384;

// PostgreSQL's own, from catalog/pg_inherits.h and catalog/partition.h, which pgrx does not bind.
unsafe extern "C-unwind" {
    fn find_inheritance_children(parent: pg_sys::Oid, lock: pg_sys::LOCKMODE) -> *mut pg_sys::List;
    fn get_partition_parent(partition: pg_sys::Oid, even_if_detached: bool) -> pg_sys::Oid;
}

thread_local! {
    /// The relations that are as registered, all of one epoch.
    static VERIFIED: RefCell<Verified> = RefCell::default();
    /// Whether nothing is compared just now.
    static IS_SUSPENDED: Cell<bool> = const { Cell::new(false) };
    /// Whether the tables are of the version that the registry describes.
    static IS_CURRENT: Cell<Option<fn() -> bool>> = const { Cell::new(None) };
    /// What was there before our hook.
    static HOOK_BEFORE: Cell<pg_sys::ExecutorCheckPerms_hook_type> = const { Cell::new(None) };
}

#[derive(Default)]
struct Verified {
    epoch: u64,
    relations: HashMap<pg_sys::Oid, Rc<Comparison>>,
}

/// Forgets what a relation was found as, or all relations: it was altered. It touches Rust memory
/// alone and never raises an ERROR.
pub fn forget(relation: pg_sys::Oid) {
    let is_ours = VERIFIED.try_with(|verified| {
        verified.try_borrow().map_or(true, |known| known.relations.contains_key(&relation))
    });
    if relation == pg_sys::Oid::INVALID || is_ours.unwrap_or(true) {
        epoch::advance();
    }
}

/// Says how it is found out whether the tables are of the version that the registry describes; others
/// are not compared.
pub fn when(is_current: fn() -> bool) {
    IS_CURRENT.set(Some(is_current));
}

/// Has PostgreSQL call the hooks; called once in a backend.
pub fn register() {
    use pg_sys::SysCacheIdentifier::{AUTHOID, NAMESPACEOID, PROCOID};
    for cache in [AUTHOID, NAMESPACEOID, PROCOID] {
        // SAFETY: the callback lives as long as the library, touches Rust memory alone and never
        // raises.
        unsafe {
            pg_sys::CacheRegisterSyscacheCallback(
                cache as i32,
                Some(at_change),
                pg_sys::Datum::from(0),
            );
        }
    }
    // SAFETY: a backend has one thread.
    unsafe {
        HOOK_BEFORE.set(pg_sys::ExecutorCheckPerms_hook);
        pg_sys::ExecutorCheckPerms_hook = Some(at_permission_check);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_change(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    epoch::advance();
}

/// Whether another extension checks the permissions of statements.
pub fn are_permissions_hooked() -> bool {
    // SAFETY: reads a variable of the backend.
    let hook = unsafe { pg_sys::ExecutorCheckPerms_hook };
    let own = at_permission_check as *const ();
    let is_ours = hook.is_some_and(|hook| std::ptr::eq(hook as *const (), own));
    !is_ours || HOOK_BEFORE.get().is_some()
}

/// Runs `act`, which repairs or upgrades, without comparing anything.
pub fn suspended<T>(act: impl FnOnce() -> T) -> T {
    /// Puts the flag back, by an ERROR too.
    struct Suspension(bool);
    impl Drop for Suspension {
        fn drop(&mut self) {
            IS_SUSPENDED.set(self.0);
        }
    }
    let _suspension = Suspension(IS_SUSPENDED.replace(true));
    act()
}

/// Whether the relation was found as registered, and nothing was altered since.
pub fn is_verified(oid: pg_sys::Oid) -> bool {
    VERIFIED.with_borrow(|known| known.epoch == epoch() && known.relations.contains_key(&oid))
}

/// How a relation that is as registered was found.
pub fn comparison(oid: pg_sys::Oid) -> Option<Rc<Comparison>> {
    VERIFIED.with_borrow(|known| {
        known.relations.get(&oid).filter(|_| known.epoch == epoch()).map(Rc::clone)
    })
}

/// Whether the relation was compared and found as registered. Refuses one that is not.
pub fn is_as_registered(oid: pg_sys::Oid) -> bool {
    verify(oid);
    is_verified(oid)
}

/// Refuses a relation of schema `wo` that is not as registered. Another relation passes.
pub fn verify(oid: pg_sys::Oid) {
    if is_verified(oid) || IS_SUSPENDED.get() || !is_in_schema(oid) {
        return;
    }
    let Some(is_current) = IS_CURRENT.get() else { return };
    // What finds out whether the tables are current reads one of them.
    if !suspended(is_current) {
        return;
    }
    for tries in 1..=TRIES {
        let before = epoch();
        let compared = compare_with_partitions(oid);
        let is_settled = epoch() == before;
        if !is_settled && tries < TRIES {
            continue;
        }
        let problem = compared
            .iter()
            .flat_map(|(_, found)| &found.problems)
            .min_by_key(|problem| problem.to_string());
        if let Some(problem) = problem {
            refuse_problem(problem);
        }
        if is_settled {
            VERIFIED.with_borrow_mut(|known| {
                if known.epoch != before {
                    *known = Verified { epoch: before, ..Verified::default() };
                }
                known.relations.extend(compared.into_iter().map(|(oid, one)| (oid, Rc::new(one))));
            });
            return;
        }
    }
}

/// Refuses a table that has this problem.
fn refuse_problem(problem: &Problem) -> ! {
    match problem {
        Problem::ColumnType { table, column, found, expected } => {
            refuse_type(&format!("wo.{table}"), column, &found.name, expected.name())
        }
        Problem::Other(sentence) => refuse(damaged(sentence).hint(
            "As a superuser: select wo_private.enforce(); wo.health() lists everything that is wrong.",
        )),
    }
}

fn is_in_schema(oid: pg_sys::Oid) -> bool {
    // The caller has the relation open or opens it next, so that its relcache entry costs nothing.
    oid.to_u32() >= FIRST_OF_USERS && Entry::of(oid).is_some_and(|entry| entry.is_in_schema())
}

/// A relation whose relcache entry stays while this lives. It is not locked: its entry is that of one
/// moment.
struct Entry(pg_sys::Relation);

impl Entry {
    fn of(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: gives null where there is no such relation.
        let relation = unsafe { pg_sys::RelationIdGetRelation(oid) };
        (!relation.is_null()).then_some(Self(relation))
    }

    fn compare(&self, registered: Registered) -> Comparison {
        // SAFETY: the relation is open.
        let found = unsafe { found::read(self.0) };
        compare(registered, &found, found::is_own)
    }

    fn is_in_schema(&self) -> bool {
        // SAFETY: the relation is open; the look-up answers from the catalogue cache, with 0 for what is not
        // there.
        unsafe {
            (*(*self.0).rd_rel).relnamespace == pg_sys::get_namespace_oid(c"wo".as_ptr(), true)
        }
    }

    fn name(&self) -> String {
        // SAFETY: the relation is open, and its name is NUL-terminated.
        let name = unsafe { CStr::from_ptr((*(*self.0).rd_rel).relname.data.as_ptr()) };
        name.to_string_lossy().into_owned()
    }

    /// What the registry says of it: by its name, or by that of the table whose partition it is.
    fn registered(&self) -> Option<Registered> {
        // SAFETY: the relation is open.
        let (oid, is_partition) = unsafe { ((*self.0).rd_id, (*(*self.0).rd_rel).relispartition) };
        if !is_partition {
            return Registered::named(&self.name());
        }
        wo_rules::schema::table(&Self::of(parent_of(oid))?.name()).map(Registered::Partition)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // While an ERROR unwinds, the abort gives back every entry by itself.
        if !std::thread::panicking() {
            // SAFETY: taken once, and given back once.
            unsafe { pg_sys::RelationClose(self.0) };
        }
    }
}

/// The table that a partition is one of.
pub(in crate::pg) fn parent_of(partition: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: the relation is a partition; an ERROR becomes a panic at the boundary.
    unsafe { pg_guard_ffi_boundary(|| get_partition_parent(partition, true)) }
}

/// Compares a relation of schema `wo` and, where its partitions are not those of months, each of them:
/// those of months are compared when they are opened.
fn compare_with_partitions(oid: pg_sys::Oid) -> Vec<(pg_sys::Oid, Comparison)> {
    let Some(entry) = Entry::of(oid) else { return Vec::new() };
    let Some(registered) = entry.registered() else { return Vec::new() };
    let mut all = vec![(oid, entry.compare(registered))];
    if let Registered::Table(table) = registered
        && table.partitioned_by.is_none()
    {
        all.extend(compare_partitions(&entry, table));
    }
    all
}

/// Compares the partitions of a table.
fn compare_partitions(
    parent: &Entry,
    table: &'static wo_rules::schema::Table,
) -> Vec<(pg_sys::Oid, Comparison)> {
    // SAFETY: the parent is open; an ERROR becomes a panic at the boundary. A list that is not null has
    // so many oids.
    let partitions: Vec<pg_sys::Oid> = unsafe {
        if (*(*parent.0).rd_rel).relkind as u8 != pg_sys::RELKIND_PARTITIONED_TABLE {
            return Vec::new();
        }
        let oid = (*parent.0).rd_id;
        let list = pg_guard_ffi_boundary(|| find_inheritance_children(oid, pg_sys::NoLock as i32));
        match list.is_null() {
            true => Vec::new(),
            false => std::slice::from_raw_parts((*list).elements, (*list).length as usize)
                .iter()
                .map(|cell| cell.oid_value)
                .collect(),
        }
    };
    let compared = partitions
        .into_iter()
        .filter_map(|oid| Some((oid, Entry::of(oid)?.compare(Registered::Partition(table)))));
    compared.collect()
}

/// Refuses to go on where anything is wrong.
pub fn refuse_problems() {
    match problems().first() {
        Some(problem @ Problem::ColumnType { .. }) => refuse_problem(problem),
        Some(Problem::Other(sentence)) => refuse(damaged(sentence)),
        None => {}
    }
}

/// What is wrong with the tables, their partitions, the views and the sequences, in alphabetical order.
/// Nothing is locked, so that a table which somebody else locks is not waited for.
pub fn problems() -> Vec<Problem> {
    let tables = wo_rules::schema::TABLES.into_iter().map(|table| table.name);
    let views = wo_rules::schema::views().map(|view| view.name);
    let sequences = wo_rules::schema::sequences().map(|sequence| sequence.name);
    let mut problems = Vec::new();
    for name in tables.chain(views).chain(sequences) {
        let entry = oid_of_name(name).and_then(Entry::of);
        let Some((entry, registered)) = entry.zip(Registered::named(name)) else {
            problems.push(Problem::Other(format!("wo.{name} is missing")));
            continue;
        };
        let mut compared = vec![entry.compare(registered)];
        if let Registered::Table(table) = registered {
            compared.extend(compare_partitions(&entry, table).into_iter().map(|(_, one)| one));
        }
        problems.extend(compared.into_iter().flat_map(|one| one.problems));
    }
    problems.sort_by_cached_key(ToString::to_string);
    problems
}

/// Where the executor checks the permissions of a statement, its relations are locked: verifies those
/// of ours.
#[cfg(feature = "pg15")]
#[pg_guard]
unsafe extern "C-unwind" fn at_permission_check(
    range_table: *mut pg_sys::List,
    raises: bool,
) -> bool {
    // SAFETY: the executor gives a list of range table entries, and the hook before takes the same.
    unsafe {
        if let Some(before) = HOOK_BEFORE.get()
            && !before(range_table, raises)
        {
            return false;
        }
        for cell in cells(range_table) {
            let entry = &*cell.ptr_value.cast::<pg_sys::RangeTblEntry>();
            if entry.rtekind == pg_sys::RTEKind::RTE_RELATION && entry.requiredPerms != 0 {
                verify_for(entry.relid, entry.checkAsUser);
            }
        }
    }
    true
}

/// The same; the permissions stand in a list of their own.
#[cfg(not(feature = "pg15"))]
#[pg_guard]
unsafe extern "C-unwind" fn at_permission_check(
    range_table: *mut pg_sys::List,
    permissions: *mut pg_sys::List,
    raises: bool,
) -> bool {
    // SAFETY: the executor gives a list of permissions, and the hook before takes the same.
    unsafe {
        if let Some(before) = HOOK_BEFORE.get()
            && !before(range_table, permissions, raises)
        {
            return false;
        }
        for cell in cells(permissions) {
            let entry = &*cell.ptr_value.cast::<pg_sys::RTEPermissionInfo>();
            if entry.requiredPerms != 0 {
                verify_for(entry.relid, entry.checkAsUser);
            }
        }
    }
    true
}

unsafe fn cells<'a>(list: *mut pg_sys::List) -> &'a [pg_sys::ListCell] {
    // SAFETY: a list that is not null has so many cells.
    unsafe {
        match list.is_null() {
            true => &[],
            false => std::slice::from_raw_parts((*list).elements, (*list).length as usize),
        }
    }
}

/// Verifies a relation that a statement names, for that user or, without one, for the current user.
/// Parallel workers do what the leader has verified.
fn verify_for(relation: pg_sys::Oid, user: pg_sys::Oid) {
    if relation.to_u32() < FIRST_OF_USERS || is_verified(relation) {
        return;
    }
    // SAFETY: reads variables of the backend and catalogue caches.
    let passes = || unsafe {
        let user = if user == pg_sys::Oid::INVALID { pg_sys::GetUserId() } else { user };
        pg_sys::ParallelWorkerNumber >= 0 || pg_sys::has_bypassrls_privilege(user)
    };
    if !passes() && is_in_schema(relation) {
        verify(relation);
    }
}
