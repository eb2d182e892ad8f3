//! Dispatch: which engine executes a work order.

use crate::kernel::concept::Concept;
use crate::kernel::identity;
use crate::kernel::identity::memory::Identity;
use crate::kernel::work_order::child_records::{FILL_NOTHING, Kind, Owner};
use crate::kernel::work_order::{self, ActorRoles};
use crate::pg::error::OrRefuse;
use crate::pg::lookup::{Key, find};
use crate::pg::row::{Row, TriggerRow};
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::{Value, json};
use wo_rules::dispatch::{CostClass, Engine, TaskType, choose};
use wo_rules::naming::check_task_types;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::schema::ChildTable;

statement!(
    TASK,
    "select held.wo_number, held.task_type, named.engine, engine.cost_class, named.reason, named.overridden_by
     from wo.work_order as held
     left join wo.engine_override as named on named.tenant_id = held.tenant_id and named.work_order_id = held.id
     left join wo.engine as engine on engine.tenant_id = held.tenant_id and engine.engine = named.engine
     where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    TASK_TYPES,
    "select known.task_type, known.cost_class from wo.task_type as known where known.tenant_id = $1 order by 1",
    [UUIDOID]
);
statement!(
    ENGINES,
    "select known.engine, known.cost_class, known.capabilities from wo.engine as known
     where known.tenant_id = $1 and known.disabled_at is null order by 1",
    [UUIDOID]
);

/// Dispatch, as the kernel asks it.
pub struct Dispatch;

/// The concept.
pub const CONCEPT: Dispatch = Dispatch;

impl Concept for Dispatch {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("02_task_type", include_str!("../../sql/02_task_type.sql")),
            ("09_dispatch", include_str!("../../sql/09_dispatch.sql")),
        ]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn check_configuration(
        &self,
        table: &str,
        _old: Option<&Row>,
        new: &Row,
        acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        if table == "engine"
            && let Some(capabilities) = new.named::<Vec<String>>("capabilities")
        {
            check_task_types(&capabilities, |name| {
                let key = [Key::Uuid("tenant_id", acting.tenant), Key::Text("task_type", name)];
                find("task_type", "task_type_pkey", &key, |_| Some(())).is_some()
            })?;
        }
        Ok(None)
    }
}

const KINDS: &[Kind] = &[Kind {
    table: ChildTable::named("engine_override"),
    check: check_override,
    fill: FILL_NOTHING,
    after: |_, _, _| Ok(()),
    shown: &[("engine", "engine")],
}];

/// Whether the actor may name an engine.
fn check_override(standing: &ActorRoles, owner: &Owner, new: Option<&Row>) -> Result<(), Refusal> {
    owner.lifecycle.check_engine_override(&standing.actor(), &owner.facets.record())?;
    let Some(new) = new else { return Ok(()) };
    let engine = new.named::<String>("engine").unwrap_or_default();
    let key = [Key::Uuid("tenant_id", owner.tenant), Key::Text("engine", &engine)];
    let is_enabled = find("engine", "engine_pkey", &key, |row| {
        Some(row.column("disabled_at").is_some_and(|index| row.is_null(index)))
    });
    match is_enabled {
        Some(true) => Ok(()),
        Some(false) => Err(unknown_engine(&engine, "is disabled")),
        None => Err(unknown_engine(&engine, "is not known to the tenant")),
    }
}

fn unknown_engine(engine: &str, why: &str) -> Refusal {
    let shown: String = engine.chars().take(63).collect();
    Refusal::new(SqlState::BadValue, "engine_unknown", format!("the engine \"{shown}\" {why}"))
        .with("engine", shown)
        .hint("select engine, cost_class, capabilities from wo.engine where disabled_at is null;")
}

/// Which engine executes a work order, and why.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn choose_engine(work_order: Option<&str>) -> pgrx::JsonB {
    pgrx::JsonB(chosen(work_order.unwrap_or_default()).or_refuse())
}

fn chosen(work_order: &str) -> Result<Value, Refusal> {
    let tenant = identity::required()?.tenant;
    let id = work_order::find(tenant, work_order)?;
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    let texts: Vec<Option<String>> = TASK.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            (1..=6).map(|column| rows.get::<String>(0, column)).collect()
        })
    });
    let [number, task_type, engine, cost_class, reason, by] = &texts[..] else {
        return Err(wo_rules::reference::unknown(work_order));
    };
    let number = number.as_deref().unwrap_or(work_order);
    if let (Some(engine), Some(reason), Some(by)) = (engine, reason, by) {
        return Ok(json!({
            "wo_number": number,
            "engine": engine,
            "cost_class": cost_class,
            "task_type": task_type,
            "overridden": true,
            "why": format!("{by} chose it: {reason}"),
        }));
    }
    let class = |name: Option<String>| name.and_then(|name| CostClass::parse(&name));
    let types: Vec<TaskType> = TASK_TYPES.with(|statement| {
        statement.run(Mode::Latest, &arguments[..1], |rows| {
            (0..rows.count())
                .filter_map(|row| {
                    Some(TaskType { name: rows.get(row, 1)?, dearest: class(rows.get(row, 2))? })
                })
                .collect()
        })
    });
    let engines: Vec<Engine> = ENGINES.with(|statement| {
        statement.run(Mode::Latest, &arguments[..1], |rows| {
            (0..rows.count())
                .filter_map(|row| {
                    Some(Engine {
                        name: rows.get(row, 1)?,
                        cost: class(rows.get(row, 2))?,
                        capabilities: rows.get(row, 3)?,
                    })
                })
                .collect()
        })
    });
    let choice = choose(number, task_type.as_deref(), &types, &engines)?;
    Ok(json!({
        "wo_number": number,
        "engine": choice.engine.name,
        "cost_class": choice.engine.cost.name(),
        "task_type": task_type,
        "overridden": false,
        "why": choice.why,
    }))
}
