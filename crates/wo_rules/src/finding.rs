//! Findings: what QA has to look at. The enforcement layer opens one where an attempt on a regulatory work
//! order was refused, and everybody of a tenant may open one of a work order.

mod opening;
mod tables;

pub use opening::{Opening, Source, open};
pub use tables::SCHEMA;

use crate::lifecycle::{GuardFact, PrincipalKind};
use crate::refusal::{Refusal, SqlState};

/// The role that assesses and closes findings.
pub const ROLE: &str = "qa";

/// How many of those who tried are kept by name.
pub const MOST_ACTORS: usize = 100;

/// How many findings a refusal names.
pub const NAMED: usize = 8;

/// The columns that QA writes while a finding is open.
pub const ASSESSMENT: [&str; 5] =
    ["severity", "category", "due_date", "capa_reference", "blocking"];

/// The columns that closing a finding writes.
pub const CLOSING: [&str; 3] = ["closed_at", "closed_by", "resolution"];

/// The column that says when QA decided whether a finding blocks; the server fills it.
pub const DECIDED: &str = "decided_at";

/// A finding as it stands, and who would assess or close it.
pub struct Judging<'a> {
    /// The finding.
    pub id: &'a str,
    /// Whether it is closed already.
    pub is_closed: bool,
    /// Who made the attempts that it is about.
    pub actors: &'a [String],
    /// Whether the one who would assess or close it does the work that it is about, or ever did.
    pub is_of_own_work: bool,
    /// Who would assess or close it; nobody where a database role administers.
    pub by: Option<&'a str>,
    /// What they are.
    pub kind: PrincipalKind,
    /// Their standing roles.
    pub roles: &'a [String],
}

/// Checks that a finding may be assessed.
///
/// # Errors
/// - 55000 `finding_closed`.
/// - 42501 `role_missing` for those who are not of QA, `person_required`, `finding_of_ones_own`.
pub fn assess(judging: &Judging<'_>) -> Result<(), Refusal> {
    judge(judging, "assess", "assessing")
}

/// Checks that a finding may be closed with that resolution.
///
/// # Errors
/// Those of [`assess`]; 23514 `fields_missing` without a resolution.
pub fn close(judging: &Judging<'_>, resolution: Option<&str>) -> Result<(), Refusal> {
    judge(judging, "close", "closing")?;
    if resolution.is_none_or(|resolution| resolution.trim().is_empty()) {
        return Err(Refusal::new(
            SqlState::GateNotMet,
            "fields_missing",
            "closing a finding needs a resolution",
        )
        .with("missing_fields", vec!["resolution"])
        .hint("Say what was found and what was done.")
        .with("finding", judging.id));
    }
    Ok(())
}

fn judge(judging: &Judging<'_>, verb: &str, doing: &str) -> Result<(), Refusal> {
    let about = |refusal: Refusal| refusal.with("finding", judging.id);
    if judging.is_closed {
        return Err(about(
            Refusal::new(SqlState::WrongState, "finding_closed", "the finding is closed already")
                .hint("A closed finding stays as it is; open another one, or let a new attempt open it."),
        ));
    }
    let Some(by) = judging.by.filter(|_| judging.roles.iter().any(|role| role == ROLE)) else {
        return Err(about(
            Refusal::new(
                SqlState::NotPermitted,
                "role_missing",
                format!("{doing} a finding needs the role {ROLE}"),
            )
            .with("role", ROLE)
            .hint("Ask somebody of QA."),
        ));
    };
    if judging.kind != PrincipalKind::Person {
        return Err(about(
            Refusal::new(
                SqlState::NotPermitted,
                "person_required",
                format!("only a human being may {verb} a finding"),
            )
            .hint("Ask a person of QA."),
        ));
    }
    let of_ones_own = if judging.actors.iter().any(|actor| actor == by) {
        format!("{by} made the attempt that the finding is about, and cannot {verb} it")
    } else if judging.is_of_own_work {
        format!("{by} does or did the work that the finding is about, and cannot {verb} it")
    } else {
        return Ok(());
    };
    Err(about(
        Refusal::new(SqlState::NotPermitted, "finding_of_ones_own", of_ones_own)
            .hint("Ask somebody else of QA."),
    ))
}

/// The refusal for writing of a finding what nobody writes.
#[must_use]
pub fn kept_by_enforcement(id: &str) -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "written_by_enforcement_alone",
        "of a finding only its assessment and its resolution are written",
    )
    .with("finding", id)
    .hint("select wo.assess_finding('...', severity => '...'); or select wo.close_finding('...', 'what was found and done');")
}

/// What the guard `findings_closed` finds: nothing where no finding that blocks is open. `open` names some of
/// them, `count` is how many there are.
#[must_use]
pub fn guard_fact(open: &[String], count: usize) -> Option<GuardFact> {
    if count == 0 {
        return None;
    }
    let named = open.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    let what = if count == 1 { "1 finding is".to_owned() } else { format!("{count} findings are") };
    let more = match count.saturating_sub(open.len().min(NAMED)) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(GuardFact { passed: false, detail: format!("{what} open: {named}{more}") })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn code(resolution: Option<&str>, change: impl FnOnce(&mut Judging<'_>)) -> &'static str {
        let actors = ["ann".to_owned()];
        let roles = ["qa".to_owned()];
        let mut judging = Judging {
            id: "f",
            is_closed: false,
            actors: &actors,
            is_of_own_work: false,
            by: Some("quin"),
            kind: PrincipalKind::Person,
            roles: &roles,
        };
        change(&mut judging);
        let closed = close(&judging, resolution).map_or_else(|refusal| refusal.code, |()| "ok");
        let assessed = assess(&judging).map_or_else(|refusal| refusal.code, |()| "ok");
        assert!(assessed == closed || closed == "fields_missing" && assessed == "ok");
        closed
    }

    #[test]
    fn persons_of_qa_close_findings_of_others_with_a_resolution_and_once() {
        let trained = Some("trained");
        assert_eq!(code(trained, |_| ()), "ok");
        assert_eq!(code(trained, |judging| judging.roles = &[]), "role_missing");
        assert_eq!(code(trained, |judging| judging.by = None), "role_missing");
        assert_eq!(code(trained, |judging| judging.kind = PrincipalKind::Agent), "person_required");
        assert_eq!(code(trained, |judging| judging.by = Some("ann")), "finding_of_ones_own");
        assert_eq!(code(trained, |judging| judging.is_of_own_work = true), "finding_of_ones_own");
        assert_eq!(code(Some(" "), |_| ()), "fields_missing");
        assert_eq!(code(None, |_| ()), "fields_missing");
        assert_eq!(code(trained, |judging| judging.is_closed = true), "finding_closed");
    }

    /// A work order without findings must not look as if it had waited for them: the system would then take an
    /// edge that is left to people.
    #[test]
    fn the_guard_finds_nothing_where_no_finding_is_open() {
        assert_eq!(guard_fact(&[], 0), None);
        let fact = guard_fact(&["WO-1: leak".to_owned()], 3).unwrap();
        assert!(!fact.passed);
        assert_eq!(fact.detail, "3 findings are open: WO-1: leak and 2 more");
        assert_eq!(guard_fact(&["a".to_owned()], 1).unwrap().detail, "1 finding is open: a");
    }
}
