//! What ends by itself: signing keys, delegations, and challenges that nobody answered.

use crate::kernel::event::Event;
use crate::kernel::identity::{self, memory};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Argument, Mode, Statement, bigint, statement, timestamp, uuid as uuid_argument,
};
use std::thread::LocalKey;
use uuid::Uuid;

/// How many of each kind one run deals with in a tenant.
const MOST: i64 = 500;

statement!(
    KEYS,
    "with due as (
        select used.key_id from wo.signing_key as used
        where used.tenant_id = $1 and used.expires_at <= $2 and used.expiry_notified_at is null
            and used.retired_at is null and used.revoked_at is null
        order by used.expires_at
        limit $3
        for no key update skip locked
     )
     update wo.signing_key as ended set expiry_notified_at = $2
     from due where ended.tenant_id = $1 and ended.key_id = due.key_id
     returning (select chain.subject_id from wo.audit_chain as chain
            where chain.tenant_id = $1 and chain.subject = 'signing_key'
                and chain.subject_key = pg_catalog.jsonb_build_array(ended.key_id)::pg_catalog.text),
        pg_catalog.jsonb_build_object('key_id', ended.key_id, 'principal', ended.principal,
            'expires_at', pg_catalog.to_char(ended.expires_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))::pg_catalog.text",
    [UUIDOID, TIMESTAMPTZOID, INT8OID]
);
statement!(
    DELEGATIONS,
    "with due as (
        select made.id from wo.delegation as made
        where made.tenant_id = $1 and made.ends_at <= $2 and made.end_notified_at is null and made.revoked_at is null
        order by made.ends_at
        limit $3
        for no key update skip locked
     )
     update wo.delegation as ended set end_notified_at = $2
     from due where ended.tenant_id = $1 and ended.id = due.id
     returning ended.id,
        pg_catalog.jsonb_build_object('delegation', ended.id, 'delegator', ended.delegator, 'delegate', ended.delegate,
            'role', ended.role,
            'ends_at', pg_catalog.to_char(ended.ends_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))::pg_catalog.text",
    [UUIDOID, TIMESTAMPTZOID, INT8OID]
);
statement!(
    CHALLENGES,
    "with old as (
        select asked.id from wo.signature_challenge as asked
        where asked.tenant_id = $1 and asked.used_at is null and asked.expires_at <= $2 - interval '1 day'
        order by asked.expires_at
        limit $3
        for update skip locked
     )
     delete from wo.signature_challenge as gone using old where gone.tenant_id = $1 and gone.id = old.id
     returning gone.id",
    [UUIDOID, TIMESTAMPTZOID, INT8OID]
);

/// Reports signing keys and delegations that have ended, each once, and forgets challenges that
/// nobody answered within a day of their end. Gives how many there were.
pub fn notify_expiries(tenant: Uuid) -> i32 {
    let at = identity::now();
    let arguments = [uuid_argument(tenant), timestamp(at), bigint(MOST)];
    let notified = notify(&KEYS, "wo.signing_key_expired", tenant, at, &arguments)
        + notify(&DELEGATIONS, "wo.delegation_ended", tenant, at, &arguments);
    let forgotten = memory::as_enforcement(|| {
        as_trail(|| {
            CHALLENGES.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
        })
    });
    i32::try_from(notified + forgotten).unwrap_or(i32::MAX)
}

/// Marks what is due, which leaves an entry in the chain of each, and writes an event for each.
fn notify(
    due: &'static LocalKey<Statement>,
    kind: &'static str,
    tenant: Uuid,
    at: i64,
    arguments: &[Argument],
) -> usize {
    memory::as_enforcement(|| {
        let notified: Vec<(Uuid, String)> = as_trail(|| {
            due.with(|statement| {
                statement.run(Mode::Write, arguments, |rows| {
                    (0..rows.count())
                        .map(|row| {
                            let id = rows.get::<pgrx::Uuid>(row, 1);
                            let id = id.map_or(tenant, |id| Uuid::from_bytes(*id.as_bytes()));
                            (id, rows.required(row, 2))
                        })
                        .collect()
                })
            })
        });
        let count = notified.len();
        for (subject, data) in notified {
            memory::mark_written();
            Event::new(kind, data).write(tenant, subject, at);
        }
        count
    })
}
