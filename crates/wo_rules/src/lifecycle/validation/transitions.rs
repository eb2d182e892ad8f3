//! Reading the transitions of a definition document.

use std::collections::BTreeSet;

use super::{Known, Reading};
use crate::approval::content::Covers;
use crate::field::{Field, FieldKind};
use crate::lifecycle::condition::{Condition, Literal, Need};
use crate::lifecycle::definition::*;
use crate::lifecycle::reader::{Node, bad_name, is_name};

/// The edges read so far: one per (from, to), and an action leads to one state only.
#[derive(Default)]
struct Taken {
    edges: BTreeSet<(String, String)>,
    actions: BTreeSet<(String, String)>,
}

impl Reading<'_> {
    pub(super) fn transitions(&mut self, node: &Node) -> Vec<Transition> {
        let items = self.report.filled_list(node, "transitions");
        let mut taken = Taken::default();
        items.into_iter().filter_map(|node| self.transition(&node, &mut taken)).collect()
    }

    fn transition(&mut self, node: &Node, taken: &mut Taken) -> Option<Transition> {
        let optional = [
            "description",
            "needs",
            "reason",
            "guards",
            "approvals",
            "effects",
            "auto",
            "persons_only",
            "rejection",
        ];
        if !self.report.object(node, &["action", "from", "to", "who"], &optional) {
            return None;
        }
        let of_masters =
            node.member("auto").is_some_and(|node| node.value.as_str() == Some("masters"));
        let auto = of_masters || self.report.flag(node, "auto");
        let persons_only = self.report.flag(node, "persons_only");
        let action = node.member("action").and_then(|node| self.report.name(&node));
        let action = action.unwrap_or_default();
        let to = node.member("to").and_then(|node| self.state_name(&node));
        let from = self.origins(node, &action, to.as_deref(), taken);
        let who = self.role_list(node, "who", !auto || of_masters);
        let needs = self.needs(node, auto);
        let reason = node.member("reason").map(|node| self.reason(&node)).unwrap_or_default();
        let guards = self.guards(node);
        if of_masters && !guards.contains(&Guard::ChildrenSettled) {
            let problem = "an auto edge of masters looks at the children: it needs the guard children_settled";
            self.report.note(node.pointer_to("auto"), problem);
        }
        let approvals = self.approvals(node);
        // Signatures are given by persons, so with the last of them a person has taken the edge.
        if auto && persons_only && approvals.is_empty() {
            let problem = "the system is no person: an auto edge is not for persons only";
            self.report.note(node.pointer_to("persons_only"), problem);
        }
        let rejection = node.member("rejection").and_then(|node| self.report.name(&node));
        Some(Transition {
            action,
            description: self.report.optional_text(node, "description"),
            from,
            to: to.unwrap_or_default(),
            who,
            persons_only,
            auto,
            of_masters,
            needs,
            reason,
            implied_guards: Vec::new(),
            sql_guards: guards
                .iter()
                .filter_map(|guard| guard.name().strip_prefix("sql:").map(str::to_owned))
                .collect(),
            guards,
            approvals,
            rejection,
            effects: self.effects(node),
        })
    }

    fn origins(
        &mut self,
        node: &Node,
        action: &str,
        to: Option<&str>,
        taken: &mut Taken,
    ) -> Vec<String> {
        let mut from = Vec::new();
        for node in self.report.filled_list(node, "from") {
            let Some(state) = self.state_name(&node) else { continue };
            let to = to.unwrap_or_default();
            if state == to {
                let problem = format!("an edge leads to another state, not from {to} to {to}");
                self.report.note(&node.pointer, problem);
            } else if !to.is_empty() && !taken.edges.insert((state.clone(), to.to_owned())) {
                let problem = format!("there is an edge from {state} to {to} already");
                self.report.note(&node.pointer, problem);
            } else if !action.is_empty()
                && !taken.actions.insert((state.clone(), action.to_owned()))
            {
                let problem = format!("{action} leads out of {state} already");
                self.report.note(&node.pointer, problem);
            }
            from.push(state);
        }
        from
    }

    fn needs(&mut self, node: &Node, auto: bool) -> Vec<ConditionalNeed> {
        let items = self.report.list(node, "needs");
        let mut needs = Vec::new();
        for node in items {
            // A text, or an object that says when it is needed.
            let (written, when) = match node.value.is_object() {
                false => (Some(node.clone()), Some(When::Always)),
                true if !self.report.object(&node, &["need", "when"], &[]) => continue,
                true => {
                    let when = node.member("when").and_then(|node| self.when(&node));
                    (node.member("need"), when)
                }
            };
            let (Some(written), Some(when)) = (written, when) else { continue };
            let Some(text) = self.report.text(&written) else { continue };
            match Need::parse(&text) {
                Ok(Need::New(_)) if auto => {
                    let problem = "an auto edge is taken without a write that could give it";
                    self.report.note(&written.pointer, problem);
                }
                Ok(need) => {
                    if let Need::Holds(condition) = &need {
                        self.check_condition(&written.pointer, condition);
                    }
                    needs.push((node.pointer, ConditionalNeed { need, when }));
                }
                Err(problem) => self.report.note(&written.pointer, problem),
            }
        }
        self.report.no_duplicates(&needs, "need");
        needs.into_iter().map(|(_, need)| need).collect()
    }

    fn check_condition(&mut self, pointer: &str, condition: &Condition) {
        if let Condition::Compared(Field::Priority, _, Literal::Text(label)) = condition {
            self.check_priority(pointer, label);
        }
    }

    fn reason(&mut self, node: &Node) -> ReasonRule {
        if node.value.as_str() == Some("required") {
            return ReasonRule { required: true, field: None };
        }
        if !node.value.is_object() {
            self.report.note(&node.pointer, "must be \"required\" or an object");
            return ReasonRule::default();
        }
        self.report.object(node, &["required"], &["field"]);
        let field = node.member("field").and_then(|node| {
            let field = self.field(&node)?;
            if field.kind() != FieldKind::Text {
                let problem = format!("{} is no text that could hold a reason", field.name());
                self.report.note(&node.pointer, problem);
            }
            Some(field)
        });
        ReasonRule { required: self.report.flag(node, "required"), field }
    }

    fn guards(&mut self, node: &Node) -> Vec<Guard> {
        let items = self.report.list(node, "guards");
        let mut guards = Vec::new();
        for node in items {
            let Some(name) = self.report.text(&node) else { continue };
            let problem = match name.strip_prefix("sql:") {
                Some(function) if !is_name(function) => Some(bad_name(function)),
                Some(function) => self
                    .known
                    .filter(|known| !known.sql_guards.contains(function))
                    .map(|_| format!("no function is registered as \"{function}\"")),
                None => {
                    self.known.filter(|known| !known.guards.contains(&name.as_str())).map(|known| {
                        let known = known.guards.join(", ");
                        format!("no guard is named \"{name}\"; there are {known}, sql:…")
                    })
                }
            };
            if let Some(problem) = problem {
                self.report.note(&node.pointer, problem);
            }
            guards.push((node.pointer, Guard::named(&name)));
        }
        self.report.no_duplicates(&guards, "guard");
        guards.into_iter().map(|(_, guard)| guard).collect()
    }

    fn approvals(&mut self, node: &Node) -> Vec<ApprovalRequirement> {
        let items = self.report.list(node, "approvals");
        let mut approvals = Vec::new();
        for node in items {
            let optional = ["count", "order", "covers"];
            if !self.report.object(&node, &["role", "meaning", "when"], &optional) {
                continue;
            }
            let count = self.small_number(&node, "count");
            let order = self.small_number(&node, "order");
            let covers = self.covers(&node);
            let role = node.member("role").and_then(|node| self.role(&node));
            let meaning = node.member("meaning").and_then(|node| self.report.name(&node));
            let when = node.member("when").and_then(|node| self.when(&node));
            if let (Some(role), Some(meaning), Some(when)) = (role, meaning, when) {
                if let Role::Assignee = role {
                    let problem = "nobody approves their own work";
                    self.report.note(node.pointer_to("role"), problem);
                }
                let approval = ApprovalRequirement { role, meaning, when, count, order, covers };
                approvals.push((node.pointer, approval));
            }
        }
        self.report.no_duplicates(&approvals, "approval");
        approvals.into_iter().map(|(_, approval)| approval).collect()
    }

    /// A whole number from 1 to 100 that the definition may leave out; 1 then.
    fn small_number(&mut self, node: &Node, key: &str) -> u32 {
        let Some(node) = node.member(key) else { return 1 };
        let number = node.value.as_u64().filter(|number| (1..=100).contains(number));
        if number.is_none() {
            self.report.note(&node.pointer, "must be a whole number from 1 to 100");
        }
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1)
    }

    fn covers(&mut self, node: &Node) -> Covers {
        let Some(node) = node.member("covers") else { return Covers::Plan };
        let covers = node.value.as_str().and_then(Covers::parse);
        if covers.is_none() {
            self.report.note(&node.pointer, "must be \"plan\" or \"result\"");
        }
        covers.unwrap_or(Covers::Plan)
    }

    /// Checks that a rejected signature leads somewhere from every state that waits for one.
    pub(super) fn check_rejections(&mut self, node: &Node, transitions: &[Transition]) {
        let Some(list) = node.member("transitions") else { return };
        for (node, edge) in list.items().iter().zip(transitions) {
            let Some(action) = &edge.rejection else { continue };
            if edge.approvals.is_empty() {
                let problem = "there is no approval that could be refused";
                self.report.note(node.pointer_to("rejection"), problem);
            }
            for from in &edge.from {
                let leads = |other: &Transition| {
                    other.action == *action && other.from.iter().any(|state| state == from)
                };
                if !transitions.iter().any(leads) {
                    let problem = format!("no action {action} leads out of {from}");
                    self.report.note(node.pointer_to("rejection"), problem);
                }
            }
        }
    }

    fn when(&mut self, node: &Node) -> Option<When> {
        if node.value.is_array() {
            let items = node.items();
            let read = items.iter().map(|node| self.condition(node)).collect::<Vec<_>>();
            return read.into_iter().collect::<Option<Vec<_>>>().map(When::If);
        }
        if self.report.text(node)? == "always" {
            return Some(When::Always);
        }
        self.condition(node).map(|condition| When::If(vec![condition]))
    }

    fn condition(&mut self, node: &Node) -> Option<Condition> {
        let text = self.report.text(node)?;
        match Condition::parse(&text) {
            Ok(condition) => {
                self.check_condition(&node.pointer, &condition);
                Some(condition)
            }
            Err(problem) => {
                self.report.note(&node.pointer, format!("neither \"always\" nor: {problem}"));
                None
            }
        }
    }

    fn effects(&mut self, node: &Node) -> Vec<Effect> {
        let items = self.report.list(node, "effects");
        let mut effects = Vec::new();
        for node in items {
            let Some(text) = self.report.text(&node) else { continue };
            let meaning =
                text.strip_prefix("void_approvals(").and_then(|rest| rest.strip_suffix(')'));
            if let Some(meaning) = meaning
                && !self.names.meanings.contains(meaning)
            {
                let problem = format!("no edge asks for approvals of \"{meaning}\"");
                self.report.note(&node.pointer, problem);
            }
            let effect = match meaning {
                Some(meaning) => Effect::VoidApprovals(meaning.to_owned()),
                None => Effect::named(&text),
            };
            let is_known = |known: &Known<'_>| known.effects.contains(&effect.name());
            if text == "void_approvals" || self.known.is_some_and(|known| !is_known(known)) {
                let known = self.known.map_or(&[][..], |known| known.effects).iter();
                let known: Vec<&str> = known
                    .map(|name| match *name {
                        "void_approvals" => "void_approvals(meaning)",
                        plain => plain,
                    })
                    .collect();
                let known = known.join(", ");
                let problem = format!("no effect is named \"{text}\"; there are {known}");
                self.report.note(&node.pointer, problem);
            }
            effects.push((node.pointer, effect));
        }
        self.report.no_duplicates(&effects, "effect");
        effects.into_iter().map(|(_, effect)| effect).collect()
    }
}
