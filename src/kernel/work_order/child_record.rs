//! Records that belong to a work order: each is written into the work order's own chain, and locked
//! with it. They move the chain's head, not the record's version.

use super::actor_roles::{self, ActorRoles};
use super::pending::{self, SystemWrite};
use super::row::RecordView;
use super::unfinished;
use super::view::{Reading, WorkOrderView, lock_owner, read_as_trail, with_shared_work_order};
use crate::kernel::concept;
use crate::kernel::given;
use crate::kernel::identity::{self, memory};
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::row::{Row, returned};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, text, timestamp, uuid as uuid_argument};
use crate::pg::transaction::make_visible;
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use serde_json::{Map, Value};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::json::Object;
use wo_rules::lifecycle::Lifecycle;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::schema::ChildTable;
use wo_rules::work_order::write_suppressed;

statement!(
    MOVE_CHAIN,
    "update wo.work_order set reason = null where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID]
);

/// What a concept checks of the records that callers write to one of its tables.
pub struct Kind {
    /// The table.
    pub table: ChildTable,
    /// Whether the actor may write it; no new row where it is removed.
    pub check: fn(&ActorRoles, &Owner, Option<&Row>) -> Result<(), Refusal>,
    /// What is checked when it was added: of whose tenant, of which work order, the row.
    pub after: fn(Uuid, Uuid, &Row) -> Result<(), Refusal>,
}

/// The work order that a record belongs to, locked until the transaction ends.
pub struct Owner {
    /// Its tenant.
    pub tenant: Uuid,
    /// The work order.
    pub id: Uuid,
    /// Its lifecycle.
    pub lifecycle: Rc<Lifecycle>,
    /// What the rules see of it.
    pub facets: RecordView,
}

impl Owner {
    /// Locks the work order.
    ///
    /// # Errors
    /// 22023 `work_order_unknown`; 55000 `write_unfinished`.
    pub fn lock(tenant: Uuid, id: Uuid) -> Result<Self, Refusal> {
        lock_owner(tenant, id, |view| Ok(Self::of(view)))
    }

    /// Keeps the work order as it is, together with others who do.
    ///
    /// # Errors
    /// 22023 `work_order_unknown`; 55000 `write_unfinished`.
    pub fn share(tenant: Uuid, id: Uuid) -> Result<Self, Refusal> {
        with_shared_work_order(tenant, id, |view| {
            view.check_finished(None)?;
            Ok(Self::of(view))
        })
    }

    fn of(view: &WorkOrderView<'_>) -> Self {
        Self {
            tenant: view.tenant,
            id: view.seen.id(),
            lifecycle: Rc::clone(view.lifecycle),
            facets: RecordView::of(view.seen),
        }
    }
}

fn kind_of(trigger: &PgTrigger<'_>) -> Result<&'static Kind, PgTriggerError> {
    let arguments = trigger.extra_args()?;
    let name = arguments.first().map(String::as_str).unwrap_or_default();
    Ok(concept::all()
        .flat_map(|concept| concept.child_kinds())
        .find(|kind| kind.table.name == name)
        .unwrap_or_else(|| refuse(damaged(&format!("a trigger watches \"{name}\"")))))
}

fn uuid_in(row: &Row, column: &str) -> Uuid {
    row.named::<pgrx::Uuid>(column).map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()))
}

/// Before a write: the work order is open, and the actor may.
#[pg_trigger(sql = r#"
create function wo_private.child_record_validate() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn child_record_validate<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    crate::kernel::install::check_written(trigger);
    let kind = kind_of(trigger)?;
    let (acting, standing) = actor_roles::acting().or_refuse();
    let (old, new) = (Row::old_of(trigger), Row::new_of(trigger));
    for row in [&old, &new].into_iter().flatten() {
        if uuid_in(row, "tenant_id") != acting.tenant {
            refuse(crate::kernel::configuration::wrong_tenant());
        }
    }
    memory::mark_written();
    let Some(row) = new.as_ref().or(old.as_ref()) else { return Ok(None) };
    let owner = Owner::lock(acting.tenant, uuid_in(row, kind.table.child.work_order)).or_refuse();
    owner.lifecycle.check_open(&owner.facets.record()).or_refuse();
    (kind.check)(&standing, &owner, new.as_ref()).or_refuse();
    unfinished::begin_child(owner.id, name_of(&kind.table, row));
    let Some(new) = new else { return Ok(trigger.old()) };
    check_writer_not_given(kind, &standing.id, old.as_ref(), &new).or_refuse();
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
    if let Some((who, when)) = kind.table.child.written {
        let column = |name: &str| new.column(name).unwrap_or(usize::MAX);
        changes.push((column(who), text(&standing.id)));
        changes.push((column(when), timestamp(identity::now())));
    }
    Ok(Some(returned(trigger, new.with(&changes))))
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
        data: Map::new(),
    };
    record(tenant, owner, change_of_child);
    Ok(())
}

/// What happened to something that belongs to a work order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildChange {
    /// What was done.
    pub action: &'static str,
    /// Why.
    pub reason: Option<String>,
    /// Old and new values: see [`wo_rules::audit::changes`].
    pub changes: String,
    /// What its event says beside what every event says.
    pub data: Map<String, Value>,
}

/// Makes a write of the enforcement layer's own to the work order's record, which `write` does by an UPDATE of that
/// one row. Gives whether the row was there.
pub fn upkeep(
    work_order: Uuid,
    change_of_child: ChildChange,
    write: impl FnOnce() -> usize,
) -> bool {
    let consequence = SystemWrite::Upkeep(work_order, Rc::new(change_of_child));
    pending::as_system_write(consequence, || as_trail(write)) > 0
}

/// Writes it into the work order's chain.
pub fn record(tenant: Uuid, work_order: Uuid, change_of_child: ChildChange) {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order)];
    let count = pending::as_system_write(
        SystemWrite::ChildRecord(work_order, Rc::new(change_of_child)),
        || {
            as_trail(|| {
                MOVE_CHAIN
                    .with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
            })
        },
    );
    if count == 0 {
        let conflict = Refusal::new(
            SqlState::VersionConflict,
            "version_conflict",
            "the work order that this belongs to changed meanwhile",
        )
        .with("work_order_id", work_order.to_string())
        .hint("Run the transaction again.");
        refuse(not_written(tenant, work_order, conflict));
    }
}

/// The refusal where a write of ours to a work order met no row: the conflict where this transaction's snapshot
/// does not show the row.
pub fn not_written(tenant: Uuid, work_order: Uuid, conflict: Refusal) -> Refusal {
    match read_as_trail(Reading::AsCaller, tenant, work_order, |_| ()) {
        Some(()) => write_suppressed("work_order"),
        None => conflict,
    }
}

/// The name of a record in the audit trail.
pub fn name_of(table: &ChildTable, row: &Row) -> String {
    match table.child.item {
        None => table.name.to_owned(),
        Some(item) => format!("{}:{}", table.name, uuid_in(row, item)),
    }
}

/// What the audit trail holds of a record: its columns beside its key, as the text of a JSON object.
pub fn value_of(table: &ChildTable, row: &Row) -> String {
    let is_key = |name: &str| {
        name == "tenant_id" || name == table.child.work_order || Some(name) == table.child.item
    };
    (0..row.len())
        .filter_map(|index| {
            let name = row.name(index).filter(|name| !is_key(name))?;
            Some((name, row.json(index)?))
        })
        .collect::<Object>()
        .end()
}
