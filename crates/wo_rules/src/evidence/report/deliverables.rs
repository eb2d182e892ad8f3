//! What the work handed over, with its reviews: part of the record.

use super::document::{Deliverable, Facts};
use super::text::{Shown, code, dash, moment, or_dash, person_or_dash, spoken};
use maud::{Markup, html};

pub(super) fn part(facts: &Facts) -> Markup {
    let all = &facts.sections.concepts.deliverables;
    if all.is_empty() {
        return html! {};
    }
    html! {
        section.steps {
            table {
                caption { "Deliverables" }
                thead {
                    tr { @for head in ["Deliverable", "State", "Bytes", "Received", "Reviewed"] { th scope="col" { (head) } } }
                }
                tbody { @for one in all { (row(facts, one)) } }
            }
        }
    }
}

fn row(facts: &Facts, one: &Deliverable) -> Markup {
    html! {
        tr {
            td {
                strong { (Shown(&one.name)) }
                span.explained { (Shown(&spoken(&one.kind))) @if one.required { ", required" } }
            }
            td {
                (Shown(&spoken(&one.state)))
                @if one.versions > 1 {
                    span.explained { "Version " (one.versions) "; the older ones are in the audit trail." }
                }
            }
            td {
                (or_dash(one.uri.as_deref().map(shortened).as_deref()))
                @if let Some(sha256) = &one.sha256 { span.explained { "SHA-256 " (code(sha256)) } }
            }
            td {
                (person_or_dash(facts, one.received_from.as_deref()))
                @if let Some(at) = &one.received_at { span.explained { (moment(at, None)) } }
                @if let Some(reason) = &one.reason { span.explained { (Shown(reason)) } }
            }
            td {
                @if one.reviewed_by.is_none() { (dash()) } @else {
                    (person_or_dash(facts, one.reviewed_by.as_deref()))
                    @if let Some(verdict) = &one.verdict { span.explained { (Shown(&spoken(verdict))) } }
                    @if let Some(at) = &one.reviewed_at { span.explained { (moment(at, None)) } }
                    @if let Some(reason) = &one.review_reason { span.explained { (Shown(reason)) } }
                }
            }
        }
    }
}

/// How many characters of a URI the page shows: one that holds the bytes themselves is long.
const LONGEST_URI: usize = 300;

fn shortened(uri: &str) -> String {
    match uri.char_indices().nth(LONGEST_URI) {
        None => uri.to_owned(),
        Some((end, _)) => format!("{}…", &uri[..end]),
    }
}
