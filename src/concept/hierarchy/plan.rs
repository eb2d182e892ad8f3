//! Making a whole plan: master, children, assignments and edges in one act.

mod problems;

use self::problems::problems_here;
use super::graph;
use crate::kernel::identity;
use crate::kernel::work_order::number;
use crate::kernel::work_order::pending::listen;
use crate::kernel::work_order::record::columns::expression;
use crate::kernel::work_order::request;
use crate::pg::error::OrRefuse;
use crate::pg::statement::{
    Argument, Mode, Statement, argument, jsonb, statement, text, uuid as uuid_argument, uuids,
};
use crate::pg::transaction::{Stack, SubxactStack};
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::field::{Field, FieldSet};
use wo_rules::hierarchy::plan::{Edge, Plan, examine, master_key, part_key, refusal};
use wo_rules::refusal::Refusal;
use wo_rules::request::key_reused;
use wo_rules::work_order as rules;

/// How many differences from an earlier plan a refusal names.
const DIFFERENCES: usize = 20;

statement!(
    MADE_BEFORE,
    "with recursive tree (id) as (
        select held.id from wo.work_order as held where held.tenant_id = $1 and held.idempotency_key = $2
        union
        select child.id from tree join wo.work_order as child on child.tenant_id = $1 and child.master_id = tree.id
     )
     select held.id, held.wo_number, held.idempotency_key,
        (select pg_catalog.count(*) from wo.dependency as edge
            where edge.tenant_id = $1 and edge.successor_id in (select tree.id from tree))
     from wo.work_order as held
     where held.tenant_id = $1 and held.id in (select tree.id from tree)
        and (held.idempotency_key = $2 or pg_catalog.starts_with(held.idempotency_key, $3))
     order by held.idempotency_key = $2 desc, held.id",
    [UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    ADD_EDGES,
    "insert into wo.dependency (tenant_id, successor_id, predecessor_id, lag, holds_children)
     select $1, edge.successor, edge.predecessor, coalesce(edge.lag::interval, '0'), edge.holds_children
     from rows from (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))
        as edge (successor, predecessor, lag, holds_children)",
    [UUIDOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, BOOLARRAYOID]
);

/// A plan that is being made.
struct UnderWay {
    /// The ids of its work orders that are not written yet, in the order in which they are written, each with
    /// what the plan asked of its place.
    next: RefCell<VecDeque<(Uuid, String)>>,
    /// The ids of all its work orders.
    all: HashSet<Uuid>,
}

thread_local! {
    /// The plan that is being made.
    static UNDER_WAY: SubxactStack<Rc<UnderWay>> = const { SubxactStack::new() };
}

/// The id of the next work order of the plan that is being made, and what the plan asked of its
/// place.
pub fn next_planned() -> Option<(Uuid, String)> {
    UNDER_WAY.top()?.next.borrow_mut().pop_front()
}

/// Whether it is a work order of the plan that is being made: the plan says what it is a child of
/// and what it waits for, as a creation may.
pub fn is_planned(id: Uuid) -> bool {
    UNDER_WAY.with_top(|plan| plan.is_some_and(|plan| plan.all.contains(&id)))
}

/// Makes a plan.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn create_from_plan(plan: Option<&str>) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    pgrx::JsonB(make(plan.unwrap_or("null")).or_refuse())
}

fn make(given: &str) -> Result<Value, Refusal> {
    let tenant = identity::required()?.tenant;
    let document = rules::parse(given)?;
    let (plan, mut problems) = examine(&document);
    if problems.is_empty()
        && let Some(key) = &plan.key
        && let Some(answer) = made_before(tenant, key, &plan)?
    {
        return Ok(answer);
    }
    problems.extend(problems_here(tenant, &plan.work_orders, &plan.edges));
    if !problems.is_empty() {
        return Err(refusal(&problems));
    }
    write(tenant, &plan, None)
}

/// Makes the children of a plan below a work order that is there already, which is the plan's master: `(id, number)`.
/// Gives what [`create_from_plan`] returns.
///
/// # Errors
/// 22023 `plan_invalid` with every problem; what refuses the children as children of that master.
pub fn extend(tenant: Uuid, master: (Uuid, String), document: &Value) -> Result<Value, Refusal> {
    let (plan, mut problems) = examine(document);
    problems.extend(problems_here(
        tenant,
        &plan.work_orders[plan.work_orders.len().min(1)..],
        &plan.edges,
    ));
    if !problems.is_empty() {
        return Err(refusal(&problems));
    }
    write(tenant, &plan, Some(master))
}

/// Writes a plan; its first work order is `master`, where that is there already.
fn write(tenant: Uuid, plan: &Plan, master: Option<(Uuid, String)>) -> Result<Value, Refusal> {
    let at = identity::now();
    let mut ids: Vec<Uuid> =
        plan.work_orders.iter().map(|_| crate::kernel::work_order::new_id(at)).collect();
    // In their order, so that the newest first is the plan from its end.
    ids.sort();
    let is_new = master.is_none();
    if let (Some((id, _)), Some(first)) = (&master, ids.first_mut()) {
        *first = *id;
    }
    let new = usize::from(!is_new)..;
    graph::vetted(plan.edges.iter().map(|edge| (ids[edge.successor], ids[edge.predecessor])));
    graph::vetted(
        plan.work_orders
            .iter()
            .zip(&ids)
            .filter_map(|(planned, id)| Some((ids[planned.parent?], *id))),
    );
    UNDER_WAY.set(Rc::new(UnderWay {
        next: RefCell::new(ids.iter().copied().zip(asked_places(plan)).skip(new.start).collect()),
        all: ids[new.clone()].iter().copied().collect(),
    }));
    let mut written = add_work_orders(tenant, plan, &ids, new.start)?;
    if let Some(master) = master {
        written.insert(0, master);
    }
    if written.len() != ids.len() {
        return Err(Refusal::new(
            wo_rules::refusal::SqlState::VersionConflict,
            "number_taken",
            "another transaction is making the same plan, or holds a number that was drawn for it",
        )
        .hint("Run the transaction again."));
    }
    add_edges(tenant, plan, &ids)?;
    UNDER_WAY.take_all();
    let children = plan.work_orders.iter().zip(&written).skip(1);
    let children = children.map(|(planned, (_, number))| (planned.name.clone(), number.clone()));
    Ok(answer(&written[0], children, plan.edges.len() as i64, is_new))
}

fn answer(
    (id, number): &(Uuid, String),
    children: impl Iterator<Item = (String, String)>,
    dependencies: i64,
    created: bool,
) -> Value {
    json!({
        "id": id.to_string(),
        "wo_number": number,
        "created": created,
        "work_orders": children.map(|(name, number)| (name, json!(number))).collect::<Map<_, _>>(),
        "dependencies": dependencies,
    })
}

/// What the same key made before.
///
/// # Errors
/// 23505 `idempotency_key_reused` where that was another plan.
fn made_before(tenant: Uuid, key: &str, plan: &Plan) -> Result<Option<Value>, Refusal> {
    let prefix = part_key(key, "");
    let arguments = [uuid_argument(tenant), text(&master_key(key)), text(&prefix)];
    let made = MADE_BEFORE.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            let one = |row: usize| -> Option<(String, (Uuid, String))> {
                let key: String = rows.get(row, 3)?;
                let id = rows.get::<pgrx::Uuid>(row, 1)?;
                let name = key.strip_prefix(&prefix).unwrap_or_default().to_owned();
                Some((name, (Uuid::from_bytes(*id.as_bytes()), rows.get(row, 2)?)))
            };
            let (_, master) = one(0)?;
            let children: Vec<_> = (1..rows.count()).filter_map(one).collect();
            Some((master, children, rows.get::<i64>(0, 4)?))
        })
    });
    let Some((master, children, dependencies)) = made else { return Ok(None) };
    let known: HashMap<&str, Uuid> =
        children.iter().map(|(name, (id, _))| (name.as_str(), *id)).collect();
    let creations: Vec<Value> =
        plan.work_orders.iter().map(|planned| Value::Object(planned.given.clone())).collect();
    let requests =
        request::read(jsonb(&Value::Array(creations).to_string()), Some(&asked_places(plan)));
    let mut differing = Vec::new();
    for (planned, request) in plan.work_orders.iter().zip(&requests) {
        let id = match planned.parent {
            None => Some(master.0),
            Some(_) => known.get(planned.name.as_str()).copied(),
        };
        let Some(id) = id else {
            differing.push(planned.pointer.clone());
            continue;
        };
        match request::differing(tenant, id, request)? {
            Some(fields) if fields.is_empty() => differing.push(planned.pointer.clone()),
            Some(fields) => {
                let pointers = fields.iter().map(|field| format!("{}/{field}", planned.pointer));
                differing.extend(pointers);
            }
            None => {}
        }
    }
    let asked: HashSet<&str> =
        plan.work_orders.iter().map(|planned| planned.name.as_str()).collect();
    let left_out = children.iter().filter(|(name, _)| !asked.contains(name.as_str()));
    differing.extend(left_out.map(|(name, _)| format!("{name} is left out")));
    if !differing.is_empty() {
        differing.truncate(DIFFERENCES);
        return Err(key_reused(&master.1, &master.0.to_string(), &differing));
    }
    let children = children.into_iter().map(|(name, (_, number))| (name, number));
    Ok(Some(answer(&master, children, dependencies, false)))
}

/// What a plan asks of the place of each of its work orders: its master and what it waits for, by
/// their names in the plan, as JSON texts.
fn asked_places(plan: &Plan) -> Vec<String> {
    let name = |index: usize| plan.work_orders[index].name.as_str();
    let mut after: Vec<Vec<(&str, Option<&str>, bool)>> = vec![Vec::new(); plan.work_orders.len()];
    for edge in &plan.edges {
        after[edge.successor].push((
            name(edge.predecessor),
            edge.lag.as_deref(),
            edge.holds_children,
        ));
    }
    plan.work_orders
        .iter()
        .zip(&mut after)
        .map(|(planned, after)| {
            after.sort_unstable();
            json!({"master": planned.parent.map(name), "after": after}).to_string()
        })
        .collect()
}

/// Writes the work orders of a plan from the `first` on.
fn add_work_orders(
    tenant: Uuid,
    plan: &Plan,
    ids: &[Uuid],
    first: usize,
) -> Result<Vec<(Uuid, String)>, Refusal> {
    let mut fields = FieldSet::EMPTY;
    let rows: Vec<Value> = plan
        .work_orders
        .iter()
        .skip(first)
        .map(|planned| {
            let key = plan.key.as_ref().map(|key| match planned.parent {
                None => master_key(key),
                Some(_) => part_key(key, &planned.name),
            });
            let mut row = planned.given.clone();
            for name in row.keys() {
                if let Some(field) = Field::parse(name) {
                    fields.insert(field);
                }
            }
            row.insert("idempotency_key".to_owned(), json!(key));
            row.insert("master".to_owned(), json!(planned.parent.map(|at| ids[at].to_string())));
            Value::Object(row)
        })
        .collect();
    let names: Vec<&str> = fields.iter().map(Field::name).collect();
    let values: Vec<String> =
        fields.iter().map(|field| expression(field, "element.value")).collect();
    let statement = Statement::new(
        format!(
            "insert into wo.work_order (tenant_id, lifecycle, reason, idempotency_key, master_id, required,
                hierarchy_policy, {})
             select $1, element.value ->> 'lifecycle', element.value ->> 'reason',
                element.value ->> 'idempotency_key', (element.value ->> 'master')::uuid,
                coalesce((element.value ->> 'required')::boolean, true),
                nullif(element.value -> 'hierarchy_policy', 'null'), {}
             from pg_catalog.jsonb_array_elements($2) with ordinality as element
             order by element.ordinality
             on conflict do nothing",
            names.join(", "),
            values.join(", ")
        ),
        &[pg_sys::UUIDOID, pg_sys::JSONBOID],
    );
    let rows_count = rows.len();
    let arguments = [uuid_argument(tenant), jsonb(&Value::Array(rows).to_string())];
    let write = || listen(|| statement.run(Mode::Write, &arguments, |_| ()));
    let ((_, heard), drawn) = number::drawn_during(write);
    let created: HashMap<Uuid, &str> = heard
        .written
        .iter()
        .filter(|written| written.is_creation())
        .map(|written| (written.id, written.number.as_str()))
        .collect();
    let made: Vec<(Uuid, String)> =
        ids.iter().filter_map(|id| Some((*id, (*created.get(id)?).to_owned()))).collect();
    let is_excused = match &plan.key {
        _ if made.len() == rows_count || number::is_any_taken(tenant, &drawn, &heard.written) => {
            true
        }
        Some(key) => made_before(tenant, key, plan)?.is_some(),
        None => false,
    };
    match is_excused {
        true => Ok(made),
        false => Err(rules::write_suppressed("work_order")),
    }
}

fn add_edges(tenant: Uuid, plan: &Plan, ids: &[Uuid]) -> Result<(), Refusal> {
    if plan.edges.is_empty() {
        return Ok(());
    }
    let column = |end: fn(&Edge) -> usize| -> Argument {
        uuids(plan.edges.iter().map(|edge| ids[end(edge)]))
    };
    let lags: Vec<Option<String>> = plan.edges.iter().map(|edge| edge.lag.clone()).collect();
    let arguments = [
        uuid_argument(tenant),
        column(|edge| edge.successor),
        column(|edge| edge.predecessor),
        argument(lags),
        argument(plan.edges.iter().map(|edge| edge.holds_children).collect::<Vec<bool>>()),
    ];
    let count =
        ADD_EDGES.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()));
    match count == plan.edges.len() {
        true => Ok(()),
        false => Err(rules::write_suppressed("dependency")),
    }
}

/// The edges of a bulk call, as rows.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn dependencies(
    given: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(successor, Option<String>),
        name!(predecessor, Option<String>),
        name!(lag, Option<String>),
        name!(holds_children, Option<bool>),
    ),
> {
    let given = rules::parse(given.unwrap_or("null")).or_refuse();
    let edges = wo_rules::hierarchy::plan::dependencies(&given).or_refuse();
    let rows: Vec<_> = edges
        .into_iter()
        .map(|edge| (Some(edge.successor), Some(edge.predecessor), edge.lag, edge.holds_children))
        .collect();
    TableIterator::new(rows)
}
