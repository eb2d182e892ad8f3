//! Whether a table is as the table registry has it, so that writing it past SQL meets all that a
//! statement would meet.
//!
//! A statement meets policies, rules, triggers for each statement and columns of which a direct write
//! knows nothing. Where a table has any that the registry does not list, it is written by a statement.
//! The question is asked under the lock of the write: what another transaction committed while the
//! lock was waited for is then known, and nothing is committed after.

use super::checks;
use crate::pg::domain::base_type;
use crate::pg::relation::OpenTable;
use crate::pg::row::attribute;
use crate::pg::run_as::with_pinned_path;
use crate::pg::trigger::is_own_function;
use crate::pg::value::{oid_of_type, refuse_type, table_name};
use foldhash::HashMap;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;
use wo_rules::schema::{ExpectedPolicy, ExpectedTrigger, Role, Table, policies_of, triggers_of};

/// What a write asks of the policies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Command {
    /// An INSERT.
    Insert,
    /// An UPDATE that finds its rows by a condition.
    Update,
}

/// Where the columns of the registry stand in a table: for each its position, from 0.
pub type Positions = Rc<[usize]>;

type Known = (u64, Option<Positions>);

thread_local! {
    /// By table and command: the generation of the answer, and the answer.
    static KNOWN: RefCell<HashMap<(pg_sys::Oid, Command), Known>> = RefCell::default();
}

/// Where the columns of a table stand that is as registered. The table is locked by whoever opened it.
/// Refuses a table whose registered columns have other types.
pub fn positions(open: &OpenTable, table: &'static Table, command: Command) -> Option<Positions> {
    recall(open, command, || {
        let positions = columns(open, table)?;
        (is_plain(open)
            && has_registered_triggers(open, table)
            && has_registered_policies(open, table, command))
        .then_some(positions)
    })
}

/// The same of a partitioned table that a row is appended to by way of one of its partitions.
pub fn is_parent(open: &OpenTable, table: &'static Table) -> bool {
    recall(open, Command::Insert, || {
        let positions = columns(open, table)?;
        (kind_of(open) == pg_sys::RELKIND_PARTITIONED_TABLE
            && !has_rules(open)
            && has_registered_triggers(open, table)
            && has_registered_policies(open, table, Command::Insert))
        .then_some(positions)
    })
    .is_some()
}

/// The same of a partition of that table. It has the triggers of the table, and no policies.
pub fn positions_in_partition(
    open: &OpenTable,
    parent: &OpenTable,
    table: &'static Table,
) -> Option<Positions> {
    recall(open, Command::Insert, || {
        let positions = columns(open, table)?;
        (is_partition_of(open, parent)
            && is_plain(open)
            && has_registered_triggers(open, table)
            && policies(open).is_empty())
        .then_some(positions)
    })
}

fn recall(
    open: &OpenTable,
    command: Command,
    ask: impl FnOnce() -> Option<Positions>,
) -> Option<Positions> {
    let key = (open.oid(), command);
    let generation = checks::generation();
    if let Some((of, known)) = KNOWN.with_borrow(|all| all.get(&key).cloned())
        && of == generation
    {
        return known;
    }
    let found = ask();
    // What was invalidated while the catalogue was read may be of what had been read before.
    if checks::generation() == generation {
        KNOWN.with_borrow_mut(|all| all.insert(key, (generation, found.clone())));
    }
    found
}

fn kind_of(open: &OpenTable) -> u8 {
    // SAFETY: the relation is open.
    unsafe { (*(*open.as_ptr()).rd_rel).relkind as u8 }
}

fn has_rules(open: &OpenTable) -> bool {
    // SAFETY: the relation is open.
    unsafe { !(*open.as_ptr()).rd_rules.is_null() }
}

/// Whether rows are stored in a heap that nothing else takes part in: no rules, no children.
fn is_plain(open: &OpenTable) -> bool {
    // SAFETY: the relation is open; the routine is a constant.
    unsafe {
        let relation = open.as_ptr();
        kind_of(open) == pg_sys::RELKIND_RELATION
            && !(*(*relation).rd_rel).relhassubclass
            && std::ptr::eq((*relation).rd_tableam, pg_sys::GetHeapamTableAmRoutine())
            && !has_rules(open)
    }
}

/// Whether rows of the table are routed to the partition: not while it is being detached.
fn is_partition_of(open: &OpenTable, parent: &OpenTable) -> bool {
    // SAFETY: both relations are open; the description has nparts oids. A snapshot is active.
    unsafe {
        let description = pg_sys::RelationGetPartitionDesc(parent.as_ptr(), true);
        let count = usize::try_from((*description).nparts).unwrap_or(0);
        (*(*open.as_ptr()).rd_rel).relispartition
            && count > 0
            && std::slice::from_raw_parts((*description).oids, count).contains(&open.oid())
    }
}

/// Where the registered columns stand, if the table has no others. Refuses one whose values are of
/// another type; one of a domain that the registry does not name is no registered column.
fn columns(open: &OpenTable, table: &'static Table) -> Option<Positions> {
    let mut found: HashMap<String, (usize, pg_sys::Oid)> = HashMap::default();
    let mut are_plain = true;
    for index in 0..open.width() {
        let Some(attribute) = attribute(open.descriptor(), index) else { continue };
        // SAFETY: the attribute lies inside the descriptor, and its name is NUL-terminated.
        let (name, type_oid, is_plain) = unsafe {
            let name = CStr::from_ptr((*attribute).attname.data.as_ptr());
            // A statement fills a generated column, numbers an identity, and cuts a value to the length
            // or the precision of its column.
            let is_plain = (*attribute).attgenerated == 0
                && (*attribute).attidentity == 0
                && (*attribute).atttypmod == -1;
            (name, (*attribute).atttypid, is_plain)
        };
        found.insert(name.to_string_lossy().into_owned(), (index, type_oid));
        are_plain &= is_plain;
    }
    let mut is_exact = are_plain && found.len() == table.columns.len();
    let positions = table.columns.iter().map(|column| {
        let (index, type_oid) = found.get(column.name).copied()?;
        let wanted = column.data_type;
        let base = oid_of_type(wanted.base())?;
        if base_type(type_oid) != base {
            refuse_type(&table_name(open.oid()), column.name, type_oid, base);
        }
        is_exact &= oid_of_type(wanted) == Some(type_oid);
        Some(index)
    });
    let positions: Option<Positions> = positions.collect();
    positions.filter(|_| is_exact)
}

fn triggers(open: &OpenTable) -> &[pg_sys::Trigger] {
    // SAFETY: the relation is open; its triggers are numtriggers elements.
    unsafe {
        let all = (*open.as_ptr()).trigdesc;
        match all.is_null() {
            true => &[],
            false => std::slice::from_raw_parts((*all).triggers, (*all).numtriggers as usize),
        }
    }
}

/// Whether the registered triggers are there, with their own functions, and no others but those of
/// PostgreSQL's constraints.
fn has_registered_triggers(open: &OpenTable, table: &'static Table) -> bool {
    let expected = triggers_of(table);
    // A partition has the triggers for each row alone, and one for each statement of its own.
    let is_partition = kind_of(open) == pg_sys::RELKIND_RELATION && table.partitioned_by.is_some();
    let mut missing: Vec<&ExpectedTrigger> = expected.iter().collect();
    for trigger in triggers(open) {
        if trigger.tgisinternal && is_of_constraint(trigger.tgfoid) {
            continue;
        }
        // SAFETY: a trigger's name is NUL-terminated.
        let name = unsafe { CStr::from_ptr(trigger.tgname) };
        let Some(place) = missing.iter().position(|one| one.name.as_bytes() == name.to_bytes())
        else {
            return false;
        };
        if !is_as_expected(trigger, missing.swap_remove(place)) {
            return false;
        }
    }
    missing.iter().all(|trigger| is_partition && !trigger.is_for_each_row)
}

/// Whether a trigger's function is one of those that PostgreSQL itself makes triggers of: the checks of
/// foreign keys and of deferrable unique constraints.
fn is_of_constraint(function: pg_sys::Oid) -> bool {
    [
        pg_sys::F_RI_FKEY_CHECK_INS,
        pg_sys::F_RI_FKEY_CHECK_UPD,
        pg_sys::F_RI_FKEY_CASCADE_DEL,
        pg_sys::F_RI_FKEY_CASCADE_UPD,
        pg_sys::F_RI_FKEY_RESTRICT_DEL,
        pg_sys::F_RI_FKEY_RESTRICT_UPD,
        pg_sys::F_RI_FKEY_SETNULL_DEL,
        pg_sys::F_RI_FKEY_SETNULL_UPD,
        pg_sys::F_RI_FKEY_SETDEFAULT_DEL,
        pg_sys::F_RI_FKEY_SETDEFAULT_UPD,
        pg_sys::F_RI_FKEY_NOACTION_DEL,
        pg_sys::F_RI_FKEY_NOACTION_UPD,
        pg_sys::F_UNIQUE_KEY_RECHECK,
    ]
    .map(pg_sys::Oid::from)
    .contains(&function)
}

fn is_as_expected(trigger: &pg_sys::Trigger, expected: &ExpectedTrigger) -> bool {
    let enabled = match expected.is_always {
        true => pg_sys::TRIGGER_FIRES_ALWAYS,
        false => pg_sys::TRIGGER_FIRES_ON_ORIGIN,
    };
    let mut words = expected.event.split_ascii_whitespace();
    let timing = match words.next() {
        Some("before") => pg_sys::TRIGGER_TYPE_BEFORE,
        _ => 0,
    };
    let each = if expected.is_for_each_row { pg_sys::TRIGGER_TYPE_ROW } else { 0 };
    let events = words.take_while(|word| *word != "of").fold(0, |events, word| {
        events
            | match word {
                "insert" => pg_sys::TRIGGER_TYPE_INSERT,
                "update" => pg_sys::TRIGGER_TYPE_UPDATE,
                "delete" => pg_sys::TRIGGER_TYPE_DELETE,
                "truncate" => pg_sys::TRIGGER_TYPE_TRUNCATE,
                _ => 0,
            }
    });
    trigger.tgtype as u32 == timing | each | events
        && u32::from(trigger.tgenabled as u8) == enabled as u32
        && trigger.tgqual.is_null() == expected.when.is_none()
        && (trigger.tgnattr > 0) == expected.event.contains(" of ")
        && trigger.tgoldtable.is_null()
        && trigger.tgnewtable.is_null()
        && is_own_function(trigger.tgfoid, expected.function)
}

fn policies(open: &OpenTable) -> Vec<&pg_sys::RowSecurityPolicy> {
    // SAFETY: the relation is open; the list holds policies.
    unsafe {
        let all = (*open.as_ptr()).rd_rsdesc;
        if all.is_null() || (*all).policies.is_null() {
            return Vec::new();
        }
        let list = (*all).policies;
        let cells = std::slice::from_raw_parts((*list).elements, (*list).length as usize);
        cells.iter().map(|cell| &*cell.ptr_value.cast::<pg_sys::RowSecurityPolicy>()).collect()
    }
}

/// Whether row security is on with the registered policies, and no others, as far as the command meets
/// them.
fn has_registered_policies(open: &OpenTable, table: &'static Table, command: Command) -> bool {
    // SAFETY: the relation is open.
    let is_secured = unsafe {
        let form = (*open.as_ptr()).rd_rel;
        (*form).relrowsecurity && (*form).relforcerowsecurity
    };
    let is_met = |of: u8| match command {
        Command::Insert => matches!(of, b'*' | b'a'),
        Command::Update => matches!(of, b'*' | b'r' | b'w'),
    };
    let mut missing: Vec<ExpectedPolicy> = policies_of(table);
    missing.retain(|policy| is_met(command_letter(policy.command)));
    let found: Vec<_> =
        policies(open).into_iter().filter(|policy| is_met(policy.polcmd as u8)).collect();
    is_secured
        && found.len() == missing.len()
        && with_pinned_path(|| {
            found.iter().all(|policy| {
                // SAFETY: a policy's name is NUL-terminated.
                let name = unsafe { CStr::from_ptr(policy.policy_name) };
                let place = missing.iter().position(|one| one.name.as_bytes() == name.to_bytes());
                place.is_some_and(|place| is_policy(open, policy, &missing.swap_remove(place)))
            })
        })
}

fn command_letter(command: &str) -> u8 {
    match command {
        "select" => b'r',
        "insert" => b'a',
        "update" => b'w',
        "delete" => b'd',
        _ => b'*',
    }
}

fn is_policy(
    open: &OpenTable,
    policy: &pg_sys::RowSecurityPolicy,
    expected: &ExpectedPolicy,
) -> bool {
    let (using, check) = match expected.command {
        "insert" => (None, Some(expected.deparsed())),
        _ => (Some(expected.deparsed()), None),
    };
    policy.permissive != expected.is_restrictive
        && policy.polcmd as u8 == command_letter(expected.command)
        && has_roles(policy, &expected.roles)
        && expression(open, policy.qual).as_deref() == using
        && expression(open, policy.with_check_qual).as_deref() == check
}

fn has_roles(policy: &pg_sys::RowSecurityPolicy, expected: &[Role]) -> bool {
    // SAFETY: the roles of a policy are an array of oids.
    let roles: Option<Vec<pg_sys::Oid>> =
        unsafe { FromDatum::from_datum(pg_sys::Datum::from(policy.roles), false) };
    let mut found = roles.unwrap_or_default();
    let mut expected: Vec<pg_sys::Oid> =
        expected.iter().filter_map(|role| crate::pg::run_as::role(role.name())).collect();
    found.sort_unstable_by_key(|role| role.to_u32());
    expected.sort_unstable_by_key(|role| role.to_u32());
    found == expected
}

/// An expression over the columns of the table, as SQL writes it; the search path must be pinned.
fn expression(open: &OpenTable, tree: *mut pg_sys::Expr) -> Option<String> {
    if tree.is_null() {
        return None;
    }
    // SAFETY: the expression is one of the open table's, and the function gives a NUL-terminated text.
    unsafe {
        let name = (*(*open.as_ptr()).rd_rel).relname.data.as_ptr();
        let context = pg_sys::deparse_context_for(name, open.oid());
        let text = pg_sys::deparse_expression(tree.cast(), context, false, false);
        Some(CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}
