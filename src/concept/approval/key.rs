//! Signing keys: enrolled for a person, used only once their identity verification is on record,
//! never given to anybody else.

use crate::kernel::configuration::not_an_administrator;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, login_is_member};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, bytes, optional_text, statement, text, timestamp, uuid as uuid_argument,
};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::approval::keys::{Key, check_change, check_enrolment, choose};
use wo_rules::approval::payload::{check_public_key, key_id};
use wo_rules::identity::bytes_from_text;
use wo_rules::refusal::{Refusal, SqlState};

pub use wo_rules::approval::keys::Change;

statement!(
    OF_PRINCIPAL,
    "select held.* from wo.signing_key as held where held.tenant_id = $1 and held.principal = $2
     order by held.enrolled_at desc, held.key_id",
    [UUIDOID, TEXTOID]
);
statement!(
    HOLD,
    "select held.* from wo.signing_key as held where held.tenant_id = $1 and held.key_id = $2 for share",
    [UUIDOID, TEXTOID]
);
statement!(
    LOCK,
    "select held.* from wo.signing_key as held where held.tenant_id = $1 and held.key_id = $2 for update",
    [UUIDOID, TEXTOID]
);
statement!(
    ENROLL,
    "insert into wo.signing_key (tenant_id, key_id, principal, public_key, enrolled_by, enrolled_at,
        verified_by, verified_at, verification, expires_at)
     values ($1, $2, $3, $4, $5, $6, case when $7 is not null then $5 end,
        case when $7 is not null then $6 end, $7, $8)",
    [UUIDOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID]
);
statement!(
    VERIFY,
    "update wo.signing_key set verified_by = $3, verified_at = $4, verification = $5
     where tenant_id = $1 and key_id = $2",
    [UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID]
);
statement!(
    RETIRE,
    "update wo.signing_key set retired_at = $3 where tenant_id = $1 and key_id = $2",
    [UUIDOID, TEXTOID, TIMESTAMPTZOID]
);
statement!(
    REVOKE,
    "update wo.signing_key set revoked_at = $3, revocation_reason = $4 where tenant_id = $1 and key_id = $2",
    [UUIDOID, TEXTOID, TIMESTAMPTZOID, TEXTOID]
);

/// A year, in microseconds: how long a key is good for where nobody says otherwise.
const LIFETIME: i64 = 365 * 86_400_000_000;

fn key_of(row: &Row) -> Option<Key> {
    let time = |name: &str| row.timestamp_named(name);
    Some(Key {
        id: row.named("key_id")?,
        principal: row.named("principal")?,
        public_key: row.named("public_key")?,
        verified: time("verified_at").is_some(),
        expires_at: time("expires_at")?,
        retired: time("retired_at").is_some(),
        revoked: time("revoked_at").is_some(),
    })
}

/// The newest key that a person may sign with now.
///
/// # Errors
/// 55000 `signing_key_missing`; 42501 `identity_not_verified`.
pub fn usable(tenant: Uuid, principal: &str) -> Result<Key, Refusal> {
    let keys: Vec<Key> = as_trail(|| {
        OF_PRINCIPAL.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant), text(principal)], |rows| {
                (0..rows.count()).filter_map(|row| key_of(&Row::of_rows(rows, row)?)).collect()
            })
        })
    });
    choose(principal, keys, identity::now())
}

/// The key of a challenge, kept as it is until this transaction ends, if it may still be used.
///
/// # Errors
/// As [`usable`].
pub fn held(tenant: Uuid, principal: &str, id: &str) -> Result<Key, Refusal> {
    let key = as_trail(|| {
        HOLD.with(|statement| {
            statement.run(Mode::Write, &[uuid_argument(tenant), text(id)], |rows| {
                key_of(&Row::of_rows(rows, 0)?)
            })
        })
    });
    choose(principal, key.into_iter().collect(), identity::now())
}

/// Who is said to have done it: the principal, or the database role that administers.
fn doer(acting: &Identity) -> String {
    acting.principal.clone().unwrap_or_else(crate::pg::source::login_role)
}

/// Enrols a public key.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn enroll_signing_key(
    principal: Option<&str>,
    public_key: Option<&str>,
    verification: Option<&str>,
    expires_at: Option<TimestampWithTimeZone>,
) -> String {
    crate::kernel::version::check_tables();
    if !login_is_member("wo_admin") {
        crate::pg::error::refuse(not_an_administrator("enrol signing keys"));
    }
    let acting = identity::required().or_refuse();
    let principal = principal.unwrap_or_default();
    let kind = identity::actor::of_actor(acting.tenant, principal, None)
        .map(|actor| crate::kernel::work_order::kind_of(&actor.standing.kind));
    check_enrolment(principal, kind).or_refuse();
    let public_key = bytes_from_text(public_key.unwrap_or_default());
    check_public_key(&public_key).or_refuse();
    let id = key_id(&public_key);
    let at = identity::now();
    let expires = expires_at.map_or(at.saturating_add(LIFETIME), i64::from);
    let arguments = [
        uuid_argument(acting.tenant),
        text(&id),
        text(principal),
        bytes(&public_key),
        text(&doer(&acting)),
        timestamp(at),
        optional_text(verification),
        timestamp(expires),
    ];
    let known = as_trail(|| {
        LOCK.with(|statement| {
            statement.run(Mode::Write, &[uuid_argument(acting.tenant), text(&id)], |rows| {
                rows.count() > 0
            })
        })
    });
    if known {
        crate::pg::error::refuse(
            Refusal::new(
                SqlState::Duplicate,
                "signing_key_known",
                "the public key is enrolled already, and no key is ever used twice",
            )
            .with("key_id", id)
            .hint("Make a new key: wo key new --for signer."),
        );
    }
    memory::mark_written();
    memory::as_enforcement(|| {
        as_trail(|| ENROLL.with(|statement| statement.store(&arguments)));
    });
    id
}

/// Verifies the owner of a key, retires or revokes it.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn change_signing_key(key_id: Option<&str>, change: Option<&str>, why: Option<&str>) {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let id = key_id.unwrap_or_default();
    let place = [uuid_argument(acting.tenant), text(id)];
    let key = as_trail(|| {
        LOCK.with(|statement| {
            statement.run(Mode::Write, &place, |rows| key_of(&Row::of_rows(rows, 0)?))
        })
    });
    let change = match change {
        Some("verify") => Change::Verify,
        Some("retire") => Change::Retire,
        Some("revoke") => Change::Revoke,
        _ => crate::pg::error::refuse(damaged("a change of a signing key that nobody knows")),
    };
    let why = why.map(str::trim).filter(|why| !why.is_empty());
    let is_administrator = login_is_member("wo_admin");
    check_change(id, key.as_ref(), change, why, acting.principal.as_deref(), is_administrator)
        .or_refuse();
    let at = timestamp(identity::now());
    let why = optional_text(why);
    memory::mark_written();
    memory::as_enforcement(|| {
        as_trail(|| match change {
            Change::Verify => {
                let arguments = [place[0], place[1], text(&doer(&acting)), at, why];
                VERIFY.with(|statement| statement.store(&arguments));
            }
            Change::Retire => {
                let arguments = [place[0], place[1], at];
                RETIRE.with(|statement| statement.store(&arguments));
            }
            Change::Revoke => {
                let arguments = [place[0], place[1], at, why];
                REVOKE.with(|statement| statement.store(&arguments));
            }
        });
    });
}
