//! Domains: the types below them, and values checked against their constraints.
//!
//! PostgreSQL looks a domain's constraints up and compiles them anew for every value that is checked
//! by itself. Here they stay compiled, each for the role whose right to the functions in them was
//! asked when they were compiled. PostgreSQL itself notices where a domain was altered since.

use crate::pg::cache::{Cached, generation, recall};
use crate::pg::lasting::{LastingMemory, Use};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::rc::Rc;

/// What PostgreSQL keeps of a domain between two checks.
#[derive(Clone)]
struct Compiled {
    /// Holds it.
    memory: Rc<LastingMemory>,
    /// Null where no value has passed yet.
    state: *mut c_void,
}

/// How many types a backend keeps, and of how many domains, each for one role, the constraints.
const MOST: usize = 256;

thread_local! {
    /// The types below the domains.
    static BASES: RefCell<Cached<pg_sys::Oid, pg_sys::Oid>> =
        RefCell::new(Cached::of_catalogues(MOST));
    /// By domain and role.
    static COMPILED: RefCell<Cached<(pg_sys::Oid, pg_sys::Oid), Compiled>> =
        RefCell::new(Cached::of_catalogues(MOST));
    /// Whether a domain is being checked: a constraint whose function checks a value of the same
    /// domain must not evaluate it a second time meanwhile.
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// The type that a column stores its values in: that below its domains.
pub fn base_type(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    // Oids below this one are given out by hand, to types of PostgreSQL's own that are no domains.
    if type_oid.to_u32() < pg_sys::FirstGenbkiObjectId {
        return type_oid;
    }
    // SAFETY: the look-up answers from the catalogue cache.
    recall(&BASES, type_oid, |type_oid| unsafe { pg_sys::getBaseType(*type_oid) })
}

/// The name of a domain with its schema, as SQL writes it; nothing for another type.
pub fn domain_name(type_oid: pg_sys::Oid) -> Option<String> {
    use pg_sys::SysCacheIdentifier::TYPEOID;
    // SAFETY: the tuple of the catalogue cache is released below, and begins with this structure. Names are
    // NUL-terminated; that of the schema is null where it was dropped.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(TYPEOID as i32, pg_sys::Datum::from(type_oid));
        if tuple.is_null() {
            return None;
        }
        let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        let name = (form.typtype as u8 == pg_sys::TYPTYPE_DOMAIN).then(|| {
            let schema = pg_sys::get_namespace_name(form.typnamespace);
            let name = pg_sys::quote_qualified_identifier(schema, form.typname.data.as_ptr());
            CStr::from_ptr(name).to_string_lossy().into_owned()
        });
        pg_sys::ReleaseSysCache(tuple);
        name
    }
}

/// Checks a value of the domain's base type, NULL where there is none, against the domain's
/// constraints; raises where it does not pass.
///
/// # Safety
/// The value must be of the base type of the domain.
pub unsafe fn check(domain: pg_sys::Oid, value: Option<pg_sys::Datum>) {
    let (datum, is_null) = (value.unwrap_or(pg_sys::Datum::from(0)), value.is_none());
    let evaluate = |state: &mut *mut c_void, memory| {
        // SAFETY: as the caller promises; the state is one of this domain, made in that memory.
        unsafe { pg_sys::domain_check(datum, is_null, domain, state, memory) };
    };
    // SAFETY: the memory contexts are ours, and nobody is in them.
    unsafe {
        let Some(_use) = Use::begin(&IN_USE) else {
            return evaluate(&mut std::ptr::null_mut(), pg_sys::CurrentMemoryContext);
        };
        let key = (domain, pg_sys::GetUserId());
        let generation = generation();
        let known = COMPILED.with_borrow_mut(|all| all.get(&key)).unwrap_or_else(|| Compiled {
            memory: Rc::new(LastingMemory::new(c"wo_core domain")),
            state: std::ptr::null_mut(),
        });
        let Compiled { memory, mut state } = known;
        if state.is_null() {
            pg_sys::MemoryContextReset(memory.context());
        }
        // Nothing counts as compiled until the value has passed: a function that was left by an ERROR
        // may have kept the half of what it was doing.
        let unknown = Compiled { memory: Rc::clone(&memory), state: std::ptr::null_mut() };
        COMPILED.with_borrow_mut(|all| all.insert_of(generation, key, unknown));
        evaluate(&mut state, memory.context());
        COMPILED.with_borrow_mut(|all| all.insert_of(generation, key, Compiled { memory, state }));
    }
}
