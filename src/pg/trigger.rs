//! Triggers by what they run, not by their names alone.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};

/// The oid of the language C, which no header that pgrx binds names.
const LANGUAGE_C: pg_sys::Oid = pg_sys::Oid::from_u32(13);

/// The library of the functions' symbols, as CREATE FUNCTION of the extension's script writes it.
const LIBRARY: &str = "$libdir/wo_core";

/// The table of the row that a trigger is called for: a partition where it is partitioned.
pub fn table_of(trigger: &PgTrigger<'_>) -> pg_sys::Oid {
    // SAFETY: PostgreSQL gave the relation to this trigger, open.
    unsafe { (*trigger.trigger_data().tg_relation).rd_id }
}

/// Whether a function is the one of schema `wo_private` of that name: see [`own_function`].
pub fn is_own_function(function: pg_sys::Oid, name: &str) -> bool {
    own_function(function).is_some_and(|own| own == name)
}

/// Whether the function of schema `wo_private` of that name without parameters runs this library's code.
pub fn is_own_named(name: &str) -> bool {
    use pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP;
    let Ok(text) = CString::new(name) else { return false };
    // SAFETY: a NUL-terminated name, a list of no parameters, and an oid; the look-ups answer from the
    // catalogue caches, with 0 for what is not there.
    let function = unsafe {
        pg_sys::GetSysCacheOid(
            PROCNAMEARGSNSP as i32,
            pg_sys::Anum_pg_proc_oid as i16,
            pg_sys::Datum::from(text.as_ptr()),
            pg_sys::Datum::from(pg_sys::buildoidvector(std::ptr::null(), 0)),
            pg_sys::Datum::from(pg_sys::get_namespace_oid(c"wo_private".as_ptr(), true)),
            pg_sys::Datum::from(0),
        )
    };
    is_own_function(function, name)
}

/// The name of a function of schema `wo_private` that runs this library's code under its own name. A
/// superuser may have put another function in its place, under the name of the trigger or of the
/// function.
pub fn own_function(function: pg_sys::Oid) -> Option<String> {
    use pg_sys::SysCacheIdentifier::PROCOID;
    // SAFETY: the tuple of the catalogue cache is released below; every row of pg_proc begins with this
    // structure, and the attributes are of type text.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(PROCOID as i32, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return None;
        }
        let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let text = |attribute: u32| {
            let mut is_null = false;
            let datum =
                pg_sys::SysCacheGetAttr(PROCOID as i32, tuple, attribute as i16, &mut is_null);
            <String as pgrx::FromDatum>::from_datum(datum, is_null)
        };
        let name = CStr::from_ptr(form.proname.data.as_ptr()).to_string_lossy().into_owned();
        let is_own = form.pronamespace == pg_sys::get_namespace_oid(c"wo_private".as_ptr(), true)
            && form.prolang == LANGUAGE_C
            && text(pg_sys::Anum_pg_proc_probin).is_some_and(|library| library == LIBRARY)
            && text(pg_sys::Anum_pg_proc_prosrc)
                .is_some_and(|symbol| symbol.strip_suffix("_wrapper") == Some(name.as_str()));
        pg_sys::ReleaseSysCache(tuple);
        is_own.then_some(name)
    }
}
