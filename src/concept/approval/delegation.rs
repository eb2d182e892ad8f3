//! Delegating the right to sign.

use super::person::{Delegations, holds_role, name_of};
use super::uuid_of;
use crate::kernel::identity::{self, login_is_member, memory};
use crate::kernel::work_order::{actor_roles, new_id};
use crate::pg::error::OrRefuse;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, optional_text, optional_uuid, statement, text, timestamp, uuid as uuid_argument,
};
use pgrx::prelude::*;
use serde_json::json;
use uuid::Uuid;
use wo_rules::approval::delegation::{Link, check_new};
use wo_rules::lifecycle::PrincipalKind;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::utc;

statement!(
    ADD,
    "insert into wo.delegation (tenant_id, id, parent_id, delegator, delegate, role, lifecycle, meaning, starts_at,
        ends_at, reason, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    [
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
        TEXTOID, TIMESTAMPTZOID
    ]
);
statement!(
    ROLE_OF,
    "select given.role, given.revoked_at is not null or given.ends_at <= pg_catalog.clock_timestamp()
     from wo.delegation as given where given.tenant_id = $1 and given.id = $2 for update",
    [UUIDOID, UUIDOID]
);
statement!(
    HOLD_PARENT,
    "select given.role from wo.delegation as given where given.tenant_id = $1 and given.id = $2 for share",
    [UUIDOID, UUIDOID]
);
statement!(
    REVOKE,
    "update wo.delegation set revoked_at = $3, revocation_reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID]
);

/// Delegates.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)]
fn delegate_approval(
    delegate: Option<&str>,
    role: Option<&str>,
    starts_at: Option<TimestampWithTimeZone>,
    ends_at: Option<TimestampWithTimeZone>,
    reason: Option<&str>,
    lifecycle: Option<&str>,
    meaning: Option<&str>,
    parent: Option<pgrx::Uuid>,
) -> pgrx::Uuid {
    crate::kernel::version::check_tables();
    let (acting, delegator) = actor_roles::acting().or_refuse();
    let tenant = acting.tenant;
    let at = identity::now();
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        crate::pg::error::refuse(Refusal::reason_missing("a delegation"));
    };
    let id = new_id(at);
    let new = Link {
        id: id.to_string(),
        from: delegator.id.clone(),
        to: delegate.unwrap_or_default().to_owned(),
        role: role.unwrap_or_default().to_owned(),
        starts_at: starts_at.map_or(at, i64::from),
        ends_at: ends_at.map_or(at, i64::from),
        revoked: false,
        lifecycle: lifecycle.map(str::to_owned),
        meaning: meaning.map(str::to_owned),
    };
    check_parties(tenant, &delegator, &new, parent.is_some()).or_refuse();
    let parent = parent.map(|parent| uuid_of(Some(parent)));
    let chain = match parent {
        None => Vec::new(),
        Some(parent) => {
            let role: Option<String> = as_trail(|| {
                let arguments = [uuid_argument(tenant), uuid_argument(parent)];
                HOLD_PARENT
                    .with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.get(0, 1)))
            });
            let role = role.unwrap_or_default();
            let chain = Delegations::of_role(tenant, &role).chain(&parent.to_string());
            let leads = chain.last().is_some_and(|link| link.to == delegator.id);
            let stands =
                chain.first().is_some_and(|link| holds_role(tenant, &link.from, &link.role));
            if !(leads && stands) {
                crate::pg::error::refuse(not_yours(&delegator.id, &new.role));
            }
            chain
        }
    };
    check_new(&chain, &new, at).or_refuse();
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(id),
        optional_uuid(parent),
        text(&new.from),
        text(&new.to),
        text(&new.role),
        optional_text(lifecycle),
        optional_text(meaning),
        timestamp(new.starts_at),
        timestamp(new.ends_at),
        text(reason),
        timestamp(at),
    ];
    memory::mark_written();
    memory::as_enforcement(|| {
        as_trail(|| ADD.with(|statement| statement.store(&arguments)));
    });
    let data = json!({
        "delegator": new.from,
        "delegate": new.to,
        "role": new.role,
        "lifecycle": lifecycle,
        "meaning": meaning,
        "starts_at": utc(new.starts_at),
        "ends_at": utc(new.ends_at),
        "parent": parent.map(|parent| parent.to_string()),
    });
    super::notify("wo.approval_delegated", tenant, id, &data);
    pgrx::Uuid::from_bytes(*id.as_bytes())
}

fn not_yours(who: &str, role: &str) -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "role_missing",
        format!("{who} has no role {role} that could be delegated"),
    )
    .with("principal", who)
    .with("role", role)
    .hint(
        "only who holds the role delegates it, or who acts by a delegation that is named as parent",
    )
}

fn check_parties(
    tenant: Uuid,
    delegator: &crate::kernel::work_order::ActorRoles,
    new: &Link,
    has_parent: bool,
) -> Result<(), Refusal> {
    if !has_parent && !delegator.roles.contains(&new.role) {
        return Err(not_yours(&delegator.id, &new.role));
    }
    let delegate = identity::actor::of_actor(tenant, &new.to, None);
    let is_person = delegate.as_ref().is_some_and(|actor| {
        crate::kernel::work_order::kind_of(&actor.standing.kind) == PrincipalKind::Person
    });
    if delegate.is_none() || name_of(tenant, &new.to).is_none() {
        return Err(wo_rules::identity::no_such_principal(&new.to));
    }
    if delegator.kind != PrincipalKind::Person || !is_person {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "person_required",
            "signatures are given by persons: only a person delegates, and to a person",
        )
        .hint("delegate to a human being"));
    }
    Ok(())
}

/// Ends a delegation.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn revoke_delegation(delegation: Option<pgrx::Uuid>, reason: Option<&str>) -> bool {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let id = uuid_of(delegation);
    let place = [uuid_argument(acting.tenant), uuid_argument(id)];
    let known = as_trail(|| {
        ROLE_OF.with(|statement| {
            statement.run(Mode::Write, &place, |rows| {
                Some((rows.get::<String>(0, 1)?, rows.get::<bool>(0, 2)?))
            })
        })
    });
    let Some((role, is_over)) = known else {
        crate::pg::error::refuse(Refusal::new(
            SqlState::BadValue,
            "delegation_unknown",
            format!("there is no delegation {id} in the tenant"),
        ));
    };
    let chain = Delegations::of_role(acting.tenant, &role).chain(&id.to_string());
    let is_theirs =
        acting.principal.as_ref().is_some_and(|who| chain.iter().any(|link| link.from == *who));
    if !is_theirs && !login_is_member("wo_admin") {
        crate::pg::error::refuse(
            Refusal::new(
                SqlState::NotPermitted,
                "delegation_of_others",
                "a delegation is revoked by who made it, or by an administrator",
            )
            .with("delegation", id.to_string()),
        );
    }
    if is_over {
        return false;
    }
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        crate::pg::error::refuse(Refusal::reason_missing("the end of a delegation"));
    };
    memory::mark_written();
    let at = timestamp(identity::now());
    memory::as_enforcement(|| {
        as_trail(|| {
            let arguments = [place[0], place[1], at, text(reason)];
            REVOKE.with(|statement| statement.store(&arguments));
        });
    });
    true
}
