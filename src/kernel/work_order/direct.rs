//! Changing one work order without the set-up of an UPDATE: see [`crate::pg::storage`].
//!
//! What an UPDATE by the caller would meet holds here too: the caller's privileges and roles are
//! asked, the table's triggers and constraints are met. What only a statement meets (policies,
//! rules, triggers for each statement, other isolation levels, an auditing extension) must be as
//! the law made it, or the change goes through SQL.

use super::layout::{Column, Layout};
use crate::kernel::install::{cached_verdict, generation};
use crate::pg::lookup::{Key, find, oid_of};
use crate::pg::statement::{Argument, Mode, argument, bigint, optional_text, statement, text};
use crate::pg::storage::{Tid, update};
use crate::pg::value::read_as;
use foldhash::HashMap;
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::hash::Hash;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::field::{Field, FieldKind};
use wo_rules::install::agreement::Question;
use wo_rules::reference::Reference;

statement!(IS_AS_MADE, "select wo_private.work_orders_are_as_made()", []);
statement!(
    AS_MADE,
    "select held.relkind = 'r' and not held.relhassubclass
        and exists (
            select from pg_catalog.pg_am as method
            where method.oid = held.relam
                and method.amhandler = 'pg_catalog.heap_tableam_handler'::pg_catalog.regproc
        )
        and not exists (select from pg_catalog.pg_rewrite as rule where rule.ev_class = held.oid)
        and not exists (
            select from pg_catalog.pg_trigger as made
            where made.tgrelid = held.oid and made.tgtype & 16 <> 0
                and (made.tgtype & 1 = 0 or made.tgoldtable is not null or made.tgnewtable is not null)
        )
        and (
            select pg_catalog.array_agg(pg_catalog.concat_ws('|', made.polname, made.polpermissive, made.polcmd,
                (select pg_catalog.string_agg(member.rolname::text, ',' order by member.rolname::text collate \"C\")
                 from pg_catalog.pg_roles as member where member.oid = any (made.polroles)),
                pg_catalog.pg_get_expr(made.polqual, held.oid), pg_catalog.pg_get_expr(made.polwithcheck, held.oid))
                order by made.polname::text collate \"C\")
            from pg_catalog.pg_policy as made where made.polrelid = held.oid
        ) = array[
            'adding|t|a|wo_user|wo_private.in_force()',
            'changing|t|w|wo_admin,wo_trail,wo_user|wo_private.in_force()',
            'reading|t|r|wo_admin,wo_auditor,wo_guard,wo_trail,wo_user|wo_private.in_force()',
            'tenant|f|*|wo_admin,wo_auditor,wo_guard,wo_trail,wo_user|(tenant_id = ( SELECT wo_private.current_tenant() AS current_tenant))'
        ]
     from pg_catalog.pg_class as held
     where held.oid = 'wo.work_order'::pg_catalog.regclass",
    []
);

thread_local! {
    /// Whether the table was found as the law made it, since tables were last altered.
    static FOUND_AS_MADE: Cell<Option<bool>> = const { Cell::new(None) };
    /// The work orders that this backend changed last, by tenant and number.
    static IDS: RefCell<HashMap<(Uuid, String), Uuid>> = RefCell::default();
    /// Where this backend left the work orders that it changed last.
    static TIDS: RefCell<HashMap<Uuid, Tid>> = RefCell::default();
}

/// How many work orders a backend remembers.
const REMEMBERED: usize = 4096;

/// Forgets what was found: a table was altered.
pub fn forget() {
    let _ = FOUND_AS_MADE.try_with(|found| found.set(None));
    let _ = TIDS.try_with(|all| all.try_borrow_mut().map(|mut all| all.clear()));
}

/// Whether nothing was added to wo.work_order that only a SQL statement would meet.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn work_orders_are_as_made() -> bool {
    AS_MADE
        .with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1).unwrap_or(false)))
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The row was there, and its triggers have judged the change.
    Done,
    /// There is no such work order.
    NoRow,
    /// Nothing yet: the change has to go through SQL.
    ThroughSql,
}

/// A change as the API takes it.
pub struct Change<'a> {
    /// The state to go to.
    pub to_status: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Fields to write: a JSON object whose members were found to be fields.
    pub fields: Option<&'a Value>,
    /// The version that the caller expects.
    pub expected_version: Option<i64>,
}

/// Changes the work order.
pub fn change(tenant: Uuid, work_order: &Reference, change: &Change<'_>) -> Applied {
    let table = oid_of("work_order");
    if !may_be_direct(table) {
        return Applied::ThroughSql;
    }
    let Some(layout) = Layout::known(table) else { return Applied::ThroughSql };
    let id = match work_order {
        Reference::Id(id) => Some(*id),
        Reference::Number(number) => known_id(tenant, number).or_else(|| {
            let key = [Key::Uuid("tenant_id", tenant), Key::Text("wo_number", number)];
            find("work_order", "work_order_wo_number_key", &key, |row| {
                let id: pgrx::Uuid = row.get(layout.column(Column::Id))?;
                Some(Uuid::from_bytes(*id.as_bytes()))
            })
        }),
    };
    let Some(id) = id else { return Applied::NoRow };
    let mut changes: Vec<(usize, Argument)> = Vec::new();
    for (name, value) in change.fields.and_then(Value::as_object).into_iter().flatten() {
        let Some(field) = Field::parse(name) else { return Applied::ThroughSql };
        let index = layout.field(field);
        let Some(value) = field_value(field, value, table, index) else {
            return Applied::ThroughSql;
        };
        changes.push((index, value));
    }
    changes.push((layout.column(Column::Reason), optional_text(change.reason)));
    if let Some(status) = change.to_status {
        changes.push((layout.column(Column::Status), text(status)));
    }
    if let Some(version) = change.expected_version {
        changes.push((layout.column(Column::Version), bigint(version)));
    }
    let key = [(Column::TenantId, tenant), (Column::Id, id)]
        .map(|(column, value)| (layout.column(column), crate::pg::statement::uuid(value)));
    let place = TIDS.with_borrow(|all| all.get(&id).copied());
    if let Some(place) = update(table, oid_of("work_order_pkey"), &key, place, &changes) {
        remember(&TIDS, id, place);
        if let Reference::Number(number) = work_order {
            remember(&IDS, (tenant, number.to_owned()), id);
        }
        return Applied::Done;
    }
    // What was remembered may be of a work order whose creation was rolled back: SQL looks anew.
    IDS.with_borrow_mut(|all| all.retain(|_, known| *known != id));
    Applied::ThroughSql
}

/// A number and its work order never change, and neither is ever given to another.
fn known_id(tenant: Uuid, number: &str) -> Option<Uuid> {
    IDS.with_borrow(|all| all.get(&(tenant, number.to_owned())).copied())
}

fn remember<K: Eq + Hash, V>(known: &'static LocalKey<RefCell<HashMap<K, V>>>, of: K, what: V) {
    known.with_borrow_mut(|all| {
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(of, what);
    });
}

/// Whether the caller's UPDATE would meet nothing but the table's row triggers and constraints.
fn may_be_direct(table: pg_sys::Oid) -> bool {
    // SAFETY: reads settings, hooks and catalogue caches.
    unsafe {
        let user = pg_sys::GetUserId();
        let hook = pg_sys::ExecutorCheckPerms_hook;
        let may = |privilege: u32| {
            pg_sys::pg_class_aclcheck(table, user, pg_sys::AclMode::from(privilege))
                == pg_sys::AclResult::ACLCHECK_OK
        };
        let is = |role: &std::ffi::CStr| {
            let role = pg_sys::get_role_oid(role.as_ptr(), true);
            role != pg_sys::Oid::INVALID && pg_sys::has_privs_of_role(user, role)
        };
        pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32
            && !pg_sys::XactReadOnly
            && pg_sys::row_security
            && hook.is_none()
            && may(pg_sys::ACL_SELECT)
            && may(pg_sys::ACL_UPDATE)
            && (is(c"wo_user") || is(c"wo_trail"))
    }
    .then(is_as_made)
    .unwrap_or(false)
}

fn is_as_made() -> bool {
    FOUND_AS_MADE.get().unwrap_or_else(|| {
        let before = generation();
        let found = cached_verdict(Question::Direct, || {
            IS_AS_MADE.with(|statement| {
                statement.run(Mode::Latest, &[], |rows| rows.get(0, 1).unwrap_or(false))
            })
        });
        if before == generation() {
            FOUND_AS_MADE.set(Some(found));
        }
        found
    })
}

/// A field's value as an UPDATE would store it; nothing where only SQL makes it.
fn field_value(field: Field, value: &Value, table: pg_sys::Oid, index: usize) -> Option<Argument> {
    let attribute = i16::try_from(index).ok()? + 1;
    match (field.kind(), value) {
        (FieldKind::List | FieldKind::Object | FieldKind::Hours, _) => None,
        (_, Value::Null) => Some(Argument::null(column_type(table, attribute).0)),
        (FieldKind::Flag, Value::Bool(flag)) => Some(argument(*flag)),
        (_, Value::String(given)) => read(given, table, attribute),
        _ => None,
    }
}

/// A text read as a value of a column's type, domains and lengths included.
pub fn read(given: &str, table: pg_sys::Oid, attribute: i16) -> Option<Argument> {
    let (type_oid, modifier) = column_type(table, attribute);
    read_as(given, type_oid, modifier)
}

fn column_type(table: pg_sys::Oid, attribute: i16) -> (pg_sys::Oid, i32) {
    let (mut type_oid, mut modifier) = (pg_sys::Oid::INVALID, -1);
    let mut collation = pg_sys::Oid::INVALID;
    // SAFETY: the column is looked up in the catalogue cache.
    unsafe {
        pg_sys::get_atttypetypmodcoll(
            table,
            attribute,
            &mut type_oid,
            &mut modifier,
            &mut collation,
        );
    }
    (type_oid, modifier)
}

/// The number of a field's column.
pub fn attribute_of(table: pg_sys::Oid, field: Field) -> Option<i16> {
    let name = CString::new(field.name()).ok()?;
    // SAFETY: a NUL-terminated name; the look-up answers from the catalogue cache.
    let attribute = unsafe { pg_sys::get_attnum(table, name.as_ptr()) };
    (attribute > 0).then_some(attribute)
}
