//! Consumers of events: each has an owner, and moves by the functions here alone.

use crate::kernel::configuration::record;
use crate::kernel::event;
use crate::kernel::identity::{self, login_is_member, memory};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Argument, Mode, Rows, argument, bigint, is_read_only, optional_text, statement, text,
    uuid as uuid_argument,
};
use pgrx::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use wo_rules::consumer::{self as rules, Consumer, Owner};
use wo_rules::refusal::{Refusal, SqlState};

/// The most events that one fetch gives.
const MOST: i32 = 10_000;

statement!(
    CONSUMER,
    "select owner, owner_role, position, fetched_position, start_position, moved_from
     from wo.event_consumer
     where tenant_id = $1 and consumer = $2",
    [UUIDOID, TEXTOID]
);
statement!(
    LOCK,
    "select owner, owner_role, position, fetched_position, start_position, moved_from
     from wo.event_consumer
     where tenant_id = $1 and consumer = $2
     for no key update",
    [UUIDOID, TEXTOID]
);
statement!(
    ADD,
    "insert into wo.event_consumer (tenant_id, consumer, owner, owner_role, position, fetched_position,
        start_position, acknowledged_at)
     values ($1, $2, $3, $4, $5, $5, $5, pg_catalog.clock_timestamp())
     on conflict (tenant_id, consumer) do nothing
     returning position",
    [UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT8OID]
);
statement!(
    REMOVE,
    "delete from wo.event_consumer where tenant_id = $1 and consumer = $2",
    [UUIDOID, TEXTOID]
);
statement!(
    FETCHED,
    "update wo.event_consumer set fetched_position = $3
     where tenant_id = $1 and consumer = $2 and fetched_position < $3",
    [UUIDOID, TEXTOID, INT8OID]
);
statement!(
    ACKNOWLEDGE,
    "update wo.event_consumer set position = $3, acknowledged_at = pg_catalog.clock_timestamp()
     where tenant_id = $1 and consumer = $2",
    [UUIDOID, TEXTOID, INT8OID]
);
statement!(
    MOVE,
    "update wo.event_consumer
     set position = $3, fetched_position = $3, start_position = $3, moved_from = position,
        acknowledged_at = pg_catalog.clock_timestamp()
     where tenant_id = $1 and consumer = $2",
    [UUIDOID, TEXTOID, INT8OID]
);
statement!(
    ASSIGN,
    "update wo.event_consumer set owner = $3, owner_role = null where tenant_id = $1 and consumer = $2",
    [UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    FETCH_TENANT,
    "select event.position, wo_private.cloudevent(event.tenant_id, event.position, event.timeline, event.type,
        event.subject_id, event.recorded_at, coalesce(event.traceparent, ''), event.data::pg_catalog.text)
     from wo.event as event
     where event.tenant_id = $1 and event.position > $2 and event.position <= $3
     order by event.position
     limit $4",
    [UUIDOID, INT8OID, INT8OID, INT4OID]
);
statement!(
    FETCH_ALL,
    "select event.position, wo_private.cloudevent(event.tenant_id, event.position, event.timeline, event.type,
        event.subject_id, event.recorded_at, coalesce(event.traceparent, ''), event.data::pg_catalog.text)
     from wo.event as event
     where event.position > $1 and event.position <= $2
     order by event.position
     limit $3",
    [INT8OID, INT8OID, INT4OID]
);

/// Who is calling, and for whose events.
struct Caller {
    acting: Rc<memory::Identity>,
    owner: Owner,
    is_administrator: bool,
}

impl Caller {
    /// The tenant's identity, or a member of `wo_bridge` for the events of all tenants.
    fn find() -> Result<Self, Refusal> {
        let login = || Owner::Role(crate::pg::source::login_role());
        match identity::current() {
            Some(acting) => Ok(Self {
                owner: acting.principal.clone().map_or_else(login, Owner::Principal),
                is_administrator: login_is_member("wo_admin"),
                acting,
            }),
            None if login_is_member("wo_bridge") => Ok(Self {
                acting: Rc::new(identity::installation()),
                owner: login(),
                is_administrator: false,
            }),
            None => Err(identity::nobody()),
        }
    }

    /// Writes, or reads under a lock, as the enforcement layer, for the consumer's tenant.
    fn write<T>(&self, act: impl FnOnce() -> T) -> T {
        memory::during((*self.acting).clone(), || memory::as_enforcement(|| as_trail(act)))
    }

    fn key(&self, consumer: &str) -> [Argument; 2] {
        [uuid_argument(self.acting.tenant), text(consumer)]
    }

    /// The consumer, if there is one.
    fn look(&self, consumer: &str, locked: bool) -> Option<Consumer> {
        let statement = if locked { &LOCK } else { &CONSUMER };
        let mode = if locked { Mode::Write } else { Mode::Latest };
        self.write(|| {
            statement.with(|statement| statement.run(mode, &self.key(consumer), consumer_of))
        })
    }

    /// The consumer, which the caller may use. Locked, so that a move and an acknowledgement do not meet.
    fn lock(&self, consumer: &str) -> Result<Consumer, Refusal> {
        let found = self.look(consumer, true).ok_or_else(|| rules::unknown(consumer))?;
        rules::check_owner(consumer, &found, &self.owner, self.is_administrator)?;
        Ok(found)
    }

    /// An entry of the trail, in the chain of the consumer. How far it has got is not in it, because
    /// acknowledgements move that too.
    fn record(
        &self,
        consumer: &str,
        action: &str,
        reason: Option<&str>,
        before: Option<&Consumer>,
        after: Option<&Consumer>,
    ) {
        let key = serde_json::json!([consumer]).to_string();
        let old = before.map(audited).unwrap_or_default();
        let new = after.map(audited).unwrap_or_default();
        let columns: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let changes = wo_rules::audit::changes(
            columns.into_iter().filter(|name| old.get(name) != new.get(name)).map(|name| {
                (name, old.get(name).map(String::as_str), new.get(name).map(String::as_str))
            }),
        );
        let reason = reason.map(str::to_owned);
        self.write(|| record(&self.acting, "event_consumer", &key, action, reason, changes));
    }
}

/// The columns that the trail records, as JSON.
fn audited(consumer: &Consumer) -> BTreeMap<&'static str, String> {
    let (column, owner) = match &consumer.owner {
        Owner::Principal(id) => ("owner", id),
        Owner::Role(name) => ("owner_role", name),
    };
    let mut values = BTreeMap::from([
        (column, serde_json::Value::from(owner.as_str()).to_string()),
        ("start_position", consumer.start_position.to_string()),
    ]);
    if let Some(position) = consumer.moved_from {
        values.insert("moved_from", position.to_string());
    }
    values
}

fn consumer_of(rows: &Rows) -> Option<Consumer> {
    let owner = match (rows.get(0, 1), rows.get(0, 2)) {
        (Some(principal), _) => Owner::Principal(principal),
        (None, Some(role)) => Owner::Role(role),
        (None, None) => return None,
    };
    Some(Consumer {
        owner,
        position: rows.get(0, 3)?,
        fetched_position: rows.get(0, 4)?,
        start_position: rows.get(0, 5)?,
        moved_from: rows.get(0, 6),
    })
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    match reason.trim().is_empty() {
        true => Err(Refusal::reason_missing("a change of a consumer")),
        false => crate::kernel::secret::check_argument("wo.event_consumer", "reason", Some(reason)),
    }
}

/// Adds a consumer of the caller's.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn create_consumer(consumer: &str, from_position: i64) -> i64 {
    let caller = Caller::find().or_refuse();
    rules::check_name(consumer).or_refuse();
    crate::kernel::secret::check_argument("wo.event_consumer", "consumer", Some(consumer))
        .or_refuse();
    if let Some(found) = caller.look(consumer, false) {
        rules::check_owner(consumer, &found, &caller.owner, false).or_refuse();
        return found.position;
    }
    rules::check_position(from_position, event::horizon()).or_refuse();
    let (principal, role) = match &caller.owner {
        Owner::Principal(id) => (Some(id.as_str()), None),
        Owner::Role(name) => (None, Some(name.as_str())),
    };
    let [tenant, name] = caller.key(consumer);
    let row = [tenant, name, optional_text(principal), optional_text(role), bigint(from_position)];
    let added = caller
        .write(|| ADD.with(|statement| statement.run(Mode::Write, &row, |rows| rows.count() == 1)));
    if !added {
        // Somebody created it meanwhile.
        return caller.lock(consumer).or_refuse().position;
    }
    let created = Consumer::new(caller.owner.clone(), from_position);
    caller.record(consumer, "created", None, None, Some(&created));
    from_position
}

/// Removes a consumer.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn drop_consumer(consumer: &str) -> bool {
    let caller = Caller::find().or_refuse();
    let Some(found) = caller.look(consumer, true) else { return false };
    rules::check_owner(consumer, &found, &caller.owner, caller.is_administrator).or_refuse();
    caller.write(|| {
        REMOVE.with(|statement| statement.run(Mode::Write, &caller.key(consumer), |_| ()));
    });
    caller.record(consumer, "deleted", None, Some(&found), None);
    true
}

/// The next events of a consumer.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn fetch_events(
    consumer: &str,
    page_size: i32,
) -> TableIterator<'static, (name!(position, i64), name!(event, pgrx::JsonB))> {
    let caller = Caller::find().or_refuse();
    if !(1..=MOST).contains(&page_size) {
        refuse(
            Refusal::new(
                SqlState::BadValue,
                "page_size",
                format!("a fetch returns 1 to {MOST} events"),
            )
            .with("page_size", page_size),
        );
    }
    let found = caller.look(consumer, false).ok_or_else(|| rules::unknown(consumer)).or_refuse();
    rules::check_owner(consumer, &found, &caller.owner, caller.is_administrator).or_refuse();
    // The horizon before the snapshot: whatever lies below it is committed by now.
    let horizon = event::horizon();
    let read = |rows: &Rows| -> Vec<(i64, pgrx::JsonB)> {
        (0..rows.count()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
    };
    let tenant = caller.acting.tenant;
    let (position, horizon, page_size) =
        (bigint(found.position), bigint(horizon), argument(page_size));
    let events = if tenant.is_nil() {
        let arguments = [position, horizon, page_size];
        FETCH_ALL.with(|statement| statement.run(Mode::Latest, &arguments, read))
    } else {
        let arguments = [uuid_argument(tenant), position, horizon, page_size];
        FETCH_TENANT.with(|statement| statement.run(Mode::Latest, &arguments, read))
    };
    if let Some((last, _)) = events.last()
        && *last > found.fetched_position
        && !is_read_only()
    {
        let [tenant, name] = caller.key(consumer);
        let arguments = [tenant, name, bigint(*last)];
        caller.write(|| FETCHED.with(|statement| statement.run(Mode::Write, &arguments, |_| ())));
    }
    TableIterator::new(events)
}

/// Records that the events up to a position are processed.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn acknowledge(consumer: &str, up_to: i64) -> i64 {
    let caller = Caller::find().or_refuse();
    let found = caller.lock(consumer).or_refuse();
    let position = rules::acknowledge(&found, up_to).or_refuse();
    set(&caller, &ACKNOWLEDGE, consumer, position);
    position
}

fn set(
    caller: &Caller,
    statement: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
    consumer: &str,
    position: i64,
) {
    let [tenant, name] = caller.key(consumer);
    let arguments = [tenant, name, bigint(position)];
    caller.write(|| statement.with(|statement| statement.run(Mode::Write, &arguments, |_| ())));
}

/// Moves a consumer, back or forward.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn move_consumer(consumer: &str, to_position: i64, reason: &str) -> i64 {
    let caller = Caller::find().or_refuse();
    check_reason(reason).or_refuse();
    let found = caller.lock(consumer).or_refuse();
    rules::check_position(to_position, event::horizon()).or_refuse();
    let moved = found.moved(to_position);
    if moved != found {
        set(&caller, &MOVE, consumer, to_position);
        caller.record(consumer, "moved", Some(reason), Some(&found), Some(&moved));
    }
    to_position
}

/// Makes another principal the owner.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn assign_consumer(consumer: &str, owner: &str, reason: &str) {
    let caller = Caller::find().or_refuse();
    check_reason(reason).or_refuse();
    let found = caller.lock(consumer).or_refuse();
    let actor = identity::actor::of_actor(caller.acting.tenant, owner, None);
    actor
        .ok_or_else(|| wo_rules::identity::no_such_principal(owner))
        .and_then(|actor| actor.standing.check(owner))
        .or_refuse();
    let assigned = Consumer { owner: Owner::Principal(owner.to_owned()), ..found.clone() };
    if assigned == found {
        return;
    }
    let [tenant, name] = caller.key(consumer);
    let arguments = [tenant, name, text(owner)];
    caller.write(|| ASSIGN.with(|statement| statement.run(Mode::Write, &arguments, |_| ())));
    caller.record(consumer, "assigned", Some(reason), Some(&found), Some(&assigned));
}
