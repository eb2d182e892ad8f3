//! Settings: everything that a DBA or a client can choose, each documented by its description.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use std::ffi::CString;

/// How subscribers are woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PostgresGucEnum)]
pub enum Notify {
    /// NOTIFY in the writing transaction.
    #[name = c"transaction"]
    Transaction,
    /// Not at all: subscribers poll.
    #[name = c"off"]
    Off,
}

/// `wo_core.session`: the nonce that a session-scoped identity is tied to.
pub static SESSION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `wo_core.session_scope`: whether a session-scoped identity is allowed at all.
pub static SESSION_SCOPE: GucSetting<bool> = GucSetting::<bool>::new(false);
/// `wo_core.notify`: how subscribers are woken.
pub static NOTIFY: GucSetting<Notify> = GucSetting::<Notify>::new(Notify::Transaction);
/// `wo_core.traceparent`: the W3C trace context that events carry.
pub static TRACEPARENT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `wo_core.work_order_partitions`: into how many partitions an install divides the work orders.
pub static PARTITIONS: GucSetting<i32> = GucSetting::<i32>::new(1);

/// `wo_core.signing_token_age`: how old the token of a signer may be, in seconds.
pub static SIGNING_TOKEN_AGE: GucSetting<i32> = GucSetting::<i32>::new(300);
/// `wo_core.challenge_lifetime`: how long a challenge may be answered, in seconds.
pub static CHALLENGE_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(300);

/// Makes the settings known to the server.
pub fn define() {
    GucRegistry::define_string_guc(
        c"wo_core.session",
        c"Ties a session-scoped identity to this session.",
        c"Set by wo.authenticate_session; RESET ALL and DISCARD ALL end the identity.",
        &SESSION,
        GucContext::Userset,
        GucFlags::NO_SHOW_ALL | GucFlags::SUPERUSER_ONLY | GucFlags::DISALLOW_IN_FILE,
    );
    GucRegistry::define_bool_guc(
        c"wo_core.session_scope",
        c"Allows wo.authenticate_session.",
        c"Turn it on for login roles whose connections no pooler shares in transaction mode: alter role ... set wo_core.session_scope = on.",
        &SESSION_SCOPE,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_enum_guc(
        c"wo_core.notify",
        c"How subscribers are woken: transaction (NOTIFY wo_event with each commit) or off (they poll).",
        c"NOTIFY takes a lock of the whole cluster through the commit; turn it off where many writers commit at once.",
        &NOTIFY,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_string_guc(
        c"wo_core.traceparent",
        c"The W3C trace context that events of this session or transaction carry.",
        c"For example: set local wo_core.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'.",
        &TRACEPARENT,
        GucContext::Userset,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"wo_core.work_order_partitions",
        c"Into how many partitions CREATE EXTENSION divides wo.work_order, by tenant.",
        c"Read once, at install. One is right unless tenants are many and large.",
        &PARTITIONS,
        1,
        256,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"wo_core.signing_token_age",
        c"How old, in seconds, the token may be with which somebody requests or gives a signature.",
        c"Every signing authenticates anew: older tokens are refused for it, whatever their expiry.",
        &SIGNING_TOKEN_AGE,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"wo_core.challenge_lifetime",
        c"How long, in seconds, the challenge of a signature may be answered.",
        c"After that a new one has to be requested.",
        &CHALLENGE_LIFETIME,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::empty(),
    );
    // SAFETY: called from _PG_init with a constant string, after every setting has been defined.
    unsafe { pgrx::pg_sys::MarkGUCPrefixReserved(c"wo_core".as_ptr()) };
}

/// The trace context to record, where the client gave one that is well formed.
pub fn traceparent() -> Option<String> {
    let text = TRACEPARENT.get()?.into_string().ok()?;
    wo_rules::event::is_traceparent(&text).then_some(text)
}
