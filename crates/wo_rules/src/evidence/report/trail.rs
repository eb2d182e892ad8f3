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
    let sources = sources(trail);
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
                    @for index in 0..trail.len() {
                        (row(facts, index, sources[index]))
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
            "A value without an arrow was not there before. Identifiers, the time of making and empty values are left \
             out where the record was made, and so is what part " (Section::Signatures as u8) " shows of signatures: \
             the package has them."
        }
    }
}

fn row(facts: &Facts, index: usize, source: i64) -> Markup {
    let trail = &facts.sections.trail;
    let (entry, changes) = (&trail[index], facts.changes[index].as_slice());
    let before = index.checked_sub(1).map(|before| &trail[before]);
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
            td.source {
                @if source == entry.sequence { (from_where(entry)) } @else { "as entry " (source) }
            }
        }
    }
}

fn who(facts: &Facts, entry: &Entry) -> Markup {
    match (&entry.actor, &entry.login_role) {
        (Some(actor), _) => person(facts, actor),
        (None, Some(role)) => match entry.authenticated_by.as_deref() {
            Some("worker") => html! { "the worker" },
            Some("job") => {
                html! { "a job " span.identifier { "(called by database role " (Shown(role)) ")" } }
            }
            Some("administration") => {
                html! { "administrator " span.identifier { "(database role " (Shown(role)) ")" } }
            }
            _ => html! { "database role " (Shown(role)) },
        },
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
    html! {
        @for (what, value) in shown {
            @if let Some(value) = value { div { span.what { (what) } " " (or_dash(Some(value))) } }
        }
    }
}

/// For each entry the first of those directly before it that came from where it came.
fn sources(trail: &[Entry]) -> Vec<i64> {
    let mut found: Vec<i64> = Vec::with_capacity(trail.len());
    for (index, entry) in trail.iter().enumerate() {
        let before = index.checked_sub(1).filter(|before| has_same_source(&trail[*before], entry));
        found.push(before.map_or(entry.sequence, |before| found[before]));
    }
    found
}

fn has_same_source(one: &Entry, other: &Entry) -> bool {
    let source = |entry: &Entry| {
        let Entry { client_address, application, login_role, authenticated_by, .. } = entry;
        [client_address, application, login_role, authenticated_by].map(Clone::clone)
    };
    source(one) == source(other)
}

fn changed(facts: &Facts, change: &Change) -> Markup {
    if change.lines.len() > 1 && change.lines.iter().all(|line| line.old.is_none()) {
        return added(facts, change);
    }
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

/// Something with several values that was not there before: in one line, and a signature by its place alone.
fn added(facts: &Facts, change: &Change) -> Markup {
    let approval = change.column.strip_prefix("approval:");
    html! {
        div.change.single {
            @if let Some(place) = approval.and_then(|id| facts.place_of_signature(id)) {
                a href={ "#signature-" (place) } { span.column { "Signature " (place) } } " was given"
            } @else {
                span.column { (Shown(&name_of(facts, &change.column))) ":" }
                @for (index, line) in change.lines.iter().enumerate() {
                    @if index > 0 { "; " } @else { " " }
                    span.what { (Shown(&spoken(&line.path))) } " "
                    span.new { (value_of(facts, &line.path, &line.new)) }
                }
            }
        }
    }
}

fn value_of(facts: &Facts, holder: &str, value: &Option<String>) -> Markup {
    value.as_deref().map_or_else(dash, |text| in_words(facts, holder, text))
}

fn old_and_new(facts: &Facts, column: &str, line: &Line) -> Markup {
    let holder = if line.path.is_empty() { column } else { &line.path };
    html! {
        div.line {
            @if !line.path.is_empty() { span.what { (Shown(&spoken(&line.path))) ":" } " " }
            @if line.old.is_some() { span.old { (value_of(facts, holder, &line.old)) } " → " }
            span.new { (value_of(facts, holder, &line.new)) }
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
        "act_signature" => "Signature of an act".to_owned(),
        "dependency" => match facts.number_of(id) {
            Some(number) => format!("Waits for {number}"),
            None => format!("Waits for {id}"),
        },
        "waiver" => "Waiver".to_owned(),
        "preflight" => "Looked at beside the record".to_owned(),
        _ => column.to_owned(),
    })
}
