//! What only the database can find wrong with a plan of work orders.

use crate::kernel::lifecycle::cache;
use crate::pg::statement::{Mode, argument, statement, uuid as uuid_argument};
use crate::pg::value::{oid_of_type, read_as};
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;
use wo_rules::field::{Field, FieldKind};
use wo_rules::hierarchy::plan::{Edge, Planned, Problem};
use wo_rules::schema::Table;

statement!(
    ASSIGNABLE,
    "select known.id, known.assignable and known.disabled_at is null from wo.principal as known
     where known.tenant_id = $1 and known.id = any($2)",
    [UUIDOID, TEXTARRAYOID]
);
statement!(
    NEWEST,
    "select newest.name, newest.version, newest.is_default from (
        select distinct on (published.name) published.name, published.version,
            published.name = home.default_lifecycle as is_default
        from wo.tenant as home
        join wo.lifecycle as published on published.tenant_id = home.tenant_id
        cross join (select (pg_catalog.now() at time zone 'UTC')::pg_catalog.date as day) as today
        where home.tenant_id = $1 and published.released_at is not null and published.retired_at is null
            and coalesce(published.effective_from <= today.day, true) and coalesce(today.day < published.effective_until, true)
        order by published.name, published.version desc
     ) as newest",
    [UUIDOID]
);

/// What only the database knows: who is known, which lifecycles there are and what they ask.
pub fn problems_here(tenant: Uuid, work_orders: &[Planned], edges: &[Edge]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let people: BTreeSet<String> = work_orders
        .iter()
        .flat_map(|planned| ["assignee", "requester"].map(|name| planned.given.get(name)))
        .filter_map(|name| name.and_then(Value::as_str).map(str::to_owned))
        .collect();
    let arguments = [uuid_argument(tenant), argument(people.into_iter().collect::<Vec<_>>())];
    let known: HashMap<String, bool> = ASSIGNABLE.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            (0..rows.count())
                .filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?)))
                .collect()
        })
    });
    let lifecycles: HashMap<String, (i32, bool)> = NEWEST.with(|statement| {
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            (0..rows.count())
                .filter_map(|row| Some((rows.get(row, 1)?, (rows.get(row, 2)?, rows.get(row, 3)?))))
                .collect()
        })
    });
    let default = lifecycles.iter().find(|(_, (_, is_default))| *is_default);
    for edge in edges {
        if let Some(lag) = &edge.lag
            && (lag.contains('-') || !is_interval(lag))
        {
            let problem = format!("\"{lag}\" cannot be read as a time to wait");
            problems.push(Problem { pointer: format!("{}/lag", edge.pointer), problem });
        }
    }
    for planned in work_orders {
        let text_of = |name: &str| planned.given.get(name).and_then(Value::as_str);
        let mut note = |name: &str, problem: String| {
            problems.push(Problem { pointer: format!("{}/{name}", planned.pointer), problem });
        };
        if let Some(assignee) = text_of("assignee")
            && known.get(assignee) != Some(&true)
        {
            note("assignee", format!("\"{assignee}\" cannot be assigned"));
        }
        if let Some(requester) = text_of("requester")
            && !known.contains_key(requester)
        {
            note("requester", format!("\"{requester}\" is no principal of the tenant"));
        }
        for (name, value) in &planned.given {
            if let (Some(field), Value::String(given)) = (Field::parse(name), value)
                && !is_readable(field, given)
            {
                note(name, format!("\"{given}\" cannot be read as one"));
            }
        }
        let named = text_of("lifecycle");
        let found = match named {
            Some(name) => lifecycles.get_key_value(name),
            None => default,
        };
        let Some((name, (version, _))) = found else {
            note("lifecycle", "is not one of the tenant's".to_owned());
            continue;
        };
        let Ok(lifecycle) = cache::compiled(tenant, name, *version) else { continue };
        let title = text_of("title").unwrap_or_default();
        if let Some(convention) = lifecycle.title_convention()
            && !convention.accepts(title)
        {
            note("title", convention.hint().to_owned());
        }
        if let Some(priority) = text_of("priority")
            && !lifecycle.priorities().iter().any(|label| label == priority)
        {
            note("priority", format!("must be one of {}", lifecycle.priorities().join(", ")));
        }
        if planned.given.get("regulatory") == Some(&Value::Bool(true))
            && !lifecycle.regulatory().allowed
        {
            note("regulatory", format!("no work order of {name} is regulatory"));
        }
    }
    problems
}

/// Whether the column of a field takes this text. Texts of their own kinds take everything.
fn is_readable(field: Field, given: &str) -> bool {
    match field.kind() {
        FieldKind::Date | FieldKind::Time => {}
        FieldKind::Text if field == Field::Source => {}
        _ => return true,
    }
    let column = Table::named("work_order").column(field.name());
    let Some(type_oid) = column.and_then(|column| oid_of_type(column.data_type)) else {
        return true;
    };
    tried(|| read_as(given, type_oid, -1).is_some())
}

fn is_interval(given: &str) -> bool {
    tried(|| read_as(given, pg_sys::INTERVALOID, -1).is_some())
}

/// Whether a type's input function takes a text. It holds nothing that an ERROR would leave behind,
/// so no subtransaction is needed to go on after one.
fn tried(read: impl FnOnce() -> bool + std::panic::UnwindSafe + std::panic::RefUnwindSafe) -> bool {
    PgTryBuilder::new(read).catch_others(|_| false).execute()
}
