//! Who is acting: tokens, login roles, and what the backend remembers of them.

pub mod actor;
pub mod known;
pub mod memory;
pub mod registration;

use crate::pg::cache::Cached;
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::lookup::{Key, find};
pub use crate::pg::server::{now, random_bytes};
use crate::pg::setting;
use crate::pg::statement::{Mode, statement, text};
use memory::{Identity, Proof};
use pgrx::prelude::*;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::identity::{self as rules, VerifiedToken};
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::{from_unix_seconds, unix_seconds, utc};

statement!(MEMBER, "select pg_catalog.pg_has_role(session_user, $1, 'member')", [TEXTOID]);

thread_local! {
    /// Whether this process is a database's worker.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
    /// The principal that the login role was found to be last; asked itself before it counts.
    static LAST_LOGIN: RefCell<Option<(String, Rc<Identity>)>> = const { RefCell::new(None) };
    /// Tokens whose signature has held, by the hash of token and key, until they expire.
    static VERIFIED: RefCell<Cached<[u8; 32], Rc<VerifiedToken>>> =
        RefCell::new(Cached::lasting(REMEMBERED_TOKENS));
}

/// How many verified tokens a backend keeps.
const REMEMBERED_TOKENS: usize = 256;

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    memory::register();
    known::register();
}

/// Who is acting, if anybody.
pub fn current() -> Option<Rc<Identity>> {
    let nonce = setting::SESSION.get();
    memory::current(unix_seconds(now()), nonce.as_deref(), still_stands, login_identity)
}

/// Acts as somebody who has acted in this transaction while `act` runs, though their token may have ended
/// meanwhile: what follows from what they did is theirs.
pub fn as_before<T>(identity: &Identity, act: impl FnOnce() -> T) -> T {
    let is_still = current().is_some_and(|acting| *acting == *identity);
    if is_still {
        return act();
    }
    let mut lasting = identity.clone();
    if let Proof::Token { expires, .. } = &mut lasting.proof {
        *expires = i64::MAX;
    }
    memory::during(lasting, act)
}

/// Whether a session's identity may still act: its principal is enabled, and its issuer trusted.
fn still_stands(identity: &Identity) -> bool {
    let (Proof::Token { issuer, key_id, .. }, Some(principal)) =
        (&identity.proof, &identity.principal)
    else {
        return false;
    };
    actor::of_actor(identity.tenant, principal, Some((issuer, key_id)))
        .is_some_and(|actor| actor.standing.check(principal).is_ok() && actor.is_trusted)
}

/// The principal that the login role is.
fn login_identity() -> Option<Identity> {
    let login = crate::pg::source::login_role();
    let known = last_login(&login)
        .and_then(|last| login_as(&login, last.tenant, last.principal.clone().unwrap_or_default()));
    if known.is_some() {
        return known;
    }
    let key = [Key::Text("db_role", &login)];
    let (tenant, id) = find("login_directory", "login_directory_pkey", &key, |row| {
        let tenant: pgrx::Uuid = row.named("tenant_id")?;
        Some((Uuid::from_bytes(*tenant.as_bytes()), row.named::<String>("principal")?))
    })?;
    let identity = login_as(&login, tenant, id)?;
    LAST_LOGIN.with_borrow_mut(|last| *last = Some((login, Rc::new(identity.clone()))));
    Some(identity)
}

fn last_login(login: &str) -> Option<Rc<Identity>> {
    LAST_LOGIN.with_borrow(|last| {
        last.as_ref().filter(|(role, _)| role == login).map(|(_, identity)| Rc::clone(identity))
    })
}

/// The login role's identity as that principal, if the principal says so itself and may act.
fn login_as(login: &str, tenant: Uuid, id: String) -> Option<Identity> {
    let actor = actor::of_actor(tenant, &id, None)?;
    let standing = &actor.standing;
    let is_its_own = standing.db_role.as_deref() == Some(login);
    (standing.check(&id).is_ok() && is_its_own).then(|| Identity {
        tenant,
        principal: Some(id),
        kind: Some(standing.kind.clone()),
        proof: Proof::Login,
    })
}

/// Who is acting.
///
/// # Errors
/// 42501 `no_identity`.
pub fn required() -> Result<Rc<Identity>, Refusal> {
    current().ok_or_else(nobody)
}

/// The refusal where nobody is acting. An administrator has most likely forgotten to name the tenant.
pub fn nobody() -> Refusal {
    rules::nobody(login_is_member("wo_admin"))
}

/// Whether the login role is a member of that role (or a superuser).
pub fn login_is_member(role: &str) -> bool {
    MEMBER.with(|statement| statement.run(Mode::Latest, &[text(role)], |rows| rows.required(0, 1)))
}

/// The tenant that this transaction acts for.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
fn current_tenant() -> Option<pgrx::Uuid> {
    current().map(|identity| pgrx::Uuid::from_bytes(*identity.tenant.as_bytes()))
}

/// The principal that is acting.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
fn current_principal() -> Option<String> {
    current().and_then(|identity| identity.principal.clone())
}

/// Who is acting, as JSON.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
fn whoami() -> pgrx::JsonB {
    let identity = current();
    let mut answer = serde_json::json!({
        "authenticated": identity.is_some(),
        "login_role": crate::pg::source::login_role(),
    });
    if let Some(identity) = identity {
        answer["tenant_id"] = identity.tenant.to_string().into();
        answer["principal"] = identity.principal.clone().into();
        answer["kind"] = identity.kind.clone().into();
        answer["authenticated_by"] = identity.authenticated_by().into();
        if let Proof::Token { expires, session, .. } = identity.proof {
            answer["expires_at"] = utc(from_unix_seconds(expires)).into();
            answer["scope"] = if session { "session" } else { "transaction" }.into();
        }
    }
    pgrx::JsonB(answer)
}

/// Verifies a token and binds its subject to this transaction, or to the session.
#[pg_extern(schema = "wo_private")]
fn authenticate(tenant: Option<pgrx::Uuid>, token: Option<&str>, session: Option<bool>) -> String {
    let session = session.unwrap_or(false);
    crate::kernel::version::check_tables();
    if session && !setting::SESSION_SCOPE.get() {
        refuse(
            Refusal::new(
                SqlState::NotPermitted,
                "session_scope_off",
                "an identity for the whole session is not allowed for this login role",
            )
            .hint("Authenticate in each transaction; or, where no pooler shares the connection in transaction mode, a DBA can set wo_core.session_scope = on for the role."),
        );
    }
    let identity = verify(token.unwrap_or_default(), tenant, session).or_refuse();
    let principal = identity.principal.clone().unwrap_or_default();
    memory::bind(identity.clone()).or_refuse();
    if session {
        let nonce = nonce();
        let Ok(value) = CString::new(nonce.as_str()) else { refuse(damaged("a nonce")) };
        setting::set_session_nonce(&value);
        memory::bind_session(nonce, identity);
    }
    principal
}

fn verify(token: &str, tenant: Option<pgrx::Uuid>, session: bool) -> Result<Identity, Refusal> {
    let unverified = rules::read(token)?;
    let claims = unverified.claims().clone();
    if tenant.is_some_and(|tenant| tenant.as_bytes() != claims.tenant.as_bytes()) {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "token_wrong_tenant",
            "the token was issued for another tenant",
        ));
    }
    let issuer = actor::of_issuer(claims.tenant, &claims.iss, unverified.key_id())
        .ok_or_else(rules::unknown_issuer)?;
    let verified = remembered(token, &issuer.public_key, || unverified.verify(&issuer.public_key))?;
    let longest = i64::from(setting::TOKEN_LIFETIME.get());
    verified.check(unix_seconds(now()), &issuer.audience, longest)?;
    let actor =
        actor::of_actor(claims.tenant, &claims.sub, None).ok_or_else(rules::unknown_principal)?;
    actor.standing.check(&claims.sub)?;
    Ok(Identity {
        tenant: claims.tenant,
        principal: Some(claims.sub),
        kind: Some(actor.standing.kind.clone()),
        proof: Proof::Token {
            token_id: claims.jti,
            expires: verified.expires,
            issuer: claims.iss,
            key_id: verified.key_id.clone(),
            issued: verified.issued,
            session,
        },
    })
}

/// The verified token, from memory where this very token held under this very key before.
fn remembered(
    token: &str,
    key: &[u8],
    verify: impl FnOnce() -> Result<VerifiedToken, Refusal>,
) -> Result<Rc<VerifiedToken>, Refusal> {
    let digest: [u8; 32] = Sha256::new().chain_update(key).chain_update(token).finalize().into();
    if let Some(known) = VERIFIED.with_borrow_mut(|tokens| tokens.get(&digest)) {
        return Ok(known);
    }
    let verified = Rc::new(verify()?);
    VERIFIED.with_borrow_mut(|tokens| tokens.insert(digest, Rc::clone(&verified)));
    Ok(verified)
}

/// 128 bits from PostgreSQL's strong random source, in hexadecimal.
fn nonce() -> String {
    hex::encode(random_bytes::<16>())
}

/// Lets a member of `wo_admin` configure a tenant in this transaction.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn administer(tenant: Option<&str>) -> pgrx::Uuid {
    crate::kernel::version::check_tables();
    if !login_is_member("wo_admin") {
        refuse(
            Refusal::new(
                SqlState::NotPermitted,
                "not_an_administrator",
                "only members of wo_admin administer tenants",
            )
            .hint("grant wo_admin to ..."),
        );
    }
    let wanted = tenant.unwrap_or_default();
    let found = match Uuid::parse_str(wanted) {
        Ok(id) if id.is_nil() => Some(id),
        _ => actor::tenant_named(wanted),
    };
    let Some(found) = found else {
        refuse(
            Refusal::new(
                SqlState::BadValue,
                "tenant_unknown",
                format!("there is no tenant \"{}\"", wanted.chars().take(60).collect::<String>()),
            )
            .hint("Name a tenant by its slug or its UUID; wo.create_tenant(...) makes one."),
        );
    };
    memory::bind(administrator(found)).or_refuse();
    pgrx::Uuid::from_bytes(*found.as_bytes())
}

/// The identity of a database role that administers a tenant.
pub fn administrator(tenant: Uuid) -> Identity {
    Identity { tenant, principal: None, kind: None, proof: Proof::Administration }
}

/// Marks this process as a database's worker.
pub fn become_worker() {
    IS_WORKER.set(true);
}

/// Whether this process is a database's worker.
pub fn is_worker() -> bool {
    IS_WORKER.get()
}

/// The identity in which a job is done for a tenant: the worker's own, or that of the caller of
/// `wo.tick()`.
pub fn of_a_job(tenant: Uuid) -> Identity {
    match is_worker() {
        true => Identity { proof: Proof::Worker, ..administrator(tenant) },
        false => Identity { proof: Proof::Job, ..administrator(tenant) },
    }
}

/// The identity of the installation itself, for what belongs to no tenant.
pub fn installation() -> Identity {
    of_a_job(Uuid::nil())
}

/// Reads a public key in hexadecimal or base64url.
#[pg_extern(schema = "wo_private", immutable, parallel_safe)]
fn public_key(text: &str) -> Vec<u8> {
    rules::public_key_from_text(text).or_refuse()
}
