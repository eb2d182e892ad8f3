//! A grant: checks before a row of `wo.credential_grant` is stored.

use crate::concept::job_plan::{pinned_plan, work_of};
use crate::kernel::identity;
use crate::kernel::work_order::ActorRoles;
use crate::kernel::work_order::child_records::{Filled, Owner};
use crate::pg::row::Row;
use crate::pg::statement::{text, timestamp, uuid as uuid_argument};
use std::cell::Cell;
use uuid::Uuid;
use wo_rules::credential::{check_request, only_by_function};
use wo_rules::job_plan::{Attempt, Given, Performer, Progress};
use wo_rules::refusal::Refusal;
use wo_rules::time::{from_unix_seconds, unix_seconds};

/// What the function chooses of a grant.
#[derive(Clone, Copy)]
pub struct Chosen {
    /// Its id.
    pub jti: Uuid,
    /// For how long its token is valid, in seconds.
    pub lifetime: i64,
}

thread_local! {
    /// The grant that the function is about to store.
    static CHOSEN: Cell<Option<Chosen>> = const { Cell::new(None) };
}

/// Takes back what was chosen, however storing it ends.
struct Choosing;

impl Drop for Choosing {
    fn drop(&mut self) {
        CHOSEN.set(None);
    }
}

/// Stores a grant with what was chosen of it.
pub fn storing<T>(chosen: Chosen, store: impl FnOnce() -> T) -> T {
    CHOSEN.set(Some(chosen));
    let _choosing = Choosing;
    store()
}

/// Checks that the actor does the step now, and fills in everything beside the step and the credential.
///
/// # Errors
/// 42501 `credential_grant_by_function`; 55000 `job_plan_missing`; those of
/// [`check_request`](wo_rules::credential::check_request).
pub fn fill(
    standing: &ActorRoles,
    owner: &Owner,
    _old: Option<&Row>,
    new: &Row,
) -> Result<Filled, Refusal> {
    let chosen = CHOSEN.take().ok_or_else(only_by_function)?;
    let (plan, recorded) = pinned_plan(owner)?;
    let progress = Progress::of(&plan.plan, &recorded);
    let value = |name: &str| new.named::<String>(name);
    // Where one is missing, NOT NULL refuses the row.
    let (Some(step), Some(credential)) = (value("step"), value("credential")) else {
        return Ok(Vec::new());
    };
    let attempt = Attempt {
        work: work_of(owner),
        plan: &plan.plan,
        progress: &progress,
        recorded: &recorded,
        performer: Performer { id: &standing.id, kind: standing.kind, roles: &standing.roles },
        step: &step,
        given: &Given::default(),
    };
    let reference = check_request(&attempt, &credential)?;
    let expires = unix_seconds(identity::now()).saturating_add(chosen.lifetime);
    Ok(vec![
        ("jti", uuid_argument(chosen.jti)),
        ("reference", text(&reference)),
        ("expires_at", timestamp(from_unix_seconds(expires))),
    ])
}
