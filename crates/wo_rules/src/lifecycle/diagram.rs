//! Drawing a lifecycle: its states, and of each edge who may take it and what it needs.

mod svg;

use super::condition::Condition;
use super::definition::{ApprovalRequirement, Lifecycle, State, Transition, When};
use super::rights::role_names;
use crate::picture::{Format, dot_text, escaped, plain};

/// An edge that leads out of so many states is drawn to one point first, and has one label.
const GATHERED: usize = 3;

impl Lifecycle {
    /// The lifecycle as a picture: the states with their icons, the start, the ends, and every edge with
    /// its action, who may take it, the fields, guards and signatures that it needs.
    pub fn diagram(&self, format: Format) -> String {
        match format {
            Format::Mermaid => self.mermaid(),
            Format::Dot => self.dot(),
            Format::Svg => svg::draw(self),
        }
    }

    fn mermaid(&self) -> String {
        let mut lines = vec!["stateDiagram-v2".to_owned(), "    direction LR".to_owned()];
        for state in &self.states {
            lines.push(format!(
                "    state \"{}\" as {}",
                mermaid(&heading(state)),
                id(&state.name)
            ));
        }
        lines.push(format!("    [*] --> {}", id(&self.initial)));
        for (index, edge) in self.transitions.iter().enumerate() {
            let label: Vec<String> = labels(edge).iter().map(|line| mermaid(line)).collect();
            let (label, to) = (label.join("<br/>"), id(&edge.to));
            if edge.from.len() < GATHERED {
                for from in &edge.from {
                    lines.push(format!("    {} --> {to} : {label}", id(from)));
                }
            } else {
                lines.push(format!("    state e_{index} <<choice>>"));
                for from in &edge.from {
                    lines.push(format!("    {} --> e_{index}", id(from)));
                }
                lines.push(format!("    e_{index} --> {to} : {label}"));
            }
        }
        for state in self.states.iter().filter(|state| state.terminal) {
            lines.push(format!("    {} --> [*]", id(&state.name)));
        }
        let mut styles: Vec<String> = Vec::new();
        for state in &self.states {
            let style = look(state).mermaid();
            if !styles.contains(&style) {
                styles.push(style);
            }
        }
        for (index, style) in styles.iter().enumerate() {
            let marked: Vec<String> = self
                .states
                .iter()
                .filter(|state| look(state).mermaid() == *style)
                .map(|state| id(&state.name))
                .collect();
            lines.push(format!("    classDef look_{index} {style}"));
            lines.push(format!("    class {} look_{index}", marked.join(",")));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn dot(&self) -> String {
        let mut lines = vec![
            "digraph lifecycle {".to_owned(),
            "    graph [rankdir=LR, charset=\"UTF-8\", labelloc=t, fontname=\"Helvetica\","
                .to_owned(),
            format!("        label=\"{}\"];", dot_text(&plain(&self.title))),
            "    node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=12];"
                .to_owned(),
            "    edge [color=\"#6b7280\", fontname=\"Helvetica\", fontsize=10];".to_owned(),
            "    start [shape=point, width=0.15];".to_owned(),
        ];
        for state in &self.states {
            let Look { fill, stroke, ink } = look(state);
            let rim = if state.terminal { ", peripheries=2" } else { "" };
            lines.push(format!(
                "    {} [label=\"{}\", fillcolor=\"{fill}\", color=\"{stroke}\", fontcolor=\"{ink}\"{rim}];",
                id(&state.name),
                dot_text(&plain(&heading(state)))
            ));
        }
        lines.push(format!("    start -> {};", id(&self.initial)));
        for (index, edge) in self.transitions.iter().enumerate() {
            let label: Vec<String> =
                labels(edge).iter().map(|line| dot_text(&plain(line))).collect();
            let mut how = format!("label=\"{}\"", label.join("\\n"));
            if !edge.approvals.is_empty() {
                how.push_str(", penwidth=2, color=\"#111827\"");
            }
            if edge.auto {
                how.push_str(", style=dashed");
            }
            let to = id(&edge.to);
            if edge.from.len() < GATHERED {
                lines.extend(
                    edge.from.iter().map(|from| format!("    {} -> {to} [{how}];", id(from))),
                );
            } else {
                lines.push(format!("    e_{index} [shape=point, width=0.06];"));
                lines.extend(
                    edge.from
                        .iter()
                        .map(|from| format!("    {} -> e_{index} [dir=none];", id(from))),
                );
                lines.push(format!("    e_{index} -> {to} [{how}];"));
            }
        }
        lines.push("}\n".to_owned());
        lines.join("\n")
    }
}

/// How a state looks: the colour that its definition gives, else one by its kind.
struct Look {
    fill: String,
    stroke: &'static str,
    ink: &'static str,
}

impl Look {
    fn mermaid(&self) -> String {
        format!("fill:{},stroke:{},color:{}", self.fill, self.stroke, self.ink)
    }
}

fn look(state: &State) -> Look {
    let (fill, stroke) = if state.blocked {
        ("#fde2c8", "#c05621")
    } else if state.terminal {
        ("#e2e8f0", "#4a5568")
    } else if state.initial {
        ("#ffffff", "#4a5568")
    } else {
        ("#eef2ff", "#4f5fa8")
    };
    let fill = state.color.clone().unwrap_or_else(|| fill.to_owned());
    let ink = if is_dark(&fill) { "#ffffff" } else { "#111827" };
    Look { fill, stroke, ink }
}

/// Whether white is easier to read on a colour `#rrggbb` than black, by the luminance of its parts.
fn is_dark(color: &str) -> bool {
    let part = |from: usize| {
        color
            .get(from..from + 2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .map_or(255.0, f64::from)
    };
    0.299 * part(1) + 0.587 * part(3) + 0.114 * part(5) < 140.0
}

/// The name of a state, with its icon.
fn heading(state: &State) -> String {
    match &state.icon {
        Some(icon) => format!("{icon} {}", state.name),
        None => state.name.clone(),
    }
}

/// What there is to say of an edge: its action and who may take it, then what it needs.
fn labels(edge: &Transition) -> Vec<String> {
    let mut who = role_names(&edge.who);
    if edge.auto {
        who.insert(0, "auto");
    }
    let persons = if edge.persons_only { ", persons only" } else { "" };
    let mut lines = vec![format!("{} ({}{persons})", edge.action, who.join(", "))];
    let mut needs: Vec<String> = edge.needs.iter().map(ToString::to_string).collect();
    if edge.reason.required {
        let field = edge.reason.field.map(|field| format!(" ({})", field.name()));
        needs.push(format!("a reason{}", field.unwrap_or_default()));
    }
    let guards: Vec<&str> =
        edge.guards.iter().chain(&edge.implied_guards).map(|guard| guard.name()).collect();
    let signatures: Vec<String> = edge.approvals.iter().map(signature).collect();
    for (what, list) in [
        ("needs", needs.join(", ")),
        ("guards", guards.join(", ")),
        ("signed by", signatures.join(", ")),
    ] {
        if !list.is_empty() {
            lines.push(format!("{what} {list}"));
        }
    }
    lines
}

/// A required signature: how many, of which role, what it says, and when it is required.
fn signature(required: &ApprovalRequirement) -> String {
    let count = if required.count > 1 { format!("{} ", required.count) } else { String::new() };
    let when = match &required.when {
        When::Always => String::new(),
        When::If(conditions) => {
            let conditions: Vec<String> = conditions.iter().map(Condition::to_string).collect();
            format!(" where {}", conditions.join(" and "))
        }
    };
    format!("{count}{} ({}){when}", required.role.name(), required.meaning)
}

/// The identifier of a state. No keyword of Mermaid begins with the prefix, in this version of Mermaid or
/// another, and two names never become one identifier.
fn id(name: &str) -> String {
    format!("s_{name}")
}

/// A text of a Mermaid state diagram, in which brackets may stand and a colon or semicolon may not.
fn mermaid(text: &str) -> String {
    escaped(&plain(text), |letter| match letter {
        '(' | ')' => letter.to_string(),
        letter => format!("#{};", u32::from(letter)),
    })
}
