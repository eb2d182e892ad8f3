//! Signatures that a tenant asks for beyond its lifecycles.

use crate::kernel::identity::known::{Answers, Source, recall};
use crate::kernel::lifecycle::cache;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::approval::requirement::{Additional, never_asked, read};
use wo_rules::lifecycle::ApprovalRequirement;
use wo_rules::naming::check_action;
use wo_rules::refusal::Refusal;

/// Requirements, each with the action that waits for it.
type Requirements = Vec<(String, ApprovalRequirement)>;

thread_local! {
    static ASKED: RefCell<Answers<(Uuid, String), Requirements>> =
        RefCell::default();
}

fn additional(row: &Row) -> Option<Additional> {
    Some(Additional {
        name: row.named("name")?,
        lifecycle: row.named("lifecycle"),
        action: row.named("action")?,
        role: row.named("role")?,
        meaning: row.named("meaning")?,
        count: row.named::<i32>("count")?,
        order: row.named::<i32>("ordinal")?,
        when: row.named("when"),
        covers: row.named("covers")?,
    })
}

/// Those of a lifecycle, each with the action that waits for it.
pub fn of_lifecycle(tenant: Uuid, lifecycle: &str) -> Rc<Requirements> {
    recall(&ASKED, &[Source::ApprovalRequirement], (tenant, lifecycle.to_owned()), |_| {
        Some(read_of(tenant, lifecycle))
    })
    .unwrap_or_default()
}

fn read_of(tenant: Uuid, lifecycle: &str) -> Requirements {
    let mut all = Vec::new();
    let key = [Key::Uuid("tenant_id", tenant)];
    find::<()>("approval_requirement", "approval_requirement_pkey", &key, |row| {
        let disabled = row.column("disabled_at").is_some_and(|index| !row.is_null(index));
        if disabled {
            return None;
        }
        // What cannot be read must not open a gate.
        let one = additional(row)
            .ok_or_else(|| damaged("an approval requirement cannot be read"))
            .or_refuse();
        if one.lifecycle.as_deref().is_none_or(|name| name == lifecycle) {
            let required = read(&one).or_refuse();
            all.push((one.name, (one.action, required)));
        }
        None
    });
    all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    all.into_iter().map(|(_, required)| required).collect()
}

/// Checks a requirement before it is stored. An action may be one of an older version of its lifecycle, in
/// which work orders may still be; `wo.health()` reports one that the newest version does not have.
///
/// # Errors
/// 22023 `approval_requirement_invalid`, `lifecycle_unknown`, `action_unknown`.
pub fn check(tenant: Uuid, row: &Row) -> Result<(), Refusal> {
    let Some(one) = additional(row) else { return Ok(()) };
    read(&one)?;
    let lifecycle = one.lifecycle.as_deref();
    let versions = versions_of(tenant, lifecycle);
    if let Some(name) = lifecycle
        && versions.is_empty()
    {
        return Err(wo_rules::lifecycle::unknown(Some(name)));
    }
    check_action(&one.action, lifecycle, &actions_of(tenant, &versions)?)
}

/// The versions of a lifecycle, or of all lifecycles of the tenant.
fn versions_of(tenant: Uuid, lifecycle: Option<&str>) -> Vec<(String, i32)> {
    let mut key = vec![Key::Uuid("tenant_id", tenant)];
    key.extend(lifecycle.map(|name| Key::Text("name", name)));
    let mut versions = Vec::new();
    find::<()>("lifecycle", "lifecycle_pkey", &key, |row| {
        versions.extend(row.named::<String>("name").zip(row.named("version")));
        None
    });
    versions
}

/// Their actions, each once.
fn actions_of(tenant: Uuid, versions: &[(String, i32)]) -> Result<Vec<String>, Refusal> {
    let mut actions = BTreeSet::new();
    for (name, version) in versions {
        let lifecycle = cache::compiled(tenant, name, *version)?;
        actions.extend(lifecycle.transitions().iter().map(|edge| edge.action.clone()));
    }
    Ok(actions.into_iter().collect())
}

/// The requirements of a tenant whose action the newest version of their lifecycle does not have, in words.
///
/// # Errors
/// 55000 `tables_damaged` where a lifecycle cannot be read.
pub fn never_asked_for(tenant: Uuid) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    let key = [Key::Uuid("tenant_id", tenant)];
    find::<()>("approval_requirement", "approval_requirement_pkey", &key, |row| {
        let is_asked = row.column("disabled_at").is_some_and(|index| row.is_null(index));
        found.extend(additional(row).filter(|_| is_asked));
        None
    });
    let mut problems = Vec::new();
    for one in found {
        let mut newest = BTreeMap::new();
        for (name, version) in versions_of(tenant, one.lifecycle.as_deref()) {
            let known = newest.entry(name).or_insert(version);
            *known = version.max(*known);
        }
        let newest: Vec<(String, i32)> = newest.into_iter().collect();
        if !actions_of(tenant, &newest)?.contains(&one.action) {
            problems.push(never_asked(&one.name, &one.action));
        }
    }
    Ok(problems)
}
