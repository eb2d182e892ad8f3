//! The records as they stand, to be compared with their trails.

use crate::kernel::work_order::{child_records, is_beside_changes};
use crate::pg::row::Row;
use crate::pg::statement::{Argument, Mode, Statement};
use pgrx::pg_sys;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use wo_rules::audit::RowState;
use wo_rules::time::utc;

/// A record as it stands: its audited values and, for a work order, its number and state.
#[derive(Default)]
pub struct TrailedRow {
    /// Each audited column that is not null, as JSON text.
    pub values: BTreeMap<String, String>,
    /// The columns that its table has.
    pub columns: BTreeSet<String>,
    /// Its number.
    pub number: Option<String>,
    /// Its state.
    pub status: Option<String>,
    /// Its version.
    pub version: Option<i64>,
    /// When it last changed.
    pub changed_at: Option<String>,
    /// The sequence of its chain's head.
    pub sequence: i64,
    /// The hash of its chain's head.
    pub hash: Vec<u8>,
}

/// The audited values of a row, and its columns that the trail keeps beside them.
pub fn trailed_row_of(row: &Row) -> TrailedRow {
    let mut held = TrailedRow::default();
    for index in 0..row.len() {
        let Some(name) = row.name(index) else { continue };
        held.columns.insert(name.to_owned());
        let Some(json) = row.json(index) else { continue };
        if !is_beside_changes(name) {
            held.values.insert(name.to_owned(), json);
        }
    }
    let column = |name: &str| row.column(name);
    held.number = column("wo_number").and_then(|index| row.get(index));
    held.status = column("status").and_then(|index| row.get(index));
    held.version = column("version").and_then(|index| row.get(index));
    held.changed_at = column("updated_at").and_then(|index| row.timestamp(index)).map(utc);
    held.sequence = column("chain_sequence").and_then(|index| row.get(index)).unwrap_or(0);
    held.hash = column("chain_hash").and_then(|index| row.get(index)).unwrap_or_default();
    held
}

/// Gives the child records of the work orders that `arguments` name (tenant, ids): the work order, the record's
/// name in the trail, its value.
pub fn child_records(arguments: &[Argument], mut take: impl FnMut(Uuid, String, String)) {
    for table in wo_rules::schema::child_tables() {
        let column = table.child.work_order;
        let statement = Statement::new(
            format!(
                "select held.* from wo.{} as held where held.tenant_id = $1 and held.{} = any($2)",
                table.name, column
            ),
            &[pg_sys::UUIDOID, pg_sys::UUIDARRAYOID],
        );
        statement.run(Mode::Latest, arguments, |rows| {
            for index in 0..rows.count() {
                let Some(row) = Row::of_rows(rows, index) else { continue };
                let owner = row.named::<pgrx::Uuid>(column);
                let owner = owner.map(|id| Uuid::from_bytes(*id.as_bytes()));
                if let Some(owner) = owner {
                    take(
                        owner,
                        child_records::name_of(&table, &row),
                        child_records::value_of(&table, &row),
                    );
                }
            }
        });
    }
}

/// A work order as the rules compare it with its trail.
pub fn row_state(held: &TrailedRow) -> RowState<'_> {
    RowState {
        subject: "work_order",
        columns: held.columns.clone(),
        sequence: held.sequence,
        hash: &held.hash,
        values: held.values.clone(),
        status: held.status.as_deref(),
        record_version: held.version,
        changed_at: held.changed_at.clone(),
    }
}
