//! The check before work begins: what it finds is read by SQL (`sql/24_preflight.sql`); that it was done is
//! an entry in the work order's chain, for which a guard asks.

use crate::kernel::concept::{Concept, Question};
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::tree::{DESCENDANTS, with_masters};
use crate::kernel::work_order::{self, Column, actor_roles, master_of, with_locked_work_order};
use crate::pg::error::OrRefuse;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument, uuids};
use pgrx::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_rules::lifecycle::{Facts, Guard};
use wo_rules::preflight::{self as rules, Basis, Check};
use wo_rules::refusal::Refusal;

statement!(CHECK, "select wo.preflight($1)::pg_catalog.text", [TEXTOID]);
statement!(
    LAST_CHECK,
    "select entry.record_version, entry.changes -> $4 ->> 'new' from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.subject = 'work_order' and entry.action = $3
     order by entry.sequence desc
     limit 1",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);
// Findings are never removed: where one more was ever opened, one was opened since.
statement!(
    BASIS,
    format!(
        "{DESCENDANTS}, parts (id) as (select $2 union select tree.id from tree),
     edges as (
        select edge.* from wo.dependency as edge
        where edge.tenant_id = $1 and (edge.successor_id in (select parts.id from parts)
            or edge.predecessor_id in (select parts.id from parts)
            or edge.successor_id = any($3) and edge.holds_children)
     )
     select {},
        {},
        (select pg_catalog.count(*)::pg_catalog.text from wo.finding as opened
         where opened.tenant_id = $1 and opened.work_order_id in (select parts.id from parts))",
        digest(
            "pg_catalog.concat_ws(' ', child.id, child.master_id, child.required, child.version)",
            "wo.work_order as child where child.tenant_id = $1 and child.id in (select tree.id from tree)"
        ),
        digest(
            "pg_catalog.concat_ws(' ', edge.successor_id, edge.predecessor_id, edge.kind,
                pg_catalog.extract('epoch', edge.lag), edge.holds_children)",
            "edges as edge"
        )
    ),
    [UUIDOID, UUIDOID, UUIDARRAYOID]
);

/// The expression of a text that is the same for the same lines of rows, whatever their order.
fn digest(line: &str, rows: &str) -> String {
    format!(
        "(select pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(pg_catalog.string_agg(seen.line, E'\\n'
            order by seen.line collate pg_catalog.\"C\"), ''), 'UTF8')), 'hex')
          from (select {line} as line from {rows}) as seen)"
    )
}

/// The state that the work begins in, where an edge from the work order's state leads there; else NULL.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn beginning_of_work(work_order: Option<&str>) -> Option<String> {
    let tenant = crate::kernel::identity::required().or_refuse().tenant;
    work_order::with_work_order_row(tenant, work_order.unwrap_or_default(), |lifecycle, record| {
        Ok(lifecycle.beginning_of_work(record.status).map(|edge| edge.to.clone()))
    })
    .or_refuse()
}

/// Does the check and records that it was done, and returns what it found. The work order is locked first, so that
/// what was looked at is the version of which the trail says that it was checked.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn record_preflight(work_order: Option<&str>, notes: Option<&str>) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    pgrx::JsonB(record(work_order.unwrap_or_default(), notes).or_refuse())
}

fn record(name: &str, notes: Option<&str>) -> Result<Value, Refusal> {
    let (acting, standing) = actor_roles::acting()?;
    let id = work_order::find(acting.tenant, name)?;
    let edge = with_locked_work_order(acting.tenant, id, |view| {
        let record = view.facets.record();
        view.lifecycle.check_open(&record)?;
        let edge = rules::beginning(view.lifecycle, &standing.actor(), &record)?;
        Ok((edge.action.clone(), edge.to.clone(), master_of(view.seen)))
    })?;
    // Before what is shown is read: what changes in between is not taken for seen.
    let basis = basis(acting.tenant, id, edge.2).text();
    let found: String = CHECK.with(|statement| {
        statement.run(Mode::Latest, &[text(&id.to_string())], |rows| rows.required(0, 1))
    });
    let document = wo_rules::json::parse(&found)?;
    let data = json!({ "action": edge.0, "to_status": edge.1, "found": document.clone() });
    let notes = notes.map(str::trim).filter(|notes| !notes.is_empty());
    let change_of_child = ChildChange {
        action: rules::ACTION,
        reason: Some(notes.unwrap_or("the check before the start was done").to_owned()),
        changes: wo_rules::audit::changes([(rules::BASIS, None, Some(basis.as_str()))]),
        covered: false,
        data: data.as_object().cloned().unwrap_or_default(),
    };
    child_records::record(acting.tenant, id, change_of_child);
    Ok(document)
}

/// What a check looks at beside the record, of a work order that has that master.
fn basis(tenant: Uuid, work_order: Uuid, master: Option<Uuid>) -> Basis {
    let mut masters = with_masters(tenant, work_order, master);
    masters.remove(0);
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), uuids(masters)];
    as_trail(|| {
        BASIS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| Basis {
                children: rows.required(0, 1),
                dependencies: rows.required(0, 2),
                findings: rows.required(0, 3),
            })
        })
    })
}

/// The last check of a work order.
fn last_check(tenant: Uuid, work_order: Uuid) -> Option<Check> {
    let arguments =
        [uuid_argument(tenant), uuid_argument(work_order), text(rules::ACTION), text(rules::BASIS)];
    as_trail(|| {
        LAST_CHECK.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (rows.count() > 0).then(|| Check {
                    version: rows.required(0, 1),
                    basis: rows.get::<String>(0, 2).and_then(|text| Basis::read(&text)),
                })
            })
        })
    })
}

/// The check, as the kernel asks it.
pub struct Preflight;

/// The concept.
pub const CONCEPT: Preflight = Preflight;

impl Concept for Preflight {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("24_preflight", include_str!("../../sql/24_preflight.sql"))]
    }

    fn guards(&self) -> &'static [&'static str] {
        &[rules::GUARD]
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        let is_ours = |guard: &Guard| guard.name() == rules::GUARD;
        if question.edges.iter().any(|edge| edge.guards.iter().any(is_ours)) {
            let seen = question.seen;
            let checked = last_check(question.tenant, seen.id());
            let basis = basis(question.tenant, seen.id(), master_of(seen));
            let fact = rules::fact(checked.as_ref(), seen.required(Column::Version), &basis);
            facts.attached.insert(rules::GUARD.to_owned(), fact);
        }
    }
}
