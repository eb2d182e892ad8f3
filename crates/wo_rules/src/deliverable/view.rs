//! The deliverables of a work order as people and programs read them.

use super::standing::{Received, Review, Standing, Verdict, standings};
use crate::job_plan::Deliverable;
use serde_json::{Value, json};

/// The rows of a work order as the rules read them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// What was received, in its order.
    pub received: Vec<Received>,
    /// The reviews, in their order.
    pub reviews: Vec<Review>,
}

/// Reads the rows of `wo.deliverable` and of `wo.deliverable_review`, given as JSON objects in their order.
///
/// # Errors
/// The row that cannot be read.
pub fn rows(received: &[Value], reviews: &[Value]) -> Result<Rows, String> {
    fn text(row: &Value, name: &str) -> Option<String> {
        row.get(name).and_then(Value::as_str).map(str::to_owned)
    }
    let received_of = |row: &Value| {
        Some(Received {
            id: text(row, "id")?,
            name: text(row, "name")?,
            kind: text(row, "kind")?,
            required: row.get("required")?.as_bool()?,
            uri: text(row, "uri")?,
            sha256: text(row, "sha256")?,
            received_from: text(row, "received_from")?,
        })
    };
    let review_of = |row: &Value| {
        Some(Review {
            id: text(row, "id")?,
            deliverable: text(row, "deliverable_id")?,
            verdict: Verdict::parse(&text(row, "verdict")?)?,
        })
    };
    let received = received
        .iter()
        .map(|row| received_of(row).ok_or_else(|| format!("a deliverable: {row}")))
        .collect::<Result<_, _>>()?;
    let reviews = reviews
        .iter()
        .map(|row| review_of(row).ok_or_else(|| format!("the review of a deliverable: {row}")))
        .collect::<Result<_, _>>()?;
    Ok(Rows { received, reviews })
}

/// Every deliverable with its newest version and the newest review of it: an array of objects, those of the plan
/// first.
///
/// # Errors
/// What of the rows cannot be read.
pub fn shown(
    expected: &[Deliverable],
    received: &[Value],
    reviews: &[Value],
) -> Result<Value, String> {
    let read = rows(received, reviews)?;
    let all = standings(expected, &read.received, &read.reviews);
    Ok(all.iter().map(|standing| one(standing, received, reviews)).collect())
}

fn one(standing: &Standing<'_>, received: &[Value], reviews: &[Value]) -> Value {
    fn row<'v>(rows: &'v [Value], id: Option<&str>) -> Option<&'v Value> {
        rows.iter().find(|row| id.is_some() && row.get("id").and_then(Value::as_str) == id)
    }
    let newest = row(received, standing.newest().map(|newest| newest.id.as_str()));
    let review = row(reviews, standing.review.map(|review| review.id.as_str()));
    let of_newest = |name: &str| newest.and_then(|row| row.get(name)).cloned();
    let of_review = |name: &str| review.and_then(|row| row.get(name)).cloned();
    json!({
        "name": standing.name,
        "kind": standing.kind,
        "required": standing.required,
        "planned": standing.planned,
        "state": standing.state.name(),
        "versions": standing.versions.len(),
        "deliverable": of_newest("id"),
        "ordinal": of_newest("ordinal"),
        "uri": of_newest("uri"),
        "sha256": of_newest("sha256"),
        "size": of_newest("size"),
        "media_type": of_newest("media_type"),
        "supersedes": of_newest("supersedes"),
        "reason": of_newest("reason"),
        "received_from": of_newest("received_from"),
        "received_at": of_newest("received_at"),
        "verdict": of_review("verdict"),
        "review_reason": of_review("reason"),
        "reviewed_by": of_review("reviewed_by"),
        "reviewed_at": of_review("reviewed_at"),
    })
}
