//! How long a tenant lets its work orders stay in a state.

use super::cache;
use crate::pg::lookup::{Key, find};
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use pgrx::AnyNumeric;
use uuid::Uuid;
use wo_rules::lifecycle::{State, check_limit, unknown};
use wo_rules::refusal::Refusal;

statement!(
    NEWEST,
    "select max(published.version) from wo.lifecycle as published
     where published.tenant_id = $1 and published.name = $2",
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
    let newest: Option<i32> =
        NEWEST.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)));
    let version = newest.ok_or_else(|| unknown(Some(lifecycle)))?;
    check_limit(&*cache::compiled(tenant, lifecycle, version)?, state)
}
