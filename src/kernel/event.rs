//! Events: giving positions, and reading below the horizon. The worker's pump wakes subscribers.

use crate::pg::error::OrRefuse;
use crate::pg::lock;
use crate::pg::relation::verified_oid;
use crate::pg::run_as::as_trail;
use crate::pg::sequence;
use crate::pg::setting;
use crate::pg::statement::{
    argument, bigint, json, optional_text, statement, text, timestamp, uuid as uuid_argument,
};
use crate::pg::storage::append;
use crate::pg::transaction::{Stack, SubxactStack};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use uuid::Uuid;
use wo_rules::event as rules;
use wo_rules::schema::Table;
use wo_rules::time::day_of_timestamp;

/// The table that they are written to, its columns in the order in which the values are given.
const TABLE: &Table = Table::named("event");

statement!(
    WRITE,
    "insert into wo.event (tenant_id, position, timeline, type, subject_id, recorded_at, traceparent, data)
     values ($1, $2, $3, $4, $5, $6, $7, $8)",
    [UUIDOID, INT8OID, INT4OID, TEXTOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONOID]
);
thread_local! {
    /// One entry where this transaction holds its writer's lock.
    static LOCKED: SubxactStack<()> = const { SubxactStack::new() };
    /// The newest position of an event of this transaction; 0 for none, or none that is to be
    /// announced.
    static NEWEST_HERE: Cell<i64> = const { Cell::new(0) };
    /// Whether this transaction holds readers back, so that its end is news by itself.
    static HOLDS_BACK: Cell<bool> = const { Cell::new(false) };
}

/// The newest position of an event of this transaction that is still to be announced; 0 for none.
pub fn newest_here() -> i64 {
    NEWEST_HERE.get()
}

/// Takes it, so that nobody announces it any more.
pub fn take_newest_here() -> i64 {
    NEWEST_HERE.replace(0)
}

/// Whether this transaction, which ends, held readers back.
pub fn take_hold() -> bool {
    HOLDS_BACK.replace(false)
}

/// What happened, ready to be written to the outbox.
pub struct Event {
    position: i64,
    timeline: i32,
    kind: &'static str,
    traceparent: Option<String>,
    data: String,
}

impl Event {
    /// Takes the next position. Call it where the row lock of the work order is held, so that
    /// positions follow each other as its changes do.
    pub fn new(kind: &'static str, data: String) -> Self {
        let (position, timeline) = next_position();
        NEWEST_HERE.set(NEWEST_HERE.get().max(position));
        Self { position, timeline, kind, traceparent: setting::traceparent(), data }
    }

    /// Where it stands among all events and entries.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The timeline in which it is.
    pub fn timeline(&self) -> i32 {
        self.timeline
    }

    /// Writes it to the outbox.
    pub fn write(&self, tenant: Uuid, subject: Uuid, at: i64) {
        let arguments = [
            uuid_argument(tenant),
            bigint(self.position),
            argument(self.timeline),
            text(self.kind),
            uuid_argument(subject),
            timestamp(at),
            optional_text(self.traceparent.as_deref()),
            json(&self.data),
        ];
        if !append(TABLE, day_of_timestamp(at), &arguments) {
            as_trail(|| WRITE.with(|statement| statement.store(&arguments)));
        }
    }
}

fn sequences() -> (pg_sys::Oid, pg_sys::Oid) {
    (verified_oid("event_position"), verified_oid("event_timeline"))
}

fn last_value(sequence: pg_sys::Oid) -> i64 {
    // A sequence that was never used has given nothing.
    sequence::last_value(sequence).unwrap_or(0)
}

/// The next position, and the timeline. The lock first, then the number: a reader that sees the number
/// taken also sees the lock.
pub fn next_position() -> (i64, i32) {
    let (position, timeline) = sequences();
    if LOCKED.count() == 0 {
        lock::Lock::above(last_value(position)).share_until_end();
        LOCKED.push(());
        HOLDS_BACK.set(true);
    }
    (sequence::next_value(position), i32::try_from(last_value(timeline)).unwrap_or(i32::MAX))
}

/// The last position that was given to anybody.
pub fn newest() -> i64 {
    last_value(sequences().0)
}

/// The last position below which nothing can still appear.
pub fn horizon() -> i64 {
    let last = last_value(sequences().0);
    rules::horizon(last, lock::writers_positions())
}

/// Puts an event into the CloudEvents 1.0 envelope.
#[pg_extern(schema = "wo_private", immutable, parallel_safe)]
#[allow(clippy::too_many_arguments)]
fn cloudevent(
    tenant: pgrx::Uuid,
    position: i64,
    timeline: i32,
    kind: &str,
    subject: pgrx::Uuid,
    recorded_at: TimestampWithTimeZone,
    traceparent: &str,
    data: &str,
) -> pgrx::JsonB {
    pgrx::JsonB(rules::cloudevent(rules::Recorded {
        tenant: Uuid::from_bytes(*tenant.as_bytes()),
        position,
        timeline,
        kind,
        subject: Uuid::from_bytes(*subject.as_bytes()),
        recorded_at: recorded_at.into(),
        traceparent: Some(traceparent).filter(|text| !text.is_empty()),
        data: wo_rules::json::parse(data).or_refuse(),
    }))
}

/// Takes the number of the next timeline.
pub fn next_timeline() -> i32 {
    let (_, timeline) = sequences();
    i32::try_from(sequence::next_value_of_caller(timeline)).unwrap_or(i32::MAX)
}
