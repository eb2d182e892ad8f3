//! The course of the work order along time: its states as a band, and every transition and
//! signature in order.

use super::document::{Facts, Package};
use super::signatures::{counts, fall, in_few_words};
use super::text::{
    Moment, Section, Shown, count, heading, or_dash, person_or_dash, plain, spoken, thousands,
};
use maud::{Markup, html};

const WIDE: i64 = 720;
const MARKS_HIGH: i64 = 30;
const BAND_HIGH: i64 = 34;
const AXIS_HIGH: i64 = 26;
/// A letter of a state's name, in pixels.
const LETTER: i64 = 7;
/// Marks that are nearer to each other than this stand in two rows.
const MARK_WIDE: i64 = 14;
/// A longer list is of no use: the trail has all.
const MOST_EVENTS: usize = 300;

/// Something that happened, in the order of the list.
struct Event<'p> {
    at: Moment<'p>,
    seconds: i64,
    kind: Kind,
    words: Markup,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signature,
    Fall,
    Transition,
}

pub(super) fn section(package: &Package, facts: &Facts) -> Markup {
    let events = events(facts);
    let unshown = events.len().saturating_sub(MOST_EVENTS);
    html! {
        section aria-labelledby=(Section::Timeline.anchor()) {
            (heading(Section::Timeline))
            (band(package, facts))
            @if unshown > 0 {
                p.note {
                    "The last " (MOST_EVENTS) " of " (thousands(events.len()))
                    " transitions and signatures; the audit trail below has all."
                }
            }
            ol.timeline {
                @for (index, event) in events.iter().enumerate().skip(unshown) {
                    @let before = index.checked_sub(1).filter(|_| index > unshown);
                    @let gap = before.and_then(|before| gap(event.seconds - events[before].seconds));
                    li class=(event.kind.class()) {
                        span.when {
                            span.day { (event.at.day) } " " span.clock { (event.at.clock) " UTC" }
                            @if let Some(gap) = gap { span.gap { (gap) " later" } }
                        }
                        span.what { span.sign aria-hidden="true" { (event.kind.sign()) } (event.words) }
                    }
                }
            }
        }
    }
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Signature => "signing",
            Self::Fall => "falling",
            Self::Transition => "moving",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Signature => "✎",
            Self::Fall => "!",
            Self::Transition => "●",
        }
    }
}

fn events<'p>(facts: &Facts<'p>) -> Vec<Event<'p>> {
    let sections = facts.sections;
    let event = |at: &'p str, kind, words| {
        let at = Moment::read(at)?;
        Some(Event { seconds: at.seconds(), at, kind, words })
    };
    let signatures = sections.signatures.iter().enumerate();
    let mut events: Vec<Event> = signatures
        .clone()
        .filter_map(|(index, one)| {
            event(&one.signed_at, Kind::Signature, in_few_words(index + 1, one))
        })
        .collect();
    events.extend(signatures.filter_map(|(index, one)| {
        let (at, words) = fall(index + 1, one)?;
        event(at, Kind::Fall, words)
    }));
    events.extend(sections.trail.iter().filter(|entry| entry.moved()).filter_map(|entry| {
        let state = |name: &Option<String>| or_dash(name.as_deref().map(spoken).as_deref());
        let words = html! {
            @if entry.from_status.is_some() { (state(&entry.from_status)) " → " }
            strong { (state(&entry.to_status)) }
            " (" a href={ "#entry-" (entry.sequence) } { (Shown(&spoken(&entry.action))) } ") by "
            (person_or_dash(facts, entry.actor.as_deref()))
            @if entry.reason.is_some() { span.explained { "Why: " (or_dash(entry.reason.as_deref())) } }
        };
        event(&entry.recorded_at, Kind::Transition, words)
    }));
    // Within a second what is signed comes first: it is what a transition follows upon.
    events.sort_by(|one, other| {
        let moment = |event: &Event<'p>| (event.seconds, event.at.fraction);
        moment(one).cmp(&moment(other))
    });
    events
}

/// A span of time in its two largest units; none for less than a minute.
fn gap(seconds: i64) -> Option<String> {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (1.., 0, _) => Some(format!("{days} d")),
        (1.., ..) => Some(format!("{days} d {hours} h")),
        (_, 1.., 0) => Some(format!("{hours} h")),
        (_, 1.., _) => Some(format!("{hours} h {minutes} min")),
        (_, _, 1..) => Some(format!("{minutes} min")),
        _ => None,
    }
}

/// A state that the work order was in, between two places on the band.
struct Stretch<'p> {
    state: &'p str,
    from: i64,
    to: i64,
}

/// The states to the scale of time, with the signatures above them.
fn band(package: &Package, facts: &Facts) -> Markup {
    let sections = facts.sections;
    let mut moves: Vec<(i64, &str)> = Vec::new();
    for entry in sections.trail.iter().filter(|entry| entry.moved()) {
        let state = entry.to_status.as_deref().unwrap_or_default();
        let Some(at) = Moment::read(&entry.recorded_at) else { continue };
        // A clock that was set back does not turn the band around.
        let at = moves.last().map_or(at.seconds(), |(before, _)| at.seconds().max(*before));
        moves.push((at, state));
    }
    let (Some((begin, _)), Some((last, _))) = (moves.first().copied(), moves.last().copied())
    else {
        return Markup::default();
    };
    let locked = sections.work_order.locked_at.is_some();
    let made = Moment::read(&package.made_at).map_or(last, |made| made.seconds());
    // What is locked stays as it is: the time since then would only press the rest together.
    let end = if locked { last + (last - begin) / 12 } else { made.max(last) };
    if end <= begin {
        return Markup::default();
    }
    let place = |at: i64| {
        let part = i128::from(at.clamp(begin, end) - begin) * i128::from(WIDE);
        i64::try_from(part / i128::from(end - begin)).unwrap_or(WIDE)
    };
    let ends = moves.iter().skip(1).map(|(at, _)| *at).chain([end]);
    let stretches: Vec<Stretch> = moves
        .iter()
        .zip(ends)
        .map(|((from, state), to)| Stretch { state, from: place(*from), to: place(to) })
        .collect();
    let times = |at: &str| Moment::read(at).map(|at| (at.day.to_owned(), at.clock[..5].to_owned()));
    let first = sections.trail.iter().find(|entry| entry.moved());
    let left = first.and_then(|entry| times(&entry.recorded_at));
    let right = if locked {
        sections.trail.iter().rfind(|entry| entry.moved()).map(|entry| entry.recorded_at.as_str())
    } else {
        Some(package.made_at.as_str())
    };
    let right = right.and_then(times);
    let words = format!(
        "The states of {} to the scale of time, with {} above them. The list below says the same.",
        plain(&sections.work_order.wo_number),
        count(sections.signatures.len(), "signature", "signatures")
    );
    let high = MARKS_HIGH + BAND_HIGH + AXIS_HIGH;
    html! {
        figure.band {
            svg viewBox={ "-1 0 " (WIDE + 2) " " (high) } role="img" aria-labelledby="band-title" {
                title id="band-title" { (words) }
                @for (index, stretch) in stretches.iter().enumerate() {
                    (segment(stretch, index, locked && index + 1 == stretches.len()))
                }
                (marks(facts, &place))
                @if let Some((day, clock)) = left {
                    text.axis x="0" y=(high - 8) { (day) " " (clock) " UTC" }
                }
                @if let Some((day, clock)) = right {
                    text.axis x=(WIDE) y=(high - 8) text-anchor="end" {
                        @if locked { "locked " } @else { "package made " }
                        (day) " " (clock) " UTC"
                    }
                }
            }
            figcaption {
                "The states to the scale of time. ▼ and a number: the signature of that number; \
                 ▽: it no longer counts."
            }
        }
    }
}

fn segment(stretch: &Stretch, index: usize, last_of_locked: bool) -> Markup {
    let wide = stretch.to - stretch.from;
    let name = spoken(&plain(stretch.state));
    let room = usize::try_from((wide - 6) / LETTER).unwrap_or(0);
    let fits = name.chars().count() <= room;
    let class = match (last_of_locked, index % 2) {
        (true, _) => "stretch locked",
        (_, 0) => "stretch even",
        _ => "stretch odd",
    };
    html! {
        g class=(class) {
            title { (name) }
            rect x=(stretch.from) y=(MARKS_HIGH) width=(wide.max(1)) height=(BAND_HIGH) {}
            @if fits {
                text x=(stretch.from + wide / 2) y=(MARKS_HIGH + BAND_HIGH / 2 + 4) text-anchor="middle" {
                    (name)
                }
            }
        }
    }
}

fn marks(facts: &Facts, place: &impl Fn(i64) -> i64) -> Markup {
    let mut taken = [i64::MIN; 2];
    let mut pins = Vec::new();
    for (index, one) in facts.sections.signatures.iter().enumerate() {
        let Some(at) = Moment::read(&one.signed_at) else { continue };
        let x = place(at.seconds()).clamp(MARK_WIDE / 2, WIDE - MARK_WIDE / 2);
        // Where there is no room for a third, the list has it.
        let free = taken.iter().position(|before| before.saturating_add(MARK_WIDE) <= x);
        if let Some(row) = free {
            taken[row] = x;
            pins.push((index + 1, one, x, if row == 0 { 10 } else { 20 }));
        }
    }
    let y = MARKS_HIGH - 1;
    html! {
        @for (number, one, x, above) in pins {
            g class=(if counts(one) { "pin valid" } else { "pin fallen" }) {
                title { "Signature " (number) ": " (plain(&one.printed_name)) }
                path d={ "M" (x) " " (y) " l-5 -8 h10 z" } {}
                text x=(x) y=(y - above) text-anchor="middle" { (number) }
            }
        }
    }
}
