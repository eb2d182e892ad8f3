//! How long a tenant lets its work orders stay in a state.

use super::cache;
use crate::pg::lookup::{Key, find};
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use pgrx::AnyNumeric;
use uuid::Uuid;
use wo_rules::lifecycle::{State, check_limit, unknown};
use wo_rules::refusal::Refusal;

// A work order stays in its version of the lifecycle as long as it is open.
statement!(
    IN_USE,
    "select published.version from wo.lifecycle as published
     where published.tenant_id = $1 and published.name = $2
        and (published.version = (select pg_catalog.max(newest.version) from wo.lifecycle as newest
                where newest.tenant_id = $1 and newest.name = $2)
            or exists (select from wo.work_order as held
                where held.tenant_id = $1 and held.locked_at is null and held.lifecycle = $2
                    and held.lifecycle_version = published.version))
     order by published.version desc",
    [UUIDOID, TEXTOID]
);

/// The hours that a work order of the tenant may stay in the state.
pub fn maximum_hours(tenant: Uuid, lifecycle: &str, state: &State) -> Option<f64> {
    if state.terminal {
        return None;
    }
    let key = [
        Key::Uuid("tenant_id", tenant),
        Key::Text("lifecycle", lifecycle),
        Key::Text("state", &state.name),
    ];
    let limit = find("state_limit", "state_limit_pkey", &key, |row| {
        let hours = row.named::<AnyNumeric>("maximum_hours");
        Some(hours.and_then(|hours| f64::try_from(hours).ok()))
    });
    state.maximum(limit)
}

/// Checks a limit before it is stored.
///
/// # Errors
/// 22023 `lifecycle_unknown`, `state_unknown`.
pub fn check(tenant: Uuid, lifecycle: &str, state: &str) -> Result<(), Refusal> {
    let arguments = [uuid_argument(tenant), text(lifecycle)];
    let in_use: Vec<i32> = IN_USE.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            (0..rows.count()).map(|row| rows.required(row, 1)).collect()
        })
    });
    if in_use.is_empty() {
        return Err(unknown(Some(lifecycle)));
    }
    let versions = in_use.into_iter().map(|version| cache::compiled(tenant, lifecycle, version));
    check_limit(lifecycle, &versions.collect::<Result<Vec<_>, Refusal>>()?, state)
}
