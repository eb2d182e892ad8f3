//! Settings: everything that a DBA or a client can choose, each documented by its description.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum, pg_guard, pg_sys};
use std::ffi::{CStr, CString, c_char, c_void};

/// How subscribers are woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PostgresGucEnum)]
pub enum Notify {
    /// By the worker where one serves the database at the moment, else in the writing transaction.
    #[name = c"auto"]
    Auto,
    /// NOTIFY in the writing transaction.
    #[name = c"transaction"]
    Transaction,
    /// By the worker alone.
    #[name = c"worker"]
    Worker,
    /// Not at all: subscribers poll.
    #[name = c"off"]
    Off,
}

/// By which algorithm the tokens of credential grants are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PostgresGucEnum)]
pub enum GrantAlgorithm {
    /// EdDSA with Ed25519.
    #[name = c"EdDSA"]
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    #[name = c"ES256"]
    Es256,
}

/// `wo_core.session`: the nonce that a session-scoped identity is tied to.
pub static SESSION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `wo_core.session_scope`: whether a session-scoped identity is allowed at all.
pub static SESSION_SCOPE: GucSetting<bool> = GucSetting::<bool>::new(false);
/// `wo_core.notify`: how subscribers are woken.
pub static NOTIFY: GucSetting<Notify> = GucSetting::<Notify>::new(Notify::Auto);
/// `wo_core.notify_interval`: how long the worker waits between two NOTIFYs, in milliseconds.
pub static NOTIFY_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(10);
/// `wo_core.databases`: the databases that have a worker.
pub static DATABASES: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `wo_core.refused_attempts_kept`: how many refused attempts wait in memory.
pub static REFUSED_ATTEMPTS_KEPT: GucSetting<i32> = GucSetting::<i32>::new(1024);
/// `wo_core.traceparent`: the W3C trace context that events carry.
pub static TRACEPARENT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `wo_core.work_order_partitions`: into how many partitions an install divides the work orders.
pub static PARTITIONS: GucSetting<i32> = GucSetting::<i32>::new(1);
/// `wo_core.restoring`: whether CREATE EXTENSION takes an empty schema as that of a restore.
pub static RESTORING: GucSetting<bool> = GucSetting::<bool>::new(false);

/// `wo_core.token_lifetime`: for how long a token may be valid, in seconds.
pub static TOKEN_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(86_400);
/// `wo_core.signing_token_age`: how old the token of a signer may be, in seconds.
pub static SIGNING_TOKEN_AGE: GucSetting<i32> = GucSetting::<i32>::new(300);
/// `wo_core.challenge_lifetime`: how long a challenge may be answered, in seconds.
pub static CHALLENGE_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(300);

/// `wo_core.sealing_key_file`: where the key is that signs checkpoints.
pub static SEALING_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `wo_core.credential_key_file`: where the key is that signs the tokens of credential grants.
pub static CREDENTIAL_KEY_FILE: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(None);
/// `wo_core.credential_algorithm`: how they are signed.
pub static CREDENTIAL_ALGORITHM: GucSetting<GrantAlgorithm> =
    GucSetting::<GrantAlgorithm>::new(GrantAlgorithm::EdDsa);
/// `wo_core.credential_lifetime`: for how long they are valid, in seconds.
pub static CREDENTIAL_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(300);
/// `wo_core.credential_issuer`: who they say has issued them.
pub static CREDENTIAL_ISSUER: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"wo_core"));
/// `wo_core.credential_audience`: for whom they are.
pub static CREDENTIAL_AUDIENCE: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"vault"));
/// `wo_core.sealing_interval`: how often the trail is sealed, in seconds.
pub static SEALING_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(10);
/// `wo_core.archive_directory`: where archives are written.
pub static ARCHIVE_DIRECTORY: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(None);
/// `wo_core.retention`: how many months the trail stays in the database.
pub static RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);
/// `wo_core.event_retention`: how many months the outbox stays in the database.
pub static EVENT_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);
/// `wo_core.record_retention`: how many months the content of an ended work order stays.
pub static RECORD_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);
/// `wo_core.hierarchy_check_interval`: how often the hierarchy is checked, in seconds.
pub static HIERARCHY_CHECK_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(3_600);

/// Sets the nonce that ties an identity to the session. The setting follows the transaction, so a
/// rollback takes the nonce away, and with it the identity.
pub fn set_session_nonce(nonce: &std::ffi::CStr) {
    // SAFETY: both strings live through the call.
    unsafe {
        pgrx::pg_sys::SetConfigOption(
            c"wo_core.session".as_ptr(),
            nonce.as_ptr(),
            pgrx::pg_sys::GucContext::PGC_USERSET,
            pgrx::pg_sys::GucSource::PGC_S_SESSION,
        );
    }
}

/// Whether the postmaster is preloading the library just now.
pub fn is_being_preloaded() -> bool {
    // SAFETY: a flag of this process.
    unsafe { pgrx::pg_sys::process_shared_preload_libraries_in_progress }
}

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
        c"How subscribers are woken by NOTIFY wo_event: auto (by the worker where one serves the database, else with each commit), transaction (with each commit), worker (by the worker alone) or off (they poll).",
        c"NOTIFY takes a lock of the whole cluster through the commit, so many writers are better off with a worker.",
        &NOTIFY,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"wo_core.notify_interval",
        c"How long the worker waits between two NOTIFYs.",
        c"Listeners of a database are woken at most once in this time, with the newest position.",
        &NOTIFY_INTERVAL,
        1,
        60_000,
        GucContext::Sighup,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_string_guc(
        c"wo_core.databases",
        c"The databases that have a worker, with commas.",
        c"Takes effect with a reload. Needs shared_preload_libraries = 'wo_core'; without a worker, call wo.tick() every minute.",
        &DATABASES,
        GucContext::Sighup,
        GucFlags::empty(),
    );
    // PostgreSQL knows settings of this kind only while it starts.
    if is_being_preloaded() {
        GucRegistry::define_int_guc(
            c"wo_core.refused_attempts_kept",
            c"How many different refused attempts wait in memory until they are written down.",
            c"About 1.5 kB each. What finds no room is counted, and the count is written down.",
            &REFUSED_ATTEMPTS_KEPT,
            16,
            65_536,
            GucContext::Postmaster,
            GucFlags::empty(),
        );
    }
    // SAFETY: the hook is guarded and keeps no pointer.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"wo_core.traceparent",
            c"The W3C trace context that events of this session or transaction carry.",
            c"For example: set local wo_core.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'. A value that is no traceparent is refused; of a later version than 00 the trace id, the parent id and the sampled flag are kept.",
            &TRACEPARENT,
            GucContext::Userset,
            GucFlags::empty(),
            Some(check_traceparent),
            None,
            None,
        );
    }
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
    GucRegistry::define_bool_guc(
        c"wo_core.restoring",
        c"Lets CREATE EXTENSION take an empty schema wo as one that a restore is about to fill.",
        c"pg_restore and the scripts of pg_dump need it only with --enable-row-security: they are recognized by row_security = off.",
        &RESTORING,
        GucContext::Suset,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"wo_core.token_lifetime",
        c"For how long a token may be valid, from its issue to its expiry.",
        c"A token whose exp is further from its iat (or nbf, or the present) is refused: a stolen token must not serve for long.",
        &TOKEN_LIFETIME,
        1,
        366 * 86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"wo_core.signing_token_age",
        c"How old the token may be with which somebody requests or gives a signature.",
        c"Every signing authenticates anew: older tokens are refused for it, whatever their expiry.",
        &SIGNING_TOKEN_AGE,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"wo_core.challenge_lifetime",
        c"How long the challenge of a signature may be answered.",
        c"After that a new one has to be requested.",
        &CHALLENGE_LIFETIME,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_string_guc(
        c"wo_core.sealing_key_file",
        c"The file of the private key that signs the ledger's checkpoints; nothing is sealed without it.",
        c"Made by wo key new --for ledger. %d stands for the database's name: each database has a ledger and a key of its own. The newest checkpoint is kept beside it, in a file whose name ends with .checkpoint.",
        &SEALING_KEY_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_int_guc(
        c"wo_core.sealing_interval",
        c"How often the trail is sealed into the ledger.",
        c"What is written since the last time can still be cut off without a trace: this is the window.",
        &SEALING_INTERVAL,
        1,
        86_400,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    define_credentials();
    define_retention();
    // SAFETY: called from _PG_init with a constant string, after every setting has been defined.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"wo_core".as_ptr()) };
}

/// Refuses a value of `wo_core.traceparent` that is neither empty nor a traceparent.
#[pg_guard]
unsafe extern "C-unwind" fn check_traceparent(
    given: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL gives the address of a NUL-terminated string, or of a null pointer.
    let text = unsafe {
        if (*given).is_null() {
            return true;
        }
        CStr::from_ptr(*given).to_bytes()
    };
    let is_valid = std::str::from_utf8(text)
        .is_ok_and(|text| text.is_empty() || wo_rules::event::traceparent(text).is_some());
    if !is_valid {
        // SAFETY: a constant string, which PostgreSQL only reads.
        unsafe {
            pg_sys::GUC_check_errdetail_string =
                c"A W3C traceparent is version, trace id, parent id and flags in lower-case hexadecimal with hyphens, without ids of zeros."
                    .as_ptr()
                    .cast_mut();
        }
    }
    is_valid
}

/// The text of `wo_core.sealing_key_file`, where it names anything.
pub fn sealing_key_file() -> Option<String> {
    text_of(&SEALING_KEY_FILE)
}

/// The text of a setting, where it is not empty.
fn text_of(setting: &GucSetting<Option<CString>>) -> Option<String> {
    setting.get()?.into_string().ok().filter(|text| !text.is_empty())
}

/// The text of `wo_core.credential_key_file`, where it names anything.
pub fn credential_key_file() -> Option<String> {
    text_of(&CREDENTIAL_KEY_FILE)
}

/// The issuer and the audience of the tokens of credential grants.
pub fn credential_parties() -> (String, String) {
    let issuer = text_of(&CREDENTIAL_ISSUER).unwrap_or_else(|| "wo_core".to_owned());
    (issuer, text_of(&CREDENTIAL_AUDIENCE).unwrap_or_else(|| "vault".to_owned()))
}

/// The longest life of the token of a credential grant, in seconds.
const LONGEST_GRANT: i32 = 300;

fn define_credentials() {
    GucRegistry::define_string_guc(
        c"wo_core.credential_key_file",
        c"The file of the private key that signs the tokens of wo.request_credential; no credential is granted without it.",
        c"Made by wo key new --for credential. %d stands for the database's name. The vault knows the public half.",
        &CREDENTIAL_KEY_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_enum_guc(
        c"wo_core.credential_algorithm",
        c"How the tokens of wo.request_credential are signed: EdDSA (Ed25519) or ES256 (P-256).",
        c"The key must be one for the algorithm. Vault and OpenBao take both; Google Cloud takes ES256 of the two.",
        &CREDENTIAL_ALGORITHM,
        GucContext::Sighup,
        GucFlags::empty(),
    );
    GucRegistry::define_int_guc(
        c"wo_core.credential_lifetime",
        c"For how long the tokens of wo.request_credential are valid.",
        c"Long enough to reach the vault. What the vault then gives has a life of its own.",
        &CREDENTIAL_LIFETIME,
        1,
        LONGEST_GRANT,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_string_guc(
        c"wo_core.credential_issuer",
        c"The issuer (iss) of the tokens of wo.request_credential.",
        c"The vault's bound_issuer. Give each installation one of its own; Google Cloud takes an https URL only.",
        &CREDENTIAL_ISSUER,
        GucContext::Sighup,
        GucFlags::empty(),
    );
    GucRegistry::define_string_guc(
        c"wo_core.credential_audience",
        c"The audience (aud) of the tokens of wo.request_credential.",
        c"One of the vault's bound_audiences.",
        &CREDENTIAL_AUDIENCE,
        GucContext::Sighup,
        GucFlags::empty(),
    );
}

/// A century.
const MOST_MONTHS: i32 = 1_200;

fn define_retention() {
    GucRegistry::define_string_guc(
        c"wo_core.archive_directory",
        c"Where months of the trail and the outbox, and ended work orders, are archived; nothing is archived without it.",
        c"A directory that the server's user may write, relative to the data directory if it does not begin with a slash; each database has one of its own in it, named after it.",
        &ARCHIVE_DIRECTORY,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    for (name, short, long, setting) in [
        (
            c"wo_core.retention",
            c"How many months the trail stays in the database before it is archived; 0 for ever.",
            c"Only whole months that are sealed in the ledger leave.",
            &RETENTION,
        ),
        (
            c"wo_core.event_retention",
            c"How many months the outbox stays in the database before it is archived; 0 for ever.",
            c"Only whole months that every consumer has acknowledged leave.",
            &EVENT_RETENTION,
        ),
        (
            c"wo_core.record_retention",
            c"How many months after its end the content of a work order stays in its row; 0 for ever.",
            c"Its evidence package is kept and written to the archive directory; number, title, people, dates and state stay.",
            &RECORD_RETENTION,
        ),
    ] {
        GucRegistry::define_int_guc(
            name,
            short,
            long,
            setting,
            0,
            MOST_MONTHS,
            GucContext::Sighup,
            GucFlags::empty(),
        );
    }
    GucRegistry::define_int_guc(
        c"wo_core.hierarchy_check_interval",
        c"How often the hierarchy of work orders is checked for what cannot be.",
        c"Such things come only from writes past the rules; each is reported once while it lasts.",
        &HIERARCHY_CHECK_INTERVAL,
        1,
        86_400 * 7,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
}

/// The directory of archives, where one is set.
pub fn archive_directory() -> Option<String> {
    ARCHIVE_DIRECTORY.get()?.into_string().ok().filter(|path| !path.is_empty())
}

/// The trace context to record, where the client gave one that is well formed.
pub fn traceparent() -> Option<String> {
    wo_rules::event::traceparent(&TRACEPARENT.get()?.into_string().ok()?)
}
