//! How the page writes what others wrote: escaped, with nothing unseen in it, times with their
//! zone, and a dash for what is absent.

use super::document::Facts;
use crate::field::{Field, FieldKind};
use maud::{Markup, PreEscaped, Render, html};
use std::borrow::Cow;

/// A text that came with the package. A letter that would not be seen, that would turn the
/// direction of others, or that HTML does not admit is shown by its number.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a>(pub(super) &'a str);

impl Render for Shown<'_> {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str("<bdi>");
        let mut letters = self.0.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '&' => buffer.push_str("&amp;"),
                '<' => buffer.push_str("&lt;"),
                '>' => buffer.push_str("&gt;"),
                '"' => buffer.push_str("&quot;"),
                '\'' => buffer.push_str("&#39;"),
                '\r' if letters.peek() == Some(&'\n') => {}
                '\r' => buffer.push('\n'),
                letter if is_unseen(letter) => {
                    buffer.push_str("<span class=\"unseen\">");
                    buffer.push_str(&number_of(letter));
                    buffer.push_str("</span>");
                }
                letter => buffer.push(letter),
            }
        }
        buffer.push_str("</bdi>");
    }
}

/// The same where no element may stand: in attributes, in the title of the page, in pictures.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let odd = |letter: char| is_unseen(letter) || letter.is_whitespace() && letter != ' ';
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if is_unseen(letter) => plain.push_str(&number_of(letter)),
            letter if letter.is_whitespace() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    Cow::Owned(plain)
}

fn number_of(letter: char) -> String {
    format!("[U+{:04X}]", u32::from(letter))
}

/// Joiners and the selectors of a letter's variant are left as they are: scripts need them.
fn is_unseen(letter: char) -> bool {
    let never_a_letter = u32::from(letter) & 0xFFFE == 0xFFFE;
    never_a_letter
        || match letter {
            '\n' | '\t' | '\r' => false,
            '\u{AD}'
            | '\u{61C}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FDD0}'..='\u{FDEF}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}' => true,
            letter => letter.is_control(),
        }
}

/// What stands where nothing is.
pub(super) fn dash() -> Markup {
    html! { span.absent { "—" } }
}

/// A text, or a dash for none and for a blank one.
pub(super) fn or_dash(text: Option<&str>) -> Markup {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => Shown(text).render(),
        None => dash(),
    }
}

/// A text with its line breaks.
pub(super) fn lines(text: &str) -> Markup {
    html! { div.text { (Shown(text)) } }
}

/// Characters that only a machine compares, set so that people can too.
pub(super) fn code(text: &str) -> Markup {
    html! { span.code { (Shown(text)) } }
}

/// A word of the system's, such as a state, as a person reads it.
pub(super) fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

/// How many there are, in words: `1 signature`, `1,204 entries`.
pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { more })
}

pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A moment as the package writes it, taken apart.
pub(super) struct Moment<'a> {
    pub(super) day: &'a str,
    /// Hours, minutes and seconds.
    pub(super) clock: &'a str,
    /// What is beyond the second, with its dot, or nothing.
    pub(super) fraction: &'a str,
}

impl<'a> Moment<'a> {
    /// Reads `2026-03-05T09:08:07.000006Z`; nothing for what is not a time in UTC.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (day, rest) = text.split_once(['T', ' '])?;
        let rest = ["Z", "+00:00", "+00"].iter().find_map(|zone| rest.strip_suffix(zone))?;
        let (clock, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
        let digits = |text: &str, shape: &str| {
            text.len() == shape.len()
                && text.chars().zip(shape.chars()).all(|(letter, expected)| match expected {
                    '0' => letter.is_ascii_digit(),
                    mark => letter == mark,
                })
        };
        let of_fraction = |text: &str| text.bytes().skip(1).all(|byte| byte.is_ascii_digit());
        let is = digits(day, "0000-00-00") && digits(clock, "00:00:00") && of_fraction(fraction);
        is.then_some(Self { day, clock, fraction })
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> i64 {
        let number = |text: &str| text.parse::<i64>().unwrap_or(0);
        let (year, month, day) =
            (number(&self.day[..4]), number(&self.day[5..7]), number(&self.day[8..]));
        // Howard Hinnant's days-from-civil formula: the year begins in March.
        let year = year - i64::from(month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        let (hours, minutes, seconds) =
            (number(&self.clock[..2]), number(&self.clock[3..5]), number(&self.clock[6..]));
        ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    }

    fn machine(&self) -> String {
        let fraction = if self.fraction.len() > 1 { self.fraction } else { "" };
        // HTML knows milliseconds only.
        let fraction: String = fraction.chars().take(4).collect();
        format!("{}T{}{fraction}Z", self.day, self.clock)
    }
}

/// A moment to the second with its zone: `2026-11-21 14:05:03 UTC`, and where the person was, if
/// that is known: `(Europe/Berlin)`. What is no time is shown as it is.
pub(super) fn moment(text: &str, zone: Option<&str>) -> Markup {
    let Some(moment) = Moment::read(text) else { return or_dash(Some(text)) };
    html! {
        time datetime=(moment.machine()) {
            span.day { (moment.day) } " " span.clock { (moment.clock) " UTC" }
        }
        @if let Some(zone) = zone { " (" (Shown(zone)) ")" }
    }
}

/// A moment, or a dash.
pub(super) fn moment_or_dash(text: Option<&str>) -> Markup {
    text.map_or_else(dash, |text| moment(text, None))
}

/// A moment to the microsecond in two lines: the day, the time.
pub(super) fn exact_moment(text: &str) -> Markup {
    let Some(moment) = Moment::read(text) else { return or_dash(Some(text)) };
    html! {
        time datetime=(moment.machine()) {
            span.day { (moment.day) } " " span.clock { (moment.clock) (moment.fraction) }
        }
    }
}

/// Somebody by name, with the identifier where that is another.
pub(super) fn person(facts: &Facts, id: &str) -> Markup {
    let principal = facts.principal(id);
    let name = principal.and_then(|one| one.name.as_deref()).unwrap_or(id);
    let kind = principal.and_then(|one| one.kind.as_deref()).filter(|kind| *kind != "person");
    named(name, id, kind)
}

/// A name with the identifier where that is another.
pub(super) fn named(name: &str, id: &str, kind: Option<&str>) -> Markup {
    html! {
        (Shown(name))
        @if name != id || kind.is_some() {
            " " span.identifier {
                "(" @if name != id { (Shown(id)) }
                @if name != id && kind.is_some() { ", " }
                @if let Some(kind) = kind { (Shown(kind)) }
                ")"
            }
        }
    }
}

/// Somebody, or a dash.
pub(super) fn person_or_dash(facts: &Facts, id: Option<&str>) -> Markup {
    id.map_or_else(dash, |id| person(facts, id))
}

/// What people call a column of the record.
pub(super) fn label(column: &str) -> Cow<'_, str> {
    Cow::Borrowed(match column {
        "id" => "Identifier",
        "wo_number" => "Number",
        "master_id" => "Part of",
        "required" => "Required by its master",
        "hierarchy_policy" => "Rules for its children",
        "lifecycle_version" => "Lifecycle version",
        "revision" => "Revision",
        "created_at" => "Created",
        "updated_at" => "Last changed",
        "locked_at" => "Locked",
        "idempotency_key" => "Key of the request that made it",
        "metadata" => "Further data",
        "requester" => "Requested by",
        "originator" => "Created by",
        "assignee" => "Assigned to",
        "due_date" => "Due",
        "regulatory" => "Regulatory",
        "tenant_id" => "Tenant",
        other => return Cow::Owned(capitalized(&spoken(other))),
    })
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Whether a column or a member of that name holds a moment.
pub(super) fn holds_moment(name: &str) -> bool {
    let known = Field::parse(name).is_some_and(|field| field.kind() == FieldKind::Time);
    known || name.ends_with("_at") || matches!(name, "deadline" | "state_deadline")
}

/// A heading that can be linked to, with its number among the others.
pub(super) fn heading(section: Section) -> Markup {
    html! { h2 id=(section.anchor()) { (section as u8) ". " (section.title()) } }
}

/// The parts of the page in their order.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Section {
    Signatures = 1,
    Record,
    Findings,
    Keys,
    Delegations,
    Related,
    Timeline,
    Trail,
    Proof,
}

impl Section {
    pub(super) const ALL: [Self; 9] = [
        Self::Signatures,
        Self::Record,
        Self::Findings,
        Self::Keys,
        Self::Delegations,
        Self::Related,
        Self::Timeline,
        Self::Trail,
        Self::Proof,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Signatures => "Signatures",
            Self::Record => "The record",
            Self::Findings => "Findings and refused attempts",
            Self::Keys => "Signing keys",
            Self::Delegations => "Delegations",
            Self::Related => "Related work orders",
            Self::Timeline => "What happened when",
            Self::Trail => "Audit trail",
            Self::Proof => "How to verify",
        }
    }

    pub(super) fn anchor(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::Record => "record",
            Self::Findings => "findings",
            Self::Keys => "keys",
            Self::Delegations => "delegations",
            Self::Related => "related",
            Self::Timeline => "timeline",
            Self::Trail => "trail",
            Self::Proof => "proof",
        }
    }
}

/// A style sheet or another text of this crate's own, which needs no escape.
pub(super) fn own(text: &str) -> PreEscaped<&str> {
    PreEscaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::utc;

    #[test]
    fn seconds_agree_with_the_way_times_are_written() {
        for day in (-40_000..80_000).step_by(97) {
            let microseconds = day * 86_400_000_000 + 45_296_000_001;
            let text = utc(microseconds);
            let read = Moment::read(&text).map(|moment| moment.seconds());
            assert_eq!(read, Some(crate::time::unix_seconds(microseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_in_utc_is_not_taken_for_one() {
        for text in
            ["infinity", "", "2026-11-21", "2026-11-21T14:05:03+01:00", "2026-11-21T14:05:03.xZ"]
        {
            assert!(Moment::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nothing_unseen_is_left_and_scripts_keep_their_joiners() {
        assert_eq!(plain("a\u{202E}b\nc"), "a[U+202E]b c");
        assert_eq!(plain("می\u{200C}خواهم"), "می\u{200C}خواهم");
        let shown = Shown("<b>\u{0}\r\n\u{1FFFF}").render().into_string();
        assert_eq!(
            shown,
            "<bdi>&lt;b&gt;<span class=\"unseen\">[U+0000]</span>\n\
             <span class=\"unseen\">[U+1FFFF]</span></bdi>"
        );
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([1, 999, 1_000, 1_234_567].map(thousands), ["1", "999", "1,000", "1,234,567"]);
    }
}
