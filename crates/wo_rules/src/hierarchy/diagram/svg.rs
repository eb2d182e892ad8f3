//! The network as a picture that needs no script, no font and no program but a viewer.

use super::super::network::LinkKind;
use super::layout::{BOX_HEIGHT, BOX_WIDTH, Layout, Point};
use super::{EVERY_PROGRESS, Look, Picture, lag_words, look};
use crate::picture::{arrow, plain, shortened, width, xml_text as escaped};

const MARGIN: f64 = 24.0;
const HEAD: f64 = 52.0;
const PADDING: f64 = 10.0;
const FONT_SIZE: f64 = 12.0;
const TITLE_SIZE: f64 = 16.0;
const LINE_HEIGHT: f64 = 18.0;
/// How much wider bold letters are.
const BOLD: f64 = 1.12;
/// What the mark of the critical path takes of the first line, in pixels.
const MARK_WIDTH: f64 = 16.0;
const NARROWEST: f64 = 480.0;
const LEGEND_ROW: f64 = 22.0;
const SWATCH: f64 = 28.0;
const INK: &str = "#111827";
const PALE_INK: &str = "#6b7280";
const DIAMOND: &str = "m0,-5 l5,5 l-5,5 l-5,-5 z";

pub(super) fn draw(picture: &Picture) -> String {
    let layout = Layout::of(picture);
    let wide = (layout.width + 2.0 * MARGIN).max(NARROWEST);
    let legend = legend(wide);
    let high = HEAD + layout.height + 2.0 * MARGIN + legend.height;
    let title = plain(picture.title);
    let room = (wide - 2.0 * MARGIN) / (TITLE_SIZE * BOLD);
    let mut lines = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" \
             viewBox=\"0 0 {wide} {high}\" role=\"img\" font-size=\"{FONT_SIZE}\" \
             font-family=\"Helvetica, Arial, sans-serif\" fill=\"{INK}\">"
        ),
        format!("<title>{}</title>", escaped(&title)),
        format!("<desc>{}</desc>", escaped(&description(picture))),
        format!(
            "<defs><clipPath id=\"wo-box\"><rect width=\"{BOX_WIDTH}\" \
             height=\"{BOX_HEIGHT}\"/></clipPath>{}{}</defs>",
            arrow("wo-arrow", PALE_INK, 9.0),
            arrow("wo-critical", INK, 12.0)
        ),
        format!("<rect width=\"{wide}\" height=\"{high}\" fill=\"#ffffff\"/>"),
        format!(
            "<text x=\"{MARGIN}\" y=\"36\" font-size=\"{TITLE_SIZE}\" font-weight=\"bold\">{}</text>",
            escaped(&shortened(&title, room))
        ),
        format!("<g transform=\"translate({MARGIN},{})\">", HEAD + MARGIN / 2.0),
    ];
    links(picture, &layout, &mut lines);
    for task in 0..picture.network.tasks.len() {
        node(picture, task, layout.corner(task), &mut lines);
    }
    lines.push("</g>".to_owned());
    let top = high - legend.height;
    lines.push(format!("<g transform=\"translate({MARGIN},{top})\">{}</g>", legend.content));
    lines.push("</svg>\n".to_owned());
    lines.join("\n")
}

fn description(picture: &Picture) -> String {
    let number = |task: &usize| picture.network.tasks[*task].number.as_str();
    let path: Vec<&str> = picture.path.iter().map(number).collect();
    let path = match path.len() {
        0 => "no critical path".to_owned(),
        1..=12 => format!("critical path: {}", path.join(", ")),
        more => format!("critical path: {more} from {} to {}", path[0], path[more - 1]),
    };
    let counted = |count: usize, one: &str, more: &str| {
        format!("{count} {}", if count == 1 { one } else { more })
    };
    let tasks = counted(picture.network.tasks.len(), "work order", "work orders");
    let links = counted(picture.links.len(), "link", "links");
    format!("{tasks} with {links}; {}.", plain(&path))
}

/// The links, those of the critical path last, so that they lie above the others.
fn links(picture: &Picture, layout: &Layout, lines: &mut Vec<String>) {
    let mut labels = Vec::new();
    for critical in [false, true] {
        let (colour, thickness, marker) =
            if critical { (INK, 3.0, "wo-critical") } else { (PALE_INK, 1.3, "wo-arrow") };
        lines.push(format!("<g fill=\"none\" stroke=\"{colour}\" stroke-width=\"{thickness}\">"));
        let these = picture.links.iter().enumerate().filter(|(_, link)| link.critical == critical);
        for (index, drawn) in these {
            let route = &layout.routes[index];
            let link = &drawn.link;
            let (dashes, waits) = match link.kind {
                LinkKind::FinishToStart => ("", "starts after"),
                LinkKind::FinishToFinish => (" stroke-dasharray=\"6 4\"", "finishes after"),
            };
            let head = if route.arrives {
                format!(" marker-end=\"url(#{marker})\"")
            } else {
                String::new()
            };
            let lag = lag_words(link.lag);
            let number = |task: usize| plain(&picture.network.tasks[task].number);
            let mut words = format!("{} {waits} {}", number(link.to), number(link.from));
            if let Some(lag) = &lag {
                words.push_str(&format!(", {lag}"));
            }
            lines.push(format!(
                "<path class=\"link\" d=\"{}\"{dashes}{head}><title>{}</title></path>",
                curve(&route.points),
                escaped(&words)
            ));
            if let (Some(lag), [from, to, ..]) = (lag, route.points.as_slice()) {
                let (x, y) = ((from.x + to.x) / 2.0, (from.y + to.y) / 2.0 + 4.0);
                let half = lag.chars().map(width).sum::<f64>() * FONT_SIZE / 2.0;
                let (left, top, wide) = (x - half, y - 11.0, 2.0 * half);
                labels.push(format!(
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"14\" \
                     fill=\"#ffffff\"/><text x=\"{x}\" y=\"{y:.1}\">{lag}</text>"
                ));
            }
        }
        lines.push("</g>".to_owned());
    }
    if !labels.is_empty() {
        lines.push("<g text-anchor=\"middle\">".to_owned());
        lines.extend(labels);
        lines.push("</g>".to_owned());
    }
}

/// Level through the columns and bent between them.
fn curve(points: &[Point]) -> String {
    let mut path = String::new();
    let mut before: Option<Point> = None;
    for point in points {
        let Point { x, y } = *point;
        match before {
            None => path.push_str(&format!("M{x:.1},{y:.1}")),
            Some(last) if (last.y - y).abs() < 0.05 => path.push_str(&format!(" H{x:.1}")),
            Some(last) => {
                let bend = (last.x + x) / 2.0;
                let from = last.y;
                path.push_str(&format!(" C{bend:.1},{from:.1} {bend:.1},{y:.1} {x:.1},{y:.1}"));
            }
        }
        before = Some(*point);
    }
    path
}

fn node(picture: &Picture, index: usize, corner: Point, lines: &mut Vec<String>) {
    let task = &picture.network.tasks[index];
    let critical = picture.critical[index];
    let Look { class, fill, stroke, .. } = look(task.progress);
    let (stroke, thickness) = if critical { (INK, 3.0) } else { (stroke, 1.3) };
    let dashes = if task.progress.is_left_out() { " stroke-dasharray=\"3 3\"" } else { "" };
    let classes = if critical { format!("{class} is_critical") } else { class.to_owned() };
    let Point { x, y } = corner;
    lines.push(format!(
        "<g class=\"{classes}\" transform=\"translate({x:.1},{y:.1})\"><title>{}</title>",
        escaped(&plain(&format!("{} {} ({})", task.number, task.title, task.status)))
    ));
    lines.push(format!(
        "<rect width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" \
         stroke=\"{stroke}\" stroke-width=\"{thickness}\"{dashes}/>"
    ));
    let room = BOX_WIDTH - 2.0 * PADDING;
    let mut indent = PADDING;
    if critical {
        lines
            .push(format!("<path transform=\"translate({},16)\" d=\"{DIAMOND}\"/>", PADDING + 5.0));
        indent += MARK_WIDTH;
    }
    // The widths are estimates, and a font may be wider than any estimate.
    lines.push("<g clip-path=\"url(#wo-box)\">".to_owned());
    let texts = [
        (&task.number, indent, " font-weight=\"bold\"", BOLD),
        (&task.title, PADDING, "", 1.0),
        (&task.status, PADDING, " font-style=\"italic\"", 1.0),
    ];
    for (row, (text, x, style, wider)) in (0_u8..).zip(texts) {
        let room = (room + PADDING - x) / (FONT_SIZE * wider);
        let y = 20.0 + LINE_HEIGHT * f64::from(row);
        let text = escaped(&shortened(text, room));
        lines.push(format!("<text x=\"{x}\" y=\"{y}\"{style}>{text}</text>"));
    }
    lines.push("</g></g>".to_owned());
}

struct Legend {
    content: String,
    height: f64,
}

fn legend(wide: f64) -> Legend {
    let mut entries: Vec<(String, &str)> = Vec::new();
    for progress in EVERY_PROGRESS {
        let Look { words, fill, stroke, .. } = look(progress);
        let dashes = if progress.is_left_out() { " stroke-dasharray=\"3 3\"" } else { "" };
        let swatch = format!(
            "<rect y=\"-11\" width=\"20\" height=\"14\" rx=\"3\" fill=\"{fill}\" \
             stroke=\"{stroke}\" stroke-width=\"1.3\"{dashes}/>"
        );
        entries.push((swatch, words));
    }
    entries.push((
        format!(
            "<path d=\"M0,-4 H20\" stroke=\"{INK}\" stroke-width=\"3\"/>\
             <path transform=\"translate(10,-4)\" d=\"{DIAMOND}\"/>"
        ),
        "critical path",
    ));
    let line = |dashes: &str| {
        format!(
            "<path d=\"M0,-4 H20\" stroke=\"{PALE_INK}\" stroke-width=\"1.3\"{dashes} \
             marker-end=\"url(#wo-arrow)\"/>"
        )
    };
    entries.push((line(""), "starts after"));
    entries.push((line(" stroke-dasharray=\"6 4\""), "master finishes after"));

    let (mut x, mut y) = (0.0, 0.0);
    let mut content = String::new();
    for (swatch, words) in entries {
        let length = SWATCH + words.chars().map(width).sum::<f64>() * FONT_SIZE + 16.0;
        if x > 0.0 && x + length > wide - 2.0 * MARGIN {
            (x, y) = (0.0, y + LEGEND_ROW);
        }
        content.push_str(&format!(
            "<g transform=\"translate({x:.1},{y})\">{swatch}<text x=\"{SWATCH}\">{words}</text></g>"
        ));
        x += length;
    }
    Legend { content, height: y + LEGEND_ROW + MARGIN / 2.0 }
}
