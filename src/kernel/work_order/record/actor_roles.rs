//! How the actor stands in the tenant, asked anew for every write and as it is committed then: a
//! role that was revoked meanwhile does not help, whatever the isolation level.

use crate::kernel::identity::known::{Answers, Source, recall};
use crate::kernel::identity::memory::{Identity, Proof};
use crate::kernel::identity::{self, actor as registered};
use crate::pg::source;
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::identity as rules;
use wo_rules::lifecycle::{Actor, PrincipalKind};
use wo_rules::refusal::{Refusal, SqlState};

thread_local! {
    /// Whether work may be assigned to a principal of a tenant.
    static ASSIGNABLE: RefCell<Answers<(Uuid, String), bool>> = RefCell::default();
}

/// A principal that may act.
pub struct ActorRoles {
    /// Its identifier.
    pub id: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its standing roles.
    pub roles: Vec<String>,
}

/// Who is acting, and how they stand now.
///
/// # Errors
/// 42501 `no_identity`, and those of [`of`].
pub fn acting() -> Result<(Rc<Identity>, ActorRoles), Refusal> {
    let acting = identity::required()?;
    let standing = of(&acting)?;
    Ok((acting, standing))
}

/// Reads the actor's standing.
///
/// # Errors
/// 42501 `no_principal` for a database role that administers, `principal_disabled`,
/// `no_identity` where the login role is not its own any more.
pub fn of(identity: &Identity) -> Result<ActorRoles, Refusal> {
    let Some(id) = identity.principal.clone() else {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "no_principal",
            "a database role that administers a tenant does not write its work orders",
        )
        .hint(
            "Act as a principal: call wo.authenticate(token), or use a login role that is one.",
        ));
    };
    let issuer = match &identity.proof {
        Proof::Token { issuer, key_id, session: true, .. } => {
            Some((issuer.as_str(), key_id.as_str()))
        }
        _ => None,
    };
    let actor =
        registered::of_actor(identity.tenant, &id, issuer).ok_or_else(rules::unknown_principal)?;
    let standing = &actor.standing;
    standing.check(&id)?;
    if !actor.is_trusted {
        return Err(rules::unknown_issuer());
    }
    if identity.proof == Proof::Login && standing.db_role.as_deref() != Some(&source::login_role())
    {
        return Err(identity::nobody());
    }
    Ok(ActorRoles { id, kind: kind_of(&standing.kind), roles: actor.roles.clone() })
}

/// The kind of that name; anything unknown counts as a program, which may do the least.
pub fn kind_of(name: &str) -> PrincipalKind {
    match name {
        "person" => PrincipalKind::Person,
        "agent" => PrincipalKind::Agent,
        "vendor" => PrincipalKind::Vendor,
        _ => PrincipalKind::System,
    }
}

/// Checks that a work order may name these principals.
///
/// # Errors
/// 23514 `assignee_not_allowed`, 22023 `requester_unknown`.
pub fn check_named(
    tenant: Uuid,
    number: &str,
    assignee: Option<&str>,
    requester: Option<&str>,
) -> Result<(), Refusal> {
    let look_up = |id: &str| {
        recall(&ASSIGNABLE, &[Source::Principal], (tenant, id.to_owned()), |(tenant, id)| {
            registered::is_assignable(*tenant, id)
        })
        .map(|is_assignable| *is_assignable)
    };
    let shown = |id: &str| id.chars().take(60).collect::<String>();
    if let Some(assignee) = assignee
        && look_up(assignee) != Some(true)
    {
        return Err(Refusal::new(
                SqlState::GateNotMet,
                "assignee_not_allowed",
                format!("work order {number} cannot be assigned to \"{}\"", shown(assignee)),
            )
            .with("assignee", shown(assignee))
            .hint("Assign it to a principal of the tenant that is assignable and not disabled: select id from wo.principal where assignable;"));
    }
    if let Some(requester) = requester
        && look_up(requester).is_none()
    {
        return Err(Refusal::new(
            SqlState::BadValue,
            "requester_unknown",
            format!(
                "work order {number} names the requester \"{}\", who is no principal of the tenant",
                shown(requester)
            ),
        )
        .with("requester", shown(requester))
        .hint("Name a principal of the tenant, or nobody."));
    }
    Ok(())
}

impl ActorRoles {
    /// The same, as the rules take it.
    pub fn actor(&self) -> Actor<'_> {
        Actor { id: &self.id, kind: self.kind, roles: &self.roles }
    }
}
