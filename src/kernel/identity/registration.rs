//! What a tenant and a principal name, checked before they are stored.

use crate::pg::lock::{Lock, Purpose};
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use uuid::Uuid;
use wo_rules::naming;
use wo_rules::refusal::Refusal;

/// The text of a column, where the write gives another one than is stored.
fn changed(old: Option<&Row>, new: &Row, column: &'static str) -> Option<String> {
    let value: Option<String> = new.named(column);
    value.filter(|value| old.and_then(|old| old.named::<String>(column)).as_ref() != Some(value))
}

/// Checks a tenant's default lifecycle. A new tenant has none yet, and gets the shipped ones with it.
///
/// # Errors
/// 22023 `lifecycle_unknown`.
pub fn check_tenant(tenant: Uuid, old: Option<&Row>, new: &Row) -> Result<(), Refusal> {
    let Some(name) = changed(old, new, "default_lifecycle") else { return Ok(()) };
    if old.is_none() {
        return naming::check_first_lifecycle(&name);
    }
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("name", &name)];
    match find("lifecycle", "lifecycle_pkey", &key, |_| Some(())) {
        Some(()) => Ok(()),
        None => Err(wo_rules::lifecycle::unknown(Some(&name))),
    }
}

/// Checks a principal's login role and manager.
///
/// # Errors
/// 22023 `login_unknown`, `manager_unknown`; 23514 `manager_cycle`.
pub fn check_principal(tenant: Uuid, old: Option<&Row>, new: &Row) -> Result<(), Refusal> {
    if let Some(login) = changed(old, new, "db_role")
        && !crate::pg::server::is_role(&login)
    {
        return Err(naming::login_unknown(&login));
    }
    let Some(manager) = changed(old, new, "manager") else { return Ok(()) };
    // Two transactions that each see no circle could close one.
    Lock::new(Purpose::Managers, tenant.as_bytes()).until_end();
    // Without an id the row is refused by its NOT NULL.
    let Some(id) = new.named::<String>("id") else { return Ok(()) };
    naming::check_manager(&id, &manager, |id| manager_of(tenant, id))
}

/// The manager of a principal as committed now; nothing where there is no such principal.
fn manager_of(tenant: Uuid, id: &str) -> Option<Option<String>> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("id", id)];
    find("principal", "principal_pkey", &key, |row| Some(row.named::<String>("manager")))
}

/// The first manager above a principal who may act; nobody where there is none.
pub fn acting_manager_of(tenant: Uuid, id: &str) -> Option<String> {
    let mut seen = vec![id.to_owned()];
    let mut next = manager_of(tenant, id)??;
    while !seen.contains(&next) {
        if super::actor::of_actor(tenant, &next, None)
            .is_some_and(|actor| actor.standing.check(&next).is_ok())
        {
            return Some(next);
        }
        let above = manager_of(tenant, &next)??;
        seen.push(std::mem::replace(&mut next, above));
    }
    None
}
