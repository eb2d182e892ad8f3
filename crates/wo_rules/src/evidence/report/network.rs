//! The work orders around this one as a picture.
//!
//! It is not the picture of a hierarchy's schedule: a package says in which state the others are,
//! but not by which lifecycle, so that it cannot be known how far they have come or what is critical.

use super::document::{Facts, Relative};
use super::record;
use super::text::{count, plain, spoken};
use maud::{Markup, html};

const WIDE: usize = 720;
const BOX_WIDE: usize = 184;
const BOX_HIGH: usize = 54;
const GAP: usize = 12;
const COLUMN: usize = (WIDE - BOX_WIDE) / 2;
/// The parts stand in so many columns, with a line to the work order running between them.
const PART_COLUMNS: usize = 3;
const ROOM_FOR_HEAD: usize = 26;
/// More than these nobody can follow in a picture, and the tables hold all.
const MOST_AT_A_SIDE: usize = 6;
const MOST_PARTS: usize = 12;
const LETTER: f64 = 11.0;

struct Card<'a> {
    number: &'a str,
    title: &'a str,
    status: String,
    class: &'static str,
}

impl<'a> Card<'a> {
    fn of(one: &'a Relative) -> Self {
        let status = one.status.as_deref().map(spoken).unwrap_or_default();
        let waived = if one.waived == Some(true) { ", waived" } else { "" };
        Self {
            number: &one.wo_number,
            title: one.title.as_deref().unwrap_or_default(),
            status: format!("{status}{waived}"),
            class: if one.required == Some(false) { "optional" } else { "other" },
        }
    }
}

pub(super) fn picture(facts: &Facts) -> Markup {
    let sections = facts.sections;
    let title = record::title(facts).unwrap_or_default();
    let this = Card {
        number: &sections.work_order.wo_number,
        title: &title,
        status: spoken(&sections.work_order.status),
        class: "this",
    };
    let (before, after, parts) =
        (&sections.dependencies.waits_for, &sections.dependencies.awaited_by, &sections.children);
    let master_high = if sections.master.is_some() { BOX_HIGH + 3 * GAP } else { 0 };
    let shown = |relatives: &[Relative], most: usize| relatives.len().min(most);
    let sides = shown(before, MOST_AT_A_SIDE).max(shown(after, MOST_AT_A_SIDE)).max(1);
    let row_top = ROOM_FOR_HEAD + master_high;
    let row_high = sides * (BOX_HIGH + GAP) - GAP;
    let this_top = row_top + (row_high - BOX_HIGH) / 2;
    let parts_top = row_top + row_high + ROOM_FOR_HEAD + 2 * GAP;
    let part_rows = shown(parts, MOST_PARTS).div_ceil(PART_COLUMNS);
    let parts_high =
        if parts.is_empty() { 0 } else { ROOM_FOR_HEAD + 2 * GAP + part_rows * (BOX_HIGH + GAP) };
    let high = row_top + row_high + parts_high + ROOM_FOR_HEAD;
    let middle = this_top + BOX_HIGH / 2;
    let side_top = |relatives: &[Relative]| {
        let taken = shown(relatives, MOST_AT_A_SIDE) * (BOX_HIGH + GAP) - GAP;
        row_top + (row_high - taken) / 2
    };
    let words = format!(
        "{} with its master, its children, what it waits for and what waits for it. The tables below say the same.",
        plain(this.number)
    );
    html! {
        figure.network {
            svg viewBox={ "-2 0 " (WIDE + 4) " " (high) } role="img" aria-labelledby="network-title" {
                title id="network-title" { (words) }
                defs {
                    marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9"
                        markerHeight="9" markerUnits="userSpaceOnUse" orient="auto" {
                        path d="M0 1 L10 5 L0 9 z" {}
                    }
                    clipPath id="card" { rect width=(BOX_WIDE - 8) height=(BOX_HIGH) {} }
                }
                @if let Some(master) = &sections.master {
                    (head(COLUMN, ROOM_FOR_HEAD, "its master"))
                    (link(&format!("M{0} {1} V{2}", WIDE / 2, this_top, ROOM_FOR_HEAD + BOX_HIGH), "child"))
                    (card(COLUMN, ROOM_FOR_HEAD, &Card::of(master)))
                }
                @if !before.is_empty() {
                    (head(0, side_top(before), "it waits for"))
                    @for (place, one) in before.iter().take(MOST_AT_A_SIDE).enumerate() {
                        @let top = side_top(before) + place * (BOX_HIGH + GAP);
                        (link(&bent(BOX_WIDE, top + BOX_HIGH / 2, COLUMN, middle), "waits"))
                        (card(0, top, &Card::of(one)))
                    }
                    (more(0, row_top + row_high, before.len(), MOST_AT_A_SIDE))
                }
                @if !after.is_empty() {
                    (head(2 * COLUMN, side_top(after), "waiting for it"))
                    @for (place, one) in after.iter().take(MOST_AT_A_SIDE).enumerate() {
                        @let top = side_top(after) + place * (BOX_HIGH + GAP);
                        (link(&bent(COLUMN + BOX_WIDE, middle, 2 * COLUMN, top + BOX_HIGH / 2), "waits"))
                        (card(2 * COLUMN, top, &Card::of(one)))
                    }
                    (more(2 * COLUMN, row_top + row_high, after.len(), MOST_AT_A_SIDE))
                }
                @if !parts.is_empty() {
                    @let left = GAP / 2;
                    @let wide = WIDE - GAP;
                    (link(&format!("M{0} {1} V{2}", WIDE / 2, parts_top - GAP, this_top + BOX_HIGH), "child"))
                    rect.frame x=(left) y=(parts_top - GAP) width=(wide)
                        height=(part_rows * (BOX_HIGH + GAP) + GAP) rx="6" {}
                    (head(left, parts_top - GAP, "its children"))
                    @for (place, one) in parts.iter().take(MOST_PARTS).enumerate() {
                        @let column = place % PART_COLUMNS;
                        @let x = left + GAP + column * (wide - 2 * GAP - BOX_WIDE) / (PART_COLUMNS - 1);
                        @let y = parts_top + place / PART_COLUMNS * (BOX_HIGH + GAP);
                        (card(x, y, &Card::of(one)))
                    }
                    (more(left, parts_top + part_rows * (BOX_HIGH + GAP), parts.len(), MOST_PARTS))
                }
                (card(COLUMN, this_top, &this))
            }
            figcaption {
                "An arrow leads from a work order to the one that waits for its end; a line without an \
                 arrow joins a master and its children. Thick: this work order. Dashed: a child that is not \
                 required."
            }
        }
    }
}

/// From one box to the next, level at both ends.
fn bent(x: usize, y: usize, to_x: usize, to_y: usize) -> String {
    let bend = (x + to_x) / 2;
    format!("M{x} {y} C{bend} {y} {bend} {to_y} {to_x} {to_y}")
}

fn link(path: &str, class: &str) -> Markup {
    let arrow = (class == "waits").then_some("url(#arrow)");
    html! { path class={ "link " (class) } d=(path) marker-end=[arrow] {} }
}

fn head(x: usize, top: usize, words: &str) -> Markup {
    html! { text.head x=(x) y=(top - 7) { (words) } }
}

fn more(x: usize, bottom: usize, all: usize, most: usize) -> Markup {
    html! {
        @if all > most {
            text.head x=(x) y=(bottom + 16) { "and " (count(all - most, "other", "others")) ": see the table" }
        }
    }
}

fn card(x: usize, y: usize, card: &Card) -> Markup {
    let full = format!("{} {} ({})", plain(card.number), plain(card.title), plain(&card.status));
    html! {
        g class={ "card " (card.class) } transform={ "translate(" (x) "," (y) ")" } {
            title { (full) }
            rect width=(BOX_WIDE) height=(BOX_HIGH) rx="5" {}
            g clip-path="url(#card)" {
                text.number x="8" y="16" { (fitted(card.number)) }
                text x="8" y="31" { (fitted(card.title)) }
                text.status x="8" y="46" { (fitted(&card.status)) }
            }
        }
    }
}

/// As much of the text as is about as wide as a box; the tables have all of it.
fn fitted(text: &str) -> String {
    let text = plain(text);
    let room = (BOX_WIDE as f64 - 22.0) / LETTER;
    let mut taken = 0.0;
    let fits = |letter: &char| {
        taken += width(*letter);
        taken <= room
    };
    let fitting: String = text.chars().take_while(fits).collect();
    if fitting.len() == text.len() { fitting } else { format!("{}…", fitting.trim_end()) }
}

/// About how wide a letter is, in sizes of its font.
fn width(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 0.3,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' | 'I' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'a'..='z' | '0'..='9' => 0.55,
        '\0'..='\u{10FF}' => 0.74,
        _ => 1.1,
    }
}
