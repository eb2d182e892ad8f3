//! Reading rows by their key, straight from the index: the look-ups that every write needs.
//!
//! Who is acting and how they stand is asked for each transaction and each write, and read wherever
//! it may have changed. As SQL those reads cost more than all the rules together, so they use the
//! index itself. The law reads with
//! its own right here, past row security, so a key always begins with the tenant or with what
//! finds it, and what was read never reaches a caller but through a rule.

use crate::pg::error::{damaged, refuse};
use crate::pg::row::Row;
use crate::pg::value::{base_type, refuse_type, table_name};
use foldhash::HashMap;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CString;
use uuid::Uuid;

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
}

thread_local! {
    /// Relations of schema wo by name, and columns by relation and name, as last looked up.
    static RELATIONS: RefCell<HashMap<&'static str, pg_sys::Oid>> = RefCell::default();
    static COLUMNS: RefCell<HashMap<(pg_sys::Oid, &'static str), i16>> = RefCell::default();
}

/// Forgets where things stand: a table was altered.
pub fn forget() {
    let _ = RELATIONS.try_with(|all| all.try_borrow_mut().map(|mut all| all.clear()));
    let _ = COLUMNS.try_with(|all| all.try_borrow_mut().map(|mut all| all.clear()));
}

/// Whether a table can be read by that index. Not where the table is divided, since an index of all
/// leaves holds nothing itself: then SQL has to be asked.
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

/// Gives each row of `wo.<table>` with that key to `read`, as it is committed now or written by
/// this transaction, until `read` has an answer. The key must be a prefix of the index's columns.
pub fn find<T>(
    table: &'static str,
    index: &'static str,
    key: &[Key<'_>],
    read: impl FnMut(&Row) -> Option<T>,
) -> Option<T> {
    at_once(|latest| latest.find(table, index, key, read))
}

impl Latest {
    /// See [`find`].
    pub fn find<T>(
        &self,
        table: &'static str,
        index: &'static str,
        key: &[Key<'_>],
        mut read: impl FnMut(&Row) -> Option<T>,
    ) -> Option<T> {
        let (table, index) = (oid_of(table), oid_of(index));
        // SAFETY: relation and index are opened and closed here, and the keys hold values of the
        // columns' types with the columns' collation. An ERROR unwinds through us, and the abort
        // releases all of them.
        unsafe {
            let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
            let mut keys: Vec<pg_sys::ScanKeyData> =
                key.iter().map(|part| scan_key(table, part)).collect();
            let scan = pg_sys::systable_beginscan(
                relation,
                index,
                true,
                self.0,
                keys.len() as i32,
                keys.as_mut_ptr(),
            );
            let mut answer = None;
            while answer.is_none() {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                answer = read(&Row::of_tuple(tuple, (*relation).rd_att));
            }
            pg_sys::systable_endscan(scan);
            pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
            answer
        }
    }

    /// See [`find`]; the rows come in the opposite order of the index.
    pub fn find_last<T>(
        &self,
        table: &'static str,
        index: &'static str,
        key: &[Key<'_>],
        mut read: impl FnMut(&Row) -> Option<T>,
    ) -> Option<T> {
        let (table, index) = (oid_of(table), oid_of(index));
        let lock = pg_sys::AccessShareLock as i32;
        // SAFETY: as in find.
        unsafe {
            let relation = pg_sys::table_open(table, lock);
            let index = pg_sys::index_open(index, lock);
            let mut keys: Vec<pg_sys::ScanKeyData> =
                key.iter().map(|part| scan_key(table, part)).collect();
            let count = keys.len() as i32;
            let scan = pg_sys::systable_beginscan_ordered(
                relation,
                index,
                self.0,
                count,
                keys.as_mut_ptr(),
            );
            let backward = pg_sys::ScanDirection::BackwardScanDirection;
            let mut answer = None;
            while answer.is_none() {
                let tuple = pg_sys::systable_getnext_ordered(scan, backward);
                if tuple.is_null() {
                    break;
                }
                answer = read(&Row::of_tuple(tuple, (*relation).rd_att));
            }
            pg_sys::systable_endscan_ordered(scan);
            pg_sys::index_close(index, lock);
            pg_sys::table_close(relation, lock);
            answer
        }
    }

    /// Gives every row of a table of the catalogue to `read`, with the description of its columns.
    pub fn each_of(
        &self,
        table: pg_sys::Oid,
        mut read: impl FnMut(pg_sys::HeapTuple, pg_sys::TupleDesc),
    ) {
        // SAFETY: the relation is opened and closed here. An ERROR unwinds through us, and the abort
        // releases it with the scan.
        unsafe {
            let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
            let scan = pg_sys::systable_beginscan(
                relation,
                pg_sys::Oid::INVALID,
                false,
                self.0,
                0,
                std::ptr::null_mut(),
            );
            loop {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                read(tuple, (*relation).rd_att);
            }
            pg_sys::systable_endscan(scan);
            pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        }
    }
}

unsafe fn scan_key(table: pg_sys::Oid, part: &Key<'_>) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    let (function, collation, value) = match part {
        Key::Uuid(_, value) => {
            (pg_sys::F_UUID_EQ, pg_sys::Oid::INVALID, crate::pg::statement::uuid(*value))
        }
        Key::Text(_, value) => {
            (pg_sys::F_TEXTEQ, pg_sys::DEFAULT_COLLATION_OID, crate::pg::statement::text(value))
        }
    };
    // SAFETY: the key is ours, and the function compares values of the column's type.
    unsafe {
        pg_sys::ScanKeyEntryInitialize(
            &mut key,
            0,
            attribute_of(table, part.column(), value.type_oid()),
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::Oid::INVALID,
            collation,
            pg_sys::Oid::from(function),
            value.datum().unwrap_or(pg_sys::Datum::from(0)),
        );
    }
    key
}

/// The number of a column, which must be of that type: the values of a key are compared with what is
/// stored as values of one type.
fn attribute_of(table: pg_sys::Oid, column: &'static str, type_oid: pg_sys::Oid) -> i16 {
    if let Some(known) = COLUMNS.with_borrow(|all| all.get(&(table, column)).copied()) {
        return known;
    }
    let name = CString::new(column).unwrap_or_default();
    // SAFETY: a NUL-terminated name; the look-ups answer from the catalogue cache.
    let (attribute, found) = unsafe {
        let attribute = pg_sys::get_attnum(table, name.as_ptr());
        (attribute, pg_sys::get_atttype(table, attribute))
    };
    if attribute <= 0 {
        refuse(damaged(&format!("{} has no column {column}", table_name(table))));
    }
    if base_type(found) != type_oid {
        refuse_type(&table_name(table), column, found, type_oid);
    }
    COLUMNS.with_borrow_mut(|all| all.insert((table, column), attribute));
    attribute
}

/// The oid of a relation of schema wo.
pub fn oid_of(name: &'static str) -> pg_sys::Oid {
    known_oid(name).unwrap_or_else(|| refuse(damaged(&format!("wo.{name} is missing"))))
}

fn known_oid(name: &'static str) -> Option<pg_sys::Oid> {
    if let Some(known) = RELATIONS.with_borrow(|all| all.get(name).copied()) {
        return Some(known);
    }
    let text = CString::new(name).unwrap_or_default();
    // SAFETY: a NUL-terminated name; both look-ups answer from the catalogue caches.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo".as_ptr(), true);
        pg_sys::get_relname_relid(text.as_ptr(), schema)
    };
    if oid == pg_sys::Oid::INVALID {
        return None;
    }
    RELATIONS.with_borrow_mut(|all| all.insert(name, oid));
    Some(oid)
}
