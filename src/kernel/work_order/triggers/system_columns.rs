//! What wo_core keeps itself, and how a write of it is refused.

use crate::kernel::given::{check_none_given, kept};
use crate::kernel::work_order::record::layout::Column;
use crate::kernel::work_order::record::pending::SystemWrite;
use crate::kernel::work_order::record::row::{RecordView, WorkOrderRow};
use wo_rules::refusal::{Refusal, SqlState};

/// Refuses a write to what wo_core keeps itself. A version in an UPDATE is the version that the
/// writer expects.
pub fn check_system_columns(
    old: &WorkOrderRow<'_>,
    new: &WorkOrderRow<'_>,
    facets: &RecordView,
    consequence: Option<&SystemWrite>,
) -> Result<(), Refusal> {
    if new.version() != old.version() {
        return Err(Refusal::new(
            SqlState::VersionConflict,
            "version_conflict",
            format!(
                "work order {} is at version {}, not at version {}",
                facets.number,
                old.version(),
                new.version()
            ),
        )
        .with("work_order_id", facets.id.as_str())
        .with("version", old.version())
        .with("expected_version", new.version())
        .hint("Read the work order again, and repeat the change if it still makes sense."));
    }
    let same = |column: Column| new.row.same(old.row, new.layout.column(column));
    let migrating = matches!(consequence, Some(SystemWrite::Migration(_)));
    let upkeep = matches!(consequence, Some(SystemWrite::Upkeep(..)));
    let mut kept_columns = vec![
        Column::TenantId,
        Column::Id,
        Column::WoNumber,
        Column::Originator,
        Column::CreatedAt,
        Column::IdempotencyKey,
        Column::RequestSha256,
        Column::Lifecycle,
        Column::Revision,
        Column::UpdatedAt,
        Column::LockedAt,
        Column::StateDeadline,
        Column::ChainSequence,
        Column::ChainHash,
    ];
    if !migrating {
        kept_columns.push(Column::LifecycleVersion);
    }
    if !upkeep {
        kept_columns.extend([Column::StateDeadlineNotifiedAt, Column::ArchivedAt]);
    }
    let written: Vec<&str> =
        kept_columns.into_iter().filter(|column| !same(*column)).map(Column::name).collect();
    if written.is_empty() {
        return Ok(());
    }
    Err(kept(&written.join(", "), &format!("work order {}", facets.number))
        .with("work_order_id", facets.id.as_str()))
}

/// Refuses a new work order that gives what wo_core fills itself. What it would fill in as well is no error.
///
/// # Errors
/// 42501 `column_not_writable`.
pub fn check_new(new: &WorkOrderRow<'_>, originator: &str) -> Result<(), Refusal> {
    let given = |column: &Column| !new.row.is_null(new.layout.column(*column));
    let is_own = |column: &Column| match column {
        Column::Version | Column::ChainSequence => new.get::<i64>(*column) == Some(1),
        Column::Revision => new.get::<i32>(*column) == Some(1),
        Column::Originator => new.get::<String>(*column).as_deref() == Some(originator),
        _ => false,
    };
    let columns: Vec<&str> = [
        Column::Version,
        Column::Revision,
        Column::Originator,
        Column::RequestSha256,
        Column::CreatedAt,
        Column::UpdatedAt,
        Column::LockedAt,
        Column::ArchivedAt,
        Column::StateDeadline,
        Column::StateDeadlineNotifiedAt,
        Column::ChainSequence,
        Column::ChainHash,
    ]
    .into_iter()
    .filter(|column| given(column) && !is_own(column))
    .map(Column::name)
    .collect();
    check_none_given(&columns, "a new work order")
}

pub fn title_missing() -> Refusal {
    Refusal::new(SqlState::GateNotMet, "fields_missing", "a work order needs a title")
        .with("missing_fields", vec!["title"])
        .hint("Give it a title.")
}
