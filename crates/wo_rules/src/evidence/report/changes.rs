//! What an entry of the trail changed: old and new value of each column, and whether something
//! that had been entered before was changed (EU Annex 11 §9).

use super::value::{Leaf, leaves};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Columns that show nothing new where they are first written: the page shows them elsewhere.
const KNOWN_AT_ENTRY: &[&str] = &["tenant_id", "id", "created_at", "revision", "lifecycle_version"];

/// Columns that the system keeps, which nobody enters.
const KEPT_BY_THE_SYSTEM: &[&str] = &[
    "tenant_id",
    "id",
    "created_at",
    "revision",
    "lifecycle_version",
    "idempotency_key",
    "request_sha256",
];

/// Records that the system keeps about approvals; a signature's own state is shown with it.
const KEPT_RECORDS: &[&str] = &["approval:", "approval_request:"];

/// Members of records that are shown elsewhere on the page, or are for programs.
const UNSHOWN_MEMBERS: &[&str] =
    &["tenant_id", "work_order_id", "payload", "signature", "id", "content"];

/// One changed value.
pub(super) struct Change {
    /// The column, or the record that belongs to the work order, as the trail names it.
    pub(super) column: String,
    /// What differs, value by value.
    pub(super) lines: Vec<Line>,
    /// Whether a value that had been entered before was changed or taken away.
    pub(super) corrects: bool,
}

/// One value, old → new.
pub(super) struct Line {
    /// The members that lead to it, joined by dots; empty for the column's own value.
    pub(super) path: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

#[derive(Deserialize)]
struct OldAndNew {
    old: Option<Box<RawValue>>,
    new: Option<Box<RawValue>>,
}

/// What the text of an entry's `changes` says; a text that cannot be read is one value, as it is.
pub(super) fn changes(text: &str) -> Vec<Change> {
    if text.is_empty() {
        return Vec::new();
    }
    let unread = |text: &str| {
        let line = Line { path: String::new(), old: None, new: Some(text.to_owned()) };
        vec![Change { column: "changes".to_owned(), lines: vec![line], corrects: false }]
    };
    let Ok(members) = serde_json::from_str::<super::value::Members>(text) else {
        return unread(text);
    };
    let members = members.0;
    let mut found = Vec::with_capacity(members.len());
    for (column, change) in members {
        let Ok(OldAndNew { old, new }) = serde_json::from_str(change.get()) else {
            return unread(text);
        };
        if old.is_none() && KNOWN_AT_ENTRY.contains(&column.as_str()) {
            continue;
        }
        let old: Vec<Leaf> = old.as_deref().map(leaves).unwrap_or_default();
        let new: Vec<Leaf> = new.as_deref().map(leaves).unwrap_or_default();
        let corrects = !old.is_empty() && is_data(&column);
        let lines = compared(old, new);
        if !lines.is_empty() {
            found.push(Change { column, lines, corrects });
        }
    }
    found
}

fn is_data(column: &str) -> bool {
    !KEPT_BY_THE_SYSTEM.contains(&column)
        && !KEPT_RECORDS.iter().any(|record| column.starts_with(record))
}

/// The leaves that differ: those that were there in their old order, then those that came.
fn compared(old: Vec<Leaf>, new: Vec<Leaf>) -> Vec<Line> {
    let places: BTreeMap<String, usize> =
        old.iter().enumerate().map(|(place, leaf)| (leaf.path.clone(), place)).collect();
    let gone = |leaf: Leaf| Line { path: leaf.path, old: Some(leaf.text), new: None };
    let mut lines: Vec<Line> = old.into_iter().map(gone).collect();
    for leaf in new {
        match places.get(&leaf.path) {
            Some(place) => lines[*place].new = Some(leaf.text),
            None => lines.push(Line { path: leaf.path, old: None, new: Some(leaf.text) }),
        }
    }
    lines.retain(|line| line.old != line.new && !UNSHOWN_MEMBERS.contains(&line.path.as_str()));
    lines
}
