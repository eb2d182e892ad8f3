//! Who is granted a credential: the one who performs a step that uses it, while the step is to be performed.

use crate::job_plan::{Attempt, check_performing, credential_unknown};
use crate::refusal::{Refusal, SqlState};

/// Checks that the performer does the step now and that the step uses the credential. Gives the reference.
///
/// # Errors
/// 22023 `credential_unknown`; those of [`check_performing`].
pub fn check_request(attempt: &Attempt<'_>, name: &str) -> Result<String, Refusal> {
    let step = check_performing(attempt, "a credential of")?;
    let is_used = step.credentials.iter().any(|used| used == name);
    match attempt.plan.credentials.get(name).filter(|_| is_used) {
        Some(reference) => Ok(reference.to_string()),
        None => Err(credential_unknown(attempt, step, name)),
    }
}

/// The refusal of a grant that is written without [`check_request`]'s token.
#[must_use]
pub fn only_by_function() -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "credential_grant_by_function",
        "a grant of a credential is recorded by wo.request_credential alone",
    )
    .hint("select wo.request_credential('...', '...', '...');")
}
