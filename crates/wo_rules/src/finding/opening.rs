//! Opening a finding: where it comes from, and whether it blocks its work order.

use super::ROLE;
use crate::lifecycle::PrincipalKind;
use crate::refusal::{Refusal, SqlState};

/// Where a finding comes from; the tenant's policy says for each whether it blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An attempt to pass an approval.
    ApprovalAttempt,
    /// An attempt to take an edge that does not exist.
    MissingEdgeAttempt,
    /// Any other refused attempt.
    OtherAttempt,
    /// Quality assurance.
    Qa,
    /// A program of kind system: the compliance engine.
    System,
    /// Anybody else.
    Other,
}

impl Source {
    /// Its name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApprovalAttempt => "approval_attempt",
            Self::MissingEdgeAttempt => "missing_edge_attempt",
            Self::OtherAttempt => "other_attempt",
            Self::Qa => "qa",
            Self::System => "system",
            Self::Other => "other",
        }
    }

    /// Whether its findings block where the tenant's policy does not say.
    #[must_use]
    pub const fn blocks_by_default(self) -> bool {
        !matches!(self, Self::OtherAttempt | Self::Other)
    }

    /// The source of a refused attempt: `code` and `guards` (with commas) are those of the refusal.
    #[must_use]
    pub fn of_attempt(code: &str, guards: &str) -> Self {
        let is_of_approval = |guard: &str| {
            matches!(
                guard,
                "approvals_missing" | "plan_approvals_unamended" | "approvals_collected"
            )
        };
        match code {
            "illegal_transition" => Self::MissingEdgeAttempt,
            "approvals_missing" | "person_required" | "signature_invalid" => Self::ApprovalAttempt,
            _ if guards.split(',').any(is_of_approval) => Self::ApprovalAttempt,
            _ => Self::OtherAttempt,
        }
    }

    /// The source of what a principal opens.
    #[must_use]
    pub fn of_principal(kind: PrincipalKind, roles: &[String]) -> Self {
        match kind {
            _ if roles.iter().any(|role| role == ROLE) => Self::Qa,
            PrincipalKind::System => Self::System,
            _ => Self::Other,
        }
    }
}

/// A finding that a principal would open.
pub struct Opening<'a> {
    /// Where it comes from.
    pub source: Source,
    /// Whether the principal does the work that it is about.
    pub is_assignee: bool,
    /// Whether findings of that source block, by the tenant's policy.
    pub blocks_by_policy: bool,
    /// Whether it is to block, where that was said.
    pub blocking: Option<bool>,
    /// What was found, in one line.
    pub title: Option<&'a str>,
    /// Whether it names a work order.
    pub has_work_order: bool,
}

/// Checks that a finding may be opened, and gives whether it blocks.
///
/// # Errors
/// - 23514 `fields_missing` without a title or a work order.
/// - 42501 `role_missing` for those who say themselves that it blocks or does not, and may not.
pub fn open(opening: &Opening<'_>) -> Result<bool, Refusal> {
    let mut missing = Vec::new();
    if !opening.has_work_order {
        missing.push("work_order_id");
    }
    if opening.title.is_none_or(|title| title.trim().is_empty()) {
        missing.push("title");
    }
    if !missing.is_empty() {
        let sentence = format!("a finding needs {}", missing.join(", "));
        return Err(Refusal::new(SqlState::GateNotMet, "fields_missing", sentence)
            .with("missing_fields", missing)
            .hint("Name the work order, and say in one line what was found."));
    }
    let Some(blocking) = opening.blocking.filter(|asked| *asked != opening.blocks_by_policy) else {
        return Ok(opening.blocks_by_policy);
    };
    let may = match (opening.source, blocking) {
        (Source::Qa, _) | (Source::System, true) => true,
        _ => blocking && opening.is_assignee,
    };
    if may {
        return Ok(blocking);
    }
    let does = if blocking { "blocks" } else { "does not block" };
    Err(Refusal::new(
        SqlState::NotPermitted,
        "role_missing",
        format!("you may not say that the finding {does}"),
    )
    .with("role", ROLE)
    .hint("Leave blocking out, so that the policy of the tenant decides; QA can change it."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn attempts_to_pass_an_approval_and_to_take_an_edge_that_is_not_there_block() {
        for (code, guards, source) in [
            ("approvals_missing", "approvals_missing", Source::ApprovalAttempt),
            ("fields_missing", "approvals_missing", Source::ApprovalAttempt),
            ("guards_not_met", "steps_done,plan_approvals_unamended", Source::ApprovalAttempt),
            ("person_required", "person_required", Source::ApprovalAttempt),
            ("signature_invalid", "signature_invalid", Source::ApprovalAttempt),
            ("illegal_transition", "illegal_transition", Source::MissingEdgeAttempt),
            ("guards_not_met", "children_settled", Source::OtherAttempt),
            ("nothing_to_sign", "nothing_to_sign", Source::OtherAttempt),
        ] {
            assert_eq!(Source::of_attempt(code, guards), source, "{code} {guards}");
            assert_eq!(source.blocks_by_default(), source != Source::OtherAttempt);
        }
        let qa = ["qa".to_owned()];
        let of = Source::of_principal;
        assert_eq!(of(PrincipalKind::Agent, &qa), Source::Qa);
        assert_eq!(of(PrincipalKind::System, &[]), Source::System);
        assert_eq!(of(PrincipalKind::Person, &[]), Source::Other);
        assert!(Source::Qa.blocks_by_default() && Source::System.blocks_by_default());
        assert!(!Source::Other.blocks_by_default());
    }

    fn opened(
        source: Source,
        is_assignee: bool,
        blocking: Option<bool>,
    ) -> Result<bool, &'static str> {
        let blocks_by_policy = source.blocks_by_default();
        let opening = Opening {
            source,
            is_assignee,
            blocks_by_policy,
            blocking,
            title: Some("t"),
            has_work_order: true,
        };
        open(&opening).map_err(|refusal| refusal.code)
    }

    /// Who could open one that does not block in the place of one that does would pass the gate, and who could
    /// block everybody's work would stop the company.
    #[test]
    fn only_some_say_whether_a_finding_blocks() {
        assert_eq!(opened(Source::Other, false, None), Ok(false));
        assert_eq!(opened(Source::Other, false, Some(false)), Ok(false));
        assert_eq!(opened(Source::Other, false, Some(true)), Err("role_missing"));
        assert_eq!(opened(Source::Other, true, Some(true)), Ok(true));
        assert_eq!(opened(Source::Qa, false, Some(false)), Ok(false));
        assert_eq!(opened(Source::System, true, Some(false)), Err("role_missing"));
        assert_eq!(opened(Source::System, false, None), Ok(true));
    }

    #[test]
    fn a_finding_names_its_work_order_and_what_was_found() {
        let opening = Opening {
            source: Source::Qa,
            is_assignee: false,
            blocks_by_policy: true,
            blocking: None,
            title: Some(" "),
            has_work_order: false,
        };
        let refusal = open(&opening).unwrap_err();
        assert_eq!(refusal.code, "fields_missing");
        assert_eq!(refusal.message, "a finding needs work_order_id, title");
    }
}
