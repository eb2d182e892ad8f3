//! The register of documents: which work order may add a version, and from which day it holds.
//!
//! A version holds from its day until the day of the next row of its document. The days of the rows ascend, so that
//! no two versions hold at once, and nothing is ever rewritten.

use crate::approval::content::Covers;
use crate::refusal::{Refusal, SqlState};
use crate::schema::groups::{ADMINISTRATORS, NOBODY};
use crate::schema::{Child, Frozen, Kind, Section, Table, columns};

const TABLES: &[Table] = &[
    Table {
        name: "registered_document",
        columns: columns! {
            tenant_id UUID, document SHORT_TEXT, title TITLE, kind SHORT_TEXT, controlled BOOLEAN,
        },
        key: &["tenant_id", "document"],
        insert: ADMINISTRATORS,
        ..Table::CONFIGURATION
    },
    Table {
        name: "document_version",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, document SHORT_TEXT, version INTEGER, change TEXT,
            uri DOCUMENT NULL, sha256 SHA256 NULL, effective DATE, reason REMARK, added_by TEXT, added_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: Some([
                "document_version_added",
                "document_version_changed",
                "document_version_removed",
            ]),
            written: Some(("added_by", "added_at")),
            reason: Some("reason"),
            covers: Some(Covers::Result),
        }),
        frozen: Frozen::Row,
        update: NOBODY,
        delete: NOBODY,
        ..Table::CHILD
    },
];

/// What the registry holds of documents.
pub const SCHEMA: Section = Section::of(TABLES);

/// What becomes of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is another version.
    NewVersion,
    /// No version holds any more.
    Archive,
}

impl Change {
    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewVersion => "new_version",
            Self::Archive => "archive",
        }
    }
}

/// A document as it is registered, with its newest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    /// Whether regulatory work orders alone change it.
    pub controlled: bool,
    /// The number of its newest row.
    pub version: Option<i32>,
    /// The day of its newest row.
    pub effective: Option<i32>,
    /// Whether that row ended it.
    pub is_archived: bool,
}

/// A version that is added, or the end of a document.
#[derive(Debug, Clone, Copy)]
pub struct Addition<'a> {
    /// The id of the work order.
    pub work_order_id: &'a str,
    /// Its number.
    pub wo_number: &'a str,
    /// Whether it is regulatory.
    pub is_regulatory: bool,
    /// Whether the caller may add versions by it.
    pub may_add: bool,
    /// The document.
    pub document: &'a str,
    /// As it is registered; nothing where it is not.
    pub register: Option<&'a Register>,
    /// Whether it ends the document.
    pub is_archive: bool,
    /// The day from which it holds.
    pub effective: i32,
}

/// Checks a version of a document or its end, and gives its number.
///
/// # Errors
/// 22023 `document_unknown`; 42501 `role_missing`; 23514 `document_is_controlled`, `document_versions_overlap`; 55000
/// `document_not_in_force`.
pub fn check_addition(addition: &Addition<'_>) -> Result<i32, Refusal> {
    let shown: String = addition.document.chars().take(63).collect();
    let about = |refusal: Refusal| {
        refusal
            .with("work_order_id", addition.work_order_id)
            .with("wo_number", addition.wo_number)
            .with("document", shown.as_str())
    };
    let Some(register) = addition.register else {
        return Err(about(Refusal::new(
            SqlState::BadValue,
            "document_unknown",
            format!("no document \"{shown}\" is registered"),
        ))
        .hint("select document from wo.registered_document; lists them; an administrator adds one with wo.register_document."));
    };
    if !addition.may_add {
        return Err(about(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            format!("you may not change document \"{shown}\" by work order {}", addition.wo_number),
        ))
        .hint("The assignee does, or somebody who may change what the work order is made of."));
    }
    if register.controlled && !addition.is_regulatory {
        return Err(about(Refusal::new(
            SqlState::GateNotMet,
            "document_is_controlled",
            format!(
                "document \"{shown}\" is controlled, and work order {} is not regulatory",
                addition.wo_number
            ),
        ))
        .hint("A regulatory work order changes it."));
    }
    if addition.is_archive && (register.version.is_none() || register.is_archived) {
        return Err(about(Refusal::new(
            SqlState::WrongState,
            "document_not_in_force",
            format!("no version of document \"{shown}\" is in force"),
        ))
        .hint("select * from wo.document_versions('...'); shows its versions."));
    }
    if register.effective.is_some_and(|before| addition.effective <= before) {
        return Err(about(Refusal::new(
            SqlState::GateNotMet,
            "document_versions_overlap",
            format!(
                "the newest version of document \"{shown}\" holds from that day or from a later one"
            ),
        ))
        .hint("A version holds from a later day than the one before, which ends on it."));
    }
    Ok(register.version.unwrap_or(0).saturating_add(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Without ascending days two versions of a procedure would hold on the same day.
    #[test]
    fn what_may_be_added_to_the_register() {
        let new = Register { controlled: true, version: None, effective: None, is_archived: false };
        let addition = Addition {
            work_order_id: "1",
            wo_number: "WO-1",
            is_regulatory: true,
            may_add: true,
            document: "SOP-1",
            register: Some(&new),
            is_archive: false,
            effective: 10,
        };
        let code = |addition: Addition<'_>| {
            check_addition(&addition).map_or_else(|refusal| refusal.code, |_| "ok")
        };
        assert_eq!(check_addition(&addition), Ok(1));
        assert_eq!(code(Addition { register: None, ..addition }), "document_unknown");
        assert_eq!(code(Addition { may_add: false, ..addition }), "role_missing");
        assert_eq!(code(Addition { is_regulatory: false, ..addition }), "document_is_controlled");
        let loose = Register { controlled: false, ..new };
        assert_eq!(
            code(Addition { is_regulatory: false, register: Some(&loose), ..addition }),
            "ok"
        );
        assert_eq!(code(Addition { is_archive: true, ..addition }), "document_not_in_force");
        let held = Register { version: Some(3), effective: Some(10), ..new };
        let next = Addition { register: Some(&held), ..addition };
        assert_eq!(code(next), "document_versions_overlap");
        assert_eq!(check_addition(&Addition { effective: 11, ..next }), Ok(4));
        assert_eq!(code(Addition { effective: 11, is_archive: true, ..next }), "ok");
        let ended = Register { is_archived: true, ..held };
        let after = Addition { register: Some(&ended), effective: 11, ..addition };
        assert_eq!(code(Addition { is_archive: true, ..after }), "document_not_in_force");
        assert_eq!(code(after), "ok", "a document may come back");
    }
}
