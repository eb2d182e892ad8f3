//! The months of the trail and the outbox: which is due, and what its rows are as lines.

use super::archive;
use crate::pg::run_as::as_ledger;
use crate::pg::setting;
use crate::pg::statement::{Argument, Mode, Rows, argument, statement, text, timestamp};
use crate::service::verification::{ENTRY_COLUMNS, entry_at};
use pgrx::pg_sys;
use uuid::Uuid;
use wo_rules::audit::Entry;
use wo_rules::retention::line::EventLine;
use wo_rules::time::utc;

statement!(
    LEAVES,
    "select partition.relname::pg_catalog.text, partition.oid,
        case when pg_catalog.pg_get_expr(partition.relpartbound, partition.oid) like 'FOR VALUES FROM (MINVALUE)%' then '-infinity'
            else month.begun::timestamp at time zone 'UTC' end,
        (month.begun + interval '1 month') at time zone 'UTC',
        (month.begun + interval '1 month') at time zone 'UTC' <= pg_catalog.now() - pg_catalog.make_interval(months => $2)
     from pg_catalog.pg_inherits as link
     join pg_catalog.pg_class as partition on partition.oid = link.inhrelid
     cross join lateral (select pg_catalog.to_date(pg_catalog.right(partition.relname, 7), 'YYYY_MM') as begun) as month
     where link.inhparent = pg_catalog.to_regclass('wo.' || $1)
        and partition.relname ~ ('^' || $1 || '_[0-9]{4}_[0-9]{2}$')
     order by partition.relname",
    [TEXTOID, INT4OID]
);
statement!(
    ENTRIES,
    format!(
        "select {ENTRY_COLUMNS}, entry.position, entry.tenant_id from wo.audit_entry as entry
         where entry.recorded_at >= $1 and entry.recorded_at < $2
         order by entry.position, entry.subject_id, entry.sequence"
    ),
    [TIMESTAMPTZOID, TIMESTAMPTZOID]
);
statement!(
    ENTRIES_BY_CHAIN,
    format!(
        "select {ENTRY_COLUMNS}, entry.position, entry.tenant_id from wo.audit_entry as entry
         where entry.recorded_at >= $1 and entry.recorded_at < $2
         order by entry.tenant_id, entry.subject_id, entry.sequence"
    ),
    [TIMESTAMPTZOID, TIMESTAMPTZOID]
);
statement!(
    EVENTS,
    "select event.position, event.tenant_id, event.timeline, event.type, event.subject_id, event.recorded_at, event.traceparent,
        event.data::pg_catalog.text
     from wo.event as event
     where event.recorded_at >= $1 and event.recorded_at < $2
     order by event.position",
    [TIMESTAMPTZOID, TIMESTAMPTZOID]
);

/// A partition of the trail or of the outbox.
pub struct Month {
    /// Its name.
    pub name: String,
    /// The table that it is a partition of.
    pub source: &'static str,
    /// The partition.
    pub partition: pg_sys::Oid,
    /// The first moment; the least of all where it takes everything past.
    pub from: i64,
    /// The first moment after it.
    pub to: i64,
    /// Whether it lies wholly before what is to stay.
    pub is_past: bool,
}

/// How many months the table's rows stay; nothing where they stay for ever.
pub fn retention_of(source: &str) -> Option<i32> {
    let months = match source {
        "audit_entry" => setting::RETENTION.get(),
        _ => setting::EVENT_RETENTION.get(),
    };
    (months > 0).then_some(months)
}

/// The leaves of the table, the oldest first.
pub fn partitions_of(source: &'static str) -> Vec<Month> {
    // The type takes no more than that many months; none of them is past then.
    let months = retention_of(source).unwrap_or(12 * 5_000);
    let arguments = [text(source), argument(months)];
    let leaf_at = |rows: &Rows, row: usize| {
        let time = |column| rows.timestamp(row, column);
        Some(Month {
            name: rows.get(row, 1)?,
            source,
            partition: rows.get(row, 2)?,
            from: time(3)?,
            to: time(4)?,
            is_past: rows.get(row, 5)?,
        })
    };
    LEAVES.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            (0..rows.count()).filter_map(|row| leaf_at(rows, row)).collect()
        })
    })
}

/// The oldest month that is to leave and was not written to a file yet. Call it as the installation.
pub fn due(source: &'static str) -> Option<Month> {
    retention_of(source)?;
    let written: Vec<String> = archive::all().into_iter().map(|archive| archive.name).collect();
    partitions_of(source)
        .into_iter()
        .find(|month| !written.contains(&month.name))
        .filter(|month| month.is_past)
}

/// An entry of the trail with everything that its row holds.
pub struct Row {
    /// The tenant.
    pub tenant: Uuid,
    /// Whose chain.
    pub subject: Uuid,
    /// The entry.
    pub entry: Entry,
    /// The hash before it.
    pub previous: Vec<u8>,
    /// Its own.
    pub hash: Vec<u8>,
    /// Its position.
    pub position: i64,
}

fn row_at(rows: &Rows, row: usize) -> Row {
    let tenant = uuid_at(rows, row, 20);
    let (subject, entry, previous, hash) = entry_at(rows, row, tenant);
    Row { tenant, subject, entry, previous, hash, position: rows.required(row, 19) }
}

fn uuid_at(rows: &Rows, row: usize, column: i32) -> Uuid {
    rows.required_uuid(row, column)
}

fn bounds(from: i64, to: i64) -> [Argument; 2] {
    [timestamp(from), timestamp(to)]
}

/// Gives each entry of a span of time to `take`, in the order of the ledger's leaves.
///
/// # Errors
/// What `take` says.
pub fn entries(
    from: i64,
    to: i64,
    mut take: impl FnMut(Row) -> Result<(), String>,
) -> Result<(), String> {
    as_ledger(|| {
        ENTRIES.with(|statement| {
            statement.run_in_batches(Mode::Latest, &bounds(from, to), |rows| {
                (0..rows.count()).try_for_each(|row| take(row_at(rows, row)))
            })
        })
    })
}

/// The same, chain by chain.
///
/// # Errors
/// What `take` says.
pub fn entries_by_chain(
    from: i64,
    to: i64,
    mut take: impl FnMut(Row) -> Result<(), String>,
) -> Result<(), String> {
    as_ledger(|| {
        ENTRIES_BY_CHAIN.with(|statement| {
            statement.run_in_batches(Mode::Latest, &bounds(from, to), |rows| {
                (0..rows.count()).try_for_each(|row| take(row_at(rows, row)))
            })
        })
    })
}

/// Gives each event of a span of time to `take`, in the order of their positions.
///
/// # Errors
/// What `take` says.
pub fn events(
    from: i64,
    to: i64,
    mut take: impl FnMut(EventLine) -> Result<(), String>,
) -> Result<(), String> {
    let event_at = |rows: &Rows, row: usize| EventLine {
        position: rows.required(row, 1),
        tenant_id: uuid_at(rows, row, 2).to_string(),
        timeline: rows.required(row, 3),
        kind: rows.required(row, 4),
        subject_id: uuid_at(rows, row, 5).to_string(),
        recorded_at: utc(rows.required_timestamp(row, 6)),
        traceparent: rows.get(row, 7),
        data: rows.required(row, 8),
    };
    as_ledger(|| {
        EVENTS.with(|statement| {
            statement.run_in_batches(Mode::Latest, &bounds(from, to), |rows| {
                (0..rows.count()).try_for_each(|row| take(event_at(rows, row)))
            })
        })
    })
}
