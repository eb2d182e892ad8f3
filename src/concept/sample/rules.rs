//! The sample concept: what the table registry holds of its tables, and its rules. The extension's module
//! `concept::sample` asks them.

use crate::health::{Finding, Severity};
use crate::lifecycle::GuardFact;
use crate::refusal::{Refusal, SqlState};
use crate::schema::{Child, Kind, Section, Table, columns};

const TABLES: &[Table] = &[
    Table {
        name: "sample_step",
        columns: columns! {
            tenant_id UUID, step SHORT_TEXT, description REMARK, disabled_at TIMESTAMPTZ NULL,
        },
        key: &["tenant_id", "step"],
        ..Table::CONFIGURATION
    },
    Table {
        name: "sample_check",
        columns: columns! {
            tenant_id UUID, work_order_id UUID, id UUID, step SHORT_TEXT, passed BOOLEAN,
            reason REMARK, checked_by TEXT, checked_at TIMESTAMPTZ,
        },
        key: &["tenant_id", "work_order_id", "id"],
        kind: Kind::Child(Child {
            work_order: "work_order_id",
            item: Some("id"),
            actions: Some(["sample_checked", "sample_check_changed", "sample_check_removed"]),
            written: Some(("checked_by", "checked_at")),
            reason: Some("reason"),
            covers: None,
        }),
        ..Table::CHILD
    },
];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(TABLES);

/// Checks a step before it is stored.
///
/// # Errors
/// 22023 `sample_step_invalid` where nothing says what is to be done.
pub fn check_step(description: &str) -> Result<(), Refusal> {
    match description.trim() {
        "" => Err(Refusal::new(
            SqlState::BadValue,
            "sample_step_invalid",
            "a step says what is to be done",
        )
        .hint("Give a description.")),
        _ => Ok(()),
    }
}

/// What the guard finds.
#[must_use]
pub fn fact(unchecked: &[String]) -> GuardFact {
    let detail = match unchecked {
        [] => String::new(),
        steps => format!("not checked yet: {}", steps.join(", ")),
    };
    GuardFact { passed: unchecked.is_empty(), detail }
}

/// The row of `wo.health()`.
#[must_use]
pub fn health() -> Finding {
    Finding {
        severity: Severity::Good,
        subject: "sample",
        detail: "the sample concept is compiled in".to_owned(),
        remedy: "",
    }
}
