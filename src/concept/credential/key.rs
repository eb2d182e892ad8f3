//! The key that signs grants: read from a file that only the server may read, never from the database.

use crate::pg::key_file::{self, Known, Purpose};
use crate::pg::setting::{self, GrantAlgorithm};
use std::cell::RefCell;
use std::rc::Rc;
use wo_rules::credential::grant::{Algorithm, GrantKey};
use wo_rules::health::{Finding, credentials};
use wo_rules::refusal::{Refusal, SqlState};

/// What the key is for.
const GRANTING: Purpose = Purpose {
    name: "credential key",
    unset: "Make a key with wo key new --for credential, and name its file in wo_core.credential_key_file (postgresql.conf).",
    unreadable: "Name a file in wo_core.credential_key_file that the server's user can read.",
    exposed: "The file must belong to the server's user with mode 0600 or 0400, or to root with 0640. Who could read the key could take every secret that the vault gives for it: make a new one.",
    no_key: "Make a key with wo key new --for credential.",
};

thread_local! {
    static KEY: Known<GrantKey> = const { RefCell::new(None) };
}

/// The key, for the algorithm that is configured.
///
/// # Errors
/// 55000 `credential_key_missing`.
pub fn read() -> Result<Rc<GrantKey>, Refusal> {
    configured().map_err(|(why, remedy)| {
        Refusal::new(
            SqlState::WrongState,
            "credential_key_missing",
            format!("no credential can be granted: {why}"),
        )
        .hint(remedy)
    })
}

/// What `wo.health()` says of it.
pub fn health() -> Vec<Finding> {
    let is_named = setting::credential_key_file().is_some();
    vec![credentials(is_named, configured().map(|_| ()))]
}

/// The key, or why there is none and what to do about it.
fn configured() -> Result<Rc<GrantKey>, (String, &'static str)> {
    let path = key_file::path(setting::credential_key_file());
    let key = key_file::read(&GRANTING, path, &KEY, GrantKey::read)
        .map_err(|trouble| (trouble.to_string(), trouble.remedy()))?;
    let wanted = match setting::CREDENTIAL_ALGORITHM.get() {
        GrantAlgorithm::EdDsa => Algorithm::EdDsa,
        GrantAlgorithm::Es256 => Algorithm::Es256,
    };
    if key.algorithm() == wanted {
        return Ok(key);
    }
    Err((
        format!(
            "the key signs with {}, and {} is configured",
            key.algorithm().name(),
            wanted.name()
        ),
        "Set wo_core.credential_algorithm to that of the key, or make a key with wo key new --for credential --algorithm ...",
    ))
}
