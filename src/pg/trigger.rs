//! Triggers by what they run, not by their names alone.

use pgrx::pg_sys;
use std::ffi::CStr;

/// The oid of the language C, which no header that pgrx binds names.
const LANGUAGE_C: pg_sys::Oid = pg_sys::Oid::from_u32(13);

/// The library of the functions' symbols, as CREATE FUNCTION of the extension's script writes it.
const LIBRARY: &str = "$libdir/wo_core";

/// Whether a function is the one of schema `wo_private` of that name: see [`own_function`].
pub fn is_own_function(function: pg_sys::Oid, name: &str) -> bool {
    own_function(function).is_some_and(|own| own == name)
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

/// Whether a table has the trigger of that name, which runs the extension's function of the same name before
/// every change of a row, in every session.
pub fn precedes_every_change(table: pg_sys::Oid, name: &CStr) -> bool {
    let wanted = (pg_sys::TRIGGER_TYPE_ROW
        | pg_sys::TRIGGER_TYPE_BEFORE
        | pg_sys::TRIGGER_TYPE_INSERT
        | pg_sys::TRIGGER_TYPE_UPDATE
        | pg_sys::TRIGGER_TYPE_DELETE) as i16;
    // SAFETY: the table is opened and closed here; its triggers are an array of numtriggers
    // elements, or null.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
        let triggers = (*relation).trigdesc;
        let found = !triggers.is_null()
            && std::slice::from_raw_parts((*triggers).triggers, (*triggers).numtriggers as usize)
                .iter()
                .any(|trigger| {
                    CStr::from_ptr(trigger.tgname) == name
                        && name.to_str().is_ok_and(|name| is_own_function(trigger.tgfoid, name))
                        && trigger.tgtype & wanted == wanted
                        && trigger.tgenabled as u8 == pg_sys::TRIGGER_FIRES_ALWAYS
                        && trigger.tgnattr == 0
                        && trigger.tgqual.is_null()
                });
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        found
    }
}
