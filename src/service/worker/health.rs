//! What `wo.health()` says of the worker, events and refused attempts.

use super::jobs;
use crate::pg::run_as::run_as;
use crate::pg::server::is_standby;
use crate::pg::setting;
use crate::pg::shared_memory::{self as shared, State};
use crate::pg::statement::{Mode, bigint, statement};
use pgrx::prelude::*;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use wo_rules::health::{self as rules, Finding, Worker};
use wo_rules::refused_attempt::ring::Backlog;

statement!(
    CONSUMERS,
    "select pg_catalog.count(*), coalesce(pg_catalog.max($1 - reading.position), 0)
     from wo.event_consumer as reading",
    [INT8OID]
);

statement!(
    DATABASES,
    "select there.datname::text from pg_catalog.pg_database as there where there.datallowconn",
    []
);

type Row = (String, String, String, String);

/// How worker, jobs, events and refused attempts are.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn worker_health() -> TableIterator<
    'static,
    (name!(severity, String), name!(subject, String), name!(detail, String), name!(remedy, String)),
> {
    let preloaded = shared::is_there();
    let standby = is_standby();
    let site = shared::own_site();
    let state = site.map_or(State::Absent, |site| site.state());
    let serves = state == State::Serving;
    let books = site.map(|site| site.with_books(|books| *books));
    let reason = books.map_or(String::new(), |books| books.reason.as_str().to_owned());
    let unannounced =
        site.map_or(0, |site| (site.newest.load(SeqCst) - site.announced.load(SeqCst)).max(0));
    let backlog = backlog();
    let (consumers, behind) = consumers();
    let (extension, records) = crate::kernel::install::versions();
    let said = [
        rules::versions(env!("CARGO_PKG_VERSION"), extension.as_deref(), records.as_deref()),
        rules::worker(&Worker {
            standby,
            preloaded,
            listed: super::serve::is_listed(),
            state: (state != State::Absent).then_some(state.words()),
            serves,
            reason: &reason,
        }),
        jobs(books.filter(|_| state != State::Absent)),
        databases(preloaded),
        waking(standby, serves, unannounced),
        rules::consumers(consumers, behind),
        rules::refused_attempts(preloaded, backlog.waiting, backlog.dropped),
    ];
    TableIterator::new(said.map(row))
}

fn row(said: Finding) -> Row {
    (said.severity.name().to_owned(), said.subject.to_owned(), said.detail, said.remedy.to_owned())
}

/// The refused attempts of this database that are not in the trail yet.
pub fn backlog() -> Backlog {
    let database = crate::pg::server::database();
    shared::with_ring(|ring| ring.backlog(database)).unwrap_or_default()
}

fn jobs(books: Option<shared::Books>) -> Finding {
    let Some(books) = books else { return rules::jobs(&[], None) };
    let failing: Vec<(&str, i64, &str)> = jobs::jobs()
        .iter()
        .zip(&books.jobs)
        .filter(|(_, book)| book.failures > 0)
        .map(|(job, book)| (job.name, book.failures, book.last_error.as_str()))
        .collect();
    let oldest = books.jobs.iter().map(|book| book.last_run).filter(|at| *at != 0).min();
    let ago = oldest.map(|at| {
        Duration::from_micros(u64::try_from(crate::kernel::identity::now() - at).unwrap_or(0))
    });
    rules::jobs(&failing, ago)
}

/// Whether the databases that are to have a worker are there; without preloading none has one.
fn databases(preloaded: bool) -> Finding {
    let wanted = if preloaded { super::launcher::wanted() } else { Vec::new() };
    let missing: Vec<&str> = DATABASES.with(|statement| {
        statement.run(Mode::Caller, &[], |rows| {
            let there: Vec<String> = (0..rows.count()).map(|row| rows.required(row, 1)).collect();
            wanted
                .iter()
                .map(String::as_str)
                .filter(|name| !there.iter().any(|it| it == name))
                .collect()
        })
    });
    rules::databases(wanted.len(), &missing)
}

fn waking(standby: bool, serves: bool, unannounced: i64) -> Finding {
    let setting = match setting::NOTIFY.get() {
        setting::Notify::Auto => "auto",
        setting::Notify::Transaction => "transaction",
        setting::Notify::Worker => "worker",
        setting::Notify::Off => "off",
    };
    rules::waking(setting, standby, serves, unannounced)
}

/// How many consumers of events there are, and how many positions the slowest is behind.
pub fn consumers() -> (i64, i64) {
    run_as(c"wo_worker", || {
        let newest = crate::kernel::event::newest();
        CONSUMERS.with(|statement| {
            statement.run(Mode::Caller, &[bigint(newest)], |rows| {
                (rows.required(0, 1), rows.required(0, 2))
            })
        })
    })
}
