//! Which versions of its credentials a step was done with, as its performer reports them.

use crate::job_plan::{Attempt, Step, credential_unknown};
use crate::refusal::{Refusal, SqlState};
use crate::secret::reference::Reference;
use serde_json::{Map, Value};

/// What is reported, and what was granted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage<'a> {
    /// The version of each credential by its name; null where it was not used.
    pub reported: Option<&'a Map<String, Value>>,
    /// The names of the credentials that the performer was granted for the step.
    pub granted: &'a [String],
}

/// The version in a report; nothing where it says that the credential was not used.
fn version(value: &Value) -> Result<Option<u64>, ()> {
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let version = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64(),
        Value::String(text) if is_plain(text) => text.parse().ok(),
        _ => None,
    };
    version.filter(|version| *version > 0).map(Some).ok_or(())
}

/// Checks the report of a step that was performed. Gives the names of the credentials of which another version was
/// used than the job plan names.
///
/// # Errors
/// 22023 `credential_unknown`, `credential_version_invalid`; 42501 `credential_not_granted`; 23514
/// `credential_version_missing`.
pub fn check(attempt: &Attempt<'_>, step: &Step, is_result: bool) -> Result<Vec<String>, Refusal> {
    let Usage { reported, granted } = attempt.given.usage;
    let mut differing = Vec::new();
    for (name, value) in reported.into_iter().flatten() {
        if !step.credentials.contains(name) {
            return Err(credential_unknown(attempt, step, name));
        }
        // What stands there may be the secret itself: no message repeats it.
        let Ok(version) = version(value) else {
            return Err(attempt
                .refusal(SqlState::BadValue, "credential_version_invalid", format!("what is reported of the credential {name} is no version"))
                .with("credential", name.as_str())
                .hint("Report the number of the version that was used, or null where it was not used; never the secret."));
        };
        let Some(version) = version else { continue };
        if !granted.contains(name) {
            return Err(attempt
                .refusal(SqlState::NotPermitted, "credential_not_granted", format!("{} was not granted the credential {name} for step {}", attempt.performer.id, attempt.step))
                .with("credential", name.as_str())
                .hint("select wo.request_credential('...', '...', '...'); grants it, before it is used."));
        }
        let named = match attempt.plan.credentials.get(name) {
            Some(
                Reference::Vault { version, .. } | Reference::GoogleSecretManager { version, .. },
            ) => *version,
            None => None,
        };
        if named.is_some_and(|named| named != version) {
            differing.push(name.clone());
        }
    }
    let is_reported =
        |name: &&String| reported.is_some_and(|reported| reported.contains_key(*name));
    let missing: Vec<&str> =
        granted.iter().filter(|name| !is_reported(name)).map(String::as_str).collect();
    if is_result && !missing.is_empty() {
        return Err(attempt
            .refusal(SqlState::GateNotMet, "credential_version_missing", format!("the result of step {} does not say which version was used of {}", attempt.step, missing.join(", ")))
            .with("credentials", missing)
            .hint("Give credentials => '{\"name\": 3}' with the version that was used, or null where it was not used."));
    }
    Ok(differing)
}
