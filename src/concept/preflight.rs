//! The check before work begins: what it finds is read by SQL (`sql/24_preflight.sql`); that it was done is
//! an entry in the work order's chain, for which a guard asks.

use crate::kernel::concept::{Concept, Question};
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::{self, Column, actor_roles, with_locked_work_order};
use crate::pg::error::OrRefuse;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_rules::lifecycle::{Facts, Guard};
use wo_rules::preflight as rules;
use wo_rules::refusal::Refusal;

statement!(CHECK, "select wo.preflight($1)::pg_catalog.text", [TEXTOID]);
statement!(
    LAST_CHECK,
    "select entry.record_version from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.subject = 'work_order' and entry.action = $3
     order by entry.sequence desc
     limit 1",
    [UUIDOID, UUIDOID, TEXTOID]
);

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
        Ok((edge.action.clone(), edge.to.clone()))
    })?;
    let found: String = CHECK.with(|statement| {
        statement.run(Mode::Latest, &[text(&id.to_string())], |rows| rows.required(0, 1))
    });
    let document = wo_rules::json::parse(&found)?;
    let data = json!({ "action": edge.0, "to_status": edge.1, "found": document.clone() });
    let notes = notes.map(str::trim).filter(|notes| !notes.is_empty());
    let change_of_child = ChildChange {
        action: rules::ACTION,
        reason: Some(notes.unwrap_or("the check before the start was done").to_owned()),
        changes: "{}".to_owned(),
        data: data.as_object().cloned().unwrap_or_default(),
    };
    child_records::record(acting.tenant, id, change_of_child);
    Ok(document)
}

/// The version of the record that the last check looked at.
fn last_check(tenant: Uuid, work_order: Uuid) -> Option<i64> {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), text(rules::ACTION)];
    as_trail(|| {
        LAST_CHECK.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (rows.count() > 0).then(|| rows.required(0, 1))
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
            let fact = rules::fact(checked, seen.required(Column::Version));
            facts.attached.insert(rules::GUARD.to_owned(), fact);
        }
    }
}
