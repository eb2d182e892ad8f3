//! Looking by itself for what cannot be: each problem is reported once while it lasts.

use super::check::{Problem, problems};
use crate::kernel::event::Event;
use crate::kernel::identity::{self, memory};
use crate::pg::lookup;
use crate::pg::run_as::as_trail;
use crate::pg::setting;
use crate::pg::statement::{Mode, argument, statement, timestamp, uuid as uuid_argument};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_rules::health::{self as rules, Finding};

/// How many work orders an event names.
const MOST: usize = 20;

statement!(
    KNOWN,
    "select held.problems from wo.hierarchy_check as held
     where held.tenant_id = $1
        and held.checked_at > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2)",
    [UUIDOID, FLOAT8OID]
);
statement!(
    BEFORE,
    "select held.problems from wo.hierarchy_check as held where held.tenant_id = $1",
    [UUIDOID]
);
statement!(
    CONCERNED,
    "select array(
        select distinct who from (
            select pg_catalog.unnest(array[held.originator::pg_catalog.text, held.assignee::pg_catalog.text,
                master.assignee::pg_catalog.text])
            from wo.work_order as held
            left join wo.work_order as master on master.tenant_id = held.tenant_id and master.id = held.master_id
            where held.tenant_id = $1 and held.wo_number = any($2)
        ) as asked (who)
        where who is not null
        order by who
     )",
    [UUIDOID, TEXTARRAYOID]
);
statement!(
    KEEP,
    "insert into wo.hierarchy_check (tenant_id, checked_at, problems) values ($1, $2, $3)
     on conflict (tenant_id) do update set checked_at = excluded.checked_at, problems = excluded.problems",
    [UUIDOID, TIMESTAMPTZOID, JSONBOID]
);

/// Checks the hierarchy of a tenant where that was not done lately. Gives how many problems are new.
pub fn check(tenant: Uuid) -> i32 {
    let place = uuid_argument(tenant);
    let interval = f64::from(setting::HIERARCHY_CHECK_INTERVAL.get());
    let is_recent = as_trail(|| {
        let arguments = [place, argument(interval)];
        KNOWN.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0))
    });
    if is_recent {
        return 0;
    }
    let found: Vec<Value> = as_trail(|| problems(tenant)).into_iter().map(described).collect();
    let before: Option<crate::pg::jsonb::Document> = as_trail(|| {
        BEFORE.with(|statement| statement.run(Mode::Latest, &[place], |rows| rows.get(0, 1)))
    });
    let before = match before.map(|before| before.0) {
        Some(Value::Array(before)) => before,
        _ => Vec::new(),
    };
    let at = identity::now();
    memory::mark_written();
    memory::as_enforcement(|| {
        let new: Vec<&Value> = found.iter().filter(|one| !before.contains(one)).collect();
        for problem in &new {
            let data = with_concerned(tenant, problem);
            Event::new("wo.hierarchy_problem", data.to_string()).write(tenant, tenant, at);
        }
        let count = new.len();
        let all = argument(pgrx::JsonB(Value::Array(found.clone())));
        let arguments = [place, timestamp(at), all];
        as_trail(|| KEEP.with(|statement| statement.store(&arguments)));
        i32::try_from(count).unwrap_or(i32::MAX)
    })
}

/// The problem with whom it concerns: originators and assignees of its work orders, and the assignees of their
/// masters.
fn with_concerned(tenant: Uuid, problem: &Value) -> Value {
    let named = problem["work_orders"].as_array().into_iter().flatten();
    let numbers: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
    let concerned: Vec<String> = as_trail(|| {
        CONCERNED.with(|statement| {
            let arguments = [uuid_argument(tenant), argument(numbers)];
            statement.run(Mode::Latest, &arguments, |rows| rows.required(0, 1))
        })
    });
    let mut data = problem.clone();
    data["notify"] = json!(concerned);
    data
}

fn described((problem, work_orders, what_to_do): Problem) -> Value {
    let count = work_orders.len();
    json!({
        "problem": problem,
        "work_orders": work_orders.into_iter().take(MOST).collect::<Vec<_>>(),
        "count": count,
        "what_to_do": what_to_do,
    })
}

/// What the last checks found: of the caller's tenant, or of all, and then not of which.
pub fn health() -> Vec<Finding> {
    let own = identity::current().map(|acting| acting.tenant);
    let (mut tenants, mut count) = (0, 0);
    lookup::each("hierarchy_check", |row| {
        let Some(tenant) = row.named::<pgrx::Uuid>("tenant_id") else { return };
        let problems = row.named::<crate::pg::jsonb::Document>("problems").map(|found| found.0);
        let Some(Value::Array(problems)) = problems else { return };
        let is_shown = own.is_none_or(|own| own.as_bytes() == tenant.as_bytes());
        if is_shown && !problems.is_empty() {
            tenants += 1;
            count += problems.len();
        }
    });
    vec![rules::hierarchy(count, tenants)]
}
