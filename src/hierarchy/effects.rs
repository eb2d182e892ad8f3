//! What follows when a work order was placed or moved: circles are refused, masters and successors
//! are told, parts are cancelled along, a master learns that all of its parts are settled.

use super::{Placing, graph, guards};
use crate::duty::as_trail;
use crate::event::Event;
use crate::identity::{self, memory};
use crate::lifecycle::cache;
use crate::raise::{OrRefuse, refuse};
use crate::statement::{Mode, Rows, bigint, statement, text, uuid as uuid_argument};
use crate::work_order::belonging::{self, Happening};
use crate::work_order::pending::{Consequence, as_consequence};
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::{Map, json};
use std::cell::RefCell;
use uuid::Uuid;
use wo_rules::lifecycle::{Effect, Lifecycle, State, Transition};
use wo_rules::refusal::{Refusal, SqlState};

/// With so many open parts, or fewer, one that ends waits for the others that do; with more of them,
/// whoever ends later tells the master, or the worker does.
const LAST_PARTS: i64 = 64;

/// The first half of the advisory locks under which the last parts of a master end one by one.
const LOCK_SPACE: i32 = 0x776f_6d73;

statement!(
    NUMBER,
    "select held.wo_number from wo.work_order as held where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    LIFECYCLE,
    "select held.lifecycle from wo.work_order as held where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID]
);
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
    "select part.id, part.lifecycle, part.lifecycle_version, part.status, part.regulatory
     from wo.work_order as part
     where part.tenant_id = $1 and part.master_id = $2 and part.locked_at is null
     order by part.id",
    [UUIDOID, UUIDOID]
);
statement!(
    END,
    "update wo.work_order set status = $3, reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    COUNT_OPEN,
    "select pg_catalog.count(*) from (
        select from wo.work_order as part
        where part.tenant_id = $1 and part.master_id = $2 and part.locked_at is null
            and not exists (select from wo.waiver as waived
                where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.part_id = part.id)
        limit $3
     ) as open",
    [UUIDOID, UUIDOID, INT8OID]
);
statement!(
    LAST_ONE_AT_A_TIME,
    "select pg_catalog.pg_advisory_xact_lock($1, pg_catalog.hashtext($2))",
    [INT4OID, TEXTOID]
);
statement!(
    UNTOLD,
    "select held.id from wo.work_order as held
     where held.tenant_id = $1 and held.id = $2 and held.locked_at is null
        and not exists (select from wo.work_order as part
            where part.tenant_id = $1 and part.master_id = $2 and part.locked_at is null
                and not exists (select from wo.waiver as waived
                    where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.part_id = part.id))
        and not exists (select from wo.audit_entry as told
            where told.tenant_id = $1 and told.subject_id = $2 and told.action = 'children_settled'
                and told.recorded_at >= (select pg_catalog.max(part.locked_at) from wo.work_order as part
                    where part.tenant_id = $1 and part.master_id = $2))",
    [UUIDOID, UUIDOID]
);
statement!(
    MASTER_IS_OPEN,
    "select held.locked_at is null, exists (
        select from wo.work_order as part where part.tenant_id = $1 and part.master_id = $2
     ) from wo.work_order as held where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID]
);

thread_local! {
    /// Masters of whose parts this transaction ended some, each with the nesting level.
    static ENDED: RefCell<Vec<(i32, Uuid)>> = const { RefCell::new(Vec::new()) };
}

/// What is to be done after a write.
#[derive(Clone, Debug, Default)]
pub struct Aftermath {
    /// Where it stands now and stood before.
    pub placing: Placing,
    /// The event that tells its master, if any.
    tell: Option<&'static str>,
    /// Whether those that depend on it were satisfied, and are not any more.
    reopened: bool,
    /// Whether it came to its end.
    ended: bool,
    /// Whether its open parts are cancelled along.
    cascade: bool,
    /// The action that its parts take along, because its signatures cover them, and whether it is
    /// regulatory itself.
    approve: Option<(String, bool)>,
    /// The state that it came to.
    status: String,
    /// Why.
    reason: Option<String>,
}

impl Aftermath {
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
pub fn carry_out(tenant: Uuid, id: Uuid, number: &str, after: &Aftermath) {
    // What was just written is to be seen by what is asked next.
    // SAFETY: called in a transaction that has written.
    unsafe { pg_sys::CommandCounterIncrement() };
    let Placing { before, after: master, moved, .. } = after.placing;
    if moved && let Some(master) = master {
        graph::check(tenant, master, id).or_refuse();
    }
    if let (Some(kind), Some(master)) = (after.tell, master) {
        tell(kind, tenant, master, number, after);
    }
    if after.reopened {
        tell_successors(tenant, id, number, after);
    }
    if after.cascade {
        end_parts(tenant, id, number, after.reason.as_deref());
    }
    if let Some((action, regulatory)) = &after.approve {
        approve_parts(tenant, id, number, action, *regulatory);
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
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    as_trail(|| {
        NUMBER.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    })
}

fn lifecycle_name(tenant: Uuid, id: Uuid) -> Option<String> {
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    as_trail(|| {
        LIFECYCLE.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    })
}

fn write_event(kind: &'static str, tenant: Uuid, subject: Uuid, data: &serde_json::Value) {
    memory::as_law(|| {
        Event::new(kind, data.to_string()).write(tenant, subject, identity::now());
    });
}

fn actor() -> Option<String> {
    identity::current().and_then(|acting| acting.principal.clone())
}

fn tell(kind: &'static str, tenant: Uuid, master: Uuid, number: &str, after: &Aftermath) {
    let data = json!({
        "work_order": number_of(tenant, master),
        "child": number,
        "status": after.status,
        "reason": after.reason,
        "actor": actor(),
    });
    write_event(kind, tenant, master, &data);
}

fn tell_successors(tenant: Uuid, id: Uuid, number: &str, after: &Aftermath) {
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

/// Ends the open parts of a cancelled master, in the order of their ids, where its policy says so
/// and their own lifecycle has an edge to an end.
fn end_parts(tenant: Uuid, master: Uuid, number: &str, reason: Option<&str>) {
    if !guards::policy_of(tenant, master).cancel_cascades() {
        return;
    }
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let parts: Vec<(Uuid, String)> = as_trail(|| {
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
    for (part, to) in parts {
        let arguments = [uuid_argument(tenant), uuid_argument(part), text(&to), text(&reason)];
        let count = as_consequence(Consequence::Cascade(part), || {
            as_trail(|| {
                END.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
            })
        });
        if count == 0 {
            refuse(changed_meanwhile(number));
        }
    }
}

/// Moves the open parts of a master along an action that its signatures cover, in the order of
/// their ids. A regulatory part moves along with a regulatory master only: the others' signatures
/// were not asked for it.
fn approve_parts(tenant: Uuid, master: Uuid, number: &str, action: &str, regulatory: bool) {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let lifecycle = lifecycle_name(tenant, master);
    let parts: Vec<(Uuid, String)> = as_trail(|| {
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
    for (part, to) in parts {
        let arguments = [uuid_argument(tenant), uuid_argument(part), text(&to), text(&reason)];
        let count = as_consequence(Consequence::Cascade(part), || {
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
        format!("the parts of work order {number} changed meanwhile"),
    )
    .hint("Run the transaction again.")
}

/// Remembers that a part of a master ended, or left it.
fn remember(master: Uuid) {
    ENDED.with_borrow_mut(|all| all.push((memory::nesting_level(), master)));
}

/// Forgets what a rollback to a savepoint undid.
pub fn at_rollback_to_savepoint(level: i32) {
    let _ = ENDED.try_with(|all| {
        all.try_borrow_mut().map(|mut all| all.retain(|(since, _)| *since < level))
    });
}

/// What a released savepoint did belongs to what is around it.
pub fn at_release_of_savepoint(level: i32) {
    let _ = ENDED.try_with(|all| {
        all.try_borrow_mut()
            .map(|mut all| all.iter_mut().for_each(|(since, _)| *since = (*since).min(level - 1)))
    });
}

/// Forgets everything: the transaction is over.
pub fn at_transaction_end() {
    let _ = ENDED.try_with(|all| all.try_borrow_mut().map(|mut all| all.clear()));
}

/// Before the commit: tells each master once that all of its parts have ended, if they have.
///
/// Parts that end at once do not see each other end. So the last few of them end one by one, under
/// a lock of their master's that is held through the commit; before that nobody waits for anybody.
/// The masters come in the order of their ids, so that two transactions never wait for each other.
pub fn before_commit() {
    loop {
        let mut ended = ENDED.with_borrow_mut(std::mem::take);
        if ended.is_empty() {
            return;
        }
        ended.sort_by_key(|(_, master)| *master);
        let Some(tenant) = identity::current().map(|acting| acting.tenant) else { return };
        // SAFETY: a transaction may still run queries before its commit; it has no snapshot then.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        for parts in ended.chunk_by(|(_, one), (_, other)| one == other) {
            settle(tenant, parts[0].1, parts.len());
        }
        // SAFETY: pushed above.
        unsafe { pg_sys::PopActiveSnapshot() };
    }
}

/// Tells a master, of whose parts this transaction ended so many.
fn settle(tenant: Uuid, master: Uuid, ended: usize) {
    // Who ends many at once may meet others who do.
    let most = LAST_PARTS + 8 * i64::try_from(ended).unwrap_or(i64::MAX >> 4);
    let count = || -> i64 {
        let arguments = [uuid_argument(tenant), uuid_argument(master), bigint(most + 1)];
        as_trail(|| {
            COUNT_OPEN.with(|statement| {
                statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1).unwrap_or(0))
            })
        })
    };
    if count() > most {
        // Were all of them ending now, none of us would see it: the worker looks after our commit.
        crate::worker::leave_master(tenant, master);
        return;
    }
    let arguments = [LOCK_SPACE.into_datum(), text(&master.to_string())];
    as_trail(|| {
        LAST_ONE_AT_A_TIME.with(|statement| statement.run(Mode::Write, &arguments, |_| ()));
    });
    if count() == 0 {
        settled(tenant, master);
    }
}

/// Tells a master that was left at a commit, if all of its parts have ended since. Whether it did.
pub fn settle_left(tenant: Uuid, master: Uuid) -> bool {
    let one_at_a_time = [LOCK_SPACE.into_datum(), text(&master.to_string())];
    as_trail(|| {
        LAST_ONE_AT_A_TIME.with(|statement| statement.run(Mode::Write, &one_at_a_time, |_| ()));
    });
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let is_untold = as_trail(|| {
        UNTOLD.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0))
    });
    is_untold && settled(tenant, master)
}

/// Writes into a master's trail that all of its parts have ended, and takes the edge that its
/// lifecycle may have waited with. False where the master is at its end itself.
pub fn settled(tenant: Uuid, master: Uuid) -> bool {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    let is_open = as_trail(|| {
        MASTER_IS_OPEN.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                rows.get(0, 1).unwrap_or(false) && rows.get(0, 2).unwrap_or(false)
            })
        })
    });
    if is_open {
        let happening = Happening {
            action: "children_settled",
            reason: None,
            changes: "{}".to_owned(),
            data: Map::new(),
        };
        belonging::record(tenant, master, happening);
    }
    is_open
}
