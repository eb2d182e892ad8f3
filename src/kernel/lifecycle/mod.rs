//! Lifecycles: the kind of definitions that they are, and the guards that an administrator registered.

pub mod cache;
pub mod time_limit;

use crate::kernel::concept;
use crate::kernel::definition::kind::Kind;
use crate::kernel::identity::memory;
use crate::kernel::identity::{self};
use crate::pg::error::OrRefuse;
use crate::pg::lock::{Lock, Purpose};
use crate::pg::statement::{Mode, argument, statement, text, uuid as uuid_argument};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;
use wo_rules::lifecycle::{Facts, GuardFact, Known, Problem, SHIPPED, validate};
use wo_rules::picture::Format;
use wo_rules::refusal::{Refusal, SqlState};

statement!(
    ROLES,
    "select array(select known.role from wo.role as known where known.tenant_id = $1)",
    [UUIDOID]
);
statement!(
    GUARDS,
    "select array(select known.name from wo.guard_function as known where known.tenant_id = $1)",
    [UUIDOID]
);
statement!(
    GUARD_FUNCTION,
    "select known.function_name, known.description from wo.guard_function as known
     where known.tenant_id = $1 and known.name = $2",
    [UUIDOID, TEXTOID]
);
statement!(CALL_GUARD, "select wo_private.call_guard($1, $2, $3)", [TEXTOID, UUIDOID, UUIDOID]);
statement!(
    USABLE_FUNCTION,
    "select true
     from pg_catalog.pg_proc as found
     join pg_catalog.pg_namespace as home on home.oid = found.pronamespace
     where pg_catalog.format('%I.%I', home.nspname, found.proname) = $1
        and found.proargtypes::pg_catalog.text = '2950 2950' and found.prorettype = 'pg_catalog.bool'::pg_catalog.regtype
        and not found.proretset and found.prokind = 'f'
        and pg_catalog.has_function_privilege('wo_guard', found.oid, 'execute')
        and pg_catalog.has_schema_privilege('wo_guard', home.oid, 'usage')",
    [TEXTOID]
);
fn names(
    tenant: Uuid,
    which: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
) -> BTreeSet<String> {
    which.with(|statement| {
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            rows.required::<Vec<String>>(0, 1).into_iter().collect()
        })
    })
}

/// Reads a stored document.
///
/// # Errors
/// One problem, at the whole document, where it is nested too deeply or holds a number out of range.
fn read(text: &str) -> Result<serde_json::Value, Vec<Problem>> {
    wo_rules::work_order::parse(text)
        .map_err(|refusal| vec![Problem { pointer: String::new(), problem: refusal.message }])
}

/// Lifecycles, as a kind of definitions.
pub const KIND: Kind =
    Kind { name: "lifecycle", index: "lifecycle_pkey", validate: problems_of, shipped: SHIPPED };

/// Checks a document against what the tenant knows, where there is one.
fn problems_of(tenant: Option<Uuid>, document: &serde_json::Value) -> Result<String, Vec<Problem>> {
    let Some(tenant) = tenant else {
        return validate(document, None).map(|lifecycle| lifecycle.name().to_owned());
    };
    let roles = names(tenant, &ROLES);
    let sql_guards = names(tenant, &GUARDS);
    let (guards, effects) = concept::names();
    let known =
        Known { roles: &roles, sql_guards: &sql_guards, guards: &guards, effects: &effects };
    validate(document, Some(&known)).map(|lifecycle| lifecycle.name().to_owned())
}

/// Draws a definition, which is that of `name`; there is none where the tenant has no such lifecycle.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn lifecycle_diagram(name: Option<&str>, definition: Option<&str>, format: Option<&str>) -> String {
    let format = Format::parse(format).or_refuse();
    let definition = definition.ok_or_else(|| wo_rules::lifecycle::unknown(name)).or_refuse();
    read(definition)
        .and_then(|document| validate(&document, None))
        .map_err(|problems| wo_rules::definition::invalid(KIND.name, &problems))
        .or_refuse()
        .diagram(format)
}

/// The roles that the shipped lifecycles name, each with its first meaning.
pub fn starting_roles() -> Vec<(String, String)> {
    let mut roles: Vec<(String, String)> = Vec::new();
    for (_, text) in SHIPPED {
        let document = serde_json::from_str(text).unwrap_or_default();
        let declared = validate(&document, None).map(|lifecycle| lifecycle.roles().to_vec());
        for (role, meaning) in declared.unwrap_or_default() {
            if !roles.iter().any(|(known, _)| *known == role) {
                roles.push((role, meaning));
            }
        }
    }
    roles
}

/// Checks that a function can be a guard.
///
/// # Errors
/// 22023 `guard_function_unusable`.
pub fn check_guard_function(function: &str) -> Result<(), Refusal> {
    if is_usable(function) {
        return Ok(());
    }
    let shown: String = function.chars().take(120).collect();
    Err(Refusal::new(
        SqlState::BadValue,
        "guard_function_unusable",
        format!("the function {shown} cannot be a guard"),
    )
    .hint("A guard is schema.name(uuid, uuid) returning boolean; grant usage on its schema and execute on it to wo_guard."))
}

/// Whether that is the name of a function which can be a guard: quoted as PostgreSQL quotes it, so
/// that the text can stand in a statement.
fn is_usable(function: &str) -> bool {
    USABLE_FUNCTION
        .with(|statement| statement.run(Mode::Latest, &[text(function)], |rows| rows.count() > 0))
}

/// What is attached to a work order, for the edges that the rules ask about.
pub fn facts<'a>(
    tenant: Uuid,
    work_order: Uuid,
    sql_guards: impl Iterator<Item = &'a String>,
) -> Facts {
    let mut facts = Facts::default();
    for name in sql_guards {
        let found = crate::pg::run_as::as_trail(|| evaluate(tenant, work_order, name));
        facts.attached.insert(format!("sql:{name}"), found);
    }
    facts
}

/// A guard that is not registered any more, or that answers NULL, refuses.
fn evaluate(tenant: Uuid, work_order: Uuid, name: &str) -> GuardFact {
    let registered = GUARD_FUNCTION.with(|statement| {
        statement.run(Mode::Latest, &[uuid_argument(tenant), text(name)], |rows| {
            Some((rows.get::<String>(0, 1)?, rows.required::<String>(0, 2)))
        })
    });
    let Some((function, description)) = registered else {
        return GuardFact { passed: false, detail: format!("the guard {name} is not registered") };
    };
    let arguments = [text(&function), uuid_argument(tenant), uuid_argument(work_order)];
    let passed = memory::as_enforcement(|| {
        CALL_GUARD.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| rows.get::<bool>(0, 1))
        })
    });
    let detail = if description.is_empty() { format!("{function} says no") } else { description };
    GuardFact { passed: passed == Some(true), detail }
}

/// Calls a registered guard as `wo_guard`, which may read the tenant's rows and nothing else.
#[pg_extern(schema = "wo_private", stable, parallel_restricted, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn call_guard(function: &str, tenant: pgrx::Uuid, work_order: pgrx::Uuid) -> Option<bool> {
    if !memory::enforcement_is_active() {
        return None;
    }
    if !is_usable(function) {
        return None;
    }
    let statement = crate::pg::statement::Statement::new(
        format!("select {function}($1, $2)"),
        &[pg_sys::UUIDOID, pg_sys::UUIDOID],
    );
    let arguments = [argument(tenant), argument(work_order)];
    memory::as_caller(|| statement.run(Mode::Caller, &arguments, |rows| rows.get(0, 1)))
}

/// Lets one transaction of the tenant at a time go on from here, until it ends: for a guard that counts
/// other rows.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn lock_for_guard(name: &str) {
    let acting = identity::required().or_refuse();
    wo_rules::lifecycle::check_guard_lock(name, crate::pg::server::is_repeatable_read())
        .or_refuse();
    Lock::new(Purpose::Guard, &[acting.tenant.as_bytes(), name.as_bytes()].concat()).until_end();
}
