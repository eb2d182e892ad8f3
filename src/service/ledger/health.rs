//! What is off with the ledger, and what to do about it.

use super::key::{Cause, Trouble};
use super::seal::{BATCH, interval};
use super::situation::{Halt, Situation};
use super::store::{self, Tiles};
use crate::kernel::event;
use crate::kernel::identity;
use crate::pg::run_as::as_ledger;
use crate::pg::statement::{Mode, bigint, statement};
use pgrx::prelude::*;
use wo_rules::time::utc;

/// How many unsealed entries are counted.
const MOST_COUNTED: i64 = 100_000;

/// How many intervals the oldest unsealed entry may wait before health warns.
const PATIENCE: i64 = 6;

statement!(
    UNSEALED,
    "select pg_catalog.count(*), pg_catalog.min(waiting.recorded_at) from (
        select entry.recorded_at from wo.audit_entry as entry where entry.position > $1 limit $2
     ) as waiting",
    [INT8OID, INT8OID]
);

type Row = (String, String, String, String);

/// How the ledger stands, one row for each thing to know.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_health() -> TableIterator<
    'static,
    (name!(severity, String), name!(subject, String), name!(detail, String), name!(remedy, String)),
> {
    TableIterator::new(vec![sealing(), waiting()])
}

fn row(severity: &str, subject: &str, detail: String, remedy: &str) -> Row {
    (severity.to_owned(), subject.to_owned(), detail, remedy.to_owned())
}

/// Whether sealing goes on.
fn sealing() -> Row {
    let halt = Situation::look(event::horizon())
        .and_then(|situation| situation.judge(&mut Tiles::default()).map(|_| situation));
    match halt {
        Err(halt @ Halt::Key(Trouble { cause: Cause::Unset, .. })) => row(
            "warning",
            "ledger",
            format!(
                "nothing is sealed: {halt}, so a role that can write to the tables can rewrite the trail unnoticed"
            ),
            halt.remedy(),
        ),
        Err(halt) => row("bad", "ledger", format!("nothing is sealed: {halt}"), halt.remedy()),
        Ok(situation) => match &situation.newest {
            None => row("good", "ledger", "the ledger is empty, and ready to seal".to_owned(), ""),
            Some((newest, _)) => row(
                "good",
                "ledger",
                format!(
                    "{} entries are sealed, the last time at {}; what is written later can be cut off without a trace until it is sealed (every {} s)",
                    newest.size,
                    utc(newest.sealed_at),
                    interval().as_secs()
                ),
                "",
            ),
        },
    }
}

/// How many entries are not sealed, counted up to a limit, and the time of the oldest.
pub fn unsealed() -> (i64, Option<i64>) {
    let after = store::newest().map_or(0, |newest| newest.position);
    as_ledger(|| {
        UNSEALED.with(|statement| {
            statement.run(Mode::Latest, &[bigint(after), bigint(MOST_COUNTED)], |rows| {
                let oldest = rows.timestamp(0, 2);
                (rows.required::<i64>(0, 1), oldest)
            })
        })
    })
}

/// What waits to be sealed.
fn waiting() -> Row {
    let (count, oldest) = unsealed();
    let Some(oldest) = oldest else {
        return row("good", "sealing", "every entry is sealed".to_owned(), "");
    };
    let seconds = (identity::now() - oldest) / 1_000_000;
    let patience = i64::try_from(interval().as_secs()).unwrap_or(i64::MAX).saturating_mul(PATIENCE);
    let more = if count == MOST_COUNTED { " at least" } else { "" };
    let detail = format!("{count} entries{more} wait to be sealed, the oldest for {seconds} s");
    if seconds <= patience && count <= BATCH as i64 {
        return row("good", "sealing", detail, "");
    }
    row(
        "warning",
        "sealing",
        detail,
        "Let the background worker run (shared_preload_libraries, wo_core.databases), or call wo.tick() more often; a transaction that is open for long holds sealing back.",
    )
}
