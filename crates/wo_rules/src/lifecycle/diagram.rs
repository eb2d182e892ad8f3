//! Drawing a lifecycle as a Mermaid state diagram.

use super::definition::{Lifecycle, State, Transition};
use super::rights::role_names;

impl Lifecycle {
    /// The lifecycle as a Mermaid `stateDiagram-v2`: every edge with its action and who may take
    /// it, the start, the ends, and the blocked states marked.
    pub fn diagram(&self) -> String {
        let mut lines = vec!["stateDiagram-v2".to_owned(), "    direction LR".to_owned()];
        for state in &self.states {
            lines.push(format!("    state \"{}\" as {}", state.name, id(&state.name)));
        }
        lines.push(format!("    [*] --> {}", id(&self.initial)));
        for edge in &self.transitions {
            let label = label(edge);
            for from in &edge.from {
                lines.push(format!("    {} --> {} : {label}", id(from), id(&edge.to)));
            }
        }
        for state in self.states.iter().filter(|state| state.terminal) {
            lines.push(format!("    {} --> [*]", id(&state.name)));
        }
        self.mark(&mut lines, "is_blocked", "fill:#fde2c8,stroke:#c05621", |s| s.blocked);
        self.mark(&mut lines, "is_terminal", "fill:#e2e8f0,stroke:#4a5568", |s| s.terminal);
        let mut diagram = lines.join("\n");
        diagram.push('\n');
        diagram
    }

    fn mark(&self, lines: &mut Vec<String>, class: &str, style: &str, of: fn(&State) -> bool) {
        let marked: Vec<String> =
            self.states.iter().filter(|state| of(state)).map(|state| id(&state.name)).collect();
        if !marked.is_empty() {
            lines.push(format!("    classDef {class} {style}"));
            lines.push(format!("    class {} {class}", marked.join(",")));
        }
    }
}

/// The identifier of a state. No keyword of Mermaid begins with the prefix, in this version of Mermaid or
/// another, and two names never become one identifier.
fn id(name: &str) -> String {
    format!("s_{name}")
}

fn label(edge: &Transition) -> String {
    let mut who = role_names(&edge.who);
    if edge.auto {
        who.insert(0, "auto");
    }
    format!("{} ({})", edge.action, who.join(", "))
}
