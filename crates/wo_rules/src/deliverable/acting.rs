//! Who may deliver what, and who may review it.

use super::standing::{Received, Standing, State, Verdict};
use crate::job_plan::DELIVERABLE_KINDS;
use crate::lifecycle::PrincipalKind;
use crate::refusal::{Refusal, SqlState};

/// The role that reviews what regulatory work hands over.
const QA: &str = "qa";

/// The work order.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Its UUID.
    pub id: &'a str,
    /// Its number.
    pub number: &'a str,
    /// Whether it is regulatory.
    pub regulatory: bool,
    /// Who does it.
    pub assignee: Option<&'a str>,
}

impl Owner<'_> {
    fn named(&self, refusal: Refusal) -> Refusal {
        refusal.with("work_order_id", self.id).with("wo_number", self.number)
    }
}

/// Who delivers or reviews something.
#[derive(Debug, Clone, Copy)]
pub struct Performer<'a> {
    /// The principal.
    pub id: &'a str,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its standing roles.
    pub roles: &'a [String],
    /// Whether it may change what the work order is made of.
    pub may_plan: bool,
}

/// A version of a deliverable that is handed over.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The work order.
    pub owner: Owner<'a>,
    /// Who delivers it.
    pub performer: Performer<'a>,
    /// Where the deliverables of the work order stand.
    pub standings: &'a [Standing<'a>],
    /// The name.
    pub name: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// Whether the work is not done without it, where that is said.
    pub required: Option<bool>,
    /// Where the bytes are.
    pub uri: &'a str,
    /// Their SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// The version whose place it takes, where that is said.
    pub supersedes: Option<&'a str>,
    /// Why there is another version.
    pub reason: Option<&'a str>,
}

/// What the enforcement layer fills in of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Whether the work is not done without it.
    pub required: bool,
    /// The version whose place it takes.
    pub supersedes: Option<String>,
}

/// A name as it is shown in a message.
fn brief(name: &str) -> String {
    name.chars().take(63).collect()
}

/// Checks a version of a deliverable.
///
/// # Errors
/// - 22023 `deliverable_kind_unknown`, `deliverable_kind_differs`, `deliverable_requirement_differs`.
/// - 42501 `role_missing`.
/// - 55000 `deliverable_superseded`.
/// - 23505 `deliverable_received_already`.
/// - 23514 `fields_missing`.
pub fn check_delivery(delivery: &Delivery<'_>) -> Result<Delivered, Refusal> {
    let Delivery { owner, performer, name, kind, .. } = *delivery;
    let shown = brief(name);
    let about = |refusal: Refusal| owner.named(refusal).with("deliverable", shown.as_str());
    if owner.assignee != Some(performer.id) && !performer.may_plan {
        return Err(about(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            format!("you may not deliver \"{shown}\" of work order {}", owner.number),
        ))
        .hint(
            "The assignee delivers, or somebody who may change what the work order is made of.",
        ));
    }
    if !DELIVERABLE_KINDS.contains(&kind) {
        return Err(about(Refusal::new(
            SqlState::BadValue,
            "deliverable_kind_unknown",
            format!("\"{}\" is no kind of deliverable", brief(kind)),
        ))
        .hint(format!("Known are {}.", DELIVERABLE_KINDS.join(", "))));
    }
    let standing = delivery.standings.iter().find(|known| known.name == name);
    if let Some(known) = standing
        && known.kind != kind
    {
        return Err(about(Refusal::new(
            SqlState::BadValue,
            "deliverable_kind_differs",
            format!("deliverable \"{shown}\" of work order {} is of the kind {}", owner.number, known.kind),
        ))
        .hint("Each version of a deliverable has the same kind; give another deliverable another name."));
    }
    let required = match (standing, delivery.required) {
        (Some(known), None) => known.required,
        (None, None) => false,
        (Some(known), Some(given)) if known.required == given => given,
        (Some(known), Some(_)) if known.planned => {
            let word = if known.required { "required" } else { "not required" };
            return Err(about(Refusal::new(
                SqlState::BadValue,
                "deliverable_requirement_differs",
                format!(
                    "deliverable \"{shown}\" of work order {} is {word} by its job plan",
                    owner.number
                ),
            ))
            .hint(
                "Another version of the job plan may say otherwise: see wo.move_to_plan_version.",
            ));
        }
        (None, Some(false)) => false,
        (_, Some(true)) if performer.may_plan => true,
        // Who does the work does not take back what somebody asked for.
        (_, Some(false)) if performer.may_plan && owner.assignee != Some(performer.id) => false,
        _ => {
            return Err(about(Refusal::new(
                SqlState::NotPermitted,
                "role_missing",
                format!(
                    "you may not say whether deliverable \"{shown}\" of work order {} is required",
                    owner.number
                ),
            ))
            .hint("Somebody who may change what the work order is made of says it."));
        }
    };
    let newest = standing.and_then(Standing::newest);
    let newest_id = newest.map(|newest| newest.id.as_str());
    if delivery.supersedes.is_some() && delivery.supersedes != newest_id {
        return Err(about(superseded(owner.number, &shown, newest)));
    }
    if newest.is_some_and(|newest| newest.sha256 == delivery.sha256 && newest.uri == delivery.uri) {
        return Err(about(Refusal::new(
            SqlState::Duplicate,
            "deliverable_received_already",
            format!("the newest version of deliverable \"{shown}\" of work order {} has these bytes already", owner.number),
        ))
        .hint("Review it with wo.review_deliverable, or deliver other bytes."));
    }
    let takes_place_of_accepted =
        standing.is_some_and(|known| matches!(known.state, State::Accepted | State::Amended));
    if takes_place_of_accepted && delivery.reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Err(about(Refusal::reason_missing(
            "a version that takes the place of an accepted one",
        )));
    }
    Ok(Delivered { required, supersedes: newest_id.map(str::to_owned) })
}

fn superseded(number: &str, shown: &str, newest: Option<&Received>) -> Refusal {
    let refusal = Refusal::new(
        SqlState::WrongState,
        "deliverable_superseded",
        format!(
            "another version of deliverable \"{shown}\" of work order {number} was received meanwhile"
        ),
    );
    let refusal = match newest {
        Some(newest) => {
            refusal.with("newest", newest.id.as_str()).with("newest_sha256", newest.sha256.as_str())
        }
        None => refusal,
    };
    refusal.hint("select * from wo.deliverables('...'); shows the newest versions.")
}

/// The review of a version.
#[derive(Debug, Clone, Copy)]
pub struct ReviewAttempt<'a> {
    /// The work order.
    pub owner: Owner<'a>,
    /// Who reviews it.
    pub performer: Performer<'a>,
    /// Where the deliverables of the work order stand.
    pub standings: &'a [Standing<'a>],
    /// The id of the version.
    pub deliverable: &'a str,
    /// What the reviewer says.
    pub verdict: &'a str,
}

/// Checks a review. The reviewer delivered no version of the deliverable: an older one may be most of the newest.
///
/// # Errors
/// 22023 `deliverable_unknown`, `verdict_unknown`; 42501 `person_required`, `deliverable_of_ones_own`,
/// `role_missing`; 55000 `deliverable_superseded`, `deliverable_reviewed_already`.
pub fn check_review(attempt: &ReviewAttempt<'_>) -> Result<(), Refusal> {
    let ReviewAttempt { owner, performer, deliverable, .. } = *attempt;
    let found = attempt
        .standings
        .iter()
        .find(|known| known.versions.iter().any(|version| version.id == deliverable));
    let Some(standing) = found else {
        return Err(owner
            .named(Refusal::new(
                SqlState::BadValue,
                "deliverable_unknown",
                format!("work order {} has received no such deliverable", owner.number),
            ))
            .with("deliverable_id", brief(deliverable))
            .hint("select * from wo.deliverables('...'); shows the newest versions."));
    };
    let shown = brief(standing.name);
    let about = |refusal: Refusal| owner.named(refusal).with("deliverable", shown.as_str());
    let Some(verdict) = Verdict::parse(attempt.verdict) else {
        return Err(about(Refusal::new(
            SqlState::BadValue,
            "verdict_unknown",
            format!("the review of deliverable \"{shown}\" says accepted or rejected"),
        ))
        .hint("Accepted lets the work be completed with it; rejected asks for another version."));
    };
    if performer.kind != PrincipalKind::Person {
        return Err(about(Refusal::new(
            SqlState::NotPermitted,
            "person_required",
            format!("only a human being may review deliverable \"{shown}\""),
        ))
        .hint("Ask a person to do it by their own identity."));
    }
    if standing.versions.iter().any(|version| version.received_from == performer.id) {
        return Err(about(Refusal::new(
            SqlState::NotPermitted,
            "deliverable_of_ones_own",
            format!("{} delivered \"{shown}\", and cannot review it", performer.id),
        ))
        .hint("Ask somebody else who may review it."));
    }
    let is_assignee = owner.assignee == Some(performer.id);
    let is_of_qa = performer.roles.iter().any(|role| role == QA);
    let may_review = match owner.regulatory {
        true => is_of_qa && !is_assignee,
        false => is_of_qa || is_assignee || performer.may_plan,
    };
    if !may_review {
        let hint = match owner.regulatory {
            true => {
                "A person of QA who does not do the work reviews what regulatory work hands over."
            }
            false => {
                "QA reviews it, the assignee, or somebody who may change what the work order is made of."
            }
        };
        return Err(about(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            format!("you may not review deliverable \"{shown}\" of work order {}", owner.number),
        ))
        .hint(hint));
    }
    let newest = standing.newest();
    if newest.is_none_or(|newest| newest.id != deliverable) {
        return Err(about(superseded(owner.number, &shown, newest)));
    }
    if standing.review.is_some_and(|review| review.verdict == verdict) {
        return Err(about(Refusal::new(
            SqlState::WrongState,
            "deliverable_reviewed_already",
            format!("the newest version of deliverable \"{shown}\" is {} already", verdict.name()),
        )));
    }
    Ok(())
}
