//! Checks before a version of a deliverable, or its review, is stored.

use super::stored::Stored;
use crate::kernel::given;
use crate::kernel::work_order::ActorRoles;
use crate::kernel::work_order::child_records::{Filled, Owner};
use crate::pg::row::Row;
use crate::pg::statement::{argument, bigint, optional_uuid};
use uuid::Uuid;
use wo_rules::deliverable as rules;
use wo_rules::deliverable::{Delivery, Performer, ReviewAttempt, standings};
use wo_rules::refusal::Refusal;

fn owner_of(owner: &Owner) -> rules::Owner<'_> {
    let record = owner.facets.record();
    rules::Owner {
        id: record.id,
        number: record.number,
        regulatory: record.regulatory,
        assignee: record.assignee,
    }
}

fn performer_of<'a>(standing: &'a ActorRoles, owner: &Owner) -> Performer<'a> {
    let may_plan = owner.lifecycle.check_link(&standing.actor(), &owner.facets.record()).is_ok();
    Performer { id: &standing.id, kind: standing.kind, roles: &standing.roles, may_plan }
}

fn check_no_ordinal(new: &Row, whose: &str) -> Result<(), Refusal> {
    let given = new.column("ordinal").is_some_and(|index| !new.is_null(index));
    let columns: &[&str] = if given { &["ordinal"] } else { &[] };
    given::check_none_given(columns, whose)
}

fn id_in(row: &Row, name: &str) -> Option<String> {
    row.named::<pgrx::Uuid>(name).map(|id| id.to_string())
}

/// Its place behind that many rows.
fn place_behind(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX).saturating_add(1)
}

/// Checks a version, and fills in its place in the order, whether it is required, and the version before.
///
/// # Errors
/// 42501 `column_not_writable`; those of [`check_delivery`](rules::check_delivery).
pub fn fill_version(
    standing: &ActorRoles,
    owner: &Owner,
    _old: Option<&Row>,
    new: &Row,
) -> Result<Filled, Refusal> {
    check_no_ordinal(new, "a deliverable")?;
    let stored = Stored::latest(owner.tenant, owner.id)?;
    let rows = stored.rows()?;
    let place = ("ordinal", bigint(place_behind(rows.received.len())));
    let text = |name: &str| new.named::<String>(name);
    let sha256: Option<Vec<u8>> = new.named("sha256");
    let (Some(name), Some(kind), Some(uri), Some(sha256)) =
        (text("name"), text("kind"), text("uri"), sha256)
    else {
        // NOT NULL refuses the row for what is missing, and for nothing else.
        return Ok(vec![place, ("required", argument(false))]);
    };
    let (supersedes, reason) = (id_in(new, "supersedes"), text("reason"));
    let delivered = rules::check_delivery(&Delivery {
        owner: owner_of(owner),
        performer: performer_of(standing, owner),
        standings: &standings(&stored.expected, &rows.received, &rows.reviews),
        name: &name,
        kind: &kind,
        required: new.named("required"),
        uri: &uri,
        sha256: &hex::encode(sha256),
        supersedes: supersedes.as_deref(),
        reason: reason.as_deref(),
    })?;
    let supersedes = delivered.supersedes.as_deref().and_then(|id| Uuid::parse_str(id).ok());
    Ok(vec![
        place,
        ("required", argument(delivered.required)),
        ("supersedes", optional_uuid(supersedes)),
    ])
}

/// Checks a review, and fills in its place in the order.
///
/// # Errors
/// 42501 `column_not_writable`; those of [`check_review`](rules::check_review).
pub fn fill_review(
    standing: &ActorRoles,
    owner: &Owner,
    _old: Option<&Row>,
    new: &Row,
) -> Result<Filled, Refusal> {
    check_no_ordinal(new, "a review of a deliverable")?;
    let stored = Stored::latest(owner.tenant, owner.id)?;
    let rows = stored.rows()?;
    let place = ("ordinal", bigint(place_behind(rows.reviews.len())));
    let (Some(deliverable), Some(verdict)) =
        (id_in(new, "deliverable_id"), new.named::<String>("verdict"))
    else {
        // NOT NULL refuses the row.
        return Ok(vec![place]);
    };
    rules::check_review(&ReviewAttempt {
        owner: owner_of(owner),
        performer: performer_of(standing, owner),
        standings: &standings(&stored.expected, &rows.received, &rows.reviews),
        deliverable: &deliverable,
        verdict: &verdict,
    })?;
    Ok(vec![place])
}
