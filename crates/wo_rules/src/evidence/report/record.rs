//! The record as it stood when the package was made.

use super::document::Facts;
use super::text::{
    Section, Shown, code, dash, heading, holds_moment, label, lines, moment, or_dash, person,
    plain, spoken,
};
use super::value::{Members, leaves, text, texts, words};
use maud::{Markup, Render, html};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The short values, in the order in which a reader asks for them.
const SHORT: &[&str] = &[
    "priority",
    "project",
    "asset",
    "task_type",
    "source",
    "originator",
    "requester",
    "assignee",
    "due_date",
    "planned_start",
    "planned_end",
    "actual_start",
    "actual_end",
    "estimated_hours",
    "actual_hours",
    "tags",
    "master_id",
    "required",
    "revision",
    "created_at",
    "id",
];

/// The texts that may be long, and the lists.
const LONG: &[&str] = &[
    "description",
    "acceptance_criteria",
    "deliverables",
    "completion_summary",
    "notes",
    "review_notes",
    "deficiencies",
    "metadata",
];

/// What stands at the head of the page.
const AT_THE_HEAD: &[&str] =
    &["wo_number", "title", "status", "regulatory", "lifecycle", "lifecycle_version", "tenant_id"];

pub(super) fn section(facts: &Facts) -> Markup {
    let record = &facts.sections.work_order.record;
    let known = |name: &str| {
        let known = SHORT.iter().chain(LONG).chain(AT_THE_HEAD);
        known.into_iter().any(|column| *column == name)
    };
    let further = record.0.iter().filter(|(name, _)| !known(name));
    html! {
        section aria-labelledby=(Section::Record.anchor()) {
            (heading(Section::Record))
            dl.facts {
                @for column in SHORT { (short(facts, column, record.get(column))) }
                @for (column, value) in further { (short(facts, column, Some(value))) }
            }
            @for column in LONG { (long(column, record.get(column))) }
            @let absent = absent(record);
            @if !absent.is_empty() { p.note { "Not given: " (absent.join(", ")) "." } }
        }
    }
}

fn short(facts: &Facts, column: &str, value: Option<&RawValue>) -> Markup {
    html! {
        div {
            dt { (Shown(&label(column))) }
            dd { (value.map_or_else(dash, |value| short_value(facts, column, value))) }
        }
    }
}

fn short_value(facts: &Facts, column: &str, value: &RawValue) -> Markup {
    let string = text(value);
    match (column, string.as_deref()) {
        ("originator" | "requester" | "assignee", Some(id)) => person(facts, id),
        ("id", Some(id)) => code(id),
        ("master_id", Some(id)) => master(facts, id),
        ("source", Some(source)) => Shown(&spoken(source)).render(),
        (column, Some(at)) if holds_moment(column) => moment(at, None),
        ("estimated_hours" | "actual_hours", None) => {
            html! { @if let Some(hours) = words(value) { (Shown(&hours)) " h" } @else { (dash()) } }
        }
        _ if value.get().starts_with('{') => members(value),
        _ => or_dash(words(value).as_deref()),
    }
}

fn master(facts: &Facts, id: &str) -> Markup {
    match &facts.sections.master {
        Some(master) if master.id == id => html! {
            (Shown(&master.wo_number)) " " (or_dash(master.title.as_deref()))
        },
        _ => code(id),
    }
}

/// The long texts that nobody gave, as people call them.
fn absent(record: &Members) -> Vec<Cow<'static, str>> {
    let is_given = |column: &str| record.get(column).and_then(words).is_some();
    LONG.iter().filter(|column| !is_given(column)).map(|column| label(column)).collect()
}

fn long(column: &str, value: Option<&RawValue>) -> Markup {
    let Some(value) = value.filter(|value| words(value).is_some()) else {
        return Markup::default();
    };
    html! {
        div.passage {
            h3 { (label(column)) }
            @match texts(value) {
                Some(items) => ol { @for item in items { li { (lines(&item)) } } },
                None => @match text(value) {
                    Some(text) => (lines(&text)),
                    None => (members(value)),
                },
            }
        }
    }
}

/// The members of an object, each with the way to it.
fn members(value: &RawValue) -> Markup {
    html! {
        dl.members {
            @for leaf in leaves(value) {
                div { dt { (Shown(&leaf.path)) } dd { (lines(&leaf.text)) } }
            }
        }
    }
}

/// How often the work order was sent back, in words: each time began a new revision.
pub(super) fn reworked(facts: &Facts) -> String {
    let revision = facts.sections.work_order.record.get("revision");
    match revision.and_then(|revision| revision.get().parse::<u32>().ok()) {
        None | Some(0) => "how often it was sent back is not known".to_owned(),
        Some(1) => "never sent back".to_owned(),
        Some(2) => "sent back once".to_owned(),
        Some(more) => format!("sent back {} times", more - 1),
    }
}

/// The title of the work order, where it has one.
pub(super) fn title(facts: &Facts) -> Option<String> {
    facts.sections.work_order.record.get("title").and_then(text)
}

/// A value of the record in words for the head of the page.
pub(super) fn in_words(facts: &Facts, column: &str) -> Markup {
    or_dash(facts.sections.work_order.record.get(column).and_then(words).as_deref())
}

/// Number and title in one line without elements.
pub(super) fn name(facts: &Facts) -> String {
    let number = &facts.sections.work_order.wo_number;
    match title(facts) {
        Some(title) => format!("{} {}", plain(number), plain(&title)),
        None => plain(number).into_owned(),
    }
}
