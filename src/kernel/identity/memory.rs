//! What a backend remembers about who is acting.
//!
//! It lives in backend memory alone, so no SQL user can forge it: a setting could be SET by
//! anybody. A transaction's end clears it, ROLLBACK TO SAVEPOINT restores what the savepoint had.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;
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
        }
    }
}

/// What ROLLBACK TO SAVEPOINT must restore.
#[derive(Clone, Default)]
struct Transaction {
    /// Bound in this transaction by a token or for administration.
    bound: Option<Rc<Identity>>,
    /// The tenant that this transaction has acted for; it can be only one.
    tenant: Option<Uuid>,
    /// A session-scoped identity, and the nonce that the session's setting must hold.
    session: Option<(String, Rc<Identity>)>,
}

#[derive(Default)]
struct Memory {
    current: Transaction,
    /// States to restore, each with the nesting level of the subtransaction that replaced it.
    saved: Vec<(i32, Transaction)>,
    /// The login role's identity, looked up once in a transaction.
    login: Option<Option<Rc<Identity>>>,
    /// The session-scoped identity that a rollback of this transaction brings back.
    committed_session: Option<(String, Rc<Identity>)>,
    /// Whether the session's identity was found to stand in this transaction.
    session_checked: bool,
    /// Whether this transaction wrote records.
    wrote: bool,
    /// Whether the law itself is at work: then the tables of the trail accept rows, and the functions of its duties answer.
    enforcement_is_active: Option<i32>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// How deep in subtransactions we are; 1 where in none.
pub fn nesting_level() -> i32 {
    // SAFETY: reads a counter of the transaction manager.
    unsafe { pg_sys::GetCurrentTransactionNestLevel() }
}

impl Identity {
    /// Whether it has not expired yet.
    fn lives(&self, now: i64) -> bool {
        match self.proof {
            Proof::Token { expires, .. } => now < expires,
            Proof::Login | Proof::Administration | Proof::Worker => true,
        }
    }
}

impl Memory {
    fn known(&mut self, now: i64, nonce: Option<&CStr>) -> Known {
        if let Some(bound) = &self.current.bound {
            return Known::Already(Some(Rc::clone(bound)).filter(|bound| bound.lives(now)));
        }
        if let Some((expected, identity)) = &self.current.session {
            let holds = nonce.is_some_and(|nonce| nonce.to_bytes() == expected.as_bytes());
            if holds && identity.lives(now) {
                let identity = Rc::clone(identity);
                return match self.session_checked {
                    true => Known::Already(Some(identity)),
                    false => Known::Session(identity),
                };
            }
            self.save();
            self.current.session = None;
        }
        self.login.clone().map_or(Known::Nothing, Known::Already)
    }

    /// Keeps what a ROLLBACK TO SAVEPOINT must bring back.
    fn save(&mut self) {
        let level = nesting_level();
        if level > 1 && self.saved.last().is_none_or(|(saved, _)| *saved < level) {
            self.saved.push((level, self.current.clone()));
        }
    }
}

/// Binds an identity to this transaction.
///
/// # Errors
/// 42501 `second_tenant` where the transaction has acted for another tenant: an open cursor would
/// go on showing the first.
pub fn bind(identity: Identity) -> Result<(), Refusal> {
    MEMORY.with_borrow_mut(|memory| {
        if memory.current.tenant.is_some_and(|tenant| tenant != identity.tenant) {
            return Err(Refusal::new(
                SqlState::NotPermitted,
                "second_tenant",
                "this transaction already acts for another tenant",
            )
            .hint("End the transaction first; one transaction acts for one tenant."));
        }
        memory.save();
        memory.current.tenant = Some(identity.tenant);
        memory.current.bound = Some(Rc::new(identity));
        Ok(())
    })
}

/// Ties an identity to the session: it holds while the setting holds the nonce.
pub fn bind_session(nonce: String, identity: Identity) {
    MEMORY.with_borrow_mut(|memory| {
        memory.save();
        memory.current.session = Some((nonce, Rc::new(identity)));
        memory.session_checked = false;
    });
}

/// Acts as somebody while `act` runs, then as before.
pub fn during<T>(identity: Identity, act: impl FnOnce() -> T) -> T {
    let before = MEMORY.with_borrow_mut(|memory| {
        memory.save();
        let before = memory.current.clone();
        memory.current = Transaction {
            tenant: Some(identity.tenant),
            bound: Some(Rc::new(identity)),
            session: before.session.clone(),
        };
        before
    });
    let result = act();
    MEMORY.with_borrow_mut(|memory| memory.current = before);
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
    let identity = match MEMORY.with_borrow_mut(|memory| memory.known(now, nonce)) {
        Known::Already(identity) => identity,
        Known::Session(identity) if stands(&identity) => {
            MEMORY.with_borrow_mut(|memory| memory.session_checked = true);
            Some(identity)
        }
        Known::Session(_) => {
            MEMORY.with_borrow_mut(|memory| {
                memory.save();
                memory.current.session = None;
            });
            None
        }
        Known::Nothing => {
            let found = login().map(Rc::new);
            MEMORY.with_borrow_mut(|memory| memory.login = Some(found.clone()));
            found
        }
    }?;
    MEMORY.with_borrow_mut(|memory| {
        if memory.current.tenant != Some(identity.tenant) {
            if memory.current.tenant.is_some() {
                return None;
            }
            memory.save();
            memory.current.tenant = Some(identity.tenant);
        }
        Some(identity)
    })
}

/// Who was acting last, if that is still to be asked in this transaction: by whoever asks how they
/// stand anyway, and then says so by [`confirm`]. `login` says who the login role was last.
pub fn unconfirmed(
    now: i64,
    nonce: Option<&CStr>,
    login: impl FnOnce() -> Option<Rc<Identity>>,
) -> Option<Rc<Identity>> {
    match MEMORY.with_borrow_mut(|memory| memory.known(now, nonce)) {
        Known::Already(_) => None,
        Known::Session(identity) => Some(identity),
        Known::Nothing => login(),
    }
}

/// Takes an unconfirmed identity for this transaction's: it was found to stand. False where this
/// transaction has acted for another tenant.
pub fn confirm(identity: &Rc<Identity>) -> bool {
    MEMORY.with_borrow_mut(|memory| {
        if memory.current.tenant.is_some_and(|tenant| tenant != identity.tenant) {
            return false;
        }
        if memory.current.tenant.is_none() {
            memory.save();
            memory.current.tenant = Some(identity.tenant);
        }
        match identity.proof {
            Proof::Token { .. } => memory.session_checked = true,
            Proof::Login => memory.login = Some(Some(Rc::clone(identity))),
            Proof::Administration | Proof::Worker => {}
        }
        true
    })
}

/// Who is acting as far as the backend knows without looking anything up; for what must not fail.
pub fn known_already() -> Option<Rc<Identity>> {
    let nonce = crate::pg::setting::SESSION.get();
    let now = wo_rules::time::unix_seconds(super::now());
    MEMORY
        .try_with(|memory| {
            let memory = memory.try_borrow().ok()?;
            let bound = memory.current.bound.clone();
            // A pooler's reset takes the nonce away: whoever comes then is somebody else.
            let session = memory.current.session.as_ref().filter(|(expected, identity)| {
                let holds = nonce.as_deref().is_some_and(|it| it.to_bytes() == expected.as_bytes());
                holds && identity.lives(now)
            });
            let session = session.map(|(_, identity)| Rc::clone(identity));
            bound.or(session).or_else(|| memory.login.clone().flatten())
        })
        .ok()
        .flatten()
}

/// Forgets what the login role was found to be: its mapping may just have been changed.
pub fn forget_login() {
    MEMORY.with_borrow_mut(|memory| memory.login = None);
}

/// Marks that this transaction wrote records, so that it cannot be prepared.
pub fn mark_written() {
    MEMORY.with_borrow_mut(|memory| memory.wrote = true);
}

/// Marks the law as at work while `act` runs.
pub fn as_enforcement<T>(act: impl FnOnce() -> T) -> T {
    with_enforcement(true, act)
}

/// Runs somebody else's code from within the law: it is a stranger to the law again.
pub fn as_caller<T>(act: impl FnOnce() -> T) -> T {
    with_enforcement(false, act)
}

/// A rollback of the subtransaction that made the mark takes it away.
fn with_enforcement<T>(at_work: bool, act: impl FnOnce() -> T) -> T {
    let set = |mark: Option<i32>| {
        MEMORY.with_borrow_mut(|memory| std::mem::replace(&mut memory.enforcement_is_active, mark))
    };
    let before = set(at_work.then(nesting_level));
    let result = act();
    set(before);
    result
}

/// Whether the law itself is at work, rather than somebody who calls its parts.
pub fn enforcement_is_active() -> bool {
    MEMORY.with_borrow(|memory| memory.enforcement_is_active.is_some())
}

/// Registers the callbacks that forget; called once in a backend.
pub fn register() {
    // SAFETY: both callbacks live as long as the library. They touch Rust memory only, and raise no
    // ERROR, but in PRE_COMMIT and PRE_PREPARE, where PostgreSQL allows both: at commit an ERROR
    // would take the whole server down.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction_event), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction_event), std::ptr::null_mut());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_transaction_event(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::os::raw::c_void,
) {
    use pg_sys::XactEvent::*;
    match event {
        XACT_EVENT_PRE_PREPARE if MEMORY.with_borrow(|memory| memory.wrote) => {
            crate::pg::error::refuse(
                Refusal::new(
                    SqlState::NotSupported,
                    "prepared_transaction",
                    "a transaction that wrote work orders cannot be prepared",
                )
                .hint("Use COMMIT: a prepared transaction would hold every subscriber back."),
            );
        }
        XACT_EVENT_PRE_COMMIT => {
            crate::concept::hierarchy::effects::before_commit();
            crate::service::evidence::before_commit();
            crate::service::worker::before_commit();
            crate::kernel::install::before_commit();
        }
        XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE => {
            let _ = MEMORY.try_with(|memory| {
                if let Ok(mut memory) = memory.try_borrow_mut() {
                    if event != XACT_EVENT_ABORT {
                        memory.committed_session = memory.current.session.take();
                    }
                    memory.current = Transaction {
                        session: memory.committed_session.clone(),
                        ..Transaction::default()
                    };
                    memory.session_checked = false;
                    memory.saved.clear();
                    memory.login = None;
                    memory.wrote = false;
                    memory.enforcement_is_active = None;
                    memory.session_checked = false;
                }
            });
            crate::kernel::lifecycle::cache::at_transaction_end(event == XACT_EVENT_ABORT);
            crate::kernel::lifecycle::cache::forget_publication();
            super::known::at_transaction_end();
            crate::kernel::work_order::pending::forget_all();
            crate::kernel::install::at_transaction_end();
            crate::service::worker::at_transaction_end(event == XACT_EVENT_COMMIT);
            crate::kernel::event::at_transaction_end();
            crate::concept::hierarchy::graph::at_transaction_end();
            crate::concept::hierarchy::effects::at_transaction_end();
            crate::service::evidence::at_transaction_end();
            crate::service::ledger::at_transaction_end();
            crate::kernel::work_order::number::at_transaction_end();
        }
        _ => {}
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_subtransaction_event(
    event: pg_sys::SubXactEvent::Type,
    _subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut std::os::raw::c_void,
) {
    use pg_sys::SubXactEvent::*;
    let level = nesting_level();
    match event {
        SUBXACT_EVENT_ABORT_SUB => {
            let _ = MEMORY.try_with(|memory| {
                if let Ok(mut memory) = memory.try_borrow_mut() {
                    while memory.saved.last().is_some_and(|(saved, _)| *saved >= level) {
                        if let Some((_, before)) = memory.saved.pop() {
                            memory.current = before;
                        }
                    }
                    memory.login = None;
                    memory.enforcement_is_active.take_if(|since| *since >= level);
                    memory.session_checked = false;
                }
            });
            crate::kernel::lifecycle::cache::at_transaction_end(true);
            crate::kernel::event::at_rollback_to_savepoint();
            crate::concept::hierarchy::graph::at_rollback_to_savepoint(level);
            crate::concept::hierarchy::effects::at_rollback_to_savepoint(level);
            crate::service::evidence::at_rollback_to_savepoint(level);
            crate::service::refused_attempt::at_rollback_to_savepoint(level);
            crate::kernel::work_order::pending::at_rollback_to_savepoint(level);
        }
        SUBXACT_EVENT_COMMIT_SUB => {
            crate::concept::hierarchy::effects::at_release_of_savepoint(level);
            crate::service::evidence::at_release_of_savepoint(level);
            crate::service::refused_attempt::at_release_of_savepoint(level);
            let _ = MEMORY.try_with(|memory| {
                if let Ok(mut memory) = memory.try_borrow_mut() {
                    let parent = level - 1;
                    while memory.saved.last().is_some_and(|(saved, _)| *saved >= level) {
                        let Some((_, before)) = memory.saved.pop() else { break };
                        let parent_has_its_own =
                            memory.saved.last().is_some_and(|(saved, _)| *saved >= parent);
                        if parent > 1 && !parent_has_its_own {
                            memory.saved.push((parent, before));
                        }
                    }
                }
            });
        }
        _ => {}
    }
}
