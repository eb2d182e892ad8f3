//! Relations of schema `wo` by their names.

use pgrx::pg_sys;
use std::ffi::CString;

/// The oid of the relation of schema wo of that name, if there is one.
pub fn oid_of_name(name: &str) -> Option<pg_sys::Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: NUL-terminated names; both look-ups answer from the catalogue caches.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"wo".as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), schema)
    };
    (oid != pg_sys::Oid::INVALID).then_some(oid)
}

/// Whether somebody has put rules on a table of schema wo, named with its schema.
pub fn has_rules(table: &str) -> bool {
    let Some(oid) = table.strip_prefix("wo.").and_then(oid_of_name) else { return false };
    // SAFETY: the entry of the cache is kept while it is looked at, and given back.
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(oid);
        if relation.is_null() {
            return false;
        }
        let has_rules = !(*relation).rd_rules.is_null();
        pg_sys::RelationClose(relation);
        has_rules
    }
}
