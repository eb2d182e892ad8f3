//! Writing one row of a table without the set-up of a statement.
//!
//! A transition is one row of the work orders, one of the audit trail and one of the outbox. As SQL each
//! of them costs the set-up of a plan, of its expressions and of the table's policies, which is more
//! than the row itself. Here the executor's own functions are called, in its own order: lock the table,
//! ask whether it is as registered, begin the query, fire the triggers before the row, check constraints,
//! store the row, fill the indexes, fire the triggers after it, close.
//!
//! A table that is not as the table registry has it (see [`registered`]) is written by a statement.

pub mod checks;
mod insert;
mod query;
mod registered;
mod triggers;
mod update;
mod writable;

pub use update::Tid;
pub use writable::Writable;

use crate::pg::error::{damaged, refuse};
use crate::pg::statement::Argument;
use crate::pg::value::{oid_of_type, table_name};
use insert::Appending;
use pgrx::pg_sys;
use wo_rules::refusal::Refusal;
use wo_rules::schema::Table;
use wo_rules::time::Day;
use wo_rules::work_order::write_suppressed;

/// Appends a row to the partition of that month, its values in the order of the registered columns.
/// False where a statement has to insert it.
pub fn append(table: &'static Table, month: Day, values: &[Argument]) -> bool {
    match Appending::open(table, month) {
        Some(appending) => {
            appending.insert(values);
            true
        }
        None => false,
    }
}

/// A trigger kept a row from being stored, and no trigger of wo_core does.
fn suppressed(table: pg_sys::Oid) -> Refusal {
    write_suppressed(&table_name(table))
}

/// Refuses values of other types than those of the registered columns.
fn assert_types(table: &'static Table, values: &[Argument]) {
    let types = table.columns.iter().map(|column| oid_of_type(column.data_type.base()));
    if !types.eq(values.iter().map(|value| Some(value.type_oid()))) {
        refuse(damaged(&format!("a row of wo.{} got values of other types", table.name)));
    }
}
