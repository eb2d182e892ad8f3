//! Release by a work order: what it names, and when it counts.

use crate::approval::content::Covers;
use crate::definition::words;
use crate::refusal::{Refusal, SqlState};
use crate::schema::groups::READERS_AND_GUARDS;
use crate::schema::{Child, ChildTable, Frozen, Kind, Role, Section, Table, columns};

const ITEM: Table = Table {
    name: "release_item",
    columns: columns! {
        tenant_id UUID, work_order_id UUID, id UUID, kind TEXT, name SHORT_TEXT, version INTEGER, sha256 SHA256,
        added_by TEXT, added_at TIMESTAMPTZ,
    },
    key: &["tenant_id", "work_order_id", "id"],
    kind: Kind::Child(Child {
        work_order: "work_order_id",
        item: Some("id"),
        actions: Some(["release_item_added", "release_item_changed", "release_item_removed"]),
        written: Some(("added_by", "added_at")),
        reason: None,
        covers: Some(Covers::Plan),
    }),
    frozen: Frozen::Row,
    select: READERS_AND_GUARDS,
    update: &[],
    insert: &[Role::User],
    ..Table::CHILD
};

/// What the registry holds of releases.
pub const SCHEMA: Section = Section::of(&[ITEM]);

/// The table of release items, as a table whose rows belong to work orders.
pub const ITEM_TABLE: ChildTable = ChildTable::named("release_item");

/// What a work order releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: i32,
    /// The hash of the document, as the work order has it.
    pub sha256: Vec<u8>,
}

/// Says of which version a refusal is.
fn about(refusal: Refusal, item: &Item) -> Refusal {
    refusal
        .with("kind", item.kind.as_str())
        .with("name", item.name.as_str())
        .with("version", item.version)
}

/// The version that an item names, in words.
fn named(item: &Item) -> String {
    format!("version {} of the {} {}", item.version, words(&item.kind), item.name)
}

/// The refusal of an item that names a version which does not exist.
#[must_use]
pub fn item_missing(item: &Item) -> Refusal {
    let refusal = Refusal::new(
        SqlState::BadValue,
        "definition_unknown",
        format!("there is no {}", named(item)),
    );
    about(refusal, item).hint("select kind, name, version from wo.definition; lists the versions.")
}

/// The refusal of an item that names a version which is released or retired already.
#[must_use]
pub fn item_settled(item: &Item, state: &str) -> Refusal {
    let refusal = Refusal::new(
        SqlState::WrongState,
        "definition_released",
        format!("{} is {state} already", named(item)),
    );
    about(refusal, item).hint("A work order releases versions that wait for their release.")
}

/// The refusal of an item with another hash than the version has.
#[must_use]
pub fn item_mismatch(item: &Item) -> Refusal {
    let refusal = Refusal::new(
        SqlState::BadValue,
        "definition_differs",
        format!("{} has another SHA-256 than the one given", named(item)),
    );
    about(refusal, item).hint(
        "wo.add_release_item fills it; an INSERT takes sha256 of the version from wo.definition.",
    )
}

/// A work order that shall release a version.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its number.
    pub number: &'a str,
    /// Whether it is regulatory.
    pub regulatory: bool,
    /// Whether it has ended in a state that satisfies those that wait for it.
    pub is_done: bool,
    /// Whether a signature of its result or its plan is in force.
    pub is_signed: bool,
    /// Whether it names the version, with the version's hash.
    pub names_it: bool,
}

/// Checks that a work order releases a version.
///
/// # Errors
/// 23514 `release_refused`, with what is missing.
pub fn check_closed(kind: &str, work_order: &Candidate<'_>) -> Result<(), Refusal> {
    let missing: Vec<&str> = [
        (work_order.names_it, "it does not name this version as a release item"),
        (work_order.regulatory, "it is not regulatory"),
        (work_order.is_done, "it has not ended well"),
        (work_order.is_signed, "no signature of it is in force"),
    ]
    .into_iter()
    .filter(|(holds, _)| !holds)
    .map(|(_, sentence)| sentence)
    .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::GateNotMet,
        "release_refused",
        format!(
            "work order {} does not release the {}: {}",
            work_order.number,
            words(kind),
            missing.join(", ")
        ),
    )
    .with("kind", kind)
    .with("missing", missing)
    .hint("A regulatory work order that names the version (wo.add_release_item) and is closed with its signatures releases it."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_work_order_releases_only_when_everything_holds() {
        let whole = Candidate {
            number: "WO-1",
            regulatory: true,
            is_done: true,
            is_signed: true,
            names_it: true,
        };
        assert!(check_closed("job_plan", &whole).is_ok());
        let one_missing = [
            Candidate { regulatory: false, ..whole },
            Candidate { is_done: false, ..whole },
            Candidate { is_signed: false, ..whole },
            Candidate { names_it: false, ..whole },
        ];
        for candidate in &one_missing {
            let refusal = check_closed("job_plan", candidate).unwrap_err();
            assert_eq!(refusal.code, "release_refused");
            assert_eq!(refusal.detail["missing"].as_array().unwrap().len(), 1);
        }
    }
}
