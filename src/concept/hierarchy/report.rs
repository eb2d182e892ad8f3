//! Looking at a master: its children, what they wait for, how far they are and when they will be done.

use super::guards;
use crate::kernel::identity;
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::tree::{DEEPEST, DESCENDANTS, with_masters};
use crate::kernel::work_order::{self, Column, Reading};
use crate::pg::error::OrRefuse;
use crate::pg::statement::{Mode, Rows, argument, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;
use wo_rules::field::Field;
use wo_rules::hierarchy::diagram::draw;
use wo_rules::hierarchy::network::{Link, LinkKind, Network, Progress, Task, Times};
use wo_rules::hierarchy::pattern::pattern;
use wo_rules::picture::Format;
use wo_rules::reference;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::{POSTGRES_EPOCH_SECONDS, unix_seconds};

/// What a work order without an estimate or planned times is taken to last, in seconds.
const UNESTIMATED: i64 = 3600;

statement!(
    TREE,
    format!(
        "{DESCENDANTS}
     select held.id, held.wo_number, held.title, held.status, held.lifecycle, held.lifecycle_version,
        (held.estimated_hours * 3600)::bigint,
        pg_catalog.extract('epoch', held.planned_end - held.planned_start)::bigint,
        pg_catalog.extract('epoch', held.actual_start)::bigint, pg_catalog.extract('epoch', held.actual_end)::bigint,
        held.master_id, held.notes, held.required,
        (select pg_catalog.extract('epoch', waived.waived_at)::bigint from wo.waiver as waived
         where waived.tenant_id = $1 and waived.work_order_id = held.master_id and waived.child_id = held.id)
     from wo.work_order as held
     where held.tenant_id = $1 and held.id in (select tree.id from tree)
     order by held.id"
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    EDGES,
    "select edge.successor_id, edge.predecessor_id, pg_catalog.extract('epoch', edge.lag)::bigint,
        awaited.wo_number, awaited.lifecycle, awaited.lifecycle_version, awaited.status,
        exists (select from wo.waiver as waived
            where waived.tenant_id = edge.tenant_id and waived.child_id = edge.predecessor_id),
        edge.holds_children
     from wo.dependency as edge
     join wo.work_order as awaited on awaited.tenant_id = edge.tenant_id and awaited.id = edge.predecessor_id
     where edge.tenant_id = $1 and edge.successor_id = any($2)",
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    MOVES,
    "select entry.subject_id, entry.to_status, pg_catalog.extract('epoch', pg_catalog.min(entry.recorded_at))::bigint,
        pg_catalog.extract('epoch', pg_catalog.max(entry.recorded_at))::bigint,
        (pg_catalog.array_agg(entry.reason order by entry.sequence desc))[1]
     from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = any($2) and entry.subject = 'work_order'
        and entry.to_status is distinct from entry.from_status
     group by 1, 2",
    [UUIDOID, UUIDARRAYOID]
);

/// A child as it was read.
struct Child {
    id: Uuid,
    master: Option<Uuid>,
    notes: Option<String>,
    /// Why it came into its state, and when, in seconds since 1970.
    reason: Option<String>,
    since: Option<i64>,
    lifecycle: (String, i32),
    required: bool,
    waived_at: Option<i64>,
    satisfies: bool,
    weight: i64,
}

/// An edge as it was read.
struct Edge {
    successor: Uuid,
    predecessor: Uuid,
    lag: i64,
    number: String,
    status: String,
    satisfied: bool,
    holds_children: bool,
}

/// A master's children at one moment.
struct Plan {
    master: String,
    title: String,
    children: Vec<Child>,
    edges: Vec<Edge>,
    /// The master itself and its masters: their predecessors hold every child.
    above: Vec<Uuid>,
    /// The children and their own edges, as they are drawn.
    network: Network,
    /// The same with what children inherit from their masters, as it is scheduled.
    inherited: Network,
}

fn id_at(rows: &Rows, row: usize, column: i32) -> Option<Uuid> {
    rows.get::<pgrx::Uuid>(row, column).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

fn satisfies(tenant: Uuid, lifecycle: &str, version: i32, status: &str) -> bool {
    let lifecycle = cache::compiled(tenant, lifecycle, version).or_refuse();
    lifecycle.state(status).is_some_and(|state| state.satisfies_dependents)
}

impl Plan {
    fn of(master: &str) -> Result<Self, Refusal> {
        let tenant = identity::required()?.tenant;
        let id = work_order::find(tenant, master)?;
        let (number, title, grandmaster) =
            work_order::read(Reading::AsCaller, tenant, id, |seen| {
                let title = seen.field::<String>(Field::Title).unwrap_or_default();
                (seen.text(Column::WoNumber), title, work_order::master_of(seen))
            })
            .ok_or_else(|| reference::unknown(master))?;
        let above = with_masters(tenant, id, grandmaster);
        let mut read = Vec::new();
        let arguments = [uuid_argument(tenant), uuid_argument(id)];
        TREE.with(|statement| {
            statement.run(Mode::Caller, &arguments, |rows| {
                for row in 0..rows.count() {
                    read.extend(Self::child(tenant, rows, row));
                }
            });
        });
        let (mut children, mut tasks): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        let ids = |more: &[Uuid]| -> Vec<pgrx::Uuid> {
            let children = children.iter().map(|child| &child.id);
            children.chain(more).map(|id| pgrx::Uuid::from_bytes(*id.as_bytes())).collect()
        };
        let arguments = [uuid_argument(tenant), argument(ids(&[]))];
        let successors = [uuid_argument(tenant), argument(ids(&above))];
        let place: HashMap<Uuid, usize> =
            children.iter().enumerate().map(|(index, child)| (child.id, index)).collect();
        add_times(&arguments, &place, &mut children, &mut tasks);
        leave_out_waived(&children, &place, &mut tasks);
        let edges: Vec<Edge> = EDGES.with(|statement| {
            statement.run(Mode::Caller, &successors, |rows| {
                (0..rows.count()).filter_map(|row| Self::edge(tenant, rows, row)).collect()
            })
        });
        let masters: HashSet<Uuid> = children.iter().filter_map(|child| child.master).collect();
        let (mut links, holding): (Vec<Link>, Vec<bool>) = edges
            .iter()
            .filter_map(|edge| {
                let (from, to) = (*place.get(&edge.predecessor)?, *place.get(&edge.successor)?);
                let link = Link { from, to, kind: LinkKind::FinishToStart, lag: edge.lag };
                Some((link, edge.holds_children))
            })
            .unzip();
        for (index, child) in children.iter_mut().enumerate() {
            if masters.contains(&child.id) {
                // Its children are the work.
                tasks[index].duration = 0;
                child.weight = 0;
            }
            if let Some(to) = child.master.and_then(|master| place.get(&master)) {
                links.push(Link { from: index, to: *to, kind: LinkKind::FinishToFinish, lag: 0 });
            }
        }
        let network = Network { tasks, links };
        let holds = |link: usize| holding.get(link).is_none_or(|holds| *holds);
        let inherited = network.with_inherited(holds)?;
        Ok(Self { master: number, title, children, edges, above, network, inherited })
    }

    fn child(tenant: Uuid, rows: &Rows, row: usize) -> Option<(Child, Task)> {
        let lifecycle: String = rows.get(row, 5)?;
        let version: i32 = rows.get(row, 6)?;
        let status: String = rows.get(row, 4)?;
        let compiled = cache::compiled(tenant, &lifecycle, version).or_refuse();
        let state = compiled.state(&status)?;
        let duration = rows.get::<i64>(row, 7).or(rows.get::<i64>(row, 8)).unwrap_or(UNESTIMATED);
        let satisfies = state.satisfies_dependents;
        let progress = match (state.terminal, satisfies || state.settles_master, state.blocked) {
            (_, true, _) => Progress::Done,
            (true, false, _) => Progress::Failed,
            (false, false, true) => Progress::Blocked,
            (false, false, false) => Progress::NotStarted,
        };
        let task = Task {
            number: rows.get(row, 2)?,
            title: rows.get(row, 3)?,
            status,
            progress,
            duration,
            started: rows.get(row, 9),
            finished: rows.get(row, 10),
        };
        let child = Child {
            id: id_at(rows, row, 1)?,
            master: id_at(rows, row, 11),
            notes: rows.get(row, 12),
            reason: None,
            since: None,
            lifecycle: (lifecycle, version),
            required: rows.required(row, 13),
            waived_at: rows.get(row, 14),
            satisfies,
            weight: duration,
        };
        Some((child, task))
    }

    fn edge(tenant: Uuid, rows: &Rows, row: usize) -> Option<Edge> {
        let (lifecycle, version): (String, i32) = (rows.get(row, 5)?, rows.get(row, 6)?);
        let status: String = rows.get(row, 7)?;
        Some(Edge {
            successor: id_at(rows, row, 1)?,
            predecessor: id_at(rows, row, 2)?,
            lag: rows.required(row, 3),
            number: rows.get(row, 4)?,
            satisfied: rows.required(row, 8) || satisfies(tenant, &lifecycle, version, &status),
            status,
            holds_children: rows.required(row, 9),
        })
    }

    fn schedule(&self) -> Result<Vec<Times>, Refusal> {
        self.inherited.schedule(unix_seconds(identity::now())).map_err(|cycle| self.damaged(&cycle))
    }

    fn damaged(&self, cycle: &[usize]) -> Refusal {
        let numbers: Vec<&str> =
            cycle.iter().map(|index| self.network.tasks[*index].number.as_str()).collect();
        Refusal::new(
            SqlState::WrongState,
            "tables_damaged",
            format!("children of work order {} wait in a cycle", self.master),
        )
        .with("cycle", numbers)
        .hint("select * from wo.check_hierarchy(); says what to do.")
    }

    /// What a child still waits for itself.
    fn waits(&self) -> HashMap<Uuid, Vec<&Edge>> {
        let mut waits: HashMap<Uuid, Vec<&Edge>> = HashMap::new();
        for edge in self.edges.iter().filter(|edge| !edge.satisfied) {
            waits.entry(edge.successor).or_default().push(edge);
        }
        waits
    }
}

/// Actual times: those that people wrote, else those of the trail.
fn add_times(
    arguments: &[crate::pg::statement::Argument],
    place: &HashMap<Uuid, usize>,
    children: &mut [Child],
    tasks: &mut [Task],
) {
    let Some(tenant) = identity::current().map(|acting| acting.tenant) else { return };
    MOVES.with(|statement| {
        statement.run(Mode::Caller, arguments, |rows| {
            for row in 0..rows.count() {
                let Some(index) = id_at(rows, row, 1).and_then(|id| place.get(&id)) else {
                    continue;
                };
                let (task, child) = (&mut tasks[*index], &mut children[*index]);
                let status: String = rows.required(row, 2);
                if status == task.status {
                    (child.since, child.reason) = (rows.get(row, 4), rows.get(row, 5));
                }
                let (lifecycle, version) = &child.lifecycle;
                let compiled = cache::compiled(tenant, lifecycle, *version).or_refuse();
                if compiled.begins_in(&status) {
                    let first: Option<i64> = rows.get(row, 3);
                    task.started = task.started.or(first);
                }
                let is_over = matches!(task.progress, Progress::Done | Progress::Failed);
                if is_over && status == task.status {
                    task.finished = task.finished.or(rows.get(row, 4));
                }
            }
        });
    });
    for task in tasks {
        let begun = task.started.is_some();
        match task.progress {
            Progress::NotStarted if begun => task.progress = Progress::Running,
            // A time that somebody wrote ahead does not end the work.
            Progress::Done | Progress::Failed => {}
            _ => task.finished = None,
        }
    }
}

/// A child that was waived, or one below it, is no work of the master any more, unless it was done. It ended
/// when it was waived.
fn leave_out_waived(children: &[Child], place: &HashMap<Uuid, usize>, tasks: &mut [Task]) {
    for (index, task) in tasks.iter_mut().enumerate() {
        // Masters of masters: a cycle would be damage, and ends too.
        let up = std::iter::successors(Some(index), |index| {
            children[*index].master.and_then(|master| place.get(&master).copied())
        });
        let waived_at = up.take(DEEPEST).find_map(|index| children[index].waived_at);
        if waived_at.is_some() && !matches!(task.progress, Progress::Done | Progress::Failed) {
            task.progress = Progress::Waived;
            task.finished = waived_at;
        }
    }
}

/// The children of a master that have not started and wait for nothing.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn ready_work_orders(master: Option<&str>) -> TableIterator<'static, (name!(id, pgrx::Uuid),)> {
    let plan = Plan::of(master.unwrap_or_default()).or_refuse();
    let tenant = identity::required().or_refuse().tenant;
    let waits = plan.waits();
    let lagging: HashSet<Uuid> =
        plan.edges.iter().filter(|edge| edge.lag > 0).map(|edge| edge.successor).collect();
    let master_of: HashMap<Uuid, Uuid> =
        plan.children.iter().filter_map(|child| Some((child.id, child.master?))).collect();
    let masters: HashSet<Uuid> = master_of.values().copied().collect();
    // What a master waits for holds its children where the edge says so.
    let holds =
        |id: &Uuid| waits.get(id).is_some_and(|held| held.iter().any(|edge| edge.holds_children));
    let held_above = plan.above.iter().any(holds);
    let lags_above = plan.above.iter().any(|id| lagging.contains(id));
    let mut halted: HashMap<Uuid, bool> = HashMap::new();
    let ready: Vec<(pgrx::Uuid,)> = plan
        .children
        .iter()
        .zip(&plan.network.tasks)
        .filter(|(child, task)| {
            task.progress == Progress::NotStarted && !masters.contains(&child.id) && !held_above
        })
        .filter(|(child, _)| {
            // The child and its masters among the children; a cycle would be damage, and ends too.
            let up = std::iter::successors(Some(child.id), |id| master_of.get(id).copied());
            let line: Vec<Uuid> = up.take(DEEPEST).collect();
            if waits.contains_key(&child.id) || line.iter().skip(1).any(holds) {
                return false;
            }
            let is_halted = child.master.is_some_and(|master| {
                *halted.entry(master).or_insert_with(|| guards::halted_by(tenant, master).is_some())
            });
            let lags = lags_above || line.iter().any(|id| lagging.contains(id));
            !(is_halted || lags && guards::lags(tenant, child.id, child.master))
        })
        .map(|(child, _)| (pgrx::Uuid::from_bytes(*child.id.as_bytes()),))
        .collect();
    TableIterator::new(ready)
}

type Scheduled = (String, pgrx::Uuid, String, String, f64, f64, f64, f64, f64, f64, bool);

/// The schedule of a master's children; times in seconds since 1970, slack in seconds.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn critical_path(
    master: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(number, String),
        name!(id, pgrx::Uuid),
        name!(title, String),
        name!(status, String),
        name!(earliest_start, f64),
        name!(earliest_finish, f64),
        name!(latest_start, f64),
        name!(latest_finish, f64),
        name!(total_slack, f64),
        name!(free_slack, f64),
        name!(critical, bool),
    ),
> {
    let plan = Plan::of(master.unwrap_or_default()).or_refuse();
    let times = plan.schedule().or_refuse();
    let seconds = |value: i64| value as f64;
    let mut rows: Vec<Scheduled> = plan
        .children
        .iter()
        .zip(&plan.network.tasks)
        .zip(&times)
        .map(|((child, task), times)| {
            (
                task.number.clone(),
                pgrx::Uuid::from_bytes(*child.id.as_bytes()),
                task.title.clone(),
                task.status.clone(),
                seconds(times.earliest_start),
                seconds(times.earliest_finish),
                seconds(times.latest_start),
                seconds(times.latest_finish),
                seconds(times.total_slack),
                seconds(times.free_slack),
                times.critical,
            )
        })
        .collect();
    rows.sort_by(|a, b| a.4.total_cmp(&b.4).then_with(|| a.5.total_cmp(&b.5)));
    TableIterator::new(rows)
}

/// How far a master is.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn progress(master: Option<&str>) -> pgrx::JsonB {
    pgrx::JsonB(progress_of(master.unwrap_or_default()).or_refuse())
}

/// A time in seconds since 1970, as text.
fn utc_of_unix(seconds: i64) -> String {
    wo_rules::time::utc((seconds - POSTGRES_EPOCH_SECONDS) * 1_000_000)
}

fn progress_of(master: &str) -> Result<Value, Refusal> {
    let plan = Plan::of(master)?;
    let times = plan.schedule()?;
    let tenant = identity::required()?.tenant;
    let both = || plan.children.iter().zip(&plan.network.tasks);
    let count = |wanted: Progress| both().filter(|(_, task)| task.progress == wanted).count();
    let total: i64 = both()
        .filter(|(_, task)| !task.progress.is_left_out())
        .map(|(child, _)| child.weight)
        .sum();
    let done: i64 = both()
        .filter(|(_, task)| task.progress == Progress::Done)
        .map(|(child, _)| child.weight)
        .sum();
    let counted = both().filter(|(_, task)| !task.progress.is_left_out()).count();
    let percent = match total {
        // Milestones alone: each counts alike.
        0 if counted > 0 => (count(Progress::Done) as f64 * 1000.0 / counted as f64).round() / 10.0,
        0 => 0.0,
        total => (done as f64 * 1000.0 / total as f64).round() / 10.0,
    };
    let blocked: Vec<Value> = both()
        .filter(|(_, task)| task.progress == Progress::Blocked)
        .map(|(child, task)| {
            let lifecycle = (child.lifecycle.0.as_str(), child.lifecycle.1);
            json!({
                "wo_number": task.number,
                "title": task.title,
                "status": task.status,
                "blocker": work_order::blocker_of(tenant, child.id, lifecycle, &task.status),
                "reason": child.reason,
                "since": child.since.map(utc_of_unix),
                "notes": child.notes,
            })
        })
        .collect();
    let mut waits = plan.waits();
    let mut reopened: Vec<Value> = Vec::new();
    for (child, task) in both() {
        let started =
            matches!(task.progress, Progress::Running | Progress::Blocked | Progress::Done);
        if !started || (child.satisfies && task.finished.is_none()) {
            continue;
        }
        for edge in waits.remove(&child.id).unwrap_or_default() {
            reopened.push(json!({
                "wo_number": task.number,
                "predecessor": edge.number,
                "status": edge.status,
            }));
        }
    }
    let finish = Network::finish(&times).map(utc_of_unix);
    let required =
        both().filter(|(child, task)| child.required && task.progress != Progress::Waived).count();
    Ok(json!({
        "wo_number": plan.master,
        "percent_complete": percent,
        "children": plan.children.len(),
        "required": required,
        "done": count(Progress::Done),
        "running": count(Progress::Running),
        "blocked": blocked,
        "not_started": count(Progress::NotStarted),
        "failed": count(Progress::Failed),
        "waived": count(Progress::Waived),
        "predecessor_reopened": reopened,
        "estimated_completion": finish,
    }))
}

/// How agents should execute a master's children.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn execution_pattern(master: Option<&str>) -> pgrx::JsonB {
    let plan = Plan::of(master.unwrap_or_default()).or_refuse();
    let (pattern, reason) =
        pattern(&plan.network, &plan.inherited).map_err(|cycle| plan.damaged(&cycle)).or_refuse();
    pgrx::JsonB(json!({"pattern": pattern.name(), "reason": reason}))
}

/// Draws a master's children.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn dependency_diagram(master: Option<&str>, format: Option<&str>) -> String {
    let format = Format::parse(format).or_refuse();
    let plan = Plan::of(master.unwrap_or_default()).or_refuse();
    let times = plan.schedule().or_refuse();
    draw(&plan.network, &times, &format!("{} {}", plan.title, plan.master), format)
}
