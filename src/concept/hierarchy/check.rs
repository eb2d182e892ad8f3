//! Looking for what cannot be unless data was written past the enforcement layer.

use super::guards::{HierarchyPosition, children};
use crate::kernel::identity;
use crate::kernel::lifecycle::cache;
use crate::pg::error::OrRefuse;
use crate::pg::statement::{Mode, argument, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::hierarchy::cycle::Waits;

statement!(
    WAITING,
    "select edge.successor_id, edge.predecessor_id, false from wo.dependency as edge where edge.tenant_id = $1
     union all
     select child.master_id, child.id, true from wo.work_order as child where child.tenant_id = $1 and child.master_id is not null",
    [UUIDOID]
);
statement!(
    NUMBERS,
    "select coalesce((select held.wo_number::pg_catalog.text from wo.work_order as held
        where held.tenant_id = $1 and held.id = named.id), named.id::pg_catalog.text)
     from pg_catalog.unnest($2) with ordinality as named (id, place)
     order by named.place",
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    ORPHANS,
    "select child.wo_number::pg_catalog.text from wo.work_order as child
     where child.tenant_id = $1 and child.master_id is not null and not exists (
        select from wo.work_order as held where held.tenant_id = $1 and held.id = child.master_id)
     order by child.id limit 1000",
    [UUIDOID]
);
statement!(
    LOOSE_EDGES,
    "select edge.successor_id::pg_catalog.text || ' after ' || edge.predecessor_id::pg_catalog.text from wo.dependency as edge
     where edge.tenant_id = $1 and (
        not exists (select from wo.work_order as held where held.tenant_id = $1 and held.id = edge.successor_id)
        or not exists (select from wo.work_order as held where held.tenant_id = $1 and held.id = edge.predecessor_id))
     order by 1 limit 1000",
    [UUIDOID]
);

statement!(
    LOCKED_MASTERS,
    "select held.id, held.lifecycle, held.lifecycle_version, held.status, held.hierarchy_policy,
        held.wo_number::pg_catalog.text
     from wo.work_order as held
     where held.tenant_id = $1 and held.locked_at is not null and held.id in (
        select child.master_id from wo.work_order as child
        where child.tenant_id = $1 and child.master_id is not null and child.locked_at is null)
        and not exists (select from wo.audit_entry as entry
            where entry.tenant_id = $1 and entry.recorded_at >= held.locked_at
                and entry.subject_id in (select chain.subject_id from wo.audit_chain as chain
                    where chain.tenant_id = $1 and chain.subject = 'tenant')
                and pg_catalog.strpos(entry.changes::pg_catalog.text, '\"hierarchy_policy\"') > 0)
     order by held.id limit 1000",
    [UUIDOID]
);

/// What cannot be, the work orders that it concerns, and what to do.
pub type Problem = (String, Vec<String>, String);

/// Every problem, the work orders that it concerns, and what to do.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn check_hierarchy() -> TableIterator<
    'static,
    (name!(problem, String), name!(work_orders, Vec<String>), name!(what_to_do, String)),
> {
    crate::kernel::version::check_tables();
    TableIterator::new(problems(identity::required().or_refuse().tenant))
}

/// Every problem of a tenant.
pub fn problems(tenant: Uuid) -> Vec<Problem> {
    let here = [uuid_argument(tenant)];
    let waits: Waits<Uuid> = WAITING.with(|statement| {
        statement.run(Mode::Latest, &here, |rows| {
            let id = |row, column| {
                rows.get::<pgrx::Uuid>(row, column).map(|id| Uuid::from_bytes(*id.as_bytes()))
            };
            let mut waits = Waits::default();
            for row in 0..rows.count() {
                match (id(row, 1), id(row, 2), rows.get(row, 3)) {
                    (Some(successor), Some(predecessor), Some(false)) => {
                        waits.dependency(successor, predecessor);
                    }
                    (Some(master), Some(child), Some(true)) => waits.child(master, child),
                    _ => {}
                }
            }
            waits
        })
    });
    let mut found: Vec<Problem> = waits
        .cycles()
        .into_iter()
        .map(|cycle| {
            let ids: Vec<pgrx::Uuid> =
                cycle.iter().map(|id| pgrx::Uuid::from_bytes(*id.as_bytes())).collect();
            let arguments = [uuid_argument(tenant), argument(ids)];
            let numbers = NUMBERS.with(|statement| {
                statement.run(Mode::Latest, &arguments, |rows| {
                    (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
                })
            });
            (
                "these work orders wait for each other".to_owned(),
                numbers,
                "take one of their edges out: wo.remove_dependency(successor, predecessor), or wo.unlink_work_order(child); then find out from wo.verify_audit() who wrote past the rules".to_owned(),
            )
        })
        .collect();
    for (statement, problem, what_to_do) in [
        (
            &ORPHANS,
            "these work orders are children of a master that is not there",
            "restore the master from a backup, or as a superuser set their master_id to NULL; wo.verify_audit() shows what is missing",
        ),
        (
            &LOOSE_EDGES,
            "these dependencies name work orders that are not there",
            "restore the work orders from a backup, or as a superuser delete the rows from wo.dependency; wo.verify_audit() shows what is missing",
        ),
    ] {
        let named: Vec<String> = statement.with(|statement| {
            statement.run(Mode::Latest, &here, |rows| {
                (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
            })
        });
        if !named.is_empty() {
            found.push((problem.to_owned(), named, what_to_do.to_owned()));
        }
    }
    let locked = locked_over_open_children(tenant);
    if !locked.is_empty() {
        found.push((
            "these masters are locked, and children that they wait for are open".to_owned(),
            locked,
            "end the open children, or have them waived where a master like it is made anew; their trails show how they came there".to_owned(),
        ));
    }
    found
}

/// The numbers of masters that came to a good end though their policy waits for children that are open. A
/// master that ended under another policy of its tenant is left out.
fn locked_over_open_children(tenant: Uuid) -> Vec<String> {
    LOCKED_MASTERS.with(|statement| {
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            (0..rows.count())
                .filter_map(|row| {
                    let id: pgrx::Uuid = rows.get(row, 1)?;
                    let name: String = rows.get(row, 2)?;
                    let status: String = rows.get(row, 4)?;
                    let lifecycle = cache::compiled(tenant, &name, rows.get(row, 3)?).or_refuse();
                    let is_good = lifecycle.state(&status).is_some_and(|it| it.settles_master);
                    let place = HierarchyPosition {
                        id: Uuid::from_bytes(*id.as_bytes()),
                        master: None,
                        policy: rows.get::<pgrx::JsonB>(row, 5).map(|policy| policy.0),
                        lifecycle_policy: lifecycle.hierarchy_policy(),
                    };
                    let waits = is_good
                        && lifecycle.gates_children()
                        && children(tenant, &place, |state| state.settles_master)
                            .is_some_and(|fact| !fact.passed);
                    waits.then(|| rows.get(row, 6))?
                })
                .collect()
        })
    })
}
