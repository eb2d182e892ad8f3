//! The lifecycle as a picture that needs no script, no font and no program but a viewer: a column for each
//! state, and a row for each action, with an arrow from the states that it leads out of to the one that it
//! leads to, and beside it who may take it and what it needs.

use super::super::definition::{Lifecycle, State, Transition};
use super::{Look, labels, look};
use crate::picture::{arrow, plain, shortened, width, xml_text};

const MARGIN: f64 = 24.0;
const FONT_SIZE: f64 = 12.0;
const TITLE_SIZE: f64 = 16.0;
const LINE_HEIGHT: f64 = 16.0;
const BOLD: f64 = 1.12;
/// Where the columns begin, below the title.
const HEAD: f64 = 58.0;
const BOX_HEIGHT: f64 = 46.0;
const NARROWEST_BOX: f64 = 84.0;
const GAP: f64 = 14.0;
/// What lies above and below the lines of a row.
const ROW_PADDING: f64 = 9.0;
/// How wide the words beside an arrow may be, in widths of a capital M.
const WORDS_ROOM: f64 = 44.0;
const LEGEND_HEIGHT: f64 = 40.0;
const INK: &str = "#111827";
const PALE_INK: &str = "#4b5563";
const LINE: &str = "#d1d5db";
const STRIPE: &str = "#f9fafb";

/// A state's column.
struct Column<'l> {
    state: &'l State,
    left: f64,
    wide: f64,
}

impl Column<'_> {
    fn middle(&self) -> f64 {
        self.left + self.wide / 2.0
    }
}

pub(super) fn draw(lifecycle: &Lifecycle) -> String {
    let columns = columns(&lifecycle.states);
    let words = columns.last().map_or(MARGIN, |last| last.left + last.wide) + 2.0 * GAP;
    let wide = words + WORDS_ROOM * FONT_SIZE + MARGIN;
    let rows: Vec<Vec<String>> = lifecycle.transitions.iter().map(wrapped).collect();
    let height = |lines: &Vec<String>| to_f64(lines.len()) * LINE_HEIGHT + 2.0 * ROW_PADDING;
    let top = HEAD + BOX_HEIGHT + 22.0;
    let bottom = top + rows.iter().map(height).sum::<f64>();
    let high = bottom + LEGEND_HEIGHT;

    let mut out = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide:.0}\" height=\"{high:.0}\" \
             viewBox=\"0 0 {wide:.0} {high:.0}\" role=\"img\" font-size=\"{FONT_SIZE}\" \
             font-family=\"Helvetica, Arial, sans-serif\" fill=\"{INK}\">"
        ),
        format!("<title>{}</title>", xml_text(&plain(&lifecycle.title))),
        format!("<desc>{}</desc>", xml_text(&plain(&lifecycle.description))),
        format!(
            "<defs>{}{}</defs>",
            arrow("wo-step", PALE_INK, 9.0),
            arrow("wo-signed", INK, 11.0)
        ),
        format!("<rect width=\"{wide:.0}\" height=\"{high:.0}\" fill=\"#ffffff\"/>"),
        format!(
            "<text x=\"{MARGIN}\" y=\"34\" font-size=\"{TITLE_SIZE}\" font-weight=\"bold\">{}</text>",
            xml_text(&shortened(&lifecycle.title, (wide - 2.0 * MARGIN) / (TITLE_SIZE * BOLD)))
        ),
    ];
    let mut y = top;
    for (index, lines) in rows.iter().enumerate() {
        if index % 2 == 1 {
            out.push(format!(
                "<rect y=\"{y:.1}\" width=\"{wide:.0}\" height=\"{:.1}\" fill=\"{STRIPE}\"/>",
                height(lines)
            ));
        }
        y += height(lines);
    }
    for column in &columns {
        header(column, bottom, &mut out);
    }
    let mut y = top;
    for (edge, lines) in lifecycle.transitions.iter().zip(&rows) {
        out.push(format!("<g><title>{}</title>", xml_text(&plain(&edge.description))));
        step(edge, &columns, y + height(lines) / 2.0, &mut out);
        for (place, line) in lines.iter().enumerate() {
            let style = if place == 0 { " font-weight=\"bold\"" } else { "" };
            let base = y + ROW_PADDING + to_f64(place) * LINE_HEIGHT + FONT_SIZE;
            out.push(format!(
                "<text x=\"{words:.1}\" y=\"{base:.1}\"{style}>{}</text>",
                xml_text(line)
            ));
        }
        out.push("</g>".to_owned());
        y += height(lines);
    }
    legend(bottom + 24.0, &mut out);
    out.push("</svg>\n".to_owned());
    out.join("\n")
}

fn columns(states: &[State]) -> Vec<Column<'_>> {
    let mut left = MARGIN;
    states
        .iter()
        .map(|state| {
            let letters = |text: &str| plain(text).chars().map(width).sum::<f64>() * FONT_SIZE;
            let widest = (letters(&state.name) * BOLD).max(letters(&second_line(state)));
            let wide = (widest + 20.0).max(NARROWEST_BOX);
            let column = Column { state, left, wide };
            left += wide + GAP;
            column
        })
        .collect()
}

/// What stands in a state's box below its name: its icon, and how long a work order may stay there.
fn second_line(state: &State) -> String {
    match (&state.icon, state.maximum_hours) {
        (Some(icon), Some(hours)) => format!("{icon} at most {hours} h"),
        (Some(icon), None) => icon.clone(),
        (None, Some(hours)) => format!("at most {hours} h"),
        (None, None) => String::new(),
    }
}

/// The box of a state and the line below it. A terminal state has a second rim, the initial one a point
/// above it.
fn header(column: &Column<'_>, bottom: f64, out: &mut Vec<String>) {
    let Column { state, left, wide } = column;
    let Look { fill, stroke, ink } = look(state);
    let middle = column.middle();
    let base = HEAD + BOX_HEIGHT;
    out.push(format!("<g class=\"state\"><title>{}</title>", xml_text(&plain(&state.description))));
    out.push(format!(
        "<path d=\"M{middle:.1},{base} V{bottom:.1}\" stroke=\"{LINE}\" stroke-width=\"1.5\"/>"
    ));
    out.push(format!(
        "<rect x=\"{left:.1}\" y=\"{HEAD}\" width=\"{wide:.1}\" height=\"{BOX_HEIGHT}\" rx=\"7\" \
         fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.5\"/>"
    ));
    if state.terminal {
        out.push(format!(
            "<rect x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" rx=\"5\" fill=\"none\" \
             stroke=\"{stroke}\"/>",
            left + 3.0,
            HEAD + 3.0,
            wide - 6.0,
            BOX_HEIGHT - 6.0
        ));
    }
    if state.initial {
        out.push(format!("<circle cx=\"{middle:.1}\" cy=\"{}\" r=\"4.5\"/>", HEAD - 9.0));
    }
    let second = second_line(state);
    let name = if second.is_empty() { HEAD + 27.0 } else { HEAD + 19.0 };
    let line = |y: f64, style: &str, text: &str| {
        format!(
            "<text x=\"{middle:.1}\" y=\"{y}\" text-anchor=\"middle\" fill=\"{ink}\"{style}>{}</text>",
            xml_text(&plain(text))
        )
    };
    out.push(line(name, " font-weight=\"bold\"", &state.name));
    if !second.is_empty() {
        out.push(line(HEAD + 36.0, " font-size=\"11\"", &second));
    }
    out.push("</g>".to_owned());
}

/// An edge in its row: a point on each state that it leads out of, and a line to the state that it leads to.
fn step(edge: &Transition, columns: &[Column<'_>], y: f64, out: &mut Vec<String>) {
    let at =
        |name: &str| columns.iter().find(|column| column.state.name == name).map(Column::middle);
    let Some(to) = at(&edge.to) else { return };
    let (color, thickness, marker) = if edge.approvals.is_empty() {
        (PALE_INK, 1.6, "wo-step")
    } else {
        (INK, 3.0, "wo-signed")
    };
    let dashes = if edge.auto { " stroke-dasharray=\"6 4\"" } else { "" };
    let from: Vec<f64> = edge.from.iter().filter_map(|name| at(name)).collect();
    let farthest = [
        from.iter().copied().filter(|x| *x < to).reduce(f64::min),
        from.iter().copied().filter(|x| *x > to).reduce(f64::max),
    ];
    for start in farthest.into_iter().flatten() {
        let end = to - 2.0 * (to - start).signum();
        out.push(format!(
            "<path d=\"M{start:.1},{y:.1} H{end:.1}\" stroke=\"{color}\" stroke-width=\"{thickness}\"{dashes} \
             marker-end=\"url(#{marker})\"/>"
        ));
    }
    for x in from {
        let fill = if x == to { "none" } else { color };
        out.push(format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"{color}\" stroke-width=\"1.6\"/>"
        ));
    }
}

/// The lines beside an edge, none wider than there is room.
fn wrapped(edge: &Transition) -> Vec<String> {
    let wide = |text: &str| text.chars().map(width).sum::<f64>();
    let mut lines = Vec::new();
    for label in labels(edge) {
        let room = if lines.is_empty() { WORDS_ROOM / BOLD } else { WORDS_ROOM };
        let mut line = String::new();
        for word in plain(&label).split(' ') {
            if !line.is_empty() && wide(&line) + wide(word) + width(' ') > room {
                lines.push(std::mem::take(&mut line));
                line.push_str("   ");
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(shortened_after_indent(&line, room));
    }
    lines
}

/// A single word may be wider than the room.
fn shortened_after_indent(line: &str, room: f64) -> String {
    let indent = line.len() - line.trim_start().len();
    let spaces = "\u{a0}".repeat(indent);
    format!("{spaces}{}", shortened(line, room))
}

fn legend(y: f64, out: &mut Vec<String>) {
    let line = |x: f64, how: &str, marker: &str, words: &str| {
        format!(
            "<path d=\"M{x},{y} h40\" {how} marker-end=\"url(#{marker})\"/>\
             <circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{INK}\"/>\
             <text x=\"{}\" y=\"{}\">{words}</text>",
            x + 50.0,
            y + 4.0
        )
    };
    let plain_line = format!("stroke=\"{PALE_INK}\" stroke-width=\"1.6\"");
    let signed = format!("stroke=\"{INK}\" stroke-width=\"3\"");
    let auto = format!("{plain_line} stroke-dasharray=\"6 4\"");
    out.push(line(MARGIN + 4.0, &plain_line, "wo-step", "a step"));
    out.push(line(MARGIN + 130.0, &signed, "wo-signed", "needs signatures"));
    out.push(line(
        MARGIN + 330.0,
        &auto,
        "wo-step",
        "also taken by the system when its gates are met",
    ));
}

fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
