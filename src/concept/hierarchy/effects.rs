//! What follows when a work order was placed or moved: cycles are refused, masters and successors
//! are notified, children are cancelled along, a master learns that all of its children are settled.

use super::settle::remember;
use super::{graph, guards, hold_master};
use crate::kernel::concept::{CheckedWrite, FollowUp, StoredWrite};
use crate::kernel::event::Event;
use crate::kernel::identity::{self, memory};
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::child_records;
use crate::kernel::work_order::pending::{SystemWrite, as_system_write};
use crate::kernel::work_order::{Column, Placing, Reading, holder, read_as_trail, unfinished};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, optional_uuid, statement, text, uuid as uuid_argument};
use crate::pg::transaction::make_visible;
use serde_json::json;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::lifecycle::{Effect, Lifecycle, State, Transition};
use wo_rules::refusal::{Refusal, SqlState};

statement!(
    OPEN_SUCCESSORS,
    "select waiting.id, waiting.wo_number from wo.dependency as edge
     join wo.work_order as waiting on waiting.tenant_id = edge.tenant_id and waiting.id = edge.successor_id
     where edge.tenant_id = $1 and edge.predecessor_id = $2 and waiting.locked_at is null
     order by waiting.id",
    [UUIDOID, UUIDOID]
);
statement!(
    OPEN_CHILDREN,
    "select child.id, child.lifecycle, child.lifecycle_version, child.status, child.regulatory
     from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2 and child.locked_at is null
        and ($3 is null or child.id = $3)
     order by child.id",
    [UUIDOID, UUIDOID, UUIDOID]
);
statement!(
    END,
    "update wo.work_order set status = $3, reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);

/// What is to be done after a write.
#[derive(Clone, Debug, Default)]
pub struct HierarchyFollowUp {
    /// Where it stands now and stood before.
    placing: Placing,
    /// The event that notifies its master, if any.
    notify: Option<&'static str>,
    /// Whether those that depend on it were satisfied, and are not any more.
    reopened: bool,
    /// Whether it came to its end.
    ended: bool,
    /// Whether its open children are cancelled along.
    cascade: bool,
    /// The action that its children take along, because its signatures cover them, and whether it is
    /// regulatory itself.
    approve: Option<(String, bool)>,
    /// The state that it came to.
    status: String,
    /// Why.
    reason: Option<String>,
}

impl HierarchyFollowUp {
    /// Works out what follows from a move along an edge.
    fn of_move(
        lifecycle: &Lifecycle,
        (from, to): (&str, &str),
        edge: Option<&Transition>,
        regulatory: bool,
        placing: Placing,
        reason: Option<&str>,
    ) -> Self {
        let ask = |name: &str, ask: fn(&State) -> bool| lifecycle.state(name).is_some_and(ask);
        let has = |effect: Effect| edge.is_some_and(|edge| edge.effects.contains(&effect));
        let (was, is) = (ask(from, |state| state.blocked), ask(to, |state| state.blocked));
        let notify = match (was, is, has(Effect::NotifyMaster)) {
            (false, true, _) => Some("wo.child_blocked"),
            (true, false, _) => Some("wo.child_resumed"),
            (.., true) => Some("wo.child_changed"),
            _ => None,
        };
        let satisfies = |name: &str| ask(name, |state| state.satisfies_dependents);
        Self {
            placing,
            notify: notify.filter(|_| placing.after.is_some()),
            reopened: satisfies(from) && !satisfies(to),
            ended: placing.after.is_some() && ask(to, |state| state.terminal),
            cascade: has(Effect::CascadeCancel),
            approve: edge
                .filter(|_| has(Effect::ApproveChildren))
                .map(|edge| (edge.action.clone(), regulatory)),
            status: to.to_owned(),
            reason: reason.map(str::to_owned),
        }
    }

    /// Where nothing but its place changes.
    fn of_placing(placing: Placing) -> Self {
        Self { placing, ..Self::default() }
    }

    /// Whether nothing follows.
    fn is_empty(&self) -> bool {
        !(self.placing.moved || self.reopened || self.ended || self.cascade)
            && self.notify.is_none()
            && self.approve.is_none()
    }
}

/// What follows from a write; nothing where nothing does.
///
/// # Errors
/// 55000 `write_unfinished`.
pub fn of(write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
    let placing = write.placing;
    let follow_up = match write.from.filter(|_| write.moved()) {
        Some(from) => HierarchyFollowUp::of_move(
            write.lifecycle,
            (from, write.to),
            write.decision.and_then(|decision| decision.transition),
            write.regulatory,
            placing,
            write.reason,
        ),
        None => HierarchyFollowUp::of_placing(placing),
    };
    // The master must not complete meanwhile.
    if follow_up.reopened
        && let Some(master) = placing.after
    {
        hold_master(write.tenant, master, write.is_system)?;
    }
    Ok((!follow_up.is_empty()).then(|| -> Box<dyn FollowUp> { Box::new(follow_up) }))
}

impl FollowUp for HierarchyFollowUp {
    fn carry_out(&self, write: &StoredWrite<'_>) -> bool {
        carry_out(write.tenant, write.seen.id(), write.number, self);
        false
    }
}

fn carry_out(tenant: Uuid, id: Uuid, number: &str, after: &HierarchyFollowUp) {
    // What was just written is to be seen by what is asked next.
    make_visible();
    let Placing { before, after: master, moved, .. } = after.placing;
    if moved && let Some(master) = master {
        graph::check(tenant, graph::Added::Child, master, id).or_refuse();
    }
    if let (Some(kind), Some(master)) = (after.notify, master) {
        notify(kind, tenant, master, number, after);
    }
    if after.reopened {
        notify_successors(tenant, id, number, after);
    }
    if after.cascade {
        end_children(tenant, id, number, after.reason.as_deref());
    }
    if let Some((action, regulatory)) = &after.approve {
        approve_children(tenant, id, number, action, *regulatory);
    }
    if after.ended
        && let Some(master) = master
    {
        remember(master);
    }
    if moved && let Some(before) = before {
        remember(before);
    }
}

fn number_of(tenant: Uuid, id: Uuid) -> Option<String> {
    read_as_trail(Reading::Latest, tenant, id, |seen| seen.get(Column::WoNumber)).flatten()
}

fn lifecycle_name(tenant: Uuid, id: Uuid) -> Option<String> {
    read_as_trail(Reading::Latest, tenant, id, |seen| seen.get(Column::Lifecycle)).flatten()
}

fn write_event(kind: &'static str, tenant: Uuid, subject: Uuid, data: &serde_json::Value) {
    memory::as_enforcement(|| {
        Event::new(kind, data.to_string()).write(tenant, subject, identity::now());
    });
}

fn actor() -> Option<String> {
    identity::current().and_then(|acting| acting.principal.clone())
}

fn notify(kind: &'static str, tenant: Uuid, master: Uuid, number: &str, after: &HierarchyFollowUp) {
    let data = json!({
        "work_order": number_of(tenant, master),
        "child": number,
        "status": after.status,
        "reason": after.reason,
        "actor": actor(),
    });
    write_event(kind, tenant, master, &data);
}

fn notify_successors(tenant: Uuid, id: Uuid, number: &str, after: &HierarchyFollowUp) {
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    let successors: Vec<(Uuid, String)> = as_trail(|| {
        OPEN_SUCCESSORS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| Some((id_at(rows, row)?, rows.get(row, 2)?)))
                    .collect()
            })
        })
    });
    for (successor, waiting) in successors {
        let data = json!({
            "work_order": waiting,
            "predecessor": number,
            "status": after.status,
            "reason": after.reason,
            "actor": actor(),
        });
        write_event("wo.predecessor_reopened", tenant, successor, &data);
    }
}

fn id_at(rows: &Rows, row: usize) -> Option<Uuid> {
    rows.get::<pgrx::Uuid>(row, 1).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

/// A child that is open.
struct OpenChild {
    id: Uuid,
    lifecycle: String,
    version: i32,
    status: String,
    regulatory: bool,
}

impl OpenChild {
    fn at(rows: &Rows, row: usize) -> Option<Self> {
        Some(Self {
            id: id_at(rows, row)?,
            lifecycle: rows.get(row, 2)?,
            version: rows.get(row, 3)?,
            status: rows.get(row, 4)?,
            regulatory: rows.get(row, 5)?,
        })
    }

    /// Where an effect moves it to, if anywhere.
    fn target(&self, tenant: Uuid, moved: &Along) -> Option<String> {
        let lifecycle = cache::compiled(tenant, &self.lifecycle, self.version).or_refuse();
        let edge = match &moved.action {
            None => lifecycle.edges_from(&self.status).find(|edge| {
                lifecycle
                    .state(&edge.to)
                    .is_some_and(|state| state.terminal && !state.settles_master)
            }),
            Some(covered) => lifecycle
                .edges_from(&self.status)
                .find(|edge| edge.action == covered.action)
                .filter(|_| covered.regulatory || !self.regulatory)
                .filter(|_| covered.lifecycle.as_deref() == Some(&self.lifecycle)),
        }?;
        Some(edge.to.clone())
    }
}

/// How the children of a master are moved along with it.
struct Along {
    master: Uuid,
    number: String,
    reason: String,
    /// The action that the master's signatures cover; nothing where the children end with it.
    action: Option<Covered>,
}

struct Covered {
    action: String,
    lifecycle: Option<String>,
    regulatory: bool,
}

/// Ends the open children of a cancelled master, in the order of their ids, where its policy says so
/// and their own lifecycle has an edge to an end.
fn end_children(tenant: Uuid, master: Uuid, number: &str, reason: Option<&str>) {
    if !guards::policy_of(tenant, master).cancel_cascades() {
        return;
    }
    let reason = match reason {
        Some(reason) => format!("with its master {number}: {reason}"),
        None => format!("with its master {number}"),
    };
    let moved = Along { master, number: number.to_owned(), reason, action: None };
    move_children(tenant, moved);
}

/// Moves the open children of a master along an action that its signatures cover, in the order of
/// their ids. A regulatory child moves along with a regulatory master only: the others' signatures
/// were not asked for it.
fn approve_children(tenant: Uuid, master: Uuid, number: &str, action: &str, regulatory: bool) {
    let covered = Covered {
        action: action.to_owned(),
        lifecycle: lifecycle_name(tenant, master),
        regulatory,
    };
    let reason = format!("covered by the signatures on its master {number}");
    let moved = Along { master, number: number.to_owned(), reason, action: Some(covered) };
    move_children(tenant, moved);
}

fn move_children(tenant: Uuid, moved: Along) {
    let moved = Rc::new(moved);
    let arguments = [uuid_argument(tenant), uuid_argument(moved.master), optional_uuid(None)];
    let children: Vec<OpenChild> = as_trail(|| {
        OPEN_CHILDREN.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count()).filter_map(|row| OpenChild::at(rows, row)).collect()
            })
        })
    });
    for child in children {
        match holder::holder_of(tenant, child.id) {
            Some(holder) => {
                let (moved, id) = (Rc::clone(&moved), child.id);
                unfinished::wait(&holder, move |write| {
                    // The signatures of the master do not cover what its child became meanwhile.
                    if write.content_changed && moved.action.is_some() {
                        refuse(unfinished::refusal(id));
                    }
                    move_one_later(tenant, id, &moved);
                });
            }
            None => move_one(tenant, &child, &moved),
        }
    }
}

/// Moves a child along that was being written, as it is now.
fn move_one_later(tenant: Uuid, child: Uuid, moved: &Along) {
    let arguments = [uuid_argument(tenant), uuid_argument(moved.master), uuid_argument(child)];
    make_visible();
    let child = as_trail(|| {
        OPEN_CHILDREN.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| OpenChild::at(rows, 0))
        })
    });
    if let Some(child) = child {
        move_one(tenant, &child, moved);
    }
}

fn move_one(tenant: Uuid, child: &OpenChild, moved: &Along) {
    let Some(to) = child.target(tenant, moved) else { return };
    let arguments =
        [uuid_argument(tenant), uuid_argument(child.id), text(&to), text(&moved.reason)];
    let count = as_system_write(SystemWrite::Cascade(child.id), || {
        as_trail(|| {
            END.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
        })
    });
    if count == 0 {
        refuse(child_records::not_written(tenant, child.id, changed_meanwhile(&moved.number)));
    }
}

/// The refusal where this transaction's snapshot is older than what it has to change.
fn changed_meanwhile(number: &str) -> Refusal {
    Refusal::new(
        SqlState::VersionConflict,
        "version_conflict",
        format!("the children of work order {number} changed meanwhile"),
    )
    .hint("Run the transaction again.")
}
