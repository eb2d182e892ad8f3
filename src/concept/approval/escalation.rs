//! Until when a signature is to be given, and who is notified when it is not.

use super::{
    Changes, REQUEST, WorkOrderView, make_visible, person, with_locked_work_order, write_rows,
};
use crate::kernel::identity::actor::of_actor;
use crate::kernel::identity::registration::acting_manager_of;
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::{Reading, read_as_trail};
use crate::pg::error::OrRefuse;
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, bigint, optional_timestamp, statement, timestamp, uuid as uuid_argument,
};
use pgrx::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;
use wo_rules::approval::escalation::{Sla, Target, notifies_nobody};
use wo_rules::calendar::Calendar;
use wo_rules::refusal::Refusal;

/// How many requests one tick escalates in a tenant.
const MOST: i64 = 500;

statement!(
    DUE,
    "select open.work_order_id, open.id from wo.approval_request as open
     where open.tenant_id = $1 and open.closed_at is null and open.next_escalation is not null
        and open.next_escalation <= $3
     order by open.next_escalation
     limit $2",
    [UUIDOID, INT8OID, TIMESTAMPTZOID]
);
statement!(
    STILL_DUE,
    "select open.* from wo.approval_request as open
     where open.tenant_id = $1 and open.work_order_id = $2 and open.id = $3 and open.closed_at is null
        and open.next_escalation <= pg_catalog.clock_timestamp()",
    [UUIDOID, UUIDOID, UUIDOID]
);
statement!(
    ESCALATE,
    "update wo.approval_request as open set next_escalation = $4, escalations = open.escalations + 1
     where open.tenant_id = $1 and open.work_order_id = $2 and open.id = $3
     returning open.*",
    [UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID]
);

/// A role's clock, where the tenant has set one.
fn sla_of(tenant: Uuid, role: &str) -> Result<Option<(Sla, Calendar)>, Refusal> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("role", role)];
    let found = find("approval_sla", "approval_sla_pkey", &key, |row| {
        Some((sla(row), row.named::<String>("calendar")))
    });
    let Some((sla, calendar)) = found else { return Ok(None) };
    let calendar = match calendar {
        None => Calendar::always(),
        Some(name) => {
            let key = [Key::Uuid("tenant_id", tenant), Key::Text("name", &name)];
            find("business_calendar", "business_calendar_pkey", &key, |row| Some(calendar_of(row)))
                .unwrap_or_else(|| Ok(Calendar::always()))?
        }
    };
    Ok(Some((sla?, calendar)))
}

/// Reads the clock of a role from its row.
///
/// # Errors
/// 22023 `approval_sla_invalid`.
pub fn sla(row: &Row) -> Result<Sla, Refusal> {
    let hours = row.named::<AnyNumeric>("hours").and_then(|hours| f64::try_from(hours).ok());
    let escalation = row.named::<crate::pg::jsonb::Document>("escalation").map(|steps| steps.0);
    Sla::read(hours.unwrap_or(f64::NAN), &escalation.unwrap_or_default())
}

/// Reads a calendar from its row.
///
/// # Errors
/// 22023 `calendar_invalid`.
pub fn calendar_of(row: &Row) -> Result<Calendar, Refusal> {
    let zone: String = row.named("time_zone").unwrap_or_default();
    let hours = row.named::<crate::pg::jsonb::Document>("working_hours").map(|hours| hours.0);
    let holidays: Vec<Option<Date>> = row.named("holidays").unwrap_or_default();
    let holidays: Vec<String> = holidays
        .into_iter()
        .flatten()
        .map(|day| wo_rules::time::date(day.to_pg_epoch_days()))
        .collect();
    let data = crate::pg::time_zone::data_of(&zone);
    Calendar::read(&zone, data.as_deref(), &hours.unwrap_or_default(), &holidays)
}

/// Checks an SLA before it is stored.
///
/// # Errors
/// 22023 `approval_sla_invalid`.
pub fn check_sla(tenant: Uuid, row: &Row) -> Result<(), Refusal> {
    let is_row = |table, index, column, name: &str| {
        let key = [Key::Uuid("tenant_id", tenant), Key::Text(column, name)];
        find(table, index, &key, |_| Some(())).is_some()
    };
    sla(row)?.check_targets(
        |role| is_row("role", "role_pkey", "role", role),
        |id| is_row("principal", "principal_pkey", "id", id),
    )
}

/// When a request is due.
#[derive(Default)]
pub struct Due {
    /// Until when it is to be signed.
    pub deadline: Option<i64>,
    /// When somebody is notified that it was not.
    pub next_escalation: Option<i64>,
}

/// When a request of that role is due that was made at `requested_at`; never where there is no clock.
///
/// # Errors
/// 22023 where the clock cannot be read.
pub fn due(tenant: Uuid, role: &str, requested_at: i64) -> Result<Due, Refusal> {
    Ok(sla_of(tenant, role)?.map_or_else(Due::default, |(sla, calendar)| Due {
        deadline: sla.deadline(&calendar, requested_at),
        next_escalation: sla.next_escalation(&calendar, requested_at, 0),
    }))
}

/// Escalates what is overdue. Gives how many.
pub fn escalate(tenant: Uuid) -> i32 {
    let now = timestamp(crate::kernel::identity::now());
    let arguments = [uuid_argument(tenant), bigint(MOST), now];
    let id_at = |rows: &crate::pg::statement::Rows, row: usize, column: i32| {
        rows.get::<pgrx::Uuid>(row, column).map(|id| Uuid::from_bytes(*id.as_bytes()))
    };
    let due: Vec<(Uuid, Uuid)> = as_trail(|| {
        DUE.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| Some((id_at(rows, row, 1)?, id_at(rows, row, 2)?)))
                    .collect()
            })
        })
    });
    let mut due = due;
    due.sort();
    due.into_iter()
        .map(|(work_order, request)| i32::from(escalate_one(tenant, work_order, request)))
        .sum()
}

fn escalate_one(tenant: Uuid, work_order: Uuid, request: Uuid) -> bool {
    // A transaction that writes the work order now may just be signing: the next tick looks again.
    if read_as_trail(Reading::LockedIfFree, tenant, work_order, |_| ()).is_none() {
        return false;
    }
    with_locked_work_order(tenant, work_order, |view| escalate_locked(view, request)).or_refuse()
}

fn escalate_locked(view: &WorkOrderView<'_>, request: Uuid) -> Result<bool, Refusal> {
    let tenant = view.tenant;
    let place = [uuid_argument(tenant), uuid_argument(view.seen.id()), uuid_argument(request)];
    let still = STILL_DUE.with(|statement| {
        statement.run(Mode::Latest, &place, |rows| {
            let row = Row::of_rows(rows, 0)?;
            let requested = row.timestamp_named("requested_at")?;
            Some((
                row.named::<String>("action")?,
                row.named::<String>("role")?,
                row.named::<String>("meaning")?,
                row.named::<i32>("escalations")?,
                requested,
                (child_records::name_of(&REQUEST, &row), child_records::value_of(&REQUEST, &row)),
            ))
        })
    });
    let Some((action, role, meaning, escalations, requested, before)) = still else {
        return Ok(false);
    };
    let step = usize::try_from(escalations).unwrap_or(usize::MAX);
    let clock = sla_of(tenant, &role)?;
    let target =
        clock.as_ref().and_then(|(sla, _)| sla.steps.get(step)).map(|step| step.to.clone());
    let next = clock.and_then(|(sla, calendar)| {
        sla.next_escalation(&calendar, requested, step.saturating_add(1))
    });
    let next = optional_timestamp(next);
    let mut changes = Changes::default();
    let arguments = [place[0], place[1], place[2], next];
    write_rows(&ESCALATE, &arguments, &REQUEST, &[before], &mut changes);
    let asked = person::approvers(view, &action, &role, &meaning);
    let found = target.as_ref().map(|target| people_of(tenant, target, &asked));
    // Where the target is nobody, those who may sign are notified again.
    let to = found.filter(|found| !found.is_empty()).unwrap_or_else(|| asked.clone());
    let data = json!({
        "role": role,
        "meaning": meaning,
        "step": step + 1,
        "to": to,
        "approvers": asked,
    });
    make_visible();
    let change_of_child = ChildChange {
        action: "approval_escalated",
        reason: Some(format!("no signature of {role} in time")),
        changes: changes.text(),
        covered: false,
        data: data.as_object().cloned().unwrap_or_default(),
    };
    child_records::record(tenant, view.seen.id(), change_of_child);
    Ok(true)
}

/// Whom a step notifies, of those who may act; `asked` are those who may sign.
fn people_of(tenant: Uuid, target: &Target, asked: &[String]) -> Vec<String> {
    match target {
        Target::Role(role) => person::of_role(tenant, role),
        Target::Principal(id) => {
            let may_act =
                of_actor(tenant, id, None).is_some_and(|actor| actor.standing.check(id).is_ok());
            may_act.then(|| id.clone()).into_iter().collect()
        }
        Target::Manager => {
            let managers = asked.iter().filter_map(|id| acting_manager_of(tenant, id));
            managers.collect::<BTreeSet<String>>().into_iter().collect()
        }
    }
}

/// The steps of a tenant's SLAs that would notify nobody now, in words.
///
/// # Errors
/// 22023 where an SLA cannot be read.
pub fn notifying_nobody(tenant: Uuid) -> Result<Vec<String>, Refusal> {
    let mut clocks = Vec::new();
    let key = [Key::Uuid("tenant_id", tenant)];
    find::<()>("approval_sla", "approval_sla_pkey", &key, |row| {
        clocks.push((row.required_named::<String>("role"), sla(row)));
        None
    });
    let mut problems = Vec::new();
    for (role, sla) in clocks {
        let asked = person::of_role(tenant, &role);
        for (index, step) in sla?.steps.iter().enumerate() {
            if people_of(tenant, &step.to, &asked).is_empty() {
                problems.push(notifies_nobody(&role, index + 1, &step.to));
            }
        }
    }
    Ok(problems)
}
