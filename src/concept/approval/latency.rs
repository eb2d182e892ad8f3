//! How long signatures take: a distribution for each role, counted by the worker from the events of signatures.

use crate::kernel::concept::Metric;
use crate::kernel::rollup::Rollup;
use crate::pg::run_as::run_as;
use crate::pg::statement::{Mode, Rows, optional_uuid, statement};
use uuid::Uuid;

/// The upper bounds of the buckets in seconds: 1, 5 and 15 minutes, 1 and 4 hours, 1, 3, 7 and 30 days, and no bound.
macro_rules! bounds {
    () => {
        "'{60,300,900,3600,14400,86400,259200,604800,2592000,Infinity}'::numeric[]"
    };
}

statement!(
    COUNT,
    concat!(
        "insert into wo.approval_rollup as kept (tenant_id, role, within_seconds, signed_count, waited_seconds)
     select signed.tenant_id, signed.role, bucket.within, pg_catalog.count(*), pg_catalog.sum(signed.waited)
     from (
        select counted.tenant_id, counted.data ->> 'role' as role,
            greatest(pg_catalog.extract('epoch', counted.recorded_at)
                - pg_catalog.extract('epoch', (counted.data ->> 'requested_at')::timestamptz), 0) as waited
        from wo.event as counted
        where counted.position > $1 and counted.position <= $2 and counted.type = any($3)
            and counted.data ->> 'requested_at' is not null
     ) as signed
     cross join lateral (
        select pg_catalog.min(bound.seconds) as within
        from pg_catalog.unnest(",
        bounds!(),
        ") as bound (seconds)
        where bound.seconds >= signed.waited
     ) as bucket
     group by 1, 2, 3
     order by 1, 2, 3
     on conflict (tenant_id, role, within_seconds) do update
     set signed_count = kept.signed_count + excluded.signed_count,
        waited_seconds = kept.waited_seconds + excluded.waited_seconds"
    ),
    [INT8OID, INT8OID, TEXTARRAYOID]
);
statement!(
    FIGURES,
    concat!(
        "select figure.role, bound.seconds::double precision,
        coalesce(pg_catalog.sum(figure.signed) filter (where figure.within_seconds <= bound.seconds), 0)::bigint,
        pg_catalog.sum(figure.waited)::double precision
     from (
        select case when $1 is not null then counted.role end as role, counted.within_seconds,
            pg_catalog.sum(counted.signed_count) as signed, pg_catalog.sum(counted.waited_seconds) as waited
        from wo.approval_rollup as counted
        where $1 is null or counted.tenant_id = $1
        group by 1, 2
     ) as figure
     cross join pg_catalog.unnest(",
        bounds!(),
        ") as bound (seconds)
     group by 1, 2
     order by 1, 2"
    ),
    [UUIDOID]
);
statement!(CLEAR, "delete from wo.approval_rollup", []);

/// The rollup.
pub const ROLLUP: Rollup = Rollup {
    events: &["wo.approval_signed"],
    fold: |batch| COUNT.with(|statement| statement.run(Mode::Write, &batch.arguments(), |_| ())),
    clear: || CLEAR.with(|statement| statement.run(Mode::Write, &[], |_| ())),
};

/// The distribution: of a tenant, by role, or of all tenants together.
pub fn metrics(tenant: Option<Uuid>) -> Vec<Metric> {
    run_as(c"wo_worker", || {
        FIGURES.with(|statement| {
            statement.run(Mode::Latest, &[optional_uuid(tenant)], |rows| {
                (0..rows.count()).flat_map(|row| metrics_at(rows, row)).collect()
            })
        })
    })
}

/// The metrics of a bucket; with the last, which has no bound, sum and number.
fn metrics_at(rows: &Rows, row: usize) -> Vec<Metric> {
    let bound: f64 = rows.required(row, 2);
    let count = rows.required::<i64>(row, 3) as f64;
    let role = rows.get::<String>(row, 1).map(|role| ("role", role));
    let labels: Vec<(&'static str, String)> = role.into_iter().collect();
    let metric =
        |name, value, unit, help| Metric { name, labels: labels.clone(), value, unit, help };
    let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
    let mut bucket = metric(
        "wo_approval_latency_seconds_bucket",
        count,
        "requests",
        "Requests of approval whose last signature came within so many seconds (le).",
    );
    bucket.labels.push(("le", le));
    if bound.is_finite() {
        return vec![bucket];
    }
    vec![
        bucket,
        metric(
            "wo_approval_latency_seconds_sum",
            rows.required(row, 4),
            "seconds",
            "The time from the requests of approval to their last signatures, in all.",
        ),
        metric(
            "wo_approval_latency_seconds_count",
            count,
            "requests",
            "Requests of approval that have their last signature.",
        ),
    ]
}
