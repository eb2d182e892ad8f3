//! The guard `deliverables_received`.

use super::standing::{Standing, State};
use crate::lifecycle::GuardFact;

/// Its name.
pub const NAME: &str = "deliverables_received";

/// What it finds: the newest version of each required deliverable is accepted. Nothing where none is required. The
/// refusal names all of them: who gathers what is missing shall not come back for the next one.
#[must_use]
pub fn fact(standings: &[Standing<'_>]) -> Option<GuardFact> {
    if !standings.iter().any(|one| one.required) {
        return None;
    }
    let parts: Vec<String> = [
        (State::Missing, "not received"),
        (State::Received, "not reviewed"),
        (State::Amended, "a newer version is not reviewed"),
        (State::Rejected, "rejected"),
    ]
    .into_iter()
    .filter_map(|(state, what)| {
        let of_it = |one: &&Standing<'_>| one.required && one.state == state;
        let names: Vec<&str> = standings.iter().filter(of_it).map(|one| one.name).collect();
        (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
    })
    .collect();
    Some(GuardFact { passed: parts.is_empty(), detail: parts.join("; ") })
}
