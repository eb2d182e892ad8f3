//! Appending the rows of one statement to partitions that are opened once, rather than for each row.

use super::checks;
use super::insert::Appending;
use crate::pg::statement::Argument;
use crate::pg::transaction::nesting_level;
use pgrx::pg_sys;
use std::cell::RefCell;
use wo_rules::schema::Table;
use wo_rules::time::Day;

/// A partition that stays open. Nobody else alters, detaches or drops it meanwhile: they wait for our
/// lock on it. What this session alters itself ends the generation.
struct Partition {
    table: &'static str,
    month: (i64, u32),
    generation: u64,
    appending: Appending,
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
        self.as_owner(|| drop(partitions));
        // SAFETY: nobody else knows the memory, and we are not in it.
        unsafe { pg_sys::MemoryContextDelete(self.memory) };
    }
}

/// Appends a row where a statement keeps its partitions open. Nothing where it does not, or not here: what
/// is opened in a savepoint inside the statement goes with it.
pub fn append(table: &'static Table, month: Day, values: &[Argument]) -> Option<()> {
    let key = (month.year, month.month);
    // The partition is taken out while it is used: a trigger on it may come back here.
    let (partition, owner) = KEPT.with_borrow_mut(|current| {
        let kept = current.as_mut().filter(|kept| kept.level == nesting_level())?;
        let generation = checks::generation();
        let is_it = |partition: &Partition| partition.table == table.name && partition.month == key;
        let known = kept.partitions.iter().position(is_it);
        let known = known.map(|place| kept.partitions.swap_remove(place));
        let partition = kept.as_owner(|| {
            known.filter(|known| known.generation == generation).or_else(|| {
                let appending = Appending::open(table, month)?;
                Some(Partition { table: table.name, month: key, generation, appending })
            })
        });
        Some((partition?, kept.owner))
    })?;
    // SAFETY: both owners live until the statement ends. An ERROR unwinds through us, and the abort sets
    // the owner anew.
    unsafe {
        // An index may keep pages that its first entry has read: they are the statement's, as the partition.
        let present = std::ptr::replace(&raw mut pg_sys::CurrentResourceOwner, owner);
        partition.appending.insert(values);
        pg_sys::CurrentResourceOwner = present;
    }
    KEPT.with_borrow_mut(|current| current.as_mut().map(|kept| kept.partitions.push(partition)));
    Some(())
}
