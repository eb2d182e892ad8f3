//! The work orders around this one: its master, its parts, what it waits for and what waits for it.

use super::document::{Facts, Relative};
use super::network;
use super::text::{
    Section, Shown, count, dash, heading, moment_or_dash, or_dash, person_or_dash, spoken,
};
use super::value::{Members, text, words};
use maud::{Markup, html};
use serde_json::value::RawValue;

pub(super) fn section(facts: &Facts) -> Markup {
    let sections = facts.sections;
    let (waits_for, awaited_by) =
        (&sections.dependencies.waits_for, &sections.dependencies.awaited_by);
    let alone = sections.master.is_none()
        && sections.children.is_empty()
        && waits_for.is_empty()
        && awaited_by.is_empty();
    html! {
        section aria-labelledby=(Section::Related.anchor()) {
            (heading(Section::Related))
            @if alone {
                p { "This work order has no master and no children, waits for no other, and none waits for it." }
            } @else {
                p {
                    "This work order "
                    @match &sections.master {
                        Some(master) => { "is a child of " (Shown(&master.wo_number)) }
                        None => "has no master",
                    }
                    ", has " (count(sections.children.len(), "child", "children"))
                    ", waits for " (count(waits_for.len(), "work order", "work orders"))
                    ", and " (count(awaited_by.len(), "work order waits", "work orders wait")) " for it."
                }
                (network::picture(facts))
                @if let Some(master) = &sections.master {
                    (table("Its master", &[], std::slice::from_ref(master), |_| Markup::default()))
                }
                (children(facts))
                (table("It waits for", &["Lag"], waits_for, |one| html! { td { (lag(one.lag.as_deref())) } }))
                (table("Waiting for it", &[], awaited_by, |_| Markup::default()))
            }
        }
    }
}

fn children(facts: &Facts) -> Markup {
    let waivers: Vec<Members> = facts
        .sections
        .child_records
        .0
        .iter()
        .filter(|(name, _)| name.starts_with("waiver:"))
        .filter_map(|(_, waiver)| serde_json::from_str(waiver.get()).ok())
        .collect();
    let shown = |waiver: &Members, name: &str| waiver.get(name).and_then(text);
    let yes_or_no = |flag: Option<bool>| flag.map(|flag| if flag { "yes" } else { "no" });
    table("Its children", &["Required", "Waived"], &facts.sections.children, |child| {
        let waiver =
            waivers.iter().find(|one| shown(one, "child_id").as_deref() == Some(child.id.as_str()));
        html! {
            td { (or_dash(yes_or_no(child.required))) }
            td {
                @if child.waived == Some(true) { span.mark { "waived" } }
                @else { (or_dash(yes_or_no(child.waived))) }
                @if let Some(waiver) = waiver {
                    span.explained {
                        (moment_or_dash(shown(waiver, "signed_at").as_deref())) " by "
                        (person_or_dash(facts, shown(waiver, "signed_by").as_deref()))
                    }
                    span.explained { "Why: " (or_dash(shown(waiver, "reason").as_deref())) }
                }
            }
        }
    })
}

fn table(
    caption: &str,
    further: &[&str],
    relatives: &[Relative],
    cells: impl Fn(&Relative) -> Markup,
) -> Markup {
    if relatives.is_empty() {
        return Markup::default();
    }
    html! {
        table {
            caption { (caption) }
            thead {
                tr {
                    th.number scope="col" { "Number" }
                    th scope="col" { "Title" }
                    th.status scope="col" { "Status" }
                    @for head in further { th scope="col" { (head) } }
                }
            }
            tbody {
                @for one in relatives {
                    tr {
                        th.number scope="row" { (Shown(&one.wo_number)) }
                        td { (or_dash(one.title.as_deref())) }
                        td { (or_dash(one.status.as_deref().map(spoken).as_deref())) }
                        (cells(one))
                    }
                }
            }
        }
    }
}

/// How long after the other's end it may begin: seconds, or as the database writes a span.
fn lag(lag: Option<&RawValue>) -> Markup {
    let Some(text) = lag.and_then(words) else { return dash() };
    match text.parse::<f64>() {
        Ok(0.0) => dash(),
        Ok(seconds) if seconds % 3_600.0 == 0.0 => html! { (seconds / 3_600.0) " h" },
        Ok(seconds) if seconds % 60.0 == 0.0 => html! { (seconds / 60.0) " min" },
        Ok(seconds) => html! { (seconds) " s" },
        Err(_) if matches!(text.as_str(), "00:00:00" | "PT0S") => dash(),
        Err(_) => html! { (Shown(&text)) },
    }
}
