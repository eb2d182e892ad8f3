//! What QA had to look at, and what was attempted and refused: the first that an inspector asks for.

use super::document::{Facts, Finding, RefusedAttempt, RefusedAttempts};
use super::text::{
    Section, Shown, count, dash, heading, label, moment, moment_or_dash, or_dash, person,
    person_or_dash, spoken, thousands,
};
use maud::{Markup, Render, html};
use serde_json::Value;

/// Members that say nothing to a reader of this page.
const UNSHOWN: &[&str] = &["id", "tenant_id", "work_order_id", "entry_sequence"];

/// The sentence at the head of the page, where there are findings.
pub(super) fn verdict(facts: &Facts) -> Markup {
    let findings = &facts.sections.findings;
    let open = findings.iter().filter(|one| one.closed_at.is_none()).count();
    html! {
        @if !findings.is_empty() {
            p.verdict.findings {
                a href={ "#" (Section::Findings.anchor()) } { (count(findings.len(), "finding", "findings")) }
                @if open == 0 { ", closed by QA." } @else { ": " strong { (open) " OPEN" } "." }
            }
        }
    }
}

pub(super) fn section(facts: &Facts) -> Markup {
    let findings = &facts.sections.findings;
    html! {
        section aria-labelledby=(Section::Findings.anchor()) {
            (heading(Section::Findings))
            @if findings.is_empty() { p { "There are no findings." } }
            @else { (table_of_findings(facts, findings)) }
            @match &facts.sections.refused_attempts {
                None => p.note { "Refused attempts are left out: who made the package may not read them." },
                Some(attempts) if attempts.total == 0 => p { "No attempt was refused." },
                Some(attempts) => (list_of_attempts(facts, attempts)),
            }
        }
    }
}

fn table_of_findings(facts: &Facts, findings: &[Finding]) -> Markup {
    html! {
        table {
            caption { "Findings" }
            thead {
                tr { @for head in ["Finding", "Opened", "Of or by whom", "Closed", "Resolution"] { th scope="col" { (head) } } }
            }
            tbody {
                @for one in findings {
                    tr {
                        td {
                            @if let Some(code) = &one.code { strong { (Shown(&spoken(code))) } }
                            span.explained { (or_dash(one.title.as_deref())) }
                            @if let Some(guard) = one.guard.as_deref().filter(|guard| !guard.is_empty() && Some(*guard) != one.code.as_deref()) {
                                span.explained { "Guard: " (Shown(&spoken(guard))) }
                            }
                            @for (name, value) in one.further.iter().filter(|(name, value)| !UNSHOWN.contains(&name.as_str()) && !value.is_null()) {
                                span.explained { (Shown(&label(name))) ": " (shown(value)) }
                            }
                        }
                        td {
                            (moment_or_dash(one.opened_at.as_deref()))
                            @if let Some(attempts) = one.attempts.filter(|attempts| *attempts > 1) {
                                span.explained { (attempts) " attempts" }
                            }
                        }
                        td { (people(facts, one)) }
                        td {
                            @match &one.closed_at {
                                None => strong { "OPEN" },
                                Some(at) => {
                                    (moment(at, None))
                                    span.explained { "by " (person_or_dash(facts, one.closed_by.as_deref())) }
                                }
                            }
                        }
                        td { (or_dash(one.resolution.as_deref())) }
                    }
                }
            }
        }
    }
}

fn people(facts: &Facts, one: &Finding) -> Markup {
    let mut named: Vec<&String> =
        one.actors.iter().chain(&one.opened_for).chain(&one.opened_by).collect();
    named.dedup();
    html! {
        @if named.is_empty() { (dash()) }
        @for (index, id) in named.iter().enumerate() {
            @if index > 0 { ", " }
            (person(facts, id))
        }
    }
}

fn shown(value: &Value) -> Markup {
    match value {
        Value::String(text) => Shown(text).render(),
        other => Shown(&other.to_string()).render(),
    }
}

fn list_of_attempts(facts: &Facts, attempts: &RefusedAttempts) -> Markup {
    html! {
        (table_of_attempts(facts, &attempts.listed))
        @if attempts.left_out > 0 {
            p.note {
                strong { (thousands(attempts.left_out)) " of " (count(attempts.total, "entry", "entries")) }
                " about refused attempts are left out here and in the package; the trail of the tenant's refused attempts has all of them."
            }
        }
    }
}

fn table_of_attempts(facts: &Facts, attempts: &[RefusedAttempt]) -> Markup {
    html! {
        table {
            caption { "Attempts that were refused" }
            thead {
                tr { @for head in ["When", "Who", "What was attempted", "Why it was refused"] { th scope="col" { (head) } } }
            }
            tbody {
                @for one in attempts {
                    tr {
                        td {
                            (moment(&one.first_at, None))
                            @if let (Some(times), Some(last)) = (one.attempts.filter(|times| *times > 1), &one.last_at) {
                                span.explained { (times) " times, the last at " (moment(last, None)) }
                            }
                        }
                        td { (person_or_dash(facts, one.actor.as_deref())) }
                        td {
                            @if one.action.is_some() || one.to_status.is_none() {
                                (or_dash(one.action.as_deref().map(spoken).as_deref()))
                            }
                            @if one.to_status.is_some() {
                                span.explained {
                                    (or_dash(one.from_status.as_deref().map(spoken).as_deref())) " → "
                                    (or_dash(one.to_status.as_deref().map(spoken).as_deref()))
                                }
                            }
                        }
                        td {
                            (or_dash(one.why.as_deref()))
                            span.explained { (or_dash(one.code.as_deref().map(spoken).as_deref())) }
                        }
                    }
                }
            }
        }
    }
}
