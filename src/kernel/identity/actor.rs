//! How somebody stands in a tenant, as it is committed now, so that a role that was revoked
//! meanwhile does not help, whatever the isolation level.

use super::known::{Answers, Source, recall};
use crate::pg::lookup::{Key, Latest, at_once, each, find};
use crate::pg::row::Row;
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::identity as rules;
use wo_rules::refusal::Refusal;

/// A principal's standing.
pub struct Principal {
    /// What it is.
    pub kind: String,
    /// Whether its tenant is open.
    pub tenant_is_open: bool,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// The login role that it is.
    pub db_role: Option<String>,
}

impl Principal {
    /// Checks that it may act.
    ///
    /// # Errors
    /// 42501 `tenant_disabled`, `principal_disabled`.
    pub fn check(&self, id: &str) -> Result<(), Refusal> {
        if !self.tenant_is_open {
            return Err(rules::disabled_tenant());
        }
        if !self.is_enabled {
            return Err(rules::disabled_principal(id));
        }
        Ok(())
    }
}

fn is_open(row: &Row) -> bool {
    row.column("disabled_at").is_some_and(|index| row.is_null(index))
}

/// Somebody who acts.
pub struct Actor {
    /// The principal.
    pub standing: Principal,
    /// Its standing roles.
    pub roles: Vec<String>,
    /// Whether the tenant trusts the issuer's key that was asked for, if one was.
    pub is_trusted: bool,
}

/// An issuer's key that a tenant trusts.
pub struct Issuer {
    /// The key, 32 bytes.
    pub public_key: Vec<u8>,
    /// Whom its tokens must be meant for.
    pub audience: String,
}

/// The tenant, the issuer and the key.
type IssuerKey = (Uuid, String, String);

/// The tenant, the principal, and the issuer and key that its token names.
type ActorKey = (Uuid, String, Option<(String, String)>);

thread_local! {
    static ACTORS: RefCell<Answers<ActorKey, Actor>> = RefCell::default();
    static ISSUERS: RefCell<Answers<IssuerKey, Issuer>> = RefCell::default();
}

/// The standing of a principal, its roles, and whether its tenant trusts the issuer's key that it
/// names, all of one moment; nothing where there is no such principal.
pub fn of_actor(tenant: Uuid, id: &str, issuer: Option<(&str, &str)>) -> Option<Rc<Actor>> {
    let issuer = issuer.map(|(issuer, key_id)| (issuer.to_owned(), key_id.to_owned()));
    let tables: &[Source] = match issuer {
        Some(_) => {
            &[Source::Tenant, Source::Principal, Source::PrincipalRole, Source::TrustedIssuer]
        }
        None => &[Source::Tenant, Source::Principal, Source::PrincipalRole],
    };
    recall(&ACTORS, tables, (tenant, id.to_owned(), issuer), |(tenant, id, issuer)| {
        at_once(|latest| {
            let standing = principal(latest, *tenant, id)?;
            let key = [Key::Uuid("tenant_id", *tenant), Key::Text("principal", id)];
            let mut roles = Vec::new();
            latest.find::<()>("principal_role", "principal_role_pkey", &key, |row| {
                roles.extend(row.named::<String>("role"));
                None
            });
            roles.sort_unstable();
            let is_trusted = issuer.as_ref().is_none_or(|(issuer, key_id)| {
                issuer_key(latest, *tenant, issuer, key_id).is_some()
            });
            Some(Actor { standing, roles, is_trusted })
        })
    })
}

fn principal(latest: &Latest, tenant: Uuid, id: &str) -> Option<Principal> {
    let tenant_key = [Key::Uuid("tenant_id", tenant)];
    let tenant_is_open =
        latest.find("tenant", "tenant_pkey", &tenant_key, |row| Some(is_open(row)))?;
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("id", id)];
    latest.find("principal", "principal_pkey", &key, |row| {
        Some(Principal {
            kind: row.named("kind")?,
            tenant_is_open,
            is_enabled: is_open(row),
            db_role: row.named("db_role"),
        })
    })
}

/// Whether work may be assigned to a principal; nothing where there is none of that name.
pub fn is_assignable(tenant: Uuid, id: &str) -> Option<bool> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("id", id)];
    find("principal", "principal_pkey", &key, |row| {
        Some(row.required_named::<bool>("assignable") && is_open(row))
    })
}

/// An issuer's key; nothing where the tenant does not trust it.
pub fn of_issuer(tenant: Uuid, issuer: &str, key_id: &str) -> Option<Rc<Issuer>> {
    let key = (tenant, issuer.to_owned(), key_id.to_owned());
    recall(&ISSUERS, &[Source::TrustedIssuer], key, |(tenant, issuer, key_id)| {
        at_once(|latest| issuer_key(latest, *tenant, issuer, key_id))
    })
}

fn issuer_key(latest: &Latest, tenant: Uuid, issuer: &str, key_id: &str) -> Option<Issuer> {
    let key =
        [Key::Uuid("tenant_id", tenant), Key::Text("issuer", issuer), Key::Text("key_id", key_id)];
    latest.find("trusted_issuer", "trusted_issuer_pkey", &key, |row| {
        if !is_open(row) {
            return None;
        }
        Some(Issuer { public_key: row.named("public_key")?, audience: row.named("audience")? })
    })
}

/// The tenant of that slug or UUID.
pub fn tenant_named(name: &str) -> Option<Uuid> {
    let id_of =
        |row: &Row| row.named::<pgrx::Uuid>("tenant_id").map(|id| Uuid::from_bytes(*id.as_bytes()));
    find("tenant", "tenant_slug_key", &[Key::Text("slug", name)], id_of).or_else(|| {
        let id = Uuid::parse_str(name).ok()?;
        find("tenant", "tenant_pkey", &[Key::Uuid("tenant_id", id)], id_of)
    })
}

/// Every tenant that is not disabled.
pub fn open_tenants() -> Vec<Uuid> {
    tenants_that(is_open)
}

/// Every tenant, disabled ones too.
pub fn all_tenants() -> Vec<Uuid> {
    tenants_that(|_| true)
}

fn tenants_that(are_wanted: impl Fn(&Row) -> bool) -> Vec<Uuid> {
    let mut tenants = Vec::new();
    each("tenant", |row| {
        let id = row.named::<pgrx::Uuid>("tenant_id").filter(|_| are_wanted(row));
        tenants.extend(id.map(|id| Uuid::from_bytes(*id.as_bytes())));
    });
    tenants.sort_unstable();
    tenants
}
