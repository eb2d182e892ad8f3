//! Times in state: who is told when a work order stays in its state for longer than its lifecycle
//! allows, once for each stay.

use crate::kernel::concept::Concept;
use crate::kernel::job::{Job, Run, When};
use crate::kernel::work_order::child_record::{self, ChildChange};
use crate::kernel::work_order::{Column, with_work_order};
use crate::pg::error::OrRefuse;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, bigint, statement, timestamp, uuid as uuid_argument};
use serde_json::{Map, json};
use std::time::Duration;
use uuid::Uuid;
use wo_rules::field::Field;
use wo_rules::refusal::Refusal;
use wo_rules::time::utc;

/// How many work orders one run tells of in a tenant.
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
    TELL,
    "update wo.work_order set state_deadline_notified_at = $3
     where tenant_id = $1 and id = $2 and state_deadline_notified_at is null",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID]
);

/// Tells of the work orders that stay too long in their state. Whoever holds one now may just be
/// moving it: the next run looks again. Gives of how many it told.
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
        let rule = view.lifecycle.state(&view.facets.status).and_then(|state| state.time_rule());
        let mut data = Map::new();
        data.insert("deadline".to_owned(), json!(deadline.map(utc)));
        data.insert("assignee".to_owned(), json!(seen.field::<String>(Field::Assignee)));
        Ok((rule, data))
    })?;
    let change_of_child =
        ChildChange { action: "time_in_state_exceeded", reason, changes: String::new(), data };
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), timestamp(now)];
    Ok(child_record::upkeep(work_order, change_of_child, || {
        TELL.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
    }))
}

/// Times in state, as the kernel asks them.
pub struct Deadlines;

/// The concept.
pub const CONCEPT: Deadlines = Deadlines;

impl Concept for Deadlines {
    fn jobs(&self) -> &'static [Job] {
        &[Job {
            name: "states_overdue",
            when: When::Every(|| Duration::from_secs(5)),
            batch: 500,
            run: Run::Tenant(notify_overdue),
        }]
    }
}
