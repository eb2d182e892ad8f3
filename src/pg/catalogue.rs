//! Reading what the catalogue says of the records: whole tables of it, row by row and past SQL, since
//! every new session reads them and planning a query would cost more than the rows.

use crate::pg::invalidation::POLICIES;
use crate::pg::lookup::{Latest, at_once};
use crate::pg::row::Row;
use crate::pg::trigger::own_function;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use wo_rules::install::catalogue::{
    Catalogue, EVERY_TENANT, Kind, Made, OWN_TENANT, OWNER, Relation, shape,
};

/// What every row of `pg_policy` begins with.
#[repr(C)]
struct Policy {
    oid: pg_sys::Oid,
    name: pg_sys::NameData,
    relation: pg_sys::Oid,
    command: std::os::raw::c_char,
    is_permissive: bool,
}

/// The position of `polqual` in `pg_policy`, from 0.
const EXPRESSION: usize = 6;

/// Reads it as it is committed now, or written by this transaction. The search path must be pinned:
/// an expression is compared by its text, and a name in it shows its schema unless that is searched.
pub fn read(protected: &HashSet<&str>) -> Catalogue {
    let owner_name = CString::new(OWNER).unwrap_or_default();
    // SAFETY: NUL-terminated names; both look-ups answer from the catalogue caches.
    let (schema, owner) = unsafe {
        (
            pg_sys::get_namespace_oid(c"wo".as_ptr(), true),
            pg_sys::get_role_oid(owner_name.as_ptr(), true),
        )
    };
    at_once(|latest| {
        let relations = relations(latest, schema);
        let tables = relations
            .iter()
            .filter(|relation| relation.holds_rows() && protected.contains(relation.name.as_str()))
            .map(|relation| relation.oid)
            .collect();
        let triggers = triggers(latest);
        Catalogue {
            isolated: isolated(latest, &tables),
            functions: functions_of(&triggers, &relations),
            triggers,
            owner: owner.to_u32(),
            relations,
        }
    })
}

fn relations(latest: &Latest, schema: pg_sys::Oid) -> Vec<Relation> {
    let mut found = Vec::new();
    latest.each_of(pg_sys::RelationRelationId, |tuple, _| {
        // SAFETY: every row of pg_class begins with this structure.
        let row = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>() };
        if row.relnamespace != schema {
            return;
        }
        let kind = match row.relkind as u8 {
            pg_sys::RELKIND_RELATION => Kind::Table,
            pg_sys::RELKIND_PARTITIONED_TABLE => Kind::Partitioned,
            pg_sys::RELKIND_VIEW => Kind::View,
            pg_sys::RELKIND_SEQUENCE => Kind::Sequence,
            _ => Kind::Other,
        };
        found.push(Relation {
            oid: row.oid.to_u32(),
            name: text_of(&row.relname),
            kind,
            is_partition: row.relispartition,
            owner: row.relowner.to_u32(),
            is_secured: row.relrowsecurity && row.relforcerowsecurity,
        });
    });
    found
}

fn triggers(latest: &Latest) -> Vec<Made> {
    let mut found = Vec::new();
    latest.each_of(pg_sys::TriggerRelationId, |tuple, _| {
        // SAFETY: every row of pg_trigger begins with this structure.
        let row = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_trigger>() };
        found.push(Made {
            oid: row.oid.to_u32(),
            relation: row.tgrelid.to_u32(),
            parent: row.tgparentid.to_u32(),
            name: text_of(&row.tgname),
            function: row.tgfoid.to_u32(),
            enabled: row.tgenabled as u8,
        });
    });
    found
}

/// The functions of wo_core among those that the triggers of schema `wo` run.
fn functions_of(triggers: &[Made], relations: &[Relation]) -> HashMap<u32, String> {
    let ours: HashSet<u32> = relations.iter().map(|relation| relation.oid).collect();
    let of_ours = triggers.iter().filter(|trigger| ours.contains(&trigger.relation));
    let functions: HashSet<u32> = of_ours.map(|trigger| trigger.function).collect();
    let named = |function: u32| Some((function, own_function(pg_sys::Oid::from(function))?));
    functions.into_iter().filter_map(named).collect()
}

/// Which of these tables have their tenant's policy as the enforcement layer made it.
fn isolated(latest: &Latest, tables: &HashSet<u32>) -> HashSet<u32> {
    // What the expressions of one shape say, which is asked of the first of them.
    let mut said: HashMap<(bool, String), bool> = HashMap::new();
    let mut found = HashSet::new();
    latest.each_of(POLICIES, |tuple, descriptor| {
        // SAFETY: every row of pg_policy begins with this structure.
        let policy = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<Policy>() };
        let table = policy.relation;
        if policy.is_permissive
            || !tables.contains(&table.to_u32())
            || name(&policy.name) != c"tenant_isolation"
        {
            return;
        }
        // SAFETY: the descriptor is that of pg_policy.
        let row = unsafe { Row::of_tuple(tuple, descriptor) };
        let Some(tree) = row.get::<String>(EXPRESSION) else { return };
        // SAFETY: a NUL-terminated name; the look-up answers from the catalogue cache.
        let column = unsafe { pg_sys::get_attnum(table, c"tenant_id".as_ptr()) };
        let of_tenant = column > 0;
        let must = if of_tenant { OWN_TENANT } else { EVERY_TENANT };
        let is_as_made = *said.entry((of_tenant, shape(&tree, column))).or_insert_with(|| {
            // SAFETY: the function takes an expression and the table whose columns it names.
            let text: Option<String> = unsafe {
                let arguments = [tree.as_str().into_datum(), table.into_datum()];
                pgrx::direct_function_call(pg_sys::pg_get_expr, &arguments)
            };
            text.as_deref() == Some(must)
        });
        if is_as_made {
            found.insert(table.to_u32());
        }
    });
    found
}

/// The name of a role; `unknown` where it was dropped.
pub fn role_name(oid: u32) -> String {
    // SAFETY: the name is palloc'ed and NUL-terminated; a role that was dropped gives null.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::Oid::from(oid), true);
        match name.is_null() {
            true => "unknown".to_owned(),
            false => CStr::from_ptr(name).to_string_lossy().into_owned(),
        }
    }
}

fn name(name: &pg_sys::NameData) -> &CStr {
    // SAFETY: a NameData is a NUL-terminated string.
    unsafe { CStr::from_ptr(name.data.as_ptr()) }
}

fn text_of(data: &pg_sys::NameData) -> String {
    name(data).to_string_lossy().into_owned()
}
