//! Signatures that a tenant asks for beyond its lifecycles.

use crate::kernel::identity::known::{Answers, Source, recall};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::approval::requirement::{Additional, read};
use wo_rules::lifecycle::ApprovalRequirement;
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

/// Checks a requirement before it is stored.
///
/// # Errors
/// 22023 `approval_requirement_invalid`.
pub fn check(row: &Row) -> Result<(), Refusal> {
    additional(row).map_or(Ok(()), |one| read(&one).map(|_| ()))
}
