//! What follows for signatures when a work order is written: some are void, some are amended, and
//! others are asked for.

use super::gate::{self, SignatureStatus};
use super::request::{self, Opened};
use super::{
    APPROVAL, Changes, WorkOrderView, make_visible, requirement, with_locked_work_order, write_rows,
};
use crate::kernel::concept::{self, CheckedWrite, StoredWrite};
use crate::kernel::identity;
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::kernel::work_order::tree::ANCESTORS;
use crate::kernel::work_order::{
    Column, RecordView, WorkOrderRow, holder, lifecycle_of, unfinished,
};
use crate::pg::error::OrRefuse;
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, argument, statement, text, timestamp, uuid as uuid_argument};
use serde_json::{Map, Value};
use uuid::Uuid;
use wo_rules::approval::content::{Covers, covers_column};
use wo_rules::approval::signer;
use wo_rules::field::FieldSet;
use wo_rules::lifecycle::{Decision, Lifecycle, Record, VoidApprovals};
use wo_rules::refusal::Refusal;

statement!(
    OF_THESE,
    "select given.* from wo.approval as given
     where given.tenant_id = $1 and given.work_order_id = $2 and given.id = any($3)",
    [UUIDOID, UUIDOID, UUIDARRAYOID]
);
statement!(
    VOID,
    "update wo.approval as given set voided_at = $4, state_reason = $5
     where given.tenant_id = $1 and given.work_order_id = $2 and given.id = any($3)
     returning given.*",
    [UUIDOID, UUIDOID, UUIDARRAYOID, TIMESTAMPTZOID, TEXTOID]
);
statement!(
    AMEND,
    "update wo.approval as given set amended_at = $4, state_reason = $5
     where given.tenant_id = $1 and given.work_order_id = $2 and given.id = any($3)
     returning given.*",
    [UUIDOID, UUIDOID, UUIDARRAYOID, TIMESTAMPTZOID, TEXTOID]
);
statement!(
    VOIDABLE,
    "select given.id, given.meaning from wo.approval as given
     where given.tenant_id = $1 and given.work_order_id = $2 and given.decision = 'approved'
        and given.meaning <> 'waiver' and given.voided_at is null and given.withdrawn_at is null
     order by given.id",
    [UUIDOID, UUIDOID]
);
statement!(
    SIGNED_MASTERS,
    format!(
        "{ANCESTORS}
     select distinct signed.work_order_id from wo.approval as signed
     where signed.tenant_id = $1 and signed.work_order_id in (select above.id from above)
        and signed.decision = 'approved' and signed.amended_at is null and signed.voided_at is null
        and signed.withdrawn_at is null
     order by 1"
    ),
    [UUIDOID, UUIDOID]
);

/// What was changed.
struct Changed {
    /// Whether it came to another state.
    pub moved: bool,
    /// Whether the regulatory flag changed.
    pub regulatory: bool,
    /// The fields.
    pub fields: FieldSet,
    /// Whether a record that belongs to it and that a signature may cover was written.
    pub covered_child: bool,
    /// Whether its place among others changed.
    pub place: bool,
}

/// What has to be looked at after a write.
pub struct FollowUp {
    void: Option<Vec<String>>,
    void_all: bool,
    content: bool,
}

impl FollowUp {
    /// Works it out; nothing where signatures cannot be concerned.
    fn of(
        tenant: Uuid,
        lifecycle: &Lifecycle,
        decision: &Decision<'_>,
        changed: Changed,
    ) -> Option<Self> {
        let is_covered = |name: &str| covers_column(Covers::Result, name);
        let content = changed.regulatory
            || changed.place
            || changed.covered_child
            || changed.fields.iter().any(|field| is_covered(field.name()));
        let (void, void_all) = match &decision.void_approvals {
            VoidApprovals::None => (None, false),
            VoidApprovals::Meanings(all) => {
                (Some(all.iter().map(|one| (*one).to_owned()).collect()), false)
            }
            VoidApprovals::All => (None, true),
        };
        // A condition of a requirement may look at any field.
        let asked_anew = (changed.moved || !changed.fields.is_empty()) && asks(tenant, lifecycle);
        (content || void_all || void.is_some() || asked_anew).then_some(Self {
            void,
            void_all,
            content,
        })
    }

    /// For a new work order.
    fn of_creation(tenant: Uuid, lifecycle: &Lifecycle, has_master: bool) -> Option<Self> {
        (has_master || asks(tenant, lifecycle)).then_some(Self {
            void: None,
            void_all: false,
            content: has_master,
        })
    }
}

/// Whether the lifecycle or the tenant asks for any signature.
fn asks(tenant: Uuid, lifecycle: &Lifecycle) -> bool {
    lifecycle.asks_for_approvals()
        || !requirement::of_lifecycle(tenant, lifecycle.name()).is_empty()
}

/// What follows from a write for signatures; nothing where they cannot be concerned.
pub fn of(write: &CheckedWrite<'_>) -> Option<FollowUp> {
    let (tenant, lifecycle, placing) = (write.tenant, write.lifecycle, write.placing);
    match write.decision {
        None => FollowUp::of_creation(tenant, lifecycle, placing.after.is_some()),
        Some(decision) => {
            let changed = Changed {
                moved: write.moved() || write.migrated,
                regulatory: write.regulatory_changed,
                fields: write.fields,
                covered_child: write.covered_child,
                place: placing.changed,
            };
            FollowUp::of(tenant, lifecycle, decision, changed)
        }
    }
}

impl concept::FollowUp for FollowUp {
    fn carry_out(&self, write: &StoredWrite<'_>) -> bool {
        carry_out(write.tenant, write.seen, self, write.why)
    }
}

/// Carries it out; `why` says what was done to the work order, and with which reason. True where an entry was written into the work order's own trail, which has then
/// looked for an edge that the system takes.
fn carry_out(tenant: Uuid, seen: &WorkOrderRow<'_>, after: &FollowUp, why: &str) -> bool {
    let lifecycle = lifecycle_of(tenant, seen);
    make_visible();
    let mut is_recorded = false;
    if asks(tenant, &lifecycle) {
        let facets = RecordView::of(seen);
        let view = WorkOrderView { tenant, seen, facets: &facets, lifecycle: &lifecycle };
        is_recorded = follow(&view, after, why);
    }
    // Without a master there is none above it.
    if after.content && seen.get::<pgrx::Uuid>(Column::MasterId).is_some() {
        amend_ancestors(tenant, seen.id());
    }
    is_recorded
}

fn follow(view: &WorkOrderView<'_>, after: &FollowUp, why: &str) -> bool {
    let mut changes = Changes::default();
    let mut action = "";
    if after.void_all || after.void.is_some() {
        let void = voidable(view, after);
        if !void.is_empty() {
            action = "signatures_voided";
            mark(&VOID, view, &void, why, &mut changes);
        }
    }
    if after.content {
        make_visible();
        let amended = amended(view);
        if !amended.is_empty() {
            action = if action.is_empty() { "signatures_amended" } else { action };
            mark(&AMEND, view, &amended, "the signed content was changed", &mut changes);
        }
    }
    make_visible();
    let opened = request::reconcile(view, &mut changes).or_refuse().opened;
    finish(view, action, None, changes, opened, Map::new())
}

/// Writes what happened to signatures and requests into the work order's trail, and notifies everybody who
/// is asked to sign. False where nothing happened.
pub fn finish(
    view: &WorkOrderView<'_>,
    action: &'static str,
    reason: Option<String>,
    changes: Changes,
    opened: Vec<Opened>,
    mut data: Map<String, Value>,
) -> bool {
    if changes.is_empty() {
        return false;
    }
    let id = view.seen.id();
    let mut opened = opened.into_iter();
    let action = match action {
        "" => match opened.next() {
            Some(first) => {
                data = first.data();
                "approval_requested"
            }
            None => "approval_closed",
        },
        other => other,
    };
    for one in opened {
        let mut data = one.data();
        data.insert("work_order".to_owned(), view.facets.number.clone().into());
        super::notify("wo.approval_requested", view.tenant, id, &Value::Object(data));
    }
    let change_of_child =
        ChildChange { action, reason, changes: changes.text(), covered: false, data };
    child_records::record(view.tenant, id, change_of_child);
    true
}

fn voidable(view: &WorkOrderView<'_>, after: &FollowUp) -> Vec<Uuid> {
    let arguments = [uuid_argument(view.tenant), uuid_argument(view.seen.id())];
    as_trail(|| {
        VOIDABLE.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter(|row| {
                        let meaning: String = rows.required(*row, 2);
                        after.void_all
                            || after.void.as_ref().is_some_and(|all| all.contains(&meaning))
                    })
                    .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
                    .map(|id| Uuid::from_bytes(*id.as_bytes()))
                    .collect()
            })
        })
    })
}

fn amended(view: &WorkOrderView<'_>) -> Vec<Uuid> {
    gate::signature_status(view.tenant, view.seen.id())
        .iter()
        .filter(|one| !one.is_unamended(view.tenant, view.seen))
        .map(|one| one.id)
        .collect()
}

/// Marks signatures, and notes what that changed.
fn mark(
    statement: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
    view: &WorkOrderView<'_>,
    ids: &[Uuid],
    why: &str,
    changes: &mut Changes,
) {
    let id = view.seen.id();
    let list: Vec<pgrx::Uuid> =
        ids.iter().map(|id| pgrx::Uuid::from_bytes(*id.as_bytes())).collect();
    let arguments = [uuid_argument(view.tenant), uuid_argument(id), argument(list)];
    let before = values_of(&arguments);
    let at = timestamp(identity::now());
    let writing = [arguments[0], arguments[1], arguments[2], at, text(why)];
    write_rows(statement, &writing, &APPROVAL, &before, changes);
}

/// The signatures of these ids as the trail keeps them.
pub fn values_of(arguments: &[crate::pg::statement::Argument; 3]) -> Vec<(String, String)> {
    as_trail(|| {
        OF_THESE.with(|statement| {
            statement.run(Mode::Latest, arguments, |rows| {
                (0..rows.count())
                    .filter_map(|index| Row::of_rows(rows, index))
                    .map(|row| {
                        (
                            child_records::name_of(&APPROVAL, &row),
                            child_records::value_of(&APPROVAL, &row),
                        )
                    })
                    .collect()
            })
        })
    })
}

/// A change of a child shows on the signatures of every master that cover it.
fn amend_ancestors(tenant: Uuid, child: Uuid) {
    let arguments = [uuid_argument(tenant), uuid_argument(child)];
    let masters: Vec<Uuid> = as_trail(|| {
        SIGNED_MASTERS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| rows.get::<pgrx::Uuid>(row, 1))
                    .map(|id| Uuid::from_bytes(*id.as_bytes()))
                    .collect()
            })
        })
    });
    for master in masters {
        match holder::holder_of(tenant, master) {
            Some(holder) => unfinished::wait(&holder, move |_| amend_covering(tenant, master)),
            None => amend_covering(tenant, master),
        }
    }
}

/// Marks the signatures of a master that cover what a child of it was before.
fn amend_covering(tenant: Uuid, master: Uuid) {
    if !gate::signature_status(tenant, master).iter().any(SignatureStatus::covers_children) {
        return;
    }
    with_locked_work_order(tenant, master, |view| {
        let amended = amended(view);
        if !amended.is_empty() {
            let mut changes = Changes::default();
            let why = "the content of a child was changed";
            mark(&AMEND, view, &amended, why, &mut changes);
            make_visible();
            let opened = request::reconcile(view, &mut changes)?.opened;
            finish(view, "signatures_amended", None, changes, opened, Map::new());
        }
        Ok(())
    })
    .or_refuse();
}

/// Checks that nobody is put to work that they approved.
///
/// # Errors
/// 23514 `assignee_has_signed`.
pub fn check_assignee(
    tenant: Uuid,
    work_order: Uuid,
    assignee: &str,
    record: &Record<'_>,
) -> Result<(), Refusal> {
    let signed: Vec<signer::Signed> =
        gate::signature_status(tenant, work_order).into_iter().map(|one| one.signed).collect();
    signer::check_assignee(assignee, record, &signed)
}
