//! The whole audit trail as a table (21 CFR 11.10(e)): who did what when, from where and why, with
//! old and new values, and a mark where a value that had been entered before was changed
//! (EU Annex 11 §9).

use super::changes::{Change, Line};
use super::document::{Entry, Facts};
use super::text::{
    Moment, Section, Shown, code, count, dash, exact_moment, heading, holds_moment, label, or_dash,
    person, spoken, thousands,
};
use maud::{Markup, Render, html};
use std::borrow::Cow;
use std::collections::BTreeMap;

pub(super) fn section(facts: &Facts) -> Markup {
    let trail = &facts.sections.trail;
    html! {
        section.trail aria-labelledby=(Section::Trail.anchor()) {
            (heading(Section::Trail))
            (summary(facts))
            table {
                caption {
                    "Every entry, in the order of the chain: " (count(trail.len(), "entry", "entries"))
                }
                thead {
                    tr {
                        th.place scope="col" { "No." }
                        th scope="col" { "Time (UTC)" }
                        th scope="col" { "Who" }
                        th scope="col" { "Action" }
                        th scope="col" { "Old → new" }
                        th scope="col" { "Why" }
                        th scope="col" { "From where" }
                    }
                }
                tbody {
                    @for (index, entry) in trail.iter().enumerate() {
                        @let before = index.checked_sub(1).map(|before| &trail[before]);
                        (row(facts, entry, &facts.changes[index], before))
                    }
                }
            }
        }
    }
}

/// How much was changed after it had been entered, and which values.
fn summary(facts: &Facts) -> Markup {
    let corrects = |changes: &&Vec<Change>| changes.iter().any(|change| change.corrects);
    let changed = facts.changes.iter().filter(corrects).count();
    let mut by_column: BTreeMap<String, usize> = BTreeMap::new();
    for change in facts.changes.iter().flatten().filter(|change| change.corrects) {
        *by_column.entry(name_of(facts, &change.column).into_owned()).or_default() += 1;
    }
    let all = facts.sections.trail.len();
    html! {
        p.verdict.changed-count {
            @if changed == 0 {
                strong { "No entry changed a value that had been entered before." }
            } @else {
                strong {
                    (thousands(changed)) " of " (count(all, "entry", "entries"))
                    " changed data since entry"
                }
                ": a value that had been entered before was changed or taken away. They are marked "
                span.mark { "▲ CHANGED" } ". "
                @for (index, (column, times)) in by_column.iter().enumerate() {
                    @if index > 0 { ", " }
                    (Shown(column)) " (" (thousands(*times)) ")"
                }
                "."
            }
        }
        p.note {
            "Identifiers, the time of making and empty values are left out where the record was made, \
             and so are the signed bytes of approvals: the package has them."
        }
    }
}

fn row(facts: &Facts, entry: &Entry, changes: &[Change], before: Option<&Entry>) -> Markup {
    let corrects = changes.iter().any(|change| change.corrects);
    let at = |entry: &Entry| Moment::read(&entry.recorded_at).map(|at| at.seconds());
    let back = before.is_some_and(|before| at(entry) < at(before));
    html! {
        tr.changed[corrects] id={ "entry-" (entry.sequence) } {
            th.place scope="row" { (entry.sequence) }
            td {
                (exact_moment(&entry.recorded_at))
                @if back { span.mark { "clock set back" } }
            }
            td { (who(facts, entry)) }
            td {
                (Shown(&spoken(&entry.action)))
                @if entry.moved() {
                    span.explained {
                        (or_dash(entry.from_status.as_deref().map(spoken).as_deref())) " → "
                        strong { (or_dash(entry.to_status.as_deref().map(spoken).as_deref())) }
                    }
                }
                @if let Some(version) = entry.record_version { span.explained { "version " (version) } }
            }
            td.values {
                @if changes.is_empty() { (dash()) }
                @for change in changes { (changed(facts, change)) }
            }
            td.why { (or_dash(entry.reason.as_deref())) }
            td.source { (from_where(entry)) }
        }
    }
}

fn who(facts: &Facts, entry: &Entry) -> Markup {
    match (&entry.actor, &entry.login_role) {
        (Some(actor), _) => person(facts, actor),
        (None, Some(role)) => html! { "database role " (Shown(role)) },
        (None, None) => dash(),
    }
}

fn from_where(entry: &Entry) -> Markup {
    let shown = [
        ("Address", &entry.client_address),
        ("Application", &entry.application),
        ("Login", &entry.login_role),
        ("Proven by", &entry.authenticated_by),
    ];
    html! { @for (what, value) in shown { div { span.what { (what) } " " (or_dash(value.as_deref())) } } }
}

fn changed(facts: &Facts, change: &Change) -> Markup {
    let single = matches!(change.lines.as_slice(), [line] if line.path.is_empty());
    html! {
        div.change.single[single] {
            span.column { (Shown(&name_of(facts, &change.column))) }
            @if single { ":" }
            " "
            @if change.corrects { span.mark { "▲ CHANGED" } " " }
            @for line in &change.lines { (old_and_new(facts, &change.column, line)) }
        }
    }
}

fn old_and_new(facts: &Facts, column: &str, line: &Line) -> Markup {
    let holder = if line.path.is_empty() { column } else { &line.path };
    let value = |value: &Option<String>| match value.as_deref() {
        Some(text) => in_words(facts, holder, text),
        None => dash(),
    };
    html! {
        div.line {
            @if !line.path.is_empty() { span.what { (Shown(&spoken(&line.path))) ":" } " " }
            span.old { (value(&line.old)) } " → " span.new { (value(&line.new)) }
        }
    }
}

fn in_words(facts: &Facts, holder: &str, text: &str) -> Markup {
    match holder {
        "assignee" | "originator" | "requester" => person(facts, text),
        "master_id" => {
            facts.number_of(text).map_or_else(|| code(text), |number| Shown(number).render())
        }
        holder if holds_moment(holder) => Moment::read(text)
            .map_or_else(|| Shown(text).render(), |_| html! { (exact_moment(text)) " UTC" }),
        _ => Shown(text).render(),
    }
}

/// What people call a column, or a record that belongs to the work order.
fn name_of<'t>(facts: &Facts, column: &'t str) -> Cow<'t, str> {
    let Some((kind, id)) = column.split_once(':') else { return label(column) };
    Cow::Owned(match kind {
        "approval" => match facts.place_of_signature(id) {
            Some(place) => format!("Signature {place}"),
            None => format!("Signature {id}"),
        },
        "approval_request" => "Approval asked for".to_owned(),
        "dependency" => match facts.number_of(id) {
            Some(number) => format!("Waits for {number}"),
            None => format!("Waits for {id}"),
        },
        "waiver" => "Waiver".to_owned(),
        _ => column.to_owned(),
    })
}
