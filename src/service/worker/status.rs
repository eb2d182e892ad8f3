//! What the workers say of themselves.

use super::jobs::jobs;
use crate::pg::server::database_name;
use crate::pg::shared_memory as shared;
use pgrx::prelude::*;
use std::sync::atomic::Ordering::SeqCst;

fn moment(at: i64) -> Option<TimestampWithTimeZone> {
    (at != 0).then(|| TimestampWithTimeZone::try_from(at).ok()).flatten()
}

/// Every worker, and how its jobs stand.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn worker_status() -> TableIterator<
    'static,
    (
        name!(database, String),
        name!(pid, i32),
        name!(state, String),
        name!(since, Option<TimestampWithTimeZone>),
        name!(reason, Option<String>),
        name!(job, String),
        name!(last_run, Option<TimestampWithTimeZone>),
        name!(last_duration_ms, f64),
        name!(done, i64),
        name!(errors, i64),
        name!(last_error, Option<String>),
    ),
> {
    let mut rows = Vec::new();
    for (database, site) in shared::sites() {
        let pid = site.pid.load(SeqCst);
        let Some(name) = database_name(database).filter(|_| pid != 0) else { continue };
        let since = moment(site.since.load(SeqCst));
        let books = site.with_books(|books| *books);
        for (job, book) in jobs().iter().zip(&books.jobs) {
            rows.push((
                name.clone(),
                pid,
                site.state().words().to_owned(),
                since,
                books.reason.given().map(str::to_owned),
                job.name.to_owned(),
                moment(book.last_run),
                book.last_duration as f64 / 1000.0,
                book.done,
                book.errors,
                book.last_error.given().map(str::to_owned),
            ));
        }
    }
    TableIterator::new(rows)
}
