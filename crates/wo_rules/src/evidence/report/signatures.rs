//! The signatures, as 21 CFR 11.50 wants them shown: the printed name, date and time of signing,
//! what it means, and whether it still counts.

use super::document::{Facts, Signature};
use super::required::Required;
use super::text::{
    Moment, Section, Shown, code, count, dash, heading, holds_moment, moment, named, or_dash,
    spoken,
};
use super::value::{Members, text, words};
use maud::{Markup, Render, html};
use serde::Deserialize;

/// What a signature's state means to a reader who relies on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SignatureStatus {
    Valid,
    Amended,
    Void,
    Withdrawn,
    /// A state that this page does not know: it is never taken for a valid one.
    Unknown,
}

impl SignatureStatus {
    fn of(signature: &Signature) -> Self {
        match signature.state.as_str() {
            "valid" => Self::Valid,
            "amended" => Self::Amended,
            "void" => Self::Void,
            "withdrawn" => Self::Withdrawn,
            _ => Self::Unknown,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Amended => "amended",
            Self::Void => "void",
            Self::Withdrawn => "withdrawn",
            Self::Unknown => "unknown",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Valid => "✓ VALID",
            Self::Amended => "! AMENDED: COUNTS AS UNSIGNED",
            Self::Void => "✗ VOID: NO LONGER COUNTS",
            Self::Withdrawn => "✗ WITHDRAWN: NO LONGER COUNTS",
            Self::Unknown => "? NOT KNOWN TO BE VALID",
        }
    }

    fn sentence(self) -> Option<&'static str> {
        match self {
            Self::Valid => None,
            Self::Amended => Some(
                "The content was changed after it was signed. It counts as unsigned until it is \
                 signed again.",
            ),
            Self::Void => Some(
                "It was made void: what was signed has to be decided and signed anew. It stays on \
                 record and no longer counts.",
            ),
            Self::Withdrawn => {
                Some("The signer took it back. It stays on record and no longer counts.")
            }
            Self::Unknown => Some("This page does not know this state."),
        }
    }
}

/// The members of the signed bytes that nothing else shows.
#[derive(Deserialize, Default)]
struct Signed {
    version: Option<i64>,
    content_sha256: Option<String>,
}

/// The sentence at the head of the page: what is required, and whether it is there. It is red only where something
/// required is missing or broken.
pub(super) fn verdict(facts: &Facts) -> Markup {
    let signatures = &facts.sections.signatures;
    let required = Required::of(facts);
    let missing = required.missing();
    let unknown = signatures
        .iter()
        .filter(|one| SignatureStatus::of(one) == SignatureStatus::Unknown)
        .count();
    let is_broken = unknown > 0 || missing.iter().any(|one| one.is_passed);
    let class = match (is_broken, required.all.is_empty() || !missing.is_empty()) {
        (true, _) => "verdict broken",
        (false, true) => "verdict",
        (false, false) => "verdict valid",
    };
    let fallen: Vec<usize> = (0..signatures.len())
        .filter(|index| {
            let status = SignatureStatus::of(&signatures[*index]);
            !matches!(status, SignatureStatus::Valid | SignatureStatus::Unknown)
        })
        .collect();
    let (superseded, open): (Vec<usize>, Vec<usize>) =
        fallen.into_iter().partition(|index| successor(facts, *index).is_some());
    let further: Vec<usize> = (0..signatures.len())
        .filter(|index| counts(&signatures[*index]) && !required.counted.contains(index))
        .collect();
    html! {
        p class=(class) {
            strong {
                (mark(class)) (in_force(&required, signatures.is_empty()))
                @match superseded.len() {
                    0 => ".",
                    1 => "; 1 earlier one was superseded.",
                    more => { "; " (more) " earlier ones were superseded." }
                }
            }
            @for one in &missing {
                " "
                @if one.is_passed { strong { "MISSING: " } } @else { "Waited for: " }
                (count(one.needed - one.in_force, "signature", "signatures")) " of "
                (Shown(&spoken(&one.role))) ", " (Shown(&spoken(&one.meaning))) "."
            }
            @for index in open {
                " " (link(facts, index)) " is " (SignatureStatus::of(&signatures[index]).class())
                " and was not given again."
            }
            @for index in further {
                " " (link(facts, index)) " is in force too: "
                (Shown(&spoken(&signatures[index].decision))) ", "
                (Shown(&spoken(&signatures[index].meaning))) "."
            }
            @if unknown > 0 {
                " " strong { (count(unknown, "signature is", "signatures are")) " in a state that this page does not know." }
            }
        }
    }
}

fn mark(class: &str) -> &'static str {
    match class {
        "verdict valid" => "✓ ",
        "verdict broken" => "! ",
        _ => "",
    }
}

/// How many of the required signatures are in force, without the end of the sentence.
fn in_force(required: &Required, nobody_signed: bool) -> String {
    let (needed, given) = (required.needed(), required.in_force());
    match (needed, given == needed) {
        (0, _) if nobody_signed => {
            "No signature was asked for, and nobody has signed this work order".to_owned()
        }
        (0, _) => "No signature is required now".to_owned(),
        (1, true) => "The one required signature is in force".to_owned(),
        (2, true) => "Both required signatures are in force".to_owned(),
        (_, true) => format!("All {needed} required signatures are in force"),
        (1, false) => "The one required signature is not in force".to_owned(),
        (_, false) => format!("{given} of {needed} required signatures are in force"),
    }
}

fn link(facts: &Facts, index: usize) -> Markup {
    let place = index + 1;
    html! {
        a href={ "#signature-" (place) } { "Signature " (place) }
        @if let Some(one) = facts.sections.signatures.get(index) { " (" (Shown(&one.printed_name)) ")" }
    }
}

/// The valid signature that has taken the place of one that no longer counts.
fn successor<'p>(facts: &Facts<'p>, index: usize) -> Option<(usize, &'p Signature)> {
    let signatures = &facts.sections.signatures;
    let about = |one: &'p Signature| (&one.role, &one.meaning, &one.decision);
    let fallen = about(signatures.get(index)?);
    let later = signatures.iter().enumerate().skip(index + 1);
    let mut again = later.filter(|(_, one)| counts(one) && about(one) == fallen);
    again.next().map(|(index, one)| (index + 1, one))
}

pub(super) fn section(facts: &Facts) -> Markup {
    let signatures = &facts.sections.signatures;
    html! {
        section aria-labelledby=(Section::Signatures.anchor()) {
            (heading(Section::Signatures))
            @if signatures.is_empty() {
                p { "Nobody has signed." }
            } @else {
                p.note {
                    "In the order of signing. Times are the database server's, in UTC; the zone in \
                     brackets is the one that the signer was in. The state is the one on record when \
                     the package was made; the last part of this page shows how to verify it."
                }
            }
            @for (index, one) in signatures.iter().enumerate() { (signature(facts, index, one)) }
            (requests(facts))
        }
    }
}

fn signature(facts: &Facts, index: usize, one: &Signature) -> Markup {
    let status = SignatureStatus::of(one);
    let place = index + 1;
    let signed: Signed = one
        .payload
        .as_deref()
        .and_then(|payload| serde_json::from_str(payload).ok())
        .unwrap_or_default();
    html! {
        article class={ "signature " (status.class()) } id={ "signature-" (place) } {
            header {
                h3 { span.place { (place) } " " span.printed-name { (Shown(&one.printed_name)) } }
                p.state { (status.mark()) }
            }
            @if status != SignatureStatus::Valid { (fallen(facts, index, one, status)) }
            dl {
                div { dt { "Signed by" } dd { (named(&one.printed_name, &one.signer, None)) } }
                div {
                    dt { "Date, time and zone" }
                    dd { strong { (moment(&one.signed_at, one.time_zone.as_deref())) } }
                }
                div {
                    dt { "Meaning" }
                    dd {
                        strong { (Shown(&spoken(&one.decision))) ": " (Shown(&spoken(&one.meaning))) }
                        @if one.meaning.contains('_') { " " span.identifier { "(" (Shown(&one.meaning)) ")" } }
                    }
                }
                div {
                    dt { "In the role" }
                    dd {
                        (Shown(&one.role))
                        @if let Some(role) = facts.role(&one.role) { span.explained { (Shown(role)) } }
                    }
                }
                div { dt { "On behalf of" } dd { (on_behalf(facts, one)) } }
                div { dt { "What was signed" } dd { (covered(one, signed.version)) } }
                div.wide { dt { "Reason given" } dd { (or_dash(one.reason.as_deref())) } }
                div.wide { dt { "Key fingerprint" } dd { (code(&one.key_id)) } }
                div.wide {
                    dt { "SHA-256 of the signed content" }
                    dd { (signed.content_sha256.as_deref().map_or_else(dash, code)) }
                }
                div.wide { dt { "Approval" } dd { (code(&one.approval)) } }
            }
        }
    }
}

/// Why a signature no longer counts, since when, and which one has taken its place.
fn fallen(facts: &Facts, index: usize, one: &Signature, status: SignatureStatus) -> Markup {
    let again = successor(facts, index);
    html! {
        div.fallen {
            p {
                strong { (status.sentence().unwrap_or_default()) }
                @if let Some(at) = &one.state_at { " Since " (moment(at, None)) "." }
            }
            p { "Why: " (or_dash(one.state_reason.as_deref())) }
            @if status == SignatureStatus::Unknown { p { "The state on record: " (Shown(&one.state)) } }
            @if status != SignatureStatus::Unknown {
                @match again {
                    Some((place, later)) => p {
                        "Signed again: " a href={ "#signature-" (place) } { "signature " (place) }
                        ", by " (Shown(&later.printed_name)) ", " (Shown(&spoken(&later.decision))) "."
                    },
                    None => p { "It has not been signed again." },
                }
            }
        }
    }
}

fn on_behalf(facts: &Facts, one: &Signature) -> Markup {
    let Some(principal) = &one.on_behalf_of else { return dash() };
    let known = facts.principal(principal).and_then(|one| one.name.as_deref());
    let name = one.on_behalf_of_name.as_deref().or(known).unwrap_or(principal);
    html! {
        (named(name, principal, None))
        @if let Some(delegation) = &one.delegation_id {
            ", by "
            @match facts.place_of_delegation(delegation) {
                Some(place) => a href={ "#delegation-" (place) } { "delegation " (place) },
                None => { "delegation " (code(delegation)) },
            }
        }
    }
}

fn covered(one: &Signature, version: Option<i64>) -> Markup {
    let whose = |text: &Option<String>| or_dash(text.as_deref().map(spoken).as_deref());
    html! {
        "the " (whose(&one.covers))
        @if let Some(version) = version { " of version " (version) }
        @if let Some(action) = &one.action { ", to " (Shown(&spoken(action))) }
        span.explained { (whose(&one.from_status)) " → " (whose(&one.to_status)) }
    }
}

/// The approvals that were asked for, open ones too: what is not signed is part of the evidence.
fn requests(facts: &Facts) -> Markup {
    let child_records = facts.sections.child_records.0.iter();
    let mut requests: Vec<Members> = child_records
        .filter(|(name, _)| name.starts_with("approval_request:"))
        .filter_map(|(_, request)| serde_json::from_str(request.get()).ok())
        .collect();
    if requests.is_empty() {
        return Markup::default();
    }
    let string = |request: &Members, name: &str| request.get(name).and_then(text);
    requests.sort_by_cached_key(|request| string(request, "requested_at"));
    let columns =
        ["action", "role", "meaning", "required", "requested_at", "deadline", "closed_at"];
    let cell = |request: &Members, column: &str| match string(request, column) {
        Some(at) if holds_moment(column) => moment(&at, None),
        _ if column == "closed_at" => html! { strong { "OPEN" } },
        Some(name) => Shown(&spoken(&name)).render(),
        None => or_dash(request.get(column).and_then(words).as_deref()),
    };
    html! {
        table {
            caption { "Approvals that were asked for" }
            thead {
                tr {
                    @for head in ["For", "Role", "Meaning", "Needed", "Asked", "Due", "Closed"] {
                        th scope="col" { (head) }
                    }
                }
            }
            tbody {
                @for request in &requests {
                    tr { @for column in columns { td { (cell(request, column)) } } }
                }
            }
        }
    }
}

/// A signature in few words, for the course of events.
pub(super) fn in_few_words(place: usize, one: &Signature) -> Markup {
    html! {
        a href={ "#signature-" (place) } { "Signature " (place) } ": "
        strong { (Shown(&one.printed_name)) } " " (Shown(&spoken(&one.decision))) ": "
        (Shown(&spoken(&one.meaning))) ", as " (Shown(&one.role))
        @if SignatureStatus::of(one) != SignatureStatus::Valid {
            " " span.mark { "now " (SignatureStatus::of(one).class()) }
        }
    }
}

/// When a signature ceased to count, and what became of it.
pub(super) fn fall(place: usize, one: &Signature) -> Option<(&str, Markup)> {
    let at = one.state_at.as_deref()?;
    let status = SignatureStatus::of(one);
    (status != SignatureStatus::Valid && Moment::read(at).is_some()).then(|| {
        let words = html! {
            a href={ "#signature-" (place) } { "Signature " (place) } " of " (Shown(&one.printed_name))
            " became " strong { (status.class()) } ": " (or_dash(one.state_reason.as_deref()))
        };
        (at, words)
    })
}

/// Whether a signature counts.
pub(super) fn counts(one: &Signature) -> bool {
    SignatureStatus::of(one) == SignatureStatus::Valid
}
