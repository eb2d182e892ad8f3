//! Rollups: figures that are derived from the outbox. One cursor of the worker feeds all of them, batch by batch, and
//! moves in the transaction that writes the figures, so that each event counts once whatever becomes of the worker.
//! They can be rebuilt from the outbox at any time, to the same numbers.

pub mod figure;

pub use figure::{Batch, Rollup};

use super::job::{Job, Run, When};
use super::{concept, event};
use crate::kernel::identity::{self, memory};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::run_as::{as_ledger, run_as};
use crate::pg::server::has_one_snapshot;
use crate::pg::statement::{Mode, argument, bigint, statement, timestamp};
use pgrx::prelude::*;
use std::time::Duration;
use uuid::Uuid;
use wo_rules::refusal::Refusal;
use wo_rules::rollup as rules;

/// How many events are folded at once.
const BATCH: i32 = 5000;

/// The job that folds the events.
pub const JOB: Job = Job {
    name: "events_counted",
    when: When::Every(|| Duration::from_secs(5)),
    batch: BATCH,
    run: Run::Installation(fold),
};

statement!(
    CURSOR,
    "select reading.position from wo.rollup_cursor as reading where reading.cursor = 'outbox' for no key update",
    []
);
statement!(
    OPEN_CURSOR,
    "insert into wo.rollup_cursor (cursor, position, moved_at) values ('outbox', 0, $1) on conflict (cursor) do nothing",
    [TIMESTAMPTZOID]
);
statement!(
    MOVE_CURSOR,
    "update wo.rollup_cursor set position = $1, moved_at = $2 where cursor = 'outbox'",
    [INT8OID, TIMESTAMPTZOID]
);
statement!(
    END_OF_BATCH,
    "select pg_catalog.max(next.position), pg_catalog.count(*)::pg_catalog.int4 from (
        select counted.position from wo.event as counted
        where counted.position > $1 and counted.position <= $2 order by counted.position limit $3
     ) as next",
    [INT8OID, INT8OID, INT4OID]
);
statement!(
    GONE,
    "select pg_catalog.min(kept.name) from wo.archive as kept
     where kept.source = 'event' and kept.detached_at is not null",
    []
);
statement!(POSITION, "select reading.position from wo.rollup_cursor as reading", []);

/// Does this as the worker, who reads the events of all tenants and writes their figures.
fn as_worker<T>(act: impl FnOnce() -> T) -> T {
    memory::during(identity::installation(), || {
        memory::as_enforcement(|| run_as(c"wo_worker", act))
    })
}

fn rollups() -> impl Iterator<Item = &'static Rollup> {
    concept::all().flat_map(|concept| concept.rollups())
}

/// Folds the next batch of events into every figure. Gives how many events it had.
fn fold() -> i32 {
    // A snapshot that is older than the horizon would not show each event below it.
    if has_one_snapshot() {
        return 0;
    }
    as_worker(|| {
        let now = timestamp(identity::now());
        OPEN_CURSOR.with(|statement| statement.run(Mode::Write, &[now], |_| ()));
        let position: i64 =
            CURSOR.with(|statement| statement.run(Mode::Write, &[], |rows| rows.required(0, 1)));
        let (_, count) = fold_from(position, event::horizon());
        count
    })
}

/// Folds the events of one batch above a position, up to the horizon, and moves the cursor. Gives the last
/// position, and how many events there were.
fn fold_from(position: i64, horizon: i64) -> (i64, i32) {
    let place = [bigint(position), bigint(horizon), argument(BATCH)];
    let (last, count): (Option<i64>, i32) = END_OF_BATCH.with(|statement| {
        statement.run(Mode::Latest, &place, |rows| (rows.get(0, 1), rows.required(0, 2)))
    });
    let Some(last) = last else { return (position, 0) };
    for rollup in rollups() {
        (rollup.fold)(&Batch(position, last, rollup.events));
    }
    let moved = [bigint(last), timestamp(identity::now())];
    MOVE_CURSOR.with(|statement| statement.store(&moved));
    (last, count)
}

/// How many positions of the outbox are not counted yet.
pub fn lag() -> i64 {
    run_as(c"wo_worker", || {
        let newest = event::newest();
        let position: Option<i64> =
            POSITION.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1)));
        newest - position.unwrap_or(0)
    })
}

/// Removes every figure and counts all events of the outbox again. Gives how many there were.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn rebuild_rollups() -> i64 {
    crate::kernel::version::check_tables();
    if !identity::login_is_member("wo_admin") {
        refuse(crate::kernel::configuration::not_an_administrator("rebuild the rollups"));
    }
    rebuild().or_refuse()
}

fn rebuild() -> Result<i64, Refusal> {
    rules::check_isolation(has_one_snapshot())?;
    // The job is not done meanwhile.
    JOB.lock_of(Uuid::nil()).until_end();
    let gone: Option<String> = as_ledger(|| {
        GONE.with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1)))
    });
    rules::check_outbox(gone.as_deref())?;
    as_worker(|| {
        OPEN_CURSOR
            .with(|statement| statement.run(Mode::Write, &[timestamp(identity::now())], |_| ()));
        CURSOR.with(|statement| statement.run(Mode::Write, &[], |_| ()));
        rollups().for_each(|rollup| (rollup.clear)());
        let moved = [bigint(0), timestamp(identity::now())];
        MOVE_CURSOR.with(|statement| statement.store(&moved));
        let horizon = event::horizon();
        let (mut position, mut sum) = (0, 0);
        loop {
            let (last, count) = fold_from(position, horizon);
            if count == 0 {
                return Ok(sum);
            }
            (position, sum) = (last, sum + i64::from(count));
        }
    })
}
