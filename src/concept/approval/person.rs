//! Who holds a role for a signature, by themself or on somebody's behalf.

use super::WorkOrderView;
use crate::kernel::identity;
use crate::kernel::identity::actor::of_actor;
use crate::kernel::work_order::ActorRoles;
use crate::pg::error::OrRefuse;
use crate::pg::lookup::{Key, find};
use crate::pg::row::Row;
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use pgrx::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;
use wo_rules::approval::delegation::{Link, holds};
use wo_rules::approval::signer::{self, Signer};
use wo_rules::lifecycle::{Actor, PrincipalKind};
use wo_rules::refusal::{Refusal, SqlState};

statement!(
    HOLDERS,
    "select person.id from wo.principal_role as held
     join wo.principal as person on person.tenant_id = held.tenant_id and person.id = held.principal
     where held.tenant_id = $1 and held.role = $2 and person.kind = 'person' and person.disabled_at is null
     order by person.id",
    [UUIDOID, TEXTOID]
);
statement!(
    DELEGATIONS,
    "select given.* from wo.delegation as given
     where given.tenant_id = $1 and given.role = $2
     order by given.id",
    [UUIDOID, TEXTOID]
);

/// A person's printed name; nothing where there is no such principal.
pub fn name_of(tenant: Uuid, id: &str) -> Option<String> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("id", id)];
    find("principal", "principal_pkey", &key, |row| row.named("name"))
}

/// Whether a principal holds a standing role now, and may act.
pub fn holds_role(tenant: Uuid, id: &str, role: &str) -> bool {
    of_actor(tenant, id, None).is_some_and(|actor| {
        actor.standing.check(id).is_ok() && actor.roles.iter().any(|held| held == role)
    })
}

/// The delegations of a role, each with what it hangs on.
pub struct Delegations(Vec<(Link, Option<String>)>);

impl Delegations {
    /// Reads them as they are committed now.
    pub fn of_role(tenant: Uuid, role: &str) -> Self {
        let arguments = [uuid_argument(tenant), text(role)];
        Self(crate::pg::run_as::as_trail(|| {
            DELEGATIONS.with(|statement| {
                statement.run(Mode::Latest, &arguments, |rows| {
                    (0..rows.count())
                        .filter_map(|index| link_of(&Row::of_rows(rows, index)?))
                        .collect()
                })
            })
        }))
    }

    /// The chain that ends with that delegation, outermost first; empty where it is not known, or
    /// hangs on itself.
    pub fn chain(&self, id: &str) -> Vec<Link> {
        let mut chain: Vec<Link> = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(id) = next {
            let Some((link, parent)) = self.0.iter().find(|(link, _)| link.id == id) else {
                return Vec::new();
            };
            if chain.len() > self.0.len() {
                return Vec::new();
            }
            chain.insert(0, link.clone());
            next = parent.clone();
        }
        chain
    }

    fn leading_to<'a>(&'a self, delegate: &'a str) -> impl Iterator<Item = Vec<Link>> + 'a {
        self.0
            .iter()
            .filter(move |(link, _)| link.to == delegate)
            .map(|(link, _)| self.chain(&link.id))
    }
}

fn link_of(row: &Row) -> Option<(Link, Option<String>)> {
    let id = |name: &str| {
        row.named::<pgrx::Uuid>(name).map(|id| Uuid::from_bytes(*id.as_bytes()).to_string())
    };
    let time = |name: &str| row.timestamp_named(name);
    let link = Link {
        id: id("id")?,
        from: row.named("delegator")?,
        to: row.named("delegate")?,
        role: row.named("role")?,
        starts_at: time("starts_at")?,
        ends_at: time("ends_at")?,
        revoked: time("revoked_at").is_some(),
        lifecycle: row.named("lifecycle"),
        meaning: row.named("meaning"),
    };
    Some((link, id("parent_id")))
}

/// As whom somebody signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// On whose behalf.
    pub on_behalf_of: Option<String>,
    /// By which delegation.
    pub delegation: Option<Uuid>,
}

/// Finds as whom somebody may sign in a role.
///
/// # Errors
/// 42501 `role_missing`; 22023 `principal_ambiguous` where several have delegated and none is named.
pub fn capacity(
    view: &WorkOrderView<'_>,
    signer: &ActorRoles,
    role: &str,
    meaning: &str,
    on_behalf_of: Option<&str>,
) -> Result<Capacity, Refusal> {
    let actor = Actor { id: &signer.id, kind: signer.kind, roles: &signer.roles };
    let record = view.facets.record();
    if on_behalf_of.is_none() && view.lifecycle.is_in_role(&actor, role, &record) {
        return Ok(Capacity { on_behalf_of: None, delegation: None });
    }
    let delegations = Delegations::of_role(view.tenant, role);
    let now = identity::now();
    let mut found: Vec<Capacity> = Vec::new();
    for chain in delegations.leading_to(&signer.id) {
        let root = holds(&chain, role, view.lifecycle.name(), meaning, now);
        let Some(root) = root.filter(|root| holds_role(view.tenant, root, role)) else {
            continue;
        };
        let Some(delegation) = chain.last().and_then(|link| Uuid::parse_str(&link.id).ok()) else {
            continue;
        };
        let is_asked = on_behalf_of.is_none_or(|asked| asked == root);
        if is_asked && !found.iter().any(|one| one.on_behalf_of.as_deref() == Some(root)) {
            found.push(Capacity {
                on_behalf_of: Some(root.to_owned()),
                delegation: Some(delegation),
            });
        }
    }
    let number = record.number;
    let place = |refusal: Refusal| {
        refusal
            .with("work_order_id", record.id)
            .with("principal", signer.id.as_str())
            .with("role", role)
    };
    match found.len() {
        1 => found.pop().ok_or_else(|| crate::pg::error::damaged("a delegation went away")),
        0 => Err(place(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            match on_behalf_of {
                Some(other) => format!(
                    "{} cannot sign work order {number} as {role} on behalf of {other}",
                    signer.id
                ),
                None => format!("{} cannot sign work order {number} as {role}", signer.id),
            },
        ))
        .hint(
            "a role is granted by an administrator, or delegated for a time by one who holds it",
        )),
        _ => {
            let names: Vec<&str> =
                found.iter().filter_map(|one| one.on_behalf_of.as_deref()).collect();
            Err(place(Refusal::new(
                SqlState::BadValue,
                "principal_ambiguous",
                format!("{} may sign as {role} on behalf of several: name one", signer.id),
            ))
            .hint(format!("give on_behalf_of: {}", names.join(", "))))
        }
    }
}

fn holders(tenant: Uuid, role: &str) -> Vec<String> {
    crate::pg::run_as::as_trail(|| {
        HOLDERS.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant), text(role)], |rows| {
                (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
            })
        })
    })
}

/// The persons who hold a role.
pub fn of_role(tenant: Uuid, role: &str) -> Vec<String> {
    holders(tenant, role)
}

/// The persons who may be asked to sign for an action in a role: those who hold it and their
/// delegates, as far as they may sign.
pub fn approvers(view: &WorkOrderView<'_>, action: &str, role: &str, meaning: &str) -> Vec<String> {
    let record = view.facets.record();
    let signed: Vec<signer::Signed> = super::gate::signature_status(view.tenant, view.seen.id())
        .into_iter()
        .map(|one| one.signed)
        .collect();
    let may_sign = |id: &str, on_behalf_of: Option<&str>| {
        let signer = Signer { id, kind: PrincipalKind::Person, on_behalf_of };
        signer::check(&signer, &record, action, role, &signed).is_ok()
    };
    let mut all: BTreeSet<String> = match role {
        "originator" => [record.originator.to_owned()].into(),
        "requester" => record.requester.map(str::to_owned).into_iter().collect(),
        _ => holders(view.tenant, role).into_iter().collect(),
    };
    all.retain(|id| may_sign(id, None));
    let delegations = Delegations::of_role(view.tenant, role);
    let now = identity::now();
    let delegates: BTreeSet<&str> =
        delegations.0.iter().map(|(link, _)| link.to.as_str()).collect();
    for delegate in delegates {
        let stands = delegations.leading_to(delegate).any(|chain| {
            holds(&chain, role, view.lifecycle.name(), meaning, now).is_some_and(|root| {
                may_sign(delegate, Some(root)) && holds_role(view.tenant, root, role)
            })
        });
        let is_person = of_actor(view.tenant, delegate, None).is_some_and(|actor| {
            actor.standing.check(delegate).is_ok()
                && crate::kernel::work_order::kind_of(&actor.standing.kind) == PrincipalKind::Person
        });
        if stands && is_person {
            all.insert(delegate.to_owned());
        }
    }
    all.into_iter().collect()
}

/// The persons who may be asked to sign.
#[pg_extern(schema = "wo_private", name = "approvers", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn approvers_of(
    work_order: Option<pgrx::Uuid>,
    action: Option<&str>,
    role: Option<&str>,
    meaning: Option<&str>,
) -> Vec<String> {
    let acting = identity::required().or_refuse();
    super::with_work_order(acting.tenant, super::uuid_of(work_order), |view| {
        Ok(approvers(
            view,
            action.unwrap_or_default(),
            role.unwrap_or_default(),
            meaning.unwrap_or_default(),
        ))
    })
    .or_refuse()
}
