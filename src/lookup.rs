//! Reading rows by their key, straight from the index: the look-ups that every write needs.
//!
//! Who is acting and how they stand is read anew for each transaction and each write. As SQL those
//! reads cost more than all the rules together, so they use the index itself. The law reads with
//! its own right here, past row security, so a key always begins with the tenant or with what
//! finds it, and what was read never reaches a caller but through a rule.

use crate::raise::{damaged, refuse};
use crate::row::Row;
use pgrx::pg_sys;
use std::ffi::CString;
use uuid::Uuid;

/// One column of a key and the value that it must have.
pub enum Key<'a> {
    /// A `uuid` column.
    Uuid(&'static str, Uuid),
    /// A `text` column.
    Text(&'static str, &'a str),
}

/// Gives each row of `wo.<table>` with that key to `read`, as it is committed now or written by
/// this transaction, until `read` has an answer. The key must be a prefix of the index's columns.
pub fn find<T>(
    table: &'static str,
    index: &'static str,
    key: &[Key<'_>],
    mut read: impl FnMut(&Row) -> Option<T>,
) -> Option<T> {
    // SAFETY: relation and index are opened and closed here, the keys hold values of the columns'
    // types with the columns' collation, and the snapshot is registered while the scan runs. An
    // ERROR unwinds through us, and the abort releases all of them.
    unsafe {
        let relation = pg_sys::table_open(oid_of(table), pg_sys::AccessShareLock as i32);
        let mut keys: Vec<pg_sys::ScanKeyData> = key
            .iter()
            .map(|part| {
                let mut scan_key = pg_sys::ScanKeyData::default();
                let (column, function, collation, value) = match part {
                    Key::Uuid(column, value) => (
                        column,
                        pg_sys::Oid::from(pg_sys::F_UUID_EQ),
                        pg_sys::Oid::INVALID,
                        crate::statement::uuid(*value),
                    ),
                    Key::Text(column, value) => (
                        column,
                        pg_sys::Oid::from(pg_sys::F_TEXTEQ),
                        pg_sys::DEFAULT_COLLATION_OID,
                        crate::statement::text(value),
                    ),
                };
                let name = CString::new(*column).unwrap_or_default();
                let attribute = pg_sys::get_attnum((*relation).rd_id, name.as_ptr());
                pg_sys::ScanKeyEntryInitialize(
                    &mut scan_key,
                    0,
                    attribute,
                    pg_sys::BTEqualStrategyNumber as u16,
                    pg_sys::Oid::INVALID,
                    collation,
                    function,
                    value.unwrap_or(pg_sys::Datum::from(0)),
                );
                scan_key
            })
            .collect();
        let snapshot = pg_sys::RegisterSnapshot(crate::statement::latest_snapshot());
        let scan = pg_sys::systable_beginscan(
            relation,
            oid_of(index),
            true,
            snapshot,
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
        pg_sys::UnregisterSnapshot(snapshot);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        answer
    }
}

/// The oid of a relation of schema wo.
fn oid_of(name: &'static str) -> pg_sys::Oid {
    let text = CString::new(name).unwrap_or_default();
    // SAFETY: a NUL-terminated name; both look-ups answer from the catalogue caches.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo".as_ptr(), true);
        pg_sys::get_relname_relid(text.as_ptr(), schema)
    };
    if oid == pg_sys::Oid::INVALID {
        refuse(damaged(&format!("wo.{name} is missing")));
    }
    oid
}
