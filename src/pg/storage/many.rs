//! Appending the rows of one statement to partitions that are opened once, rather than for each row.

use super::target::Target;
use super::{Column, has_columns, partition_of};
use crate::pg::statement::Argument;
use crate::pg::transaction::nesting_level;
use pgrx::pg_sys;
use std::cell::RefCell;
use wo_rules::time::Day;

/// A partition that stays open. Nobody alters, detaches or drops it meanwhile: others wait for our lock on
/// it, and PostgreSQL refuses that to this session while the partition is in use.
struct Partition {
    parent: &'static str,
    month: (i64, u32),
    relation: pg_sys::Relation,
    target: Target,
}

/// The partitions of a statement, and what they are opened in.
struct Kept {
    level: i32,
    owner: pg_sys::ResourceOwner,
    memory: pg_sys::MemoryContext,
    partitions: Vec<Partition>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Runs a statement that writes many rows: the partitions that they append to stay open until it ends.
pub fn many_rows<T>(write: impl FnOnce() -> T) -> T {
    // SAFETY: in a transaction; the memory is freed below, or with the (sub)transaction by its abort.
    let kept = unsafe {
        Kept {
            level: nesting_level(),
            owner: pg_sys::CurrentResourceOwner,
            memory: pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurTransactionContext,
                c"wo_core partitions".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            ),
            partitions: Vec::new(),
        }
    };
    let before = KEPT.with_borrow_mut(|current| current.replace(kept));
    let statement = Statement { before };
    let result = write();
    drop(statement);
    result
}

/// A statement that runs; at its end the one around it goes on.
struct Statement {
    before: Option<Kept>,
}

impl Drop for Statement {
    fn drop(&mut self) {
        let kept = KEPT.with_borrow_mut(|current| std::mem::replace(current, self.before.take()));
        // While an ERROR unwinds, the abort closes everything by itself.
        if let Some(kept) = kept.filter(|_| !std::thread::panicking()) {
            kept.close();
        }
    }
}

impl Kept {
    /// Does something that opens or closes relations, whose owner is the statement's: the present one
    /// may end before.
    fn as_owner<T>(&self, act: impl FnOnce() -> T) -> T {
        // SAFETY: both owners live until the statement ends. An ERROR unwinds through us, and the
        // abort sets owner and context anew.
        unsafe {
            let owner = std::ptr::replace(&raw mut pg_sys::CurrentResourceOwner, self.owner);
            let memory = pg_sys::MemoryContextSwitchTo(self.memory);
            let result = act();
            pg_sys::MemoryContextSwitchTo(memory);
            pg_sys::CurrentResourceOwner = owner;
            result
        }
    }

    fn close(mut self) {
        let partitions = std::mem::take(&mut self.partitions);
        self.as_owner(|| {
            for partition in partitions {
                // SAFETY: opened by open, and not closed yet.
                unsafe {
                    partition.target.close();
                    pg_sys::table_close(partition.relation, pg_sys::NoLock as i32);
                }
            }
        });
        // SAFETY: nobody else knows the memory, and we are not in it.
        unsafe { pg_sys::MemoryContextDelete(self.memory) };
    }
}

/// Appends a row where a statement keeps its partitions open. Nothing where it does not, or not here: what
/// is opened in a savepoint inside the statement goes with it.
pub fn append(
    parent: &'static str,
    month: Day,
    columns: &[Column],
    values: &[Argument],
) -> Option<bool> {
    let key = (month.year, month.month);
    // The partition is taken out while it is used: a trigger on it may come back here.
    let (partition, owner) = KEPT.with_borrow_mut(|current| {
        let kept = current.as_mut().filter(|kept| kept.level == nesting_level())?;
        let is_it = |partition: &Partition| partition.parent == parent && partition.month == key;
        let partition = match kept.partitions.iter().position(is_it) {
            Some(place) => Some(kept.partitions.swap_remove(place)),
            None => kept.as_owner(|| open(parent, month, columns)),
        };
        Some((partition?, kept.owner))
    })?;
    // SAFETY: the partition is open; values and nulls have the length of its descriptor, and every value is
    // of its column's type, as the statement that does the same through SQL shows. An ERROR unwinds
    // through us, and the abort releases everything.
    unsafe {
        // An index may keep pages that its first entry has read: they are the statement's, as the partition.
        let present = std::ptr::replace(&raw mut pg_sys::CurrentResourceOwner, owner);
        partition.target.insert(values);
        pg_sys::CurrentResourceOwner = present;
        let checked = (*partition.target.state).es_per_tuple_exprcontext;
        if !checked.is_null() {
            pg_sys::MemoryContextReset((*checked).ecxt_per_tuple_memory);
        }
    }
    KEPT.with_borrow_mut(|current| current.as_mut().map(|kept| kept.partitions.push(partition)));
    Some(true)
}

/// Opens the partition of that month. Nothing where there is none, or an unusual one.
fn open(parent: &'static str, month: Day, columns: &[Column]) -> Option<Partition> {
    // SAFETY: everything is made in the statement's memory and closed by Kept::close.
    unsafe {
        let oid = partition_of(parent, month);
        if oid == pg_sys::Oid::INVALID {
            return None;
        }
        let relation = pg_sys::table_open(oid, pg_sys::RowExclusiveLock as i32);
        if !(*(*relation).rd_rel).relispartition || !has_columns(relation, columns) {
            pg_sys::table_close(relation, pg_sys::NoLock as i32);
            return None;
        }
        let target = Target::open(relation);
        Some(Partition { parent, month: (month.year, month.month), relation, target })
    }
}
