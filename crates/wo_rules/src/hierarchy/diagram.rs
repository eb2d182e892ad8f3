//! Drawing a network with its states and its critical path.
//!
//! Everything that people wrote is cleaned, shortened and escaped here: no title can change what
//! is drawn around it.

mod layout;
mod svg;

use super::network::{Link, LinkKind, Network, Progress, Times};
use crate::picture::{Format, dot_text, mermaid_text, shortened, yaml};

/// The network under its `title`, with the states and, by `times`, the critical path marked.
/// Times that are not those of this network mark nothing.
pub fn draw(network: &Network, times: &[Times], title: &str, format: Format) -> String {
    let critical = network.critical_links(times);
    let links = network.links.iter().zip(critical).filter(|(link, _)| network.has(link));
    let links = links.map(|(link, critical)| DrawnLink { link: *link, critical }).collect();
    let critical = |task| {
        times.len() == network.tasks.len() && times.get(task).is_some_and(|t: &Times| t.critical)
    };
    let critical = (0..network.tasks.len()).map(critical).collect();
    let path = network.critical_path(times);
    let picture = Picture { network, title, links, critical, path };
    match format {
        Format::Mermaid => picture.mermaid(),
        Format::Dot => picture.dot(),
        Format::Svg => svg::draw(&picture),
    }
}

/// How long a title may be in a node, in widths of a capital M: about 40 letters.
const TITLE_ROOM: f64 = 24.0;

/// How long anything else may be.
const LONG_ROOM: f64 = 80.0;

/// What stands before the number of a critical task.
const CRITICAL_MARK: &str = "◆ ";

const EVERY_PROGRESS: [Progress; 6] = [
    Progress::NotStarted,
    Progress::Running,
    Progress::Blocked,
    Progress::Done,
    Progress::Failed,
    Progress::Waived,
];

struct DrawnLink {
    link: Link,
    critical: bool,
}

struct Picture<'n> {
    network: &'n Network,
    title: &'n str,
    links: Vec<DrawnLink>,
    critical: Vec<bool>,
    path: Vec<usize>,
}

/// How a progress looks. The fills differ in lightness too, and the name of the state stands in
/// the node, so that nothing is shown by colour alone.
struct Look {
    class: &'static str,
    words: &'static str,
    fill: &'static str,
    stroke: &'static str,
}

fn look(progress: Progress) -> Look {
    let (class, words, fill, stroke) = match progress {
        Progress::NotStarted => ("is_not_started", "not started", "#ffffff", "#6b7280"),
        Progress::Running => ("is_running", "running", "#cfe3fb", "#1d4ed8"),
        Progress::Blocked => ("is_blocked", "blocked", "#fbd9b0", "#c05621"),
        Progress::Done => ("is_done", "done", "#d9f2df", "#2f7d4a"),
        Progress::Failed => ("is_failed", "failed", "#eab8b8", "#9b1c1c"),
        Progress::Waived => ("is_waived", "waived", "#e5e7eb", "#6b7280"),
    };
    Look { class, words, fill, stroke }
}

impl Picture<'_> {
    /// The lines of a node, each escaped, the first with the mark of the critical path.
    fn lines(&self, task: usize, escape: fn(&str) -> String) -> [String; 3] {
        let mark = if self.critical[task] { CRITICAL_MARK } else { "" };
        let task = &self.network.tasks[task];
        [
            format!("{mark}{}", escape(&shortened(&task.number, TITLE_ROOM))),
            escape(&shortened(&task.title, TITLE_ROOM)),
            escape(&shortened(&task.status, TITLE_ROOM)),
        ]
    }

    fn mermaid(&self) -> String {
        let mut lines = vec![
            "---".to_owned(),
            format!("title: \"{}\"", yaml(&shortened(self.title, LONG_ROOM))),
            "---".to_owned(),
            "flowchart LR".to_owned(),
        ];
        for task in 0..self.network.tasks.len() {
            let text = self.lines(task, mermaid_text).join("<br/>");
            lines.push(format!("    n{task}[\"{text}\"]"));
        }
        for DrawnLink { link, critical } in &self.links {
            let arrow = match (link.kind, critical) {
                (LinkKind::FinishToFinish, _) => "-.->",
                (LinkKind::FinishToStart, true) => "==>",
                (LinkKind::FinishToStart, false) => "-->",
            };
            let lag = match lag_words(link.lag) {
                Some(words) => format!("|\"{words}\"|"),
                None => String::new(),
            };
            lines.push(format!("    n{} {arrow}{lag} n{}", link.from, link.to));
        }
        for progress in EVERY_PROGRESS {
            let Look { class, fill, stroke, .. } = look(progress);
            let style = format!("fill:{fill},stroke:{stroke},color:#111827");
            let tasks = self.network.tasks.iter().map(|task| task.progress == progress);
            classify(&mut lines, class, &style, tasks);
        }
        let critical = self.critical.iter().copied();
        classify(&mut lines, "is_critical", "stroke:#111827,stroke-width:4px", critical);
        let thick = self.links.iter().map(|link| link.critical);
        let thick = indices(thick, "");
        if !thick.is_empty() {
            lines.push(format!("    linkStyle {thick} stroke:#111827,stroke-width:4px"));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn dot(&self) -> String {
        let title = dot_text(&shortened(self.title, LONG_ROOM));
        let key = format!("{CRITICAL_MARK}and thick: critical path. Dashed: child of a master.");
        let mut lines = vec![
            "digraph work_orders {".to_owned(),
            "    graph [rankdir=LR, charset=\"UTF-8\", labelloc=t, fontname=\"Helvetica\","
                .to_owned(),
            format!("        label=\"{title}\\n{key}\"];"),
            "    node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=12];"
                .to_owned(),
            "    edge [color=\"#6b7280\", fontname=\"Helvetica\", fontsize=11];".to_owned(),
        ];
        for (index, task) in self.network.tasks.iter().enumerate() {
            let text = self.lines(index, dot_text).join("\\n");
            let Look { class, fill, stroke, .. } = look(task.progress);
            let (stroke, width) =
                if self.critical[index] { ("#111827", "3") } else { (stroke, "1") };
            lines.push(format!(
                "    n{index} [label=\"{text}\", class=\"{class}\", fillcolor=\"{fill}\", \
                 color=\"{stroke}\", penwidth={width}];"
            ));
        }
        for DrawnLink { link, critical } in &self.links {
            let mut how = Vec::new();
            if link.kind == LinkKind::FinishToFinish {
                how.push("style=dashed".to_owned());
            }
            if *critical {
                how.push("penwidth=3, color=\"#111827\"".to_owned());
            }
            if let Some(words) = lag_words(link.lag) {
                how.push(format!("label=\"{words}\""));
            }
            let how = if how.is_empty() { String::new() } else { format!(" [{}]", how.join(", ")) };
            lines.push(format!("    n{} -> n{}{how};", link.from, link.to));
        }
        lines.push("}\n".to_owned());
        lines.join("\n")
    }
}

fn classify(
    lines: &mut Vec<String>,
    class: &str,
    style: &str,
    members: impl Iterator<Item = bool>,
) {
    let members = indices(members, "n");
    if !members.is_empty() {
        lines.push(format!("    classDef {class} {style}"));
        lines.push(format!("    class {members} {class}"));
    }
}

fn indices(of: impl Iterator<Item = bool>, prefix: &str) -> String {
    let members = of.enumerate().filter(|(_, is)| *is);
    members.map(|(index, _)| format!("{prefix}{index}")).collect::<Vec<_>>().join(",")
}

/// A lag in the largest unit that it is a whole number of; none for no lag.
fn lag_words(lag: i64) -> Option<String> {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let (seconds, unit) = units.into_iter().find(|(seconds, _)| lag % seconds == 0)?;
    (lag != 0).then(|| format!("{:+} {unit}", lag / seconds))
}
