//! What a plan needs, gives and costs.

use super::Reading;
use crate::job_plan::document::{DELIVERABLE_KINDS, Deliverable};
use crate::lifecycle::reader::Node;

/// The longest name of what is needed, in characters.
const LONGEST_NAME: usize = 200;

impl Reading<'_> {
    pub(super) fn requires(&mut self, node: &Node) {
        let Some(node) = node.member("requires") else { return };
        if !self.report.object(&node, &[], &["experience", "tools", "persons", "permits"]) {
            return;
        }
        self.counted(&node, "experience", "experience", "minimum_rating");
        self.counted(&node, "tools", "tool", "quantity");
        self.counted(&node, "persons", "role", "count");
        let mut permits = Vec::new();
        for permit in self.report.list(&node, "permits") {
            if let Some(name) = self.short_text(&permit) {
                permits.push((permit.pointer, name));
            }
        }
        self.report.no_duplicates(&permits, "permit");
    }

    /// A list of objects that each name one thing, and how much of it.
    fn counted(&mut self, node: &Node, list: &str, what: &str, number: &str) {
        let mut names = Vec::new();
        for item in self.report.list(node, list) {
            if !self.report.object(&item, &[what, number], &[]) {
                continue;
            }
            if let Some(named) = item.member(what) {
                let name = match what {
                    "role" => self.role(&named),
                    _ => self.short_text(&named),
                };
                names.extend(name.map(|name| (named.pointer, name)));
            }
            if let Some(count) = item.member(number)
                && count.value.as_u64().is_none_or(|count| !(1..=10_000).contains(&count))
            {
                self.report.note(&count.pointer, "must be a whole number from 1 to 10000");
            }
        }
        self.report.no_duplicates(&names, what);
    }

    fn short_text(&mut self, node: &Node) -> Option<String> {
        let text = self.report.text(node)?;
        if text.chars().count() > LONGEST_NAME {
            self.report.note(&node.pointer, format!("has at most {LONGEST_NAME} characters"));
        }
        self.placeholders(&node.pointer, &text);
        Some(text)
    }

    pub(super) fn deliverables(&mut self, node: &Node) -> Vec<Deliverable> {
        let mut names = Vec::new();
        let mut deliverables = Vec::new();
        for item in self.report.list(node, "deliverables") {
            if !self.report.object(&item, &["name", "kind"], &["required"]) {
                continue;
            }
            let required = match item.member("required") {
                Some(_) => self.report.flag(&item, "required"),
                None => true,
            };
            let kind = item.member("kind").and_then(|kind| {
                let name = self.report.text(&kind)?;
                if DELIVERABLE_KINDS.contains(&name.as_str()) {
                    return Some(name);
                }
                let known = DELIVERABLE_KINDS.join(", ");
                self.report.note(&kind.pointer, format!("must be one of {known}"));
                None
            });
            if let Some(named) = item.member("name")
                && let Some(name) = self.short_text(&named)
            {
                names.push((named.pointer, name.clone()));
                deliverables.extend(kind.map(|kind| Deliverable { name, kind, required }));
            }
        }
        self.report.no_duplicates(&names, "deliverable");
        deliverables
    }

    /// The hours of the whole work by quantile: `{"p50": 4, "p80": 6}`.
    pub(super) fn quantiles(&mut self, node: &Node) {
        let Some(node) = node.member("estimate") else { return };
        if !node.value.is_object() {
            self.report.wrong_type(&node, "an object");
        }
        let mut quantiles = Vec::new();
        for (name, hours) in node.members() {
            let percent = name.strip_prefix('p').filter(|percent| !percent.starts_with(['0', '+']));
            match percent.and_then(|percent| percent.parse::<u8>().ok()) {
                Some(percent @ 1..=99) => quantiles.push((percent, name)),
                _ => self.report.note(&hours.pointer, "is no quantile: p1 to p99"),
            }
        }
        quantiles.sort_unstable();
        let names: Vec<&str> = quantiles.into_iter().map(|(_, name)| name).collect();
        self.ascending_hours(&node, &names);
    }

    /// The tokens that agents may use.
    pub(super) fn budget(&mut self, node: &Node) {
        let Some(node) = node.member("budget") else { return };
        if self.report.object(&node, &[], &["master", "per_child", "qa_review"]) {
            for (_, tokens) in node.members() {
                if tokens.value.as_u64().is_none_or(|tokens| tokens > 1_000_000_000_000) {
                    self.report.note(&tokens.pointer, "must be a whole number of tokens");
                }
            }
        }
    }

    pub(super) fn controlled_documents(&mut self, node: &Node) {
        const CHANGES: [&str; 3] = ["new_version", "new_document", "archive"];
        let mut documents = Vec::new();
        for item in self.report.list(node, "controlled_documents") {
            if !self.report.object(&item, &["document", "change"], &["description"]) {
                continue;
            }
            if let Some(description) = item.member("description") {
                self.long_text(&description);
            }
            if let Some(change) = item.member("change")
                && !change.value.as_str().is_some_and(|change| CHANGES.contains(&change))
            {
                self.report.note(&change.pointer, format!("must be one of {}", CHANGES.join(", ")));
            }
            if let Some(document) = item.member("document")
                && let Some(name) = self.short_text(&document)
            {
                documents.push((document.pointer, name));
            }
        }
        self.report.no_duplicates(&documents, "document");
    }
}
