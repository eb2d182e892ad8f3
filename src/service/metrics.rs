//! What a monitoring system collects: the metrics of the concepts, of the outbox, the ledger and the worker.

use crate::kernel::concept::{self, Metric};
use crate::kernel::{identity, rollup};
use crate::service::{ledger, worker};
use pgrx::prelude::*;
use serde_json::{Map, Value};
use uuid::Uuid;

fn metrics_of(tenant: Option<Uuid>) -> Vec<Metric> {
    let mut all: Vec<Metric> = concept::all().flat_map(|concept| concept.metrics(tenant)).collect();
    let backlog = worker::backlog();
    all.extend([
        Metric::count(
            "wo_rollup_lag",
            rollup::lag(),
            "positions",
            "Positions of the outbox that are not counted in the figures yet.",
        ),
        Metric::count(
            "wo_consumer_lag",
            worker::consumers().1,
            "positions",
            "How far the slowest consumer of events is behind the outbox.",
        ),
        Metric::count(
            "wo_entries_unsealed",
            ledger::unsealed().0,
            "entries",
            "Entries of the audit trail that are not sealed yet; counting stops at 100000.",
        ),
        Metric::count(
            "wo_attempts_waiting",
            i64::try_from(backlog.waiting).unwrap_or(i64::MAX),
            "attempts",
            "Refused attempts that are not in the audit trail yet.",
        ),
        Metric::count(
            "wo_attempts_dropped",
            i64::try_from(backlog.dropped).unwrap_or(i64::MAX),
            "attempts",
            "Refused attempts that found no room and are not in the audit trail one by one.",
        ),
    ]);
    all
}

/// The metrics: of the caller's tenant, or of all tenants together.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn metrics() -> TableIterator<
    'static,
    (
        name!(name, String),
        name!(labels, pgrx::JsonB),
        name!(value, f64),
        name!(unit, String),
        name!(help, String),
    ),
> {
    crate::kernel::version::check_tables();
    let tenant = identity::current().map(|acting| acting.tenant);
    TableIterator::new(metrics_of(tenant).into_iter().map(|metric| {
        let labels = metric.labels.into_iter();
        let labels: Map<String, Value> =
            labels.map(|(name, value)| (name.to_owned(), value.into())).collect();
        (
            metric.name.to_owned(),
            pgrx::JsonB(labels.into()),
            metric.value,
            metric.unit.to_owned(),
            metric.help.to_owned(),
        )
    }))
}
