//! What follows when a work order was placed or moved: cycles are refused, masters and successors
//! are told, children are cancelled along, a master learns that all of its children are settled.

use super::ending::{self, By, Ending};
use super::{Placing, graph, guards};
use crate::kernel::event::Event;
use crate::kernel::identity::{self, memory};
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::child_record::{self, ChildChange};
use crate::kernel::work_order::pending::{SystemWrite, as_system_write};
use crate::kernel::work_order::{Column, Reading, read_as_trail};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, statement, text, uuid as uuid_argument};
use crate::pg::transaction::{self, Stack, SubxactStack, make_visible, with_snapshot};
use serde_json::{Map, json};
use std::cmp::Reverse;
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
    OPEN_PARTS,
    "select child.id, child.lifecycle, child.lifecycle_version, child.status, child.regulatory
     from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2 and child.locked_at is null
     order by child.id",
    [UUIDOID, UUIDOID]
);
statement!(
    END,
    "update wo.work_order set status = $3, reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);

statement!(
    A_CHILD,
    "select true from wo.work_order as child where child.tenant_id = $1 and child.master_id = $2 limit 1",
    [UUIDOID, UUIDOID]
);

thread_local! {
    /// Masters of whose children this transaction ended some, or waived one beside others that were open.
    static ENDED: SubxactStack<(Uuid, By)> = const { SubxactStack::new() };
}

/// What is to be done after a write.
#[derive(Clone, Debug, Default)]
pub struct FollowUp {
    /// Where it stands now and stood before.
    pub placing: Placing,
    /// The event that tells its master, if any.
    tell: Option<&'static str>,
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

impl FollowUp {
    /// Works out what follows from a move along an edge.
    pub fn of_move(
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
        let tell = match (was, is, has(Effect::NotifyMaster)) {
            (false, true, _) => Some("wo.child_blocked"),
            (true, false, _) => Some("wo.child_resumed"),
            (.., true) => Some("wo.child_changed"),
            _ => None,
        };
        let satisfies = |name: &str| ask(name, |state| state.satisfies_dependents);
        Self {
            placing,
            tell: tell.filter(|_| placing.after.is_some()),
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
    pub fn of_placing(placing: Placing) -> Self {
        Self { placing, ..Self::default() }
    }

    /// Whether nothing follows.
    pub fn is_empty(&self) -> bool {
        !(self.placing.moved || self.reopened || self.ended || self.cascade)
            && self.tell.is_none()
            && self.approve.is_none()
    }

    /// Whether the master must not complete meanwhile.
    pub fn reopens(&self) -> bool {
        self.reopened
    }
}

/// Carries it out.
pub fn carry_out(tenant: Uuid, id: Uuid, number: &str, after: &FollowUp) {
    // What was just written is to be seen by what is asked next.
    make_visible();
    let Placing { before, after: master, moved, .. } = after.placing;
    if moved && let Some(master) = master {
        graph::check(tenant, graph::Added::Child, master, id).or_refuse();
    }
    if let (Some(kind), Some(master)) = (after.tell, master) {
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

fn notify(kind: &'static str, tenant: Uuid, master: Uuid, number: &str, after: &FollowUp) {
    let data = json!({
        "work_order": number_of(tenant, master),
        "child": number,
        "status": after.status,
        "reason": after.reason,
        "actor": actor(),
    });
    write_event(kind, tenant, master, &data);
}

fn notify_successors(tenant: Uuid, id: Uuid, number: &str, after: &FollowUp) {
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

/// Ends the open children of a cancelled master, in the order of their ids, where its policy says so
/// and their own lifecycle has an edge to an end.
fn end_children(tenant: Uuid, master: Uuid, number: &str, reason: Option<&str>) {
    if !guards::policy_of(tenant, master).cancel_cascades() {
        return;
    }
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let children: Vec<(Uuid, String)> = as_trail(|| {
        OPEN_PARTS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| {
                        let lifecycle: String = rows.get(row, 2)?;
                        let compiled = cache::compiled(tenant, &lifecycle, rows.get(row, 3)?);
                        let compiled = compiled.or_refuse();
                        let status: String = rows.get(row, 4)?;
                        let edge = compiled.edges_from(&status).find(|edge| {
                            compiled
                                .state(&edge.to)
                                .is_some_and(|state| state.terminal && !state.settles_master)
                        })?;
                        Some((id_at(rows, row)?, edge.to.clone()))
                    })
                    .collect()
            })
        })
    });
    let reason = match reason {
        Some(reason) => format!("with its master {number}: {reason}"),
        None => format!("with its master {number}"),
    };
    for (child, to) in children {
        let arguments = [uuid_argument(tenant), uuid_argument(child), text(&to), text(&reason)];
        let count = as_system_write(SystemWrite::Cascade(child), || {
            as_trail(|| {
                END.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
            })
        });
        if count == 0 {
            refuse(changed_meanwhile(number));
        }
    }
}

/// Moves the open children of a master along an action that its signatures cover, in the order of
/// their ids. A regulatory child moves along with a regulatory master only: the others' signatures
/// were not asked for it.
fn approve_children(tenant: Uuid, master: Uuid, number: &str, action: &str, regulatory: bool) {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let lifecycle = lifecycle_name(tenant, master);
    let children: Vec<(Uuid, String)> = as_trail(|| {
        OPEN_PARTS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| {
                        let name: String = rows.get(row, 2)?;
                        let compiled = cache::compiled(tenant, &name, rows.get(row, 3)?);
                        let compiled = compiled.or_refuse();
                        let status: String = rows.get(row, 4)?;
                        let covered = regulatory || !rows.get(row, 5).unwrap_or(true);
                        let edge = compiled
                            .edges_from(&status)
                            .find(|edge| edge.action == action)
                            .filter(|_| covered && lifecycle.as_deref() == Some(&name))?;
                        Some((id_at(rows, row)?, edge.to.clone()))
                    })
                    .collect()
            })
        })
    });
    let reason = format!("covered by the signatures on its master {number}");
    for (child, to) in children {
        let arguments = [uuid_argument(tenant), uuid_argument(child), text(&to), text(&reason)];
        let count = as_system_write(SystemWrite::Cascade(child), || {
            as_trail(|| {
                END.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
            })
        });
        if count == 0 {
            refuse(changed_meanwhile(number));
        }
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

/// Remembers that a child of a master ended, or left it.
fn remember(master: Uuid) {
    ENDED.push((master, By::End));
}

/// Remembers that a child of a master was waived while others were open: they may end meanwhile, and
/// whoever ends the last of them does not know of the waiver yet.
pub fn waived(tenant: Uuid, master: Uuid) {
    if ending::has_open(tenant, master) {
        ENDED.push((master, By::Waiver));
    }
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::before_commit(before_commit);
}

/// Before the commit: tells each master once that all of its children have ended, if they have.
///
/// The masters come in the order of their ids, the newest first: a master that ends in here has been
/// made before its own, as a rule, so that two transactions do not wait for each other.
fn before_commit() {
    let mut ending = Ending::default();
    loop {
        let mut ended = ENDED.take_all();
        if ended.is_empty() {
            return;
        }
        ended.sort_by_key(|(master, by)| Reverse((*master, *by)));
        ended.dedup_by_key(|(master, _)| *master);
        let Some(tenant) = identity::current().map(|acting| acting.tenant) else { return };
        with_snapshot(|| {
            for (master, by) in ended {
                if ending.is_last(tenant, master, by) {
                    settled(tenant, master);
                }
            }
        });
    }
}

/// Writes into a master's trail that all of its children have ended, and takes the edge that its
/// lifecycle may have waited with. False where the master is at its end itself.
pub fn settled(tenant: Uuid, master: Uuid) -> bool {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let is_open = read_as_trail(Reading::Latest, tenant, master, |seen| !seen.is_locked())
        .unwrap_or(false)
        && as_trail(|| {
            A_CHILD
                .with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0))
        });
    if is_open {
        let change_of_child = ChildChange {
            action: "children_settled",
            reason: None,
            changes: "{}".to_owned(),
            data: Map::new(),
        };
        child_record::record(tenant, master, change_of_child);
    }
    is_open
}
