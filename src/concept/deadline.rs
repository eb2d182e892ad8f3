//! Times in state: who is notified when a work order stays in its state for longer than its lifecycle
//! allows, once for each stay; and the figures of how long work orders stay in each state.

use crate::kernel::concept::{Concept, Metric};
use crate::kernel::job::{Job, Run, When};
use crate::kernel::rollup::Rollup;
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::{Column, time_rule_of, with_work_order};
use crate::pg::error::OrRefuse;
use crate::pg::run_as::{as_trail, run_as};
use crate::pg::statement::{
    Mode, Rows, bigint, optional_uuid, statement, timestamp, uuid as uuid_argument,
};
use serde_json::{Map, json};
use std::time::Duration;
use uuid::Uuid;
use wo_rules::field::Field;
use wo_rules::refusal::Refusal;
use wo_rules::time::utc;

/// How many work orders one run reports in a tenant.
const MOST: i64 = 500;

statement!(
    DUE,
    "select held.id from wo.work_order as held
     where held.tenant_id = $1 and held.state_deadline < $3
        and held.state_deadline is not null and held.state_deadline_notified_at is null
     order by held.state_deadline
     limit $2
     for no key update skip locked",
    [UUIDOID, INT8OID, TIMESTAMPTZOID]
);
statement!(
    NOTIFY,
    "update wo.work_order set state_deadline_notified_at = $3
     where tenant_id = $1 and id = $2 and state_deadline_notified_at is null",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID]
);

statement!(
    COUNT,
    "insert into wo.state_rollup as kept (tenant_id, lifecycle, state, entered_count, left_count, entered_seconds,
        left_seconds)
     select moved.tenant_id, moved.lifecycle, moved.state, pg_catalog.sum(moved.entered), pg_catalog.sum(moved.gone),
        pg_catalog.sum(moved.entered * moved.at), pg_catalog.sum(moved.gone * moved.at)
     from (
        select counted.tenant_id, counted.data ->> 'lifecycle' as lifecycle, counted.data ->> 'status' as state, 1 as entered,
            0 as gone, pg_catalog.extract('epoch', counted.recorded_at) as at
        from wo.event as counted
        where counted.position > $1 and counted.position <= $2 and counted.type = any($3)
            and (counted.type = 'wo.created' or counted.data ->> 'from_status' is not null)
        union all
        select counted.tenant_id, counted.data ->> 'lifecycle', counted.data ->> 'from_status', 0, 1,
            pg_catalog.extract('epoch', counted.recorded_at)
        from wo.event as counted
        where counted.position > $1 and counted.position <= $2 and counted.type = any($3)
            and counted.data ->> 'from_status' is not null
     ) as moved
     group by 1, 2, 3
     order by 1, 2, 3
     on conflict (tenant_id, lifecycle, state) do update
     set entered_count = kept.entered_count + excluded.entered_count,
        left_count = kept.left_count + excluded.left_count,
        entered_seconds = kept.entered_seconds + excluded.entered_seconds,
        left_seconds = kept.left_seconds + excluded.left_seconds",
    [INT8OID, INT8OID, TEXTARRAYOID]
);
statement!(
    FIGURES,
    "select case when $1 is not null then figure.lifecycle end, case when $1 is not null then figure.state end,
        pg_catalog.sum(figure.entered_count)::bigint, pg_catalog.sum(figure.left_count)::bigint,
        pg_catalog.sum(figure.left_seconds - figure.entered_seconds + (figure.entered_count - figure.left_count)
            * pg_catalog.extract('epoch', pg_catalog.statement_timestamp()))::double precision
     from wo.state_rollup as figure
     where $1 is null or figure.tenant_id = $1
     group by 1, 2
     order by 1, 2",
    [UUIDOID]
);
statement!(CLEAR, "delete from wo.state_rollup", []);

/// Reports the work orders that stay too long in their state. A transaction that holds one now may just be
/// moving it: the next run looks again. Gives of how many it counted.
fn notify_overdue(tenant: Uuid) -> i32 {
    let now = crate::kernel::identity::now();
    let arguments = [uuid_argument(tenant), bigint(MOST), timestamp(now)];
    let due: Vec<Uuid> = as_trail(|| {
        DUE.with(|statement| {
            statement.run(Mode::Write, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
                    .map(|id| Uuid::from_bytes(*id.as_bytes()))
                    .collect()
            })
        })
    });
    due.into_iter().map(|work_order| i32::from(notify(tenant, work_order, now).or_refuse())).sum()
}

fn notify(tenant: Uuid, work_order: Uuid, now: i64) -> Result<bool, Refusal> {
    let (reason, data) = with_work_order(tenant, work_order, |view| {
        let seen = view.seen;
        let deadline = seen.row.timestamp(seen.layout.column(Column::StateDeadline));
        let state = view.lifecycle.state(&view.facets.status);
        let rule =
            state.and_then(|state| time_rule_of(tenant, Some(work_order), view.lifecycle, state));
        let mut data = Map::new();
        data.insert("deadline".to_owned(), json!(deadline.map(utc)));
        data.insert("assignee".to_owned(), json!(seen.field::<String>(Field::Assignee)));
        Ok((rule, data))
    })?;
    let change_of_child = ChildChange {
        action: "time_in_state_exceeded",
        reason,
        changes: String::new(),
        covered: false,
        data,
    };
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), timestamp(now)];
    Ok(child_records::upkeep(work_order, change_of_child, || {
        NOTIFY.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
    }))
}

/// The metrics of a state, or of all where there are no labels.
fn metrics_at(rows: &Rows, row: usize) -> [Metric; 3] {
    let label = |name, column| rows.get::<String>(row, column).map(|value| (name, value));
    let labels: Vec<(&'static str, String)> =
        [label("lifecycle", 1), label("state", 2)].into_iter().flatten().collect();
    let (entered, left): (i64, i64) = (rows.required(row, 3), rows.required(row, 4));
    let metric =
        |name, value, unit, help| Metric { name, labels: labels.clone(), value, unit, help };
    [
        metric(
            "wo_work_orders",
            (entered - left) as f64,
            "work orders",
            "Work orders in the state, as the worker has counted them.",
        ),
        metric(
            "wo_state_entries_total",
            entered as f64,
            "entries",
            "How often a work order came into the state.",
        ),
        metric(
            "wo_state_seconds_total",
            rows.required(row, 5),
            "seconds",
            "The time that work orders have spent in the state, those that are there included.",
        ),
    ]
}

/// Times in state, as the kernel asks them.
pub struct Deadlines;

/// The concept.
pub const CONCEPT: Deadlines = Deadlines;

impl Concept for Deadlines {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("21_deadline", include_str!("../../sql/21_deadline.sql"))]
    }

    fn rollups(&self) -> &'static [Rollup] {
        &[Rollup {
            events: &["wo.created", "wo.transitioned", "wo.migrated"],
            fold: |batch| {
                COUNT.with(|statement| statement.run(Mode::Write, &batch.arguments(), |_| ()));
            },
            clear: || CLEAR.with(|statement| statement.run(Mode::Write, &[], |_| ())),
        }]
    }

    fn metrics(&self, tenant: Option<Uuid>) -> Vec<Metric> {
        run_as(c"wo_worker", || {
            FIGURES.with(|statement| {
                statement.run(Mode::Latest, &[optional_uuid(tenant)], |rows| {
                    (0..rows.count()).flat_map(|row| metrics_at(rows, row)).collect()
                })
            })
        })
    }

    fn jobs(&self) -> &'static [Job] {
        &[Job {
            name: "states_overdue",
            when: When::Every(|| Duration::from_secs(5)),
            batch: 500,
            run: Run::Tenant(notify_overdue),
        }]
    }
}
