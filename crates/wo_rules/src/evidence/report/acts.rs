//! The signatures of acts that are no transition.

use super::document::{Facts, SignedAct};
use super::text::{Shown, moment, person, spoken};
use maud::{Markup, html};

pub(super) fn part(facts: &Facts) -> Markup {
    let acts = &facts.sections.concepts.signed_acts;
    if acts.is_empty() {
        return html! {};
    }
    html! {
        section.acts {
            table {
                caption { "Signed acts" }
                thead {
                    tr { @for head in ["Subject", "Meaning", "Signed by", "When"] { th scope="col" { (head) } } }
                }
                tbody { @for act in acts { (row(facts, act)) } }
            }
        }
    }
}

fn row(facts: &Facts, act: &SignedAct) -> Markup {
    html! {
        tr {
            td { (Shown(&spoken(&act.kind))) " " strong { (Shown(&act.subject)) } }
            td {
                (Shown(&spoken(&act.meaning)))
                @if let Some(decision) = &act.decision { ": " (Shown(&spoken(decision))) }
                @if let Some(reason) = &act.reason { span.explained { (Shown(reason)) } }
            }
            td {
                strong { (Shown(&act.printed_name)) }
                span.explained { (person(facts, &act.signer)) ", as " (Shown(&spoken(&act.role))) }
            }
            td { (moment(&act.signed_at, Some(&act.time_zone))) }
        }
    }
}
