//! Whose each signing key is, who made sure of that, and who may sign for whom.

use super::document::{Delegation, Facts, SigningKey};
use super::text::{
    Section, Shown, code, dash, heading, moment, moment_or_dash, named, or_dash, person_or_dash,
};
use maud::{Markup, html};

pub(super) fn section(facts: &Facts) -> Markup {
    let keys = &facts.sections.signing_keys;
    html! {
        section aria-labelledby=(Section::Keys.anchor()) {
            (heading(Section::Keys))
            @if keys.is_empty() {
                p { "No signing key plays a part in this work order." }
            } @else {
                p.note {
                    "The private half of a key never reaches the database. Nobody can sign before the \
                     verification of their identity is on record, and no key is ever used for another \
                     person."
                }
                table {
                    caption { "Who enrolled each key, and who verified the signer’s identity" }
                    thead {
                        tr {
                            th scope="col" { "Key of" }
                            th scope="col" { "Enrolled" }
                            th scope="col" { "Identity verified" }
                            th scope="col" { "How it was verified" }
                            th scope="col" { "Expires" }
                        }
                    }
                    @for key in keys { (signing_key(facts, key)) }
                }
            }
        }
    }
}

fn signing_key(facts: &Facts, key: &SigningKey) -> Markup {
    let owner = key.principal.as_deref().map(|id| {
        let known = facts.principal(id).and_then(|one| one.name.as_deref());
        named(key.name.as_deref().or(known).unwrap_or(id), id, None)
    });
    html! {
        tbody.key {
            tr {
                th scope="row" rowspan="2" { (owner.unwrap_or_else(dash)) }
                td {
                    (moment_or_dash(key.enrolled_at.as_deref()))
                    span.explained { "by " (person_or_dash(facts, key.enrolled_by.as_deref())) }
                }
                td {
                    @if key.verified_at.is_some() || key.verified_by.is_some() {
                        (moment_or_dash(key.verified_at.as_deref()))
                        span.explained { "by " (person_or_dash(facts, key.verified_by.as_deref())) }
                    } @else {
                        span.mark { "not verified" }
                    }
                }
                td { (or_dash(key.verification.as_deref())) }
                td {
                    (moment_or_dash(key.expires_at.as_deref()))
                    @if let Some(at) = &key.retired_at {
                        span.explained { span.mark { "retired" } " " (moment(at, None)) }
                    }
                    @if let Some(at) = &key.revoked_at {
                        span.explained { span.mark { "revoked" } " " (moment(at, None)) }
                        span.explained { "Why: " (or_dash(key.revocation_reason.as_deref())) }
                    }
                }
            }
            tr { td colspan="4" { "Fingerprint " (code(&key.key_id)) } }
        }
    }
}

pub(super) fn delegations(facts: &Facts) -> Markup {
    let delegations = &facts.sections.delegations;
    html! {
        section aria-labelledby=(Section::Delegations.anchor()) {
            (heading(Section::Delegations))
            @if delegations.is_empty() {
                p { "Nobody signed for somebody else." }
            } @else {
                p.note { "A delegate signs as themself, with their own key, on behalf of the other." }
                table {
                    caption { "Who may sign for whom" }
                    thead {
                        tr {
                            th.place scope="col" { "No." }
                            th scope="col" { "For" }
                            th scope="col" { "Delegate" }
                            th scope="col" { "Role and scope" }
                            th scope="col" { "From – until" }
                            th scope="col" { "Why" }
                        }
                    }
                    tbody {
                        @for (index, one) in delegations.iter().enumerate() {
                            (delegation(facts, index + 1, one))
                        }
                    }
                }
            }
        }
    }
}

fn delegation(facts: &Facts, place: usize, one: &Delegation) -> Markup {
    html! {
        tr id={ "delegation-" (place) } {
            th.place scope="row" { (place) }
            td { (person_or_dash(facts, one.delegator.as_deref())) }
            td { (person_or_dash(facts, one.delegate.as_deref())) }
            td {
                (or_dash(one.role.as_deref()))
                span.explained {
                    "lifecycle: " (any_or(one.lifecycle.as_deref()))
                    ", meaning: " (any_or(one.meaning.as_deref()))
                }
                @if let Some(parent) = &one.parent_id {
                    span.explained {
                        "acting by "
                        @match facts.place_of_delegation(parent) {
                            Some(place) => a href={ "#delegation-" (place) } { "delegation " (place) },
                            None => { "delegation " (code(parent)) },
                        }
                    }
                }
            }
            td {
                (moment_or_dash(one.starts_at.as_deref())) " – " (moment_or_dash(one.ends_at.as_deref()))
                @if let Some(at) = &one.revoked_at {
                    span.explained { span.mark { "revoked" } " " (moment(at, None)) }
                }
            }
            td {
                (or_dash(one.reason.as_deref()))
                span.explained { "Given " (moment_or_dash(one.created_at.as_deref())) }
                span.explained { (code(&one.id)) }
            }
        }
    }
}

fn any_or(name: Option<&str>) -> Markup {
    html! { @match name { Some(name) => (Shown(name)), None => "any" } }
}
