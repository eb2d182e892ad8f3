//! What a backend remembers about who is acting.
//!
//! It lives in backend memory alone, so no SQL user can forge it: a setting could be SET by
//! anybody. A transaction's end clears it, ROLLBACK TO SAVEPOINT restores what the savepoint had.

use crate::pg::error::{OrRefuse, refuse};
use crate::pg::portal;
use crate::pg::transaction::{self, End, Stack, SubxactStack};
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::refusal::{Refusal, SqlState};

/// How an identity was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By a signed token.
    Token {
        /// The token's `jti`.
        token_id: String,
        /// Valid until this second (since 1970).
        expires: i64,
        /// Who issued it.
        issuer: String,
        /// The issuer's key.
        key_id: String,
        /// When it was issued (seconds since 1970), where it says so.
        issued: Option<i64>,
        /// Whether it holds for the session.
        session: bool,
    },
    /// By the login role, which is mapped to the principal.
    Login,
    /// By membership of `wo_admin`: a tenant without a principal.
    Administration,
    /// The background worker, which nobody can be.
    Worker,
    /// A job of the worker's that somebody has done with `wo.tick()`.
    Job,
}

/// Who is acting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// For which tenant.
    pub tenant: Uuid,
    /// As which principal; nobody where a database role administers.
    pub principal: Option<String>,
    /// What kind of principal.
    pub kind: Option<String>,
    /// How that was proven.
    pub proof: Proof,
}

impl Identity {
    /// How it was proven, as the trail records it.
    pub fn authenticated_by(&self) -> String {
        match &self.proof {
            Proof::Token { token_id, .. } => format!("token:{token_id}"),
            Proof::Login => "login".to_owned(),
            Proof::Administration => "administration".to_owned(),
            Proof::Worker => "worker".to_owned(),
            Proof::Job => "job".to_owned(),
        }
    }
}

/// An identity that holds for the session, and the nonce that the session's setting must hold.
type Session = Rc<(String, Rc<Identity>)>;

/// What ROLLBACK TO SAVEPOINT must restore.
#[derive(Clone, Default)]
struct Transaction {
    /// Bound in this transaction by a token or for administration.
    bound: Option<Rc<Identity>>,
    /// The tenant that this transaction has acted for; it can be only one.
    tenant: Option<Uuid>,
    /// The session's identity.
    session: Option<Session>,
}

thread_local! {
    /// What counts in this transaction; where nothing is set, only the session's identity.
    static TRANSACTION: SubxactStack<Transaction> = const { SubxactStack::new() };
    /// Whether the enforcement layer itself is at work: then the tables of the trail accept rows, and
    /// the functions of its duties answer.
    static ENFORCEMENT: SubxactStack<bool> = const { SubxactStack::new() };
    /// The session's identity that a rollback of this transaction brings back.
    static COMMITTED_SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
    /// The login role's identity, looked up once in a transaction; nobody where it is mapped to none.
    static LOGIN: RefCell<Option<Option<Rc<Identity>>>> = const { RefCell::new(None) };
    /// Whether the session's identity was found to stand in this transaction.
    static SESSION_IS_CHECKED: Cell<bool> = const { Cell::new(false) };
    /// The tenant that this transaction has acted for last, in what was rolled back to a savepoint too: a cursor that
    /// was read then still shows its rows.
    static SHOWN: Cell<Option<Uuid>> = const { Cell::new(None) };
    /// The same of the transactions before: their cursors WITH HOLD still show its rows.
    static SHOWN_BEFORE: Cell<Option<Uuid>> = const { Cell::new(None) };
    /// Whether this transaction wrote records.
    static WROTE: Cell<bool> = const { Cell::new(false) };
}

impl Identity {
    /// Whether it has not expired yet.
    fn lives(&self, now: i64) -> bool {
        match self.proof {
            Proof::Token { expires, .. } => now < expires,
            Proof::Login | Proof::Administration | Proof::Worker | Proof::Job => true,
        }
    }
}

/// What counts in this transaction just now.
fn state() -> Transaction {
    TRANSACTION.top().unwrap_or_else(|| Transaction {
        session: COMMITTED_SESSION.with_borrow(Option::clone),
        ..Transaction::default()
    })
}

/// Whether the session's setting holds the nonce, and the identity has not expired.
fn holds((expected, identity): &(String, Rc<Identity>), now: i64, nonce: Option<&CStr>) -> bool {
    nonce.is_some_and(|nonce| nonce.to_bytes() == expected.as_bytes()) && identity.lives(now)
}

fn known(now: i64, nonce: Option<&CStr>) -> Known {
    let mut this = state();
    if let Some(bound) = this.bound {
        return Known::Already(Some(bound).filter(|bound| bound.lives(now)));
    }
    if let Some(session) = &this.session {
        if holds(session, now, nonce) {
            let identity = Rc::clone(&session.1);
            return match SESSION_IS_CHECKED.get() {
                true => Known::Already(Some(identity)),
                false => Known::Session(identity),
            };
        }
        this.session = None;
        TRANSACTION.set(this);
    }
    LOGIN.with_borrow(Option::clone).map_or(Known::Nothing, Known::Already)
}

/// Binds an identity to this transaction.
///
/// # Errors
/// 42501 `second_tenant` where the transaction has acted for another tenant: an open cursor would
/// go on showing the first. 55000 `cursor_open` where it has rolled that back and such a cursor is open.
pub fn bind(identity: Identity) -> Result<(), Refusal> {
    let mut this = state();
    if this.tenant.is_some_and(|tenant| tenant != identity.tenant) {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "second_tenant",
            "this transaction already acts for another tenant",
        )
        .hint("End the transaction first; one transaction acts for one tenant."));
    }
    show(identity.tenant)?;
    this.tenant = Some(identity.tenant);
    this.bound = Some(Rc::new(identity));
    TRANSACTION.set(this);
    Ok(())
}

/// Lets this transaction show the rows of a tenant. Cursors that earlier transactions left open are closed where those
/// showed another tenant.
///
/// # Errors
/// 55000 `cursor_open` where the transaction has shown those of another tenant and a cursor is open.
fn show(tenant: Uuid) -> Result<(), Refusal> {
    if SHOWN_BEFORE.get().is_some_and(|before| before != tenant) {
        portal::close_kept();
        SHOWN_BEFORE.set(None);
    }
    if SHOWN.get().is_some_and(|shown| shown != tenant)
        && let Some(cursor) = portal::open_in_transaction()
    {
        return Err(Refusal::new(
            SqlState::WrongState,
            "cursor_open",
            "a cursor is open that may show rows of the tenant that this transaction acted for before",
        )
        .with("cursor", cursor)
        .hint("Close it, or end the transaction first."));
    }
    SHOWN.set(Some(tenant));
    Ok(())
}

/// Has this transaction act for the tenant, if it has acted for no other. False where it has.
fn enter(tenant: Uuid) -> bool {
    let this = state();
    if this.tenant.is_none() {
        show(tenant).or_refuse();
        TRANSACTION.set(Transaction { tenant: Some(tenant), ..this });
        return true;
    }
    this.tenant == Some(tenant)
}

/// Ties an identity to the session: it holds while the setting holds the nonce.
pub fn bind_session(nonce: String, identity: Identity) {
    let session = Some(Rc::new((nonce, Rc::new(identity))));
    TRANSACTION.set(Transaction { session, ..state() });
    SESSION_IS_CHECKED.set(false);
}

/// Acts as somebody while `act` runs, then as before.
pub fn during<T>(identity: Identity, act: impl FnOnce() -> T) -> T {
    let before = state();
    TRANSACTION.set(Transaction {
        tenant: Some(identity.tenant),
        bound: Some(Rc::new(identity)),
        session: before.session.clone(),
    });
    let result = act();
    TRANSACTION.set(before);
    result
}

/// What the backend knows before it looks anything up.
enum Known {
    /// Bound in this transaction, or looked up in it before; nobody where that found nobody.
    Already(Option<Rc<Identity>>),
    /// Bound to the session, and not looked at in this transaction yet.
    Session(Rc<Identity>),
    /// Only the login role.
    Nothing,
}

/// Who is acting, if anybody. `stands` says whether a session's identity still may act, `login`
/// who the login role is; each is asked once in a transaction.
pub fn current(
    now: i64,
    nonce: Option<&CStr>,
    stands: impl FnOnce(&Identity) -> bool,
    login: impl FnOnce() -> Option<Identity>,
) -> Option<Rc<Identity>> {
    let identity = match known(now, nonce) {
        Known::Already(identity) => identity,
        Known::Session(identity) if stands(&identity) => {
            SESSION_IS_CHECKED.set(true);
            Some(identity)
        }
        Known::Session(_) => {
            TRANSACTION.set(Transaction { session: None, ..state() });
            None
        }
        Known::Nothing => {
            let found = login().map(Rc::new);
            LOGIN.set(Some(found.clone()));
            found
        }
    }?;
    enter(identity.tenant).then_some(identity)
}

/// Who is acting as far as the backend knows without looking anything up; for what must not fail.
pub fn known_already() -> Option<Rc<Identity>> {
    let nonce = crate::pg::setting::SESSION.get();
    let now = wo_rules::time::unix_seconds(crate::pg::server::now());
    let this = state();
    // A pooler's reset takes the nonce away: the next client is somebody else.
    let session = this.session.filter(|session| holds(session, now, nonce.as_deref()));
    let session = session.map(|session| Rc::clone(&session.1));
    this.bound.or(session).or_else(|| LOGIN.with_borrow(|login| login.clone().flatten()))
}

/// Forgets what the login role was found to be: its mapping may just have been changed.
pub fn forget_login() {
    LOGIN.take();
}

/// Marks that this transaction wrote records, so that it cannot be prepared.
pub fn mark_written() {
    WROTE.set(true);
}

/// Marks the enforcement layer as at work while `act` runs.
pub fn as_enforcement<T>(act: impl FnOnce() -> T) -> T {
    ENFORCEMENT.during(true, act)
}

/// Runs somebody else's code from within the enforcement layer, which does not count as its own.
pub fn as_caller<T>(act: impl FnOnce() -> T) -> T {
    ENFORCEMENT.during(false, act)
}

/// Whether the enforcement layer itself is at work, rather than somebody who calls its functions.
pub fn enforcement_is_active() -> bool {
    ENFORCEMENT.top().unwrap_or(false)
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    transaction::before_prepare(refuse_prepare);
    transaction::at_end(at_end);
    transaction::at_rollback_to_savepoint(at_rollback_to_savepoint);
}

fn refuse_prepare() {
    if WROTE.get() {
        refuse(
            Refusal::new(
                SqlState::NotSupported,
                "prepared_transaction",
                "a transaction that wrote work orders cannot be prepared",
            )
            .hint("Use COMMIT: a prepared transaction would hold every subscriber back."),
        );
    }
}

fn at_end(end: End) {
    if end != End::RolledBack && TRANSACTION.count() > 0 {
        COMMITTED_SESSION.set(state().session);
    }
    at_rollback_to_savepoint();
    WROTE.set(false);
    if let Some(shown) = SHOWN.take() {
        SHOWN_BEFORE.set(Some(shown));
    }
}

/// What was looked up may have been written in what is rolled back.
fn at_rollback_to_savepoint() {
    LOGIN.take();
    SESSION_IS_CHECKED.set(false);
}
