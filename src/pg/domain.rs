//! Domains: the types below them, and values checked against their constraints.
//!
//! PostgreSQL looks a domain's constraints up and compiles them anew for every value that is checked
//! by itself. Here they stay compiled, each for the role whose right to the functions in them was
//! asked when they were compiled. PostgreSQL itself notices where a domain was altered since.

use super::storage::checks::{Use, generation, lasting_memory};
use foldhash::HashMap;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};

/// What PostgreSQL keeps of a domain between two checks.
#[derive(Clone, Copy)]
struct Compiled {
    /// Holds it.
    memory: pg_sys::MemoryContext,
    /// Of when it is: see [`generation`].
    generation: u64,
    state: *mut c_void,
}

thread_local! {
    /// The types below the domains, with the generation of each answer.
    static BASES: RefCell<HashMap<pg_sys::Oid, (u64, pg_sys::Oid)>> = RefCell::default();
    /// By domain and role.
    static COMPILED: RefCell<HashMap<(pg_sys::Oid, pg_sys::Oid), Compiled>> = RefCell::default();
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
    let generation = generation();
    if let Some((of, base)) = BASES.with_borrow(|all| all.get(&type_oid).copied())
        && of == generation
    {
        return base;
    }
    // SAFETY: the look-up answers from the catalogue cache.
    let base = unsafe { pg_sys::getBaseType(type_oid) };
    BASES.with_borrow_mut(|all| all.insert(type_oid, (generation, base)));
    base
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
        let known = COMPILED.with_borrow(|all| all.get(&key).copied());
        let memory = match known {
            Some(known) => known.memory,
            None => lasting_memory(c"wo_core domain"),
        };
        let is_current =
            |known: &Compiled| known.generation == generation && !known.state.is_null();
        let mut state = known.filter(is_current).map_or(std::ptr::null_mut(), |known| known.state);
        if state.is_null() {
            pg_sys::MemoryContextReset(memory);
        }
        // Nothing counts as compiled until the value has passed: a function that was left by an ERROR
        // may have kept the half of what it was doing.
        let unknown = Compiled { memory, generation, state: std::ptr::null_mut() };
        COMPILED.with_borrow_mut(|all| all.insert(key, unknown));
        evaluate(&mut state, memory);
        COMPILED.with_borrow_mut(|all| all.insert(key, Compiled { state, ..unknown }));
    }
}
