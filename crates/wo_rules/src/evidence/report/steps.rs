//! The job plan that the work was done by, step by step: part of the record.

use super::document::{Facts, Step};
use super::text::{Shown, dash, moment, or_dash, person, person_or_dash, spoken};
use maud::{Markup, html};

pub(super) fn part(facts: &Facts) -> Markup {
    let Some(plan) = &facts.sections.concepts.job_plan else { return html! {} };
    html! {
        section.steps {
            p { "The work was done by version " (plan.version) " of the job plan " strong { (Shown(&plan.name)) } "." }
            table {
                caption { "Steps of the job plan" }
                thead {
                    tr { @for head in ["Step", "State", "Value", "By whom", "Witness and disposition"] { th scope="col" { (head) } } }
                }
                tbody { @for step in &plan.steps { (row(facts, step)) } }
            }
        }
    }
}

fn row(facts: &Facts, step: &Step) -> Markup {
    html! {
        tr {
            td {
                strong { (Shown(&step.step)) }
                span.explained { (or_dash(step.instruction.as_deref())) }
            }
            td {
                (Shown(&spoken(&step.state)))
                @if let Some(verdict) = &step.verdict { span.explained { (Shown(&spoken(verdict))) } }
                @if step.corrections > 0 { span.explained { "Corrected; the older results are in the audit trail." } }
            }
            td {
                (or_dash(step.value.as_deref()))
                @if let Some(unit) = &step.unit { " " (Shown(unit)) }
                @if let Some(reason) = &step.reason { span.explained { (Shown(reason)) } }
            }
            td {
                (person_or_dash(facts, step.performed_by.as_deref()))
                @if let Some(at) = &step.performed_at { span.explained { (moment(at, None)) } }
            }
            td {
                @if step.witnessed_by.is_none() && step.disposition.is_none() { (dash()) }
                @if let Some(witness) = &step.witnessed_by { span.explained { "Witness: " (person(facts, witness)) } }
                @if let Some(disposition) = &step.disposition {
                    span.explained {
                        "Disposition: " (Shown(&spoken(disposition))) " by " (person_or_dash(facts, step.decided_by.as_deref()))
                    }
                }
            }
        }
    }
}
