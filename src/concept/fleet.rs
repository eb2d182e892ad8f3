//! The fleet's functions: they name an action, and the lifecycle says where it leads.

use crate::kernel::concept::Concept;
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::api::{self, Change};
use crate::kernel::{identity, work_order};
use crate::pg::error::OrRefuse;
use crate::pg::jsonb::Object;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;
use wo_rules::field::Field;
use wo_rules::lifecycle::State;
use wo_rules::list as rules;
use wo_rules::refusal::Refusal;

/// Takes the edge of that action from where the work order is.
#[pg_extern(schema = "wo_private")]
fn take_action(
    work_order: Option<&str>,
    action: Option<&str>,
    reason: Option<&str>,
    fields: Option<&str>,
) -> Object {
    crate::kernel::version::check_tables();
    let work_order = work_order.unwrap_or_default();
    let to_status = target(work_order, action.unwrap_or_default()).or_refuse();
    let change =
        Change { work_order, to_status: Some(&to_status), reason, fields, expected_version: None };
    api::transition_to(change, &to_status).or_refuse()
}

/// Where the action leads from the work order's state.
fn target(work_order: &str, action: &str) -> Result<String, Refusal> {
    let (acting, roles) = work_order::actor_roles::acting()?;
    work_order::with_work_order_row(acting.tenant, work_order, |lifecycle, record| {
        lifecycle.target_of(&roles.actor(), action, record).map(str::to_owned)
    })
}

/// Moves a work order, keeping the notes where its edge says.
#[pg_extern(schema = "wo_private")]
fn update_work_order_status(
    work_order: Option<&str>,
    new_status: Option<&str>,
    notes: Option<&str>,
) -> Object {
    crate::kernel::version::check_tables();
    let work_order = work_order.unwrap_or_default();
    let Some(to_status) = new_status else {
        crate::pg::error::refuse(wo_rules::work_order::state_missing(work_order))
    };
    let field = notes.map(|notes| notes_field(work_order, to_status, notes).or_refuse());
    let fields = field.flatten();
    let change = Change {
        work_order,
        to_status: Some(to_status),
        reason: notes,
        fields: fields.as_deref(),
        expected_version: None,
    };
    api::transition_to(change, to_status).or_refuse()
}

/// The notes as a field to write, where the edge does not keep its reason in a field by itself.
fn notes_field(work_order: &str, to_status: &str, notes: &str) -> Result<Option<String>, Refusal> {
    let tenant = identity::required()?.tenant;
    work_order::with_work_order_row(tenant, work_order, |lifecycle, record| {
        let edge = lifecycle.edge(record.status, to_status);
        Ok(edge
            .filter(|edge| edge.reason.field.is_none())
            .map(|_| serde_json::json!({ Field::Notes.name(): notes }).to_string()))
    })
}

statement!(
    VERSIONS,
    "select published.name, published.version from wo.lifecycle as published where published.tenant_id = $1",
    [UUIDOID]
);

/// Every version of every lifecycle of the tenant.
fn versions_of(tenant: Uuid) -> Vec<(String, i32)> {
    VERSIONS.with(|statement| {
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            (0..rows.count())
                .filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?)))
                .collect()
        })
    })
}

/// Whether the state of that name is as asked, in any version of any lifecycle of the tenant.
fn in_any_version(status: Option<&str>, asked: impl Fn(&State) -> bool) -> bool {
    let (Some(status), Some(identity)) = (status, identity::current()) else { return false };
    versions_of(identity.tenant).iter().any(|(name, version)| {
        let lifecycle = cache::compiled(identity.tenant, name, *version).or_refuse();
        lifecycle.state(status).is_some_and(&asked)
    })
}

/// The states of all lifecycles of the tenant, in any version, each once; those of one lifecycle where it is named.
fn states_of(tenant: Uuid, lifecycle: Option<&str>) -> Result<BTreeSet<String>, Refusal> {
    let mut states = BTreeSet::new();
    for (name, version) in versions_of(tenant) {
        if lifecycle.is_none_or(|lifecycle| lifecycle == name) {
            let compiled = cache::compiled(tenant, &name, version)?;
            states.extend(compiled.states().iter().map(|state| state.name.clone()));
        }
    }
    Ok(states)
}

/// The rows of a page, where everything that a list is filtered by exists.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn checked_page_size(
    page_size: Option<i32>,
    status: Option<&str>,
    assignee: Option<&str>,
    lifecycle: Option<&str>,
    after: Option<&str>,
) -> i32 {
    check_list(page_size, status, assignee, lifecycle, after).or_refuse()
}

fn check_list(
    page_size: Option<i32>,
    status: Option<&str>,
    assignee: Option<&str>,
    lifecycle: Option<&str>,
    after: Option<&str>,
) -> Result<i32, Refusal> {
    let tenant = identity::required()?.tenant;
    let size = rules::check_page_size(page_size)?;
    if lifecycle.is_some() || status.is_some() {
        let states = states_of(tenant, lifecycle)?;
        if let Some(lifecycle) = lifecycle.filter(|_| states.is_empty()) {
            return Err(wo_rules::lifecycle::unknown(Some(lifecycle)));
        }
        rules::check_status(status, &states)?;
    }
    if let Some(assignee) = assignee
        && identity::actor::is_assignable(tenant, assignee).is_none()
    {
        return Err(wo_rules::identity::no_such_principal(assignee));
    }
    if let Some(after) = after {
        work_order::find(tenant, after)?;
    }
    Ok(size)
}

/// Whether a work order in a state of that name may have come to its end.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn is_end_state(status: Option<&str>) -> bool {
    in_any_version(status, |state| state.terminal)
}

/// Whether a work order in a state of that name may be on its way.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn is_open_state(status: Option<&str>) -> bool {
    in_any_version(status, |state| !state.terminal)
}

/// The fleet, as the kernel asks it.
pub struct Fleet;

/// The concept.
pub const CONCEPT: Fleet = Fleet;

impl Concept for Fleet {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("10_fleet", include_str!("../../sql/10_fleet.sql")),
            ("25_overview", include_str!("../../sql/25_overview.sql")),
        ]
    }
}
