//! Lifecycles: publishing versions, and evaluating the guards that an administrator registered.

pub mod cache;
pub mod time_limit;

use crate::kernel::concept;
use crate::kernel::given;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::lock::{Lock, Purpose};
use crate::pg::row::Row;
use crate::pg::statement::{
    Mode, argument, optional_text, statement, text, timestamp, uuid as uuid_argument,
};
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
    NEXT_VERSION,
    "select coalesce(max(published.version), 0) + 1 from wo.lifecycle as published
     where published.tenant_id = $1 and published.name = $2",
    [UUIDOID, TEXTOID]
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

/// Checks a document against what the tenant knows.
fn problems_of(tenant: Uuid, document: &str) -> Result<String, Vec<Problem>> {
    let document = read(document)?;
    let roles = names(tenant, &ROLES);
    let sql_guards = names(tenant, &GUARDS);
    let (guards, effects) = concept::names();
    let known =
        Known { roles: &roles, sql_guards: &sql_guards, guards: &guards, effects: &effects };
    validate(&document, Some(&known)).map(|lifecycle| lifecycle.name().to_owned())
}

/// Before a version is stored: the document is sound, the number is the next, and the time and
/// the publisher are the server's.
///
/// # Errors
/// 22023 `lifecycle_invalid`, with every problem in DETAIL.
pub fn publish(row: &Row, acting: &Identity) -> Result<*mut pg_sys::HeapTupleData, Refusal> {
    let column = |name: &str| {
        row.column(name).ok_or_else(|| damaged(&format!("wo.lifecycle has no column {name}")))
    };
    let document = row.json(column("definition")?).unwrap_or_else(|| "null".to_owned());
    let name = problems_of(acting.tenant, &document).map_err(|problems| invalid(&problems))?;
    // One publisher of a name at a time; the next version is then read under the latest snapshot.
    let key = [acting.tenant.as_bytes(), name.as_bytes()].concat();
    Lock::new(Purpose::Publication, &key).until_end();
    let arguments = [uuid_argument(acting.tenant), text(&name)];
    let version: i32 = NEXT_VERSION
        .with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
        .unwrap_or(1);
    check_published(row, acting, &name, version)?;
    cache::mark_published();
    Ok(row.with(&[
        (column("name")?, text(&name)),
        (column("version")?, argument(version)),
        (column("published_by")?, optional_text(acting.principal.as_deref())),
        (column("published_at")?, timestamp(identity::now())),
    ]))
}

/// Refuses a version that gives what the server fills in, other than as it does.
///
/// # Errors
/// 42501 `column_not_writable`.
fn check_published(row: &Row, acting: &Identity, name: &str, version: i32) -> Result<(), Refusal> {
    let columns = [
        ("name", given::is_other_given(row, None, "name", Some(name))),
        ("version", row.named::<i32>("version").is_some_and(|given| given != version)),
        (
            "published_by",
            given::is_other_given(row, None, "published_by", acting.principal.as_deref()),
        ),
        ("published_at", given::is_time_given(row, None, "published_at")),
    ];
    let columns: Vec<&str> =
        columns.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
    given::check_none_given(&columns, "a version of a lifecycle")
}

fn invalid(problems: &[Problem]) -> Refusal {
    let count = problems.len();
    let first = problems.first().map(|first| format!("{}: {}", first.pointer, first.problem));
    let list: Vec<serde_json::Value> = problems
        .iter()
        .map(
            |problem| serde_json::json!({ "pointer": problem.pointer, "problem": problem.problem }),
        )
        .collect();
    Refusal::new(
        SqlState::BadValue,
        "lifecycle_invalid",
        format!(
            "the lifecycle cannot be published: {count} {}, the first at {}",
            if count == 1 { "problem" } else { "problems" },
            first.unwrap_or_default()
        ),
    )
    .with("problems", list)
    .hint("select * from wo.validate_lifecycle('...'); lists them all.")
}

/// Every problem of a document.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn validate_lifecycle(
    definition: &str,
) -> TableIterator<'static, (name!(pointer, String), name!(problem, String))> {
    let checked = match identity::current() {
        Some(acting) => problems_of(acting.tenant, definition).map(|_| ()),
        None => read(definition).and_then(|document| validate(&document, None)).map(|_| ()),
    };
    let problems = checked.err().unwrap_or_default();
    TableIterator::new(problems.into_iter().map(|problem| (problem.pointer, problem.problem)))
}

/// Draws a definition, which is that of `name`; there is none where the tenant has no such lifecycle.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn lifecycle_diagram(name: Option<&str>, definition: Option<&str>, format: Option<&str>) -> String {
    let format = Format::parse(format).or_refuse();
    let definition = definition.ok_or_else(|| wo_rules::lifecycle::unknown(name)).or_refuse();
    read(definition)
        .and_then(|document| validate(&document, None))
        .map_err(|problems| invalid(&problems))
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
