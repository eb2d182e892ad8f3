//! The page as a whole: its head, and its parts in their order.

use super::document::{Facts, Package};
use super::text::{
    Moment, Section, Shown, code, dash, moment, moment_or_dash, named, or_dash, own, person, plain,
    spoken,
};
use super::value::text;
use super::{
    acts, deliverables, findings, keys, proof, record, related, signatures, steps, style, timeline,
    trail,
};
use crate::evidence::verify::Made;
use base64ct::{Base64, Encoding};
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest, Sha256};

/// What a page is made of.
pub(super) struct Page<'p> {
    pub(super) package: &'p Package,
    pub(super) facts: &'p Facts<'p>,
    pub(super) package_sha256: &'p str,
    /// When the page is made, by whom and with what.
    pub(super) at: &'p str,
    pub(super) made: &'p Made,
}

impl Page<'_> {
    pub(super) fn render(&self) -> Markup {
        page(self)
    }
}

fn page(all: &Page<'_>) -> Markup {
    let Page { package, facts, package_sha256, .. } = *all;
    let made = Moment::read(&package.made_at);
    let made = made
        .map_or_else(|| package.made_at.clone(), |made| format!("{} {} UTC", made.day, made.clock));
    let number = plain(&facts.sections.work_order.wo_number);
    let style = style::sheet(&number, &plain(&made));
    // Whatever should ever slip into the page, the browser neither loads nor runs it.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        Base64::encode_string(&Sha256::digest(&style))
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "Evidence: " (record::name(facts)) }
                style { (own(&style)) }
            }
            body {
                (head(all))
                main {
                    (signatures::section(facts))
                    (record::section(facts))
                    (steps::part(facts))
                    (deliverables::part(facts))
                    (acts::part(facts))
                    (findings::section(facts))
                    (keys::section(facts))
                    (keys::delegations(facts))
                    (related::section(facts))
                    (timeline::section(package, facts))
                    (trail::section(facts))
                    (proof::section(package, facts, package_sha256))
                }
                footer {
                    p {
                        "Evidence of " (Shown(&facts.sections.work_order.wo_number)) ". Page made "
                        (moment(all.at, None)) (made_by(facts, all.made)) ", from the package with SHA-256 "
                        (code(package_sha256)) "."
                    }
                }
            }
        }
    }
}

/// Who made it, and with which software.
fn made_by(facts: &Facts, made: &Made) -> Markup {
    html! {
        " by "
        @match &made.by {
            Some(by) => (person(facts, by)),
            None => { "database role " (Shown(&made.login_role)) },
        }
        " with wo_core " (Shown(&made.wo_core)) " on PostgreSQL " (Shown(&made.postgresql))
    }
}

fn head(all: &Page<'_>) -> Markup {
    let Page { package, facts, .. } = *all;
    let work_order = &facts.sections.work_order;
    let tenant = &facts.sections.tenant;
    let tenant_name = tenant.name.as_deref().or(tenant.slug.as_deref());
    html! {
        header {
            p.kind { "Evidence of a work order" }
            h1 {
                span.number { (Shown(&work_order.wo_number)) } " "
                span.title { (or_dash(record::title(facts).as_deref())) }
            }
            p.note {
                "One work order with its signatures, its related work orders and its complete audit trail, \
                 as they stood when the evidence package was made. This page is a reading copy: "
                a href={ "#" (Section::Proof.anchor()) } { "part " (Section::Proof as u8) }
                " shows how to verify it."
            }
            (signatures::verdict(facts))
            (findings::verdict(facts))
            dl.facts {
                div {
                    dt { "Organization" }
                    dd {
                        @match (tenant_name, &tenant.slug) {
                            (Some(name), Some(slug)) => (named(name, slug, None)),
                            (name, _) => (or_dash(name)),
                        }
                    }
                }
                div {
                    dt { "Status" }
                    dd {
                        strong { (Shown(&spoken(&work_order.status))) }
                        @if let Some(state) = facts.state(&work_order.status) {
                            span.explained { (Shown(state)) }
                        }
                    }
                }
                div { dt { "Regulatory" } dd { (record::in_words(facts, "regulatory")) } }
                div { dt { "Locked" } dd { (locked(work_order.locked_at.as_deref())) } }
                div { dt { "Lifecycle" } dd { (lifecycle(facts)) } }
                div {
                    dt { "Version of the record" }
                    dd {
                        @match work_order.version { Some(version) => (version), None => (dash()) }
                        span.explained { "last changed " (moment_or_dash(work_order.updated_at.as_deref())) }
                    }
                }
                div { dt { "Work" } dd { (work(facts)) } }
                div.wide {
                    dt { "Package made" }
                    dd {
                        (moment(&package.made_at, None))
                        @if let Some(made) = &facts.sections.made {
                            (made_by(facts, made))
                            span.explained {
                                @if made.occasion == "end" { "by itself, when the work order ended" }
                                @else { "on request" }
                            }
                        }
                    }
                }
                div.wide { dt { "Page made" } dd { (moment(all.at, None)) (made_by(facts, all.made)) } }
                div.wide {
                    dt { "Identifiers" }
                    dd {
                        "work order " (code(&work_order.id))
                        span.explained { "tenant " (tenant.tenant_id.as_deref().map_or_else(dash, code)) }
                    }
                }
            }
            nav aria-label="Parts of this page" {
                ol { @for part in Section::ALL { li { a href={ "#" (part.anchor()) } { (part.title()) } } } }
            }
        }
    }
}

/// When the work was done, and how often it came back.
fn work(facts: &Facts) -> Markup {
    let at = |column| facts.sections.work_order.record.get(column).and_then(text);
    html! {
        @match (at("actual_start"), at("actual_end")) {
            (None, None) => (dash()),
            (start, end) => {
                (moment_or_dash(start.as_deref())) " – " (moment_or_dash(end.as_deref()))
            }
        }
        span.explained { (record::reworked(facts)) }
    }
}

fn locked(at: Option<&str>) -> Markup {
    html! {
        @match at {
            Some(at) => (moment(at, None)),
            None => {
                strong { "not locked" }
                span.explained { "it can have changed since the package was made" }
            }
        }
    }
}

fn lifecycle(facts: &Facts) -> Markup {
    let lifecycle = &facts.sections.lifecycle;
    html! {
        (or_dash(lifecycle.definition.title.as_deref().or(lifecycle.name.as_deref())))
        @if let Some(version) = lifecycle.version { ", version " (version) }
        span.explained {
            (or_dash(lifecycle.name.as_deref())) ", published "
            (moment_or_dash(lifecycle.published_at.as_deref())) " by "
            @match &lifecycle.published_by {
                Some(by) => (person(facts, by)),
                None => "an administrator",
            }
        }
    }
}
