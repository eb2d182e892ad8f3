//! How a work order came into the state that it is in: why, and how long it may stay. The trail says both; it is read
//! by its index, from the newest entry on.

use super::layout::Column;
use super::view::{Reading, read};
use crate::kernel::identity;
use crate::kernel::lifecycle::{cache, time_limit};
use crate::pg::statement::{Mode, Rows, Statement, statement, timestamp, uuid as uuid_argument};
use pgrx::prelude::*;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::field::Field;
use wo_rules::lifecycle::{Lifecycle, State, blocker as blocker_text, given_hours};

// A migration to another version gives a state another name, and no reason to be in it.
statement!(
    REASON,
    "select entry.reason from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.recorded_at between $3 and $4
        and entry.subject = 'work_order' and entry.action <> 'migrated'
        and entry.to_status is distinct from entry.from_status
     order by entry.sequence desc limit 1",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID]
);
statement!(
    TIME_GIVEN,
    "select pg_catalog.extract('epoch',
        (entry.changes -> 'state_deadline' ->> 'new')::timestamptz - entry.recorded_at)::float8
     from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.recorded_at between $3 and $4
        and entry.subject = 'work_order'
        and (entry.to_status is distinct from entry.from_status or entry.action = 'migrated')
     order by entry.sequence desc limit 1",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID]
);

/// The entries of a work order are not older than it and not younger than now, but for clocks that were set by less
/// than this. So the partitions of other months are not opened.
const CLOCKS_DIFFER: i64 = 86_400_000_000;

/// What is said where the entry was archived.
const NOT_HERE: &str = "the entry that says why is not in the trail here";

/// Asks the newest entry of a work order's trail.
fn newest<T>(
    statement: &'static LocalKey<Statement>,
    (tenant, id, created_at): (Uuid, Uuid, i64),
    get: impl FnOnce(&Rows) -> Option<T>,
) -> Option<T> {
    let since = timestamp(created_at.saturating_sub(CLOCKS_DIFFER));
    let until = timestamp(identity::now().saturating_add(CLOCKS_DIFFER));
    let arguments = [uuid_argument(tenant), uuid_argument(id), since, until];
    statement.with(|statement| statement.run(Mode::Caller, &arguments, get))
}

/// What blocks a work order that is in that state of its lifecycle, as the caller may read it; nothing where the state
/// is no blocked one.
pub fn blocker_of(
    tenant: Uuid,
    id: Uuid,
    (lifecycle, version): (&str, i32),
    status: &str,
) -> Option<String> {
    let compiled = cache::compiled(tenant, lifecycle, version).ok()?;
    if !compiled.state(status)?.blocked {
        return None;
    }
    let field = compiled.reason_field_of(status);
    let (kept, cause, created_at) = read(Reading::AsCaller, tenant, id, |seen| {
        let created_at = seen.row.timestamp(seen.layout.column(Column::CreatedAt));
        let kept = field.and_then(|field| seen.field::<String>(field));
        (kept, seen.field::<String>(Field::BlockCause), created_at)
    })?;
    let given = || {
        newest(&REASON, (tenant, id, created_at?), |rows| match rows.count() {
            0 => Some(NOT_HERE.to_owned()),
            _ => rows.get::<String>(0, 1),
        })
    };
    let reason = kept.filter(|kept| !kept.trim().is_empty()).or_else(given);
    Some(blocker_text(reason.as_deref(), cause.as_deref()))
}

/// What blocks a work order: the reason that was given when it came into its blocked state, and the cause.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn blocker(
    work_order: Option<pgrx::Uuid>,
    lifecycle: Option<&str>,
    version: Option<i32>,
    status: Option<&str>,
) -> Option<String> {
    let id = Uuid::from_bytes(*work_order?.as_bytes());
    blocker_of(identity::current()?.tenant, id, (lifecycle?, version?), status?)
}

/// The rule of time that a state has, in words: of a work order the one that it came into its state under.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn state_rule(
    lifecycle: Option<&str>,
    version: Option<i32>,
    status: Option<&str>,
    work_order: Option<pgrx::Uuid>,
) -> Option<String> {
    let (lifecycle, tenant) = (lifecycle?, identity::current()?.tenant);
    let compiled = cache::compiled(tenant, lifecycle, version?).ok()?;
    let work_order = work_order.map(|id| Uuid::from_bytes(*id.as_bytes()));
    time_rule_of(tenant, work_order, &compiled, compiled.state(status?)?)
}

/// The rule of time of a state of a lifecycle, in words: of a work order the one that it came into the state under.
pub fn time_rule_of(
    tenant: Uuid,
    work_order: Option<Uuid>,
    lifecycle: &Lifecycle,
    state: &State,
) -> Option<String> {
    let hours = work_order.and_then(|id| hours_given(tenant, id));
    state.time_rule(hours.or_else(|| time_limit::maximum_hours(tenant, lifecycle.name(), state)))
}

/// The hours that a work order was given when it came into its state.
fn hours_given(tenant: Uuid, id: Uuid) -> Option<f64> {
    let created_at = read(Reading::AsCaller, tenant, id, |seen| {
        seen.row.timestamp(seen.layout.column(Column::CreatedAt))
    })??;
    newest(&TIME_GIVEN, (tenant, id, created_at), |rows| rows.get::<f64>(0, 1)).map(given_hours)
}
