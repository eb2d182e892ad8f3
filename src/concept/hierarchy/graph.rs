//! The graph of who waits for whom: no cycle, whatever runs beside it.

use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, statement, uuid as uuid_argument};
use crate::pg::transaction::{self, Stack, SubxactStack};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;
use wo_rules::hierarchy::cycle::{Step, refusal};
use wo_rules::refusal::Refusal;

statement!(
    ENTER,
    "insert into wo.hierarchy_head as head (tenant_id, changes) values ($1, 1)
     on conflict (tenant_id) do update set changes = head.changes + 1",
    [UUIDOID]
);
statement!(
    WAITS_FOR,
    "select edge.successor_id, true, edge.predecessor_id, false from wo.dependency as edge
     where edge.tenant_id = $1 and edge.successor_id = any($2)
     union all
     select child.id, true, child.master_id, true from wo.work_order as child
     where child.tenant_id = $1 and child.id = any($2) and child.master_id is not null
     union all
     select child.master_id, false, child.id, false from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = any($3)",
    [UUIDOID, UUIDARRAYOID, UUIDARRAYOID]
);
statement!(
    WAITED_FOR_BY,
    "select edge.predecessor_id, false, edge.successor_id, true from wo.dependency as edge
     where edge.tenant_id = $1 and edge.predecessor_id = any($3)
     union all
     select child.id, false, child.master_id, false from wo.work_order as child
     where child.tenant_id = $1 and child.id = any($3) and child.master_id is not null
     union all
     select child.master_id, true, child.id, true from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = any($2)",
    [UUIDOID, UUIDARRAYOID, UUIDARRAYOID]
);
statement!(
    JOINED_BY,
    "select (select pg_catalog.count(*) from (select from wo.dependency as edge
            where edge.tenant_id = $1 and edge.successor_id = $2 limit 2) as before)
        + (select pg_catalog.count(*) from (select from wo.dependency as edge
            where edge.tenant_id = $1 and edge.predecessor_id = $2 limit 2) as behind)
        + (select pg_catalog.count(*) from wo.work_order as child
            where child.tenant_id = $1 and child.id = $2 and child.master_id is not null)
        + (select pg_catalog.count(*) from (select from wo.work_order as child
            where child.tenant_id = $1 and child.master_id = $2 limit 2) as below)",
    [UUIDOID, UUIDOID]
);
statement!(
    NAMES,
    "select held.id, held.wo_number from wo.work_order as held where held.tenant_id = $1 and held.id = any($2)",
    [UUIDOID, UUIDARRAYOID]
);

thread_local! {
    /// Work orders that this transaction made: nobody else can see them yet.
    static MADE_HERE: RefCell<HashSet<Uuid>> = RefCell::default();
    /// One entry where this transaction holds its tenant's head.
    static ENTERED: SubxactStack<()> = const { SubxactStack::new() };
    /// Whether work orders of this transaction were joined to others without the head.
    static JOINED: Cell<bool> = const { Cell::new(false) };
    /// Edges that were found free of cycles before they were written.
    static VETTED: RefCell<HashSet<(Uuid, Uuid)>> = RefCell::default();
}

/// Registers what forgets a transaction that is over; called once in a backend.
pub fn register() {
    transaction::at_end(|_| {
        MADE_HERE.with_borrow_mut(HashSet::clear);
        VETTED.with_borrow_mut(HashSet::clear);
        JOINED.set(false);
    });
}

/// Checks an edge that was added.
///
/// # Errors
/// 23514 `dependency_cycle`; 55000 `tables_damaged`.
pub fn check_dependency(tenant: Uuid, successor: Uuid, edge: &Row) -> Result<(), Refusal> {
    check(tenant, Added::Dependency, successor, edge.required_uuid("predecessor_id"))
}

/// Marks a work order as made here.
pub fn made(id: Uuid) {
    MADE_HERE.with_borrow_mut(|all| all.insert(id));
}

fn is_made_here(id: Uuid) -> bool {
    MADE_HERE.with_borrow(|all| all.contains(&id))
}

/// Marks edges (who waits, for whom) between work orders of this transaction as free of cycles.
pub fn vetted(edges: impl IntoIterator<Item = (Uuid, Uuid)>) {
    VETTED.with_borrow_mut(|all| all.extend(edges));
}

/// What was added to the graph.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// A successor waits for a predecessor.
    Dependency,
    /// A master waits for a child, and the child for whatever its master waits for.
    Child,
}

/// A work order's start (`true`) or finish (`false`), as an end of what waits.
type Node = (Uuid, bool);

/// After an edge was written: refuses it where it closes a cycle.
///
/// Nobody else adds to what they can see of the graph meanwhile: a transaction that does holds the tenant's
/// head. A work order that only this transaction can see, joined by its first edge, closes no cycle
/// by itself; its next edge takes the head, and is then checked against what others have committed.
///
/// # Errors
/// 23514 `dependency_cycle`, with the path.
pub fn check(tenant: Uuid, added: Added, waiting: Uuid, awaited: Uuid) -> Result<(), Refusal> {
    let (new_waiting, new_awaited) = (is_made_here(waiting), is_made_here(awaited));
    let both_new = new_waiting && new_awaited;
    if both_new && VETTED.with_borrow_mut(|all| all.remove(&(waiting, awaited))) {
        return Ok(());
    }
    if waiting != awaited {
        if both_new && !JOINED.get() {
            return closes_no_cycle(tenant, added, waiting, awaited);
        }
        let newcomer = match (new_waiting, new_awaited) {
            (true, false) => Some(waiting),
            (false, true) => Some(awaited),
            _ => None,
        };
        if newcomer.is_some_and(|newcomer| has_one_edge(tenant, newcomer)) {
            JOINED.set(true);
            return Ok(());
        }
        enter(tenant);
    }
    closes_no_cycle(tenant, added, waiting, awaited)
}

/// Refuses what closes a cycle: a dependency joins the successor's start to the predecessor's finish,
/// a child the master's finish to its own, and its own start to the master's.
fn closes_no_cycle(
    tenant: Uuid,
    added: Added,
    waiting: Uuid,
    awaited: Uuid,
) -> Result<(), Refusal> {
    if waiting == awaited {
        return Err(cycle_refusal(tenant, &[waiting, awaited]));
    }
    match added {
        Added::Dependency => search(tenant, (waiting, true), (awaited, false)),
        Added::Child => {
            search(tenant, (waiting, false), (awaited, false))?;
            search(tenant, (awaited, true), (waiting, true))
        }
    }
}

fn enter(tenant: Uuid) {
    if ENTERED.count() == 0 {
        as_trail(|| {
            ENTER.with(|statement| {
                statement.run(Mode::Write, &[uuid_argument(tenant)], |_| ());
            });
        });
        ENTERED.push(());
    }
}

fn has_one_edge(tenant: Uuid, node: Uuid) -> bool {
    let arguments = [uuid_argument(tenant), uuid_argument(node)];
    let edges: Option<i64> = as_trail(|| {
        JOINED_BY.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    });
    edges == Some(1)
}

#[derive(Clone, Copy)]
enum Direction {
    /// To what they wait for.
    Forward,
    /// To who waits for them.
    Backward,
}

fn neighbours(tenant: Uuid, of: &[Node], direction: Direction) -> Vec<(Node, Node)> {
    let statement = match direction {
        Direction::Forward => &WAITS_FOR,
        Direction::Backward => &WAITED_FOR_BY,
    };
    let ends = |start: bool| -> Vec<Uuid> {
        of.iter().filter(|(_, is_start)| *is_start == start).map(|(id, _)| *id).collect()
    };
    let (starts, finishes) = (ends(true), ends(false));
    let arguments = [uuid_argument(tenant), uuids(&starts), uuids(&finishes)];
    let mut found =
        as_trail(|| statement.with(|statement| statement.run(Mode::Latest, &arguments, pairs)));
    // Whatever finishes has to start.
    match direction {
        Direction::Forward => found.extend(finishes.iter().map(|id| ((*id, false), (*id, true)))),
        Direction::Backward => found.extend(starts.iter().map(|id| ((*id, true), (*id, false)))),
    }
    found
}

fn uuids(ids: &[Uuid]) -> crate::pg::statement::Argument {
    crate::pg::statement::uuids(ids.iter().copied())
}

fn pairs(rows: &Rows) -> Vec<(Node, Node)> {
    let node = |row, column| {
        let id = rows.get::<pgrx::Uuid>(row, column)?;
        Some((Uuid::from_bytes(*id.as_bytes()), rows.get(row, column + 1)?))
    };
    (0..rows.count()).filter_map(|row| Some((node(row, 1)?, node(row, 3)?))).collect()
}

/// Looks for a way from the awaited one back to the waiting one, from both ends at once: each step
/// goes on from the end that has fewer work orders at its edge, so that the cost is that of the
/// smaller neighbourhood.
fn search(tenant: Uuid, waiting: Node, awaited: Node) -> Result<(), Refusal> {
    let mut from_awaited: HashMap<Node, Node> = HashMap::from([(awaited, awaited)]);
    let mut to_waiting: HashMap<Node, Node> = HashMap::from([(waiting, waiting)]);
    let (mut ahead, mut behind) = (vec![awaited], vec![waiting]);
    while !ahead.is_empty() && !behind.is_empty() {
        let forward = ahead.len() <= behind.len();
        let (edge, seen, other, direction) = match forward {
            true => (&mut ahead, &mut from_awaited, &to_waiting, Direction::Forward),
            false => (&mut behind, &mut to_waiting, &from_awaited, Direction::Backward),
        };
        let mut next = Vec::new();
        for (node, found) in neighbours(tenant, edge, direction) {
            if seen.contains_key(&found) {
                continue;
            }
            seen.insert(found, node);
            if other.contains_key(&found) {
                let path = path(waiting, found, &from_awaited, &to_waiting);
                return Err(cycle_refusal(tenant, &path));
            }
            next.push(found);
        }
        *edge = next;
    }
    Ok(())
}

/// The cycle through the work order where both searches met: who waits, for whom, and so on back.
fn path(
    waiting: Node,
    met: Node,
    from_awaited: &HashMap<Node, Node>,
    to_waiting: &HashMap<Node, Node>,
) -> Vec<Uuid> {
    let trace = |from: Node, steps: &HashMap<Node, Node>| {
        let mut way = vec![from];
        let mut at = from;
        while let Some(before) = steps.get(&at).copied().filter(|before| *before != at) {
            way.push(before);
            at = before;
        }
        way
    };
    let mut cycle = vec![waiting];
    cycle.extend(trace(met, from_awaited).into_iter().rev());
    cycle.extend(trace(met, to_waiting).into_iter().skip(1));
    let mut ids: Vec<Uuid> = cycle.into_iter().map(|(id, _)| id).collect();
    ids.dedup();
    ids
}

fn cycle_refusal(tenant: Uuid, cycle: &[Uuid]) -> Refusal {
    let numbers: HashMap<Uuid, String> = as_trail(|| {
        NAMES.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant), uuids(cycle)], |rows| {
                (0..rows.count())
                    .filter_map(|row| {
                        let id = rows.get::<pgrx::Uuid>(row, 1)?;
                        Some((Uuid::from_bytes(*id.as_bytes()), rows.get(row, 2)?))
                    })
                    .collect()
            })
        })
    });
    let steps: Vec<Step> = cycle
        .iter()
        .map(|id| Step {
            id: id.to_string(),
            number: numbers.get(id).cloned().unwrap_or_else(|| id.to_string()),
        })
        .collect();
    refusal(&steps)
}
