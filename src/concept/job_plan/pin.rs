//! The job plan that a work order pins: checks before a row of `wo.work_order_job_plan` is stored.

use super::stored::{self, latest, version_of};
use super::{KIND, work_of};
use crate::kernel::concept::CheckedWrite;
use crate::kernel::given;
use crate::kernel::work_order::ActorRoles;
use crate::kernel::work_order::child_records::{ChildChange, Filled, Owner, upkeep};
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use crate::pg::statement::{Mode, argument, bytes, jsonb, statement, text, uuid as uuid_argument};
use serde_json::{Map, Value};
use uuid::Uuid;
use wo_rules::definition::{check_usable, not_released};
use wo_rules::job_plan::{check_move, pinning};
use wo_rules::refusal::Refusal;
use wo_rules::work_order::write_suppressed;

statement!(
    CLASSIFY,
    "update wo.work_order set task_type = $3 where tenant_id = $1 and id = $2 and task_type is null",
    [UUIDOID, UUIDOID, TEXTOID]
);

/// Whether the actor may change what the work order is made of.
///
/// # Errors
/// 55000 `record_locked`; 42501 `role_missing`.
pub fn check(standing: &ActorRoles, owner: &Owner, _new: Option<&Row>) -> Result<(), Refusal> {
    owner.lifecycle.check_link(&standing.actor(), &owner.facets.record())
}

/// Checks the version that is pinned, and fills in its hash and the values of all its parameters.
///
/// # Errors
/// 22023 `definition_unknown`, `job_plan_parameters_invalid`; 23505 `job_plan_applied_already`; 23514
/// `plan_version_unfit`; 55000 `definition_not_released`, `definition_retired`, `plan_parameters_pinned`; 42501
/// `column_not_writable`.
pub fn fill(
    _standing: &ActorRoles,
    owner: &Owner,
    old: Option<&Row>,
    new: &Row,
) -> Result<Filled, Refusal> {
    let work = work_of(owner);
    // Where it is missing, NOT NULL refuses the row.
    let Some(name) = new.named::<String>("name") else { return Ok(Vec::new()) };
    if old.is_none()
        && let Some(pinned) = latest(owner.tenant, owner.id)
    {
        return Err(pinning::applied_already(&work, &pinned.name, pinned.version));
    }
    let known = version_of(owner.tenant, &name, new.named("version"))?;
    let is_changed = |column: &str| {
        let index = new.column(column);
        old.zip(index).is_none_or(|(old, index)| !new.same(old, index))
    };
    let is_initial = owner.lifecycle.initial_state() == work.status;
    if is_changed("version") {
        check_usable(&known.stored.stored(KIND.name, &name), is_initial)?;
    } else if is_changed("parameters") && !is_initial {
        return Err(pinning::parameters_pinned(&work));
    }
    let given_hash: Option<Vec<u8>> = new.named("sha256");
    if is_changed("sha256") && given_hash.is_some_and(|given| given != known.stored.sha256) {
        given::check_none_given(&["sha256"], "the job plan of a work order")?;
    }
    if let Some(old) = old {
        let before = version_of(owner.tenant, &name, old.named("version"))?;
        let recorded = stored::recorded(owner.tenant, owner.id)?;
        check_move(&before.compiled.plan, &known.compiled.plan, &recorded)?;
    }
    let parameters = new.column("parameters").and_then(|index| new.json(index));
    let parameters = match parameters {
        Some(parameters) => wo_rules::json::parse(&parameters)?,
        None => Value::Null,
    };
    let values = Value::Object(known.compiled.plan.values(&parameters)?);
    Ok(vec![
        ("version", argument(known.stored.version)),
        ("sha256", bytes(&known.stored.sha256)),
        ("parameters", jsonb(&values.to_string())),
    ])
}

/// Has the work order be of the kind of task that its plan names, unless it names one itself.
///
/// # Errors
/// 23503 where the tenant has no such task type any more; 55000 `write_suppressed`.
pub fn classify(tenant: Uuid, work_order: Uuid, added: &Row) -> Result<(), Refusal> {
    let name: String = added.required_named("name");
    let known = version_of(tenant, &name, added.named("version"))?;
    let Some(task_type) = &known.compiled.plan.task_type else { return Ok(()) };
    let version = known.stored.version;
    let change_of_child = ChildChange {
        action: "changed",
        reason: Some(format!("version {version} of the job plan {name} is for that kind of task")),
        changes: String::new(),
        covered: true,
        data: Map::new(),
    };
    let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("id", work_order)];
    let has_one = |row: &Row| Some(row.named::<String>("task_type").is_some());
    if find("work_order", "work_order_pkey", &key, has_one) != Some(false) {
        return Ok(());
    }
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), text(task_type)];
    let is_written = upkeep(work_order, change_of_child, || {
        CLASSIFY.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
    });
    match is_written {
        true => Ok(()),
        false => Err(write_suppressed("work_order")),
    }
}

/// Checks that a work order which leaves its first state has no plan that is not released.
///
/// # Errors
/// 55000 `definition_not_released`.
pub fn check_leaving(write: &CheckedWrite<'_>) -> Result<(), Refusal> {
    if !write.moved() || write.from != Some(write.lifecycle.initial_state()) {
        return Ok(());
    }
    let ends = write.lifecycle.state(write.to).is_some_and(|state| state.terminal);
    let pinned = match ends {
        true => None,
        false => latest(write.tenant, write.work_order),
    };
    let Some(pinned) = pinned else { return Ok(()) };
    let known = pinned.known(write.tenant)?;
    // What was retired since stays with the work that has it.
    match known.stored.is_released {
        true => Ok(()),
        false => Err(not_released(&known.stored.stored(KIND.name, &pinned.name))),
    }
}
