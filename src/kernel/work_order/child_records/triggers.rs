//! The triggers of the tables whose rows belong to work orders.

use super::chain::record;
use super::kind::{Kind, Owner};
use super::value::{name_of, uuid_in, value_of};
use crate::kernel::concept;
use crate::kernel::given;
use crate::kernel::identity::{self, memory};
use crate::kernel::work_order::record::actor_roles;
use crate::kernel::work_order::record::child_change::ChildChange;
use crate::kernel::work_order::record::unfinished;
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::row::{Row, returned};
use crate::pg::statement::{text, timestamp};
use crate::pg::transaction::make_visible;
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::refusal::{Refusal, SqlState};

fn kind_of(trigger: &PgTrigger<'_>) -> Result<&'static Kind, PgTriggerError> {
    let arguments = trigger.extra_args()?;
    let name = arguments.first().map(String::as_str).unwrap_or_default();
    Ok(concept::all()
        .flat_map(|concept| concept.child_kinds())
        .find(|kind| kind.table.name == name)
        .unwrap_or_else(|| refuse(damaged(&format!("a trigger watches \"{name}\"")))))
}

/// Before a write: the work order is open, and the actor may.
#[pg_trigger(sql = r#"
create function wo_private.child_record_validate() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn child_record_validate<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    crate::kernel::version::check_written(trigger);
    let kind = kind_of(trigger)?;
    let (acting, standing) = actor_roles::acting().or_refuse();
    let (old, new) = (Row::old_of(trigger), Row::new_of(trigger));
    for row in [&old, &new].into_iter().flatten() {
        let tenant = row.named::<pgrx::Uuid>("tenant_id");
        let tenant = tenant.map(|tenant| Uuid::from_bytes(*tenant.as_bytes()));
        crate::kernel::configuration::check_tenant(tenant, &acting).or_refuse();
    }
    if let (Some(table), Some(new)) = (wo_rules::schema::table(kind.table.name), &new) {
        crate::kernel::secret::check_row(trigger, table, old.as_ref(), new).or_refuse();
    }
    memory::mark_written();
    let Some(row) = new.as_ref().or(old.as_ref()) else { return Ok(None) };
    let owner = Owner::lock(acting.tenant, uuid_in(row, kind.table.child.work_order)).or_refuse();
    owner.lifecycle.check_open(&owner.facets.record()).or_refuse();
    (kind.check)(&standing, &owner, new.as_ref()).or_refuse();
    unfinished::begin_child(owner.id, name_of(&kind.table, row));
    let Some(new) = new else { return Ok(trigger.old()) };
    check_writer_not_given(kind, &standing.id, old.as_ref(), &new).or_refuse();
    if old.as_ref().is_some_and(|old| is_unchanged(kind, old, &new)) {
        // Nothing changes, so nothing is recorded: who wrote the record, and when, stay with it.
        return Ok(trigger.old());
    }
    if let Some(column) = kind.table.child.reason
        && new.named::<String>(column).is_none_or(|reason| reason.trim().is_empty())
    {
        let number = &owner.facets.number;
        refuse(
            Refusal::new(
                SqlState::GateNotMet,
                "fields_missing",
                format!("work order {number} needs a reason for that"),
            )
            .with("work_order_id", owner.facets.id.as_str())
            .with("missing_fields", vec![column])
            .hint("Say why."),
        );
    }
    let mut changes = Vec::new();
    let column = |name: &str| new.column(name).unwrap_or(usize::MAX);
    for (name, value) in (kind.fill)(&standing, &owner, old.as_ref(), &new).or_refuse() {
        changes.push((column(name), value));
    }
    if let Some((who, when)) = kind.table.child.written {
        changes.push((column(who), text(&standing.id)));
        changes.push((column(when), timestamp(identity::now())));
    }
    Ok(Some(returned(trigger, new.with(&changes))))
}

/// Whether a write changes no column beside those that say who wrote the record and when.
fn is_unchanged(kind: &Kind, old: &Row, new: &Row) -> bool {
    let writer = kind.table.child.written;
    let is_of_writer = |index| {
        writer.is_some_and(|(who, when)| [Some(who), Some(when)].contains(&new.name(index)))
    };
    (0..new.len()).all(|index| is_of_writer(index) || new.same(old, index))
}

/// Refuses a write that says itself who wrote the record and when.
///
/// # Errors
/// 42501 `column_not_writable`.
fn check_writer_not_given(
    kind: &Kind,
    actor: &str,
    old: Option<&Row>,
    new: &Row,
) -> Result<(), Refusal> {
    let Some((who, when)) = kind.table.child.written else { return Ok(()) };
    let mut columns = Vec::new();
    if given::is_other_given(new, old, who, Some(actor)) {
        columns.push(who);
    }
    if given::is_time_given(new, old, when) {
        columns.push(when);
    }
    given::check_none_given(&columns, &format!("a row of wo.{}", kind.table.name))
}

/// After a write: an entry in the work order's chain, and its event.
#[pg_trigger(sql = r#"
create function wo_private.child_record_audit() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn child_record_audit<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    let kind = kind_of(trigger)?;
    let acting = identity::required().or_refuse();
    let (old, new) = (Row::old_of(trigger), Row::new_of(trigger));
    let Some(row) = new.as_ref().or(old.as_ref()) else { return Ok(None) };
    let owner = uuid_in(row, kind.table.child.work_order);
    unfinished::end_child(owner, &name_of(&kind.table, row), || {
        after_write(kind, acting.tenant, owner, old.as_ref(), new.as_ref()).or_refuse();
    });
    Ok(None)
}

/// What follows for the work order.
fn after_write(
    kind: &Kind,
    tenant: Uuid,
    owner: Uuid,
    old: Option<&Row>,
    new: Option<&Row>,
) -> Result<(), Refusal> {
    let Some(row) = new.or(old) else { return Ok(()) };
    if let (None, Some(new)) = (old, new) {
        // The rows of the statement itself are to be seen.
        make_visible();
        (kind.after)(tenant, owner, new)?;
    }
    let (before, after) =
        (old.map(|row| value_of(&kind.table, row)), new.map(|row| value_of(&kind.table, row)));
    if before == after {
        return Ok(());
    }
    let Some(actions) = kind.table.child.actions else {
        let name = kind.table.name;
        return Err(damaged(&format!("rows of wo.{name} are not audited by a trigger")));
    };
    let place = match (&before, &after) {
        (None, _) => 0,
        (Some(_), Some(_)) => 1,
        (Some(_), None) => 2,
    };
    let change_of_child = ChildChange {
        action: actions[place],
        reason: kind
            .table
            .child
            .reason
            .filter(|_| after.is_some())
            .and_then(|column| row.named(column)),
        changes: wo_rules::audit::changes([(
            name_of(&kind.table, row).as_str(),
            before.as_deref(),
            after.as_deref(),
        )]),
        covered: kind.table.child.covers.is_some(),
        data: kind.shown_of(row)?,
    };
    record(tenant, owner, change_of_child);
    Ok(())
}
