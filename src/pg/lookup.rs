//! Reading rows by their key, straight from the index: the look-ups that every write needs.
//!
//! Who is acting and how they stand is asked for each transaction and each write, and read wherever
//! it may have changed. As SQL those reads cost more than all the rules together, so they use the
//! index itself. The enforcement layer reads with
//! its own right here, past row security, so a key always begins with the tenant or with what
//! finds it, and what was read never reaches a caller but through a rule.

use crate::pg::cache::{Cached, recall, recall_found};
use crate::pg::domain::base_type;
use crate::pg::error::{damaged, refuse};
use crate::pg::relation::{OpenTable, known_oid};
use crate::pg::row::Row;
use crate::pg::statement::Argument;
use crate::pg::value::{refuse_type, table_name, type_name};
use pgrx::pg_sys;
use std::cell::RefCell;
use uuid::Uuid;

pub use crate::pg::relation::oid_of;

/// One column of a key and the value that it must have.
pub enum Key<'a> {
    /// A `uuid` column.
    Uuid(&'static str, Uuid),
    /// A `text` column.
    Text(&'static str, &'a str),
}

impl Key<'_> {
    fn column(&self) -> &'static str {
        match self {
            Key::Uuid(column, _) | Key::Text(column, _) => column,
        }
    }

    /// The value that the column must have.
    pub(in crate::pg) fn value(&self) -> Argument {
        match self {
            Key::Uuid(_, value) => crate::pg::statement::uuid(*value),
            Key::Text(_, value) => crate::pg::statement::text(value),
        }
    }

    /// The number of the column, which must be of the value's type.
    pub(in crate::pg) fn attribute_of(&self, table: &OpenTable) -> i16 {
        let type_oid = match self {
            Key::Uuid(..) => pg_sys::UUIDOID,
            Key::Text(..) => pg_sys::TEXTOID,
        };
        attribute_of(table, self.column(), type_oid)
    }
}

/// An index, the columns that a key names, the rest of which are empty, and whether it has to hold all rows.
type IndexKey = (pg_sys::Oid, [&'static str; 4], bool);

/// How many columns, and how many tables, a backend keeps.
const MOST_COLUMNS: usize = 1024;

/// Of how many keys a backend keeps whether an index finds their rows.
const MOST_INDEXES: usize = 256;

thread_local! {
    /// Columns by relation and name.
    static COLUMNS: RefCell<Cached<(pg_sys::Oid, &'static str), i16>> =
        RefCell::new(Cached::of_catalogues(MOST_COLUMNS));
    /// Tables that something was looked up in.
    static READ: RefCell<Cached<pg_sys::Oid, ()>> = RefCell::new(Cached::lasting(MOST_COLUMNS));
    /// Whether an index finds the rows of a key.
    static USABLE: RefCell<Cached<IndexKey, bool>> =
        RefCell::new(Cached::of_catalogues(MOST_INDEXES));
}

/// Whether a table can be read by that index. Not where the table is divided, since an index of all
/// partitions holds nothing itself: then SQL has to be asked.
pub fn is_indexed(table: &'static str, index: &'static str) -> bool {
    // SAFETY: the look-up answers from the catalogue cache.
    let kind = unsafe { pg_sys::get_rel_relkind(oid_of(table)) };
    kind as u8 == pg_sys::RELKIND_RELATION && known_oid(index).is_some()
}

/// What is committed now, for several look-ups that belong together.
pub struct Latest(pg_sys::Snapshot);

/// Looks things up as they are committed at one moment, now.
pub fn at_once<T>(look: impl FnOnce(&Latest) -> T) -> T {
    // SAFETY: the snapshot is registered while it is used; an ERROR unwinds through us, and the
    // abort releases it.
    unsafe {
        let latest = Latest(pg_sys::RegisterSnapshot(crate::pg::statement::latest_snapshot()));
        let result = look(&latest);
        pg_sys::UnregisterSnapshot(latest.0);
        result
    }
}

/// Gives each row of `wo.<table>` to `read` as it is committed now, in no order and past all indexes: for a
/// table of a few rows.
pub fn each(table: &'static str, mut read: impl FnMut(&Row)) {
    at_once(|latest| {
        let table = OpenTable::to_read(table);
        let scan = Scan::begin(&table, None, latest.0, &[]);
        while let Some(tuple) = scan.next() {
            // SAFETY: the tuple is one of the table.
            read(&unsafe { Row::of_tuple(tuple, table.descriptor()) });
        }
    });
}

/// Gives each row of `wo.<table>` with that key to `read`, as it is committed now or written by
/// this transaction, in no order, until `read` has an answer. The key must be a prefix of the index's
/// columns; every row is what [`each`] gives.
pub fn find<T>(
    table: &'static str,
    index: &'static str,
    key: &[Key<'_>],
    read: impl FnMut(&Row) -> Option<T>,
) -> Option<T> {
    at_once(|latest| latest.find(table, index, key, read))
}

impl Latest {
    /// The snapshot, valid while this is.
    pub(in crate::pg) fn snapshot(&self) -> pg_sys::Snapshot {
        self.0
    }

    /// See [`find`].
    pub fn find<T>(
        &self,
        table: &'static str,
        index: &'static str,
        key: &[Key<'_>],
        mut read: impl FnMut(&Row) -> Option<T>,
    ) -> Option<T> {
        // The lock first: what is then found of columns and indexes holds while the table is read.
        let table = OpenTable::to_read(table);
        let by = match is_first_of_one_page(&table) {
            true => None,
            false => index_for(&table, index, key),
        };
        let scan = Scan::begin(&table, by, self.0, key);
        while let Some(tuple) = scan.next() {
            // SAFETY: the tuple is one of the table.
            let answer = read(&unsafe { Row::of_tuple(tuple, table.descriptor()) });
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// See [`find`]; the rows come in the opposite order of the index.
    pub fn find_last<T>(
        &self,
        table: &'static str,
        index: &'static str,
        key: &[Key<'_>],
        read: impl FnMut(&Row) -> Option<T>,
    ) -> Option<T> {
        self.find_backwards(table, index, key, is_usable, read)
    }

    /// The same among the rows that the index holds, which may not be all of the table.
    pub fn find_last_in_index<T>(
        &self,
        table: &'static str,
        index: &'static str,
        key: &[Key<'_>],
        read: impl FnMut(&Row) -> Option<T>,
    ) -> Option<T> {
        self.find_backwards(table, index, key, begins_with, read)
    }

    fn find_backwards<T>(
        &self,
        table: &'static str,
        index: &'static str,
        key: &[Key<'_>],
        is_usable: fn(&OpenTable, pg_sys::Oid, &[Key<'_>]) -> bool,
        mut read: impl FnMut(&Row) -> Option<T>,
    ) -> Option<T> {
        let table = OpenTable::to_read(table);
        let by = oid_of(index);
        if !is_usable(&table, by, key) {
            refuse(damaged(&format!("index wo.{index} is not as it was made")));
        }
        let scan = OrderedScan::begin(&table, by, self.0, key);
        while let Some(tuple) = scan.before() {
            // SAFETY: the tuple is one of the table.
            let answer = read(&unsafe { Row::of_tuple(tuple, table.descriptor()) });
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// Gives every row of a table of any schema to `read`, with the description of its columns.
    pub fn each_of(
        &self,
        table: pg_sys::Oid,
        mut read: impl FnMut(pg_sys::HeapTuple, pg_sys::TupleDesc),
    ) {
        let Some(table) = OpenTable::of_oid_to_read(table) else { return };
        let scan = Scan::begin(&table, None, self.0, &[]);
        while let Some(tuple) = scan.next() {
            read(tuple, table.descriptor());
        }
    }
}

/// Whether this is the first look-up in a table of one page: reading that page costs less than opening an
/// index. From the second on the index is used, and always by a SERIALIZABLE transaction, which would
/// conflict with every write to a table that it has read whole.
fn is_first_of_one_page(table: &OpenTable) -> bool {
    // SAFETY: the relation is open; only a table that holds rows itself is asked for its pages.
    let is_one_page = || unsafe {
        let relation = table.as_ptr();
        (*(*relation).rd_rel).relkind as u8 == pg_sys::RELKIND_RELATION
            && pg_sys::XactIsoLevel < pg_sys::XACT_SERIALIZABLE as i32
            && pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM)
                <= 1
    };
    let is_first = READ.with_borrow_mut(|all| {
        let is_first = all.get(&table.oid()).is_none();
        if is_first {
            all.insert(table.oid(), ());
        }
        is_first
    });
    is_first && is_one_page()
}

/// The index of that name, if it finds every row of such a key; else the whole table has to be read.
pub(in crate::pg) fn index_for(
    table: &OpenTable,
    index: &'static str,
    key: &[Key<'_>],
) -> Option<pg_sys::Oid> {
    known_oid(index).filter(|index| is_usable(table, *index, key))
}

/// Whether an index finds every row of such a key: it is one of the table, valid, holds all rows, and
/// begins with the columns of the key. A DBA may have dropped the index and made another of its name.
fn is_usable(table: &OpenTable, index: pg_sys::Oid, key: &[Key<'_>]) -> bool {
    is_such(table, index, key, true)
}

/// The same of an index that may not hold all rows.
fn begins_with(table: &OpenTable, index: pg_sys::Oid, key: &[Key<'_>]) -> bool {
    is_such(table, index, key, false)
}

fn is_such(table: &OpenTable, index: pg_sys::Oid, key: &[Key<'_>], holds_all: bool) -> bool {
    let mut columns = [""; 4];
    columns.iter_mut().zip(key).for_each(|(column, part)| *column = part.column());
    let look = |_: &IndexKey| {
        // SAFETY: the index is opened and closed here; a relation that is no index gives null for what only
        // indexes have.
        let is_usable = unsafe {
            let relation = pg_sys::try_relation_open(index, pg_sys::AccessShareLock as i32);
            if relation.is_null() {
                return None;
            }
            let form = (*relation).rd_index;
            let is_usable = !form.is_null()
                && (*form).indrelid == table.oid()
                && (*form).indisvalid
                && (!holds_all || pg_sys::RelationGetIndexPredicate(relation).is_null())
                && usize::try_from((*form).indnkeyatts).is_ok_and(|count| count >= key.len())
                && key.len() <= columns.len()
                && key.iter().enumerate().all(|(position, part)| {
                    *(*form).indkey.values.as_ptr().add(position) == part.attribute_of(table)
                });
            pg_sys::relation_close(relation, pg_sys::AccessShareLock as i32);
            is_usable
        };
        Some(is_usable)
    };
    recall_found(&USABLE, (index, columns, holds_all), look).unwrap_or(false)
}

/// The keys of a scan: values of the columns' types, with the columns' collation. They live as long
/// as the memory context that they are made in.
fn scan_keys(table: &OpenTable, key: &[Key<'_>]) -> Vec<pg_sys::ScanKeyData> {
    // SAFETY: every column is of its value's type.
    key.iter().map(|part| unsafe { scan_key(table, part) }).collect()
}

/// A scan of an open table. It ends when it goes out of scope.
pub(in crate::pg) struct Scan {
    scan: pg_sys::SysScanDesc,
    _keys: Vec<pg_sys::ScanKeyData>,
}

impl Scan {
    /// Begins a scan for a key, by the index if there is one.
    pub(in crate::pg) fn begin(
        table: &OpenTable,
        index: Option<pg_sys::Oid>,
        snapshot: pg_sys::Snapshot,
        key: &[Key<'_>],
    ) -> Self {
        let mut keys = scan_keys(table, key);
        // SAFETY: the table is open, and stays so while this lives.
        let scan = unsafe {
            pg_sys::systable_beginscan(
                table.as_ptr(),
                index.unwrap_or(pg_sys::Oid::INVALID),
                index.is_some(),
                snapshot,
                keys.len() as i32,
                keys.as_mut_ptr(),
            )
        };
        Self { scan, _keys: keys }
    }

    /// The next row, valid until the next one is asked for.
    pub(in crate::pg) fn next(&self) -> Option<pg_sys::HeapTuple> {
        // SAFETY: the scan has begun.
        let tuple = unsafe { pg_sys::systable_getnext(self.scan) };
        (!tuple.is_null()).then_some(tuple)
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // While an ERROR unwinds, the abort ends every scan by itself.
        if !std::thread::panicking() {
            // SAFETY: begun once, and ended once.
            unsafe { pg_sys::systable_endscan(self.scan) };
        }
    }
}

/// A scan in the order of an index. It ends when it goes out of scope.
struct OrderedScan {
    scan: pg_sys::SysScanDesc,
    index: pg_sys::Relation,
    _keys: Vec<pg_sys::ScanKeyData>,
}

impl OrderedScan {
    fn begin(
        table: &OpenTable,
        index: pg_sys::Oid,
        snapshot: pg_sys::Snapshot,
        key: &[Key<'_>],
    ) -> Self {
        let mut keys = scan_keys(table, key);
        let count = keys.len() as i32;
        // SAFETY: table and index are open, and stay so while this lives.
        unsafe {
            let index = pg_sys::index_open(index, pg_sys::AccessShareLock as i32);
            let scan = pg_sys::systable_beginscan_ordered(
                table.as_ptr(),
                index,
                snapshot,
                count,
                keys.as_mut_ptr(),
            );
            Self { scan, index, _keys: keys }
        }
    }

    /// The next row backward, valid until the next one is asked for.
    fn before(&self) -> Option<pg_sys::HeapTuple> {
        let backward = pg_sys::ScanDirection::BackwardScanDirection;
        // SAFETY: the scan has begun.
        let tuple = unsafe { pg_sys::systable_getnext_ordered(self.scan, backward) };
        (!tuple.is_null()).then_some(tuple)
    }
}

impl Drop for OrderedScan {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: begun once, and ended once.
            unsafe {
                pg_sys::systable_endscan_ordered(self.scan);
                pg_sys::index_close(self.index, pg_sys::AccessShareLock as i32);
            }
        }
    }
}

unsafe fn scan_key(table: &OpenTable, part: &Key<'_>) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    let (function, collation) = match part {
        Key::Uuid(..) => (pg_sys::F_UUID_EQ, pg_sys::Oid::INVALID),
        Key::Text(..) => (pg_sys::F_TEXTEQ, pg_sys::DEFAULT_COLLATION_OID),
    };
    // SAFETY: the key is ours, and the function compares values of the column's type.
    unsafe {
        pg_sys::ScanKeyEntryInitialize(
            &mut key,
            0,
            part.attribute_of(table),
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::Oid::INVALID,
            collation,
            pg_sys::Oid::from(function),
            part.value().datum().unwrap_or(pg_sys::Datum::from(0)),
        );
    }
    key
}

/// The number of a column, which must be of that type: the values of a key are compared with what is
/// stored as values of one type.
fn attribute_of(table: &OpenTable, column: &'static str, type_oid: pg_sys::Oid) -> i16 {
    recall(&COLUMNS, (table.oid(), column), |_| found_attribute(table, column, type_oid))
}

fn found_attribute(table: &OpenTable, column: &str, type_oid: pg_sys::Oid) -> i16 {
    let position = table.position(column);
    let found = position.and_then(|position| Some((position, table.type_of(position)?.0)));
    let Some((position, found)) = found else {
        refuse(damaged(&format!("{} has no column {column}", table_name(table.oid()))));
    };
    if found != type_oid && base_type(found) != type_oid {
        let (found, wanted) = (type_name(found), type_name(type_oid));
        refuse_type(&table_name(table.oid()), column, &found, &wanted);
    }
    let Ok(attribute) = i16::try_from(position + 1) else {
        refuse(damaged(&format!("{} has too many columns", table_name(table.oid()))));
    };
    attribute
}
