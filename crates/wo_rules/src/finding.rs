//! Findings: what QA has to look at because somebody attempted on a regulatory work order what its
//! rules refuse.

mod tables;

pub use tables::SCHEMA;

use crate::refusal::{Refusal, SqlState};

/// The role that closes findings.
pub const ROLE: &str = "qa";

/// How many of those who tried are kept by name.
pub const MOST_ACTORS: usize = 100;

/// A finding as it stands, and who would close it.
pub struct Closing<'a> {
    /// The finding.
    pub id: &'a str,
    /// Whether it is closed already.
    pub is_closed: bool,
    /// Who made the attempt that it describes.
    pub actors: &'a [String],
    /// Who would close it; nobody where a database role administers.
    pub by: Option<&'a str>,
    /// Their standing roles.
    pub roles: &'a [String],
    /// How it was resolved.
    pub resolution: Option<&'a str>,
}

/// Checks that a finding may be closed.
///
/// # Errors
/// - 55000 `finding_closed`.
/// - 42501 `role_missing` for an actor that is not of QA, `finding_of_ones_own`.
/// - 23514 `fields_missing` without a resolution.
pub fn close(closing: &Closing<'_>) -> Result<(), Refusal> {
    let about = |refusal: Refusal| refusal.with("finding", closing.id);
    if closing.is_closed {
        return Err(about(
            Refusal::new(SqlState::WrongState, "finding_closed", "the finding is closed already")
                .hint("A closed finding stays as it is; a new attempt opens a new one."),
        ));
    }
    let Some(by) = closing.by.filter(|_| closing.roles.iter().any(|role| role == ROLE)) else {
        return Err(about(
            Refusal::new(
                SqlState::NotPermitted,
                "role_missing",
                "closing a finding needs the role qa",
            )
            .with("role", ROLE)
            .hint("Ask somebody of QA."),
        ));
    };
    if closing.actors.iter().any(|actor| actor == by) {
        return Err(about(
            Refusal::new(
                SqlState::NotPermitted,
                "finding_of_ones_own",
                format!("{by} made the attempt that the finding describes, and cannot close it"),
            )
            .hint("Ask somebody else of QA."),
        ));
    }
    if closing.resolution.is_none_or(|resolution| resolution.trim().is_empty()) {
        return Err(about(
            Refusal::new(
                SqlState::GateNotMet,
                "fields_missing",
                "closing a finding needs a resolution",
            )
            .with("missing_fields", vec!["resolution"])
            .hint("Say what was found and what was done."),
        ));
    }
    Ok(())
}

/// The refusal for writing of a finding what the enforcement layer alone writes.
#[must_use]
pub fn kept_by_enforcement(id: &str) -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "written_by_enforcement_alone",
        "of a finding only its resolution is written, and by closing it",
    )
    .with("finding", id)
    .hint("select wo.close_finding('...', 'what was found and done');")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn code(change: impl FnOnce(&mut Closing<'_>)) -> &'static str {
        let actors = ["ann".to_owned()];
        let roles = ["qa".to_owned()];
        let mut closing = Closing {
            id: "f",
            is_closed: false,
            actors: &actors,
            by: Some("quin"),
            roles: &roles,
            resolution: Some("trained"),
        };
        change(&mut closing);
        close(&closing).map_or_else(|refusal| refusal.code, |()| "closed")
    }

    #[test]
    fn qa_closes_anothers_finding_with_a_resolution_and_once() {
        assert_eq!(code(|_| ()), "closed");
        assert_eq!(code(|closing| closing.roles = &[]), "role_missing");
        assert_eq!(code(|closing| closing.by = None), "role_missing");
        assert_eq!(code(|closing| closing.by = Some("ann")), "finding_of_ones_own");
        assert_eq!(code(|closing| closing.resolution = Some(" ")), "fields_missing");
        assert_eq!(code(|closing| closing.resolution = None), "fields_missing");
        assert_eq!(code(|closing| closing.is_closed = true), "finding_closed");
    }
}
