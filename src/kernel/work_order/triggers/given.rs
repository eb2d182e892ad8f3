//! What every write of a work order is checked for, whichever way it comes: only the row's trigger sees all of them.

use crate::kernel::identity;
use crate::kernel::secret;
use crate::kernel::work_order::record::layout::Column;
use crate::kernel::work_order::record::pending::SystemWrite;
use crate::kernel::work_order::record::row::WorkOrderRow;
use pgrx::prelude::*;
use wo_rules::field::{Field, FieldKind};
use wo_rules::refusal::Refusal;
use wo_rules::schema::Table;
use wo_rules::work_order::{check_reason, check_time};

/// The table.
const TABLE: &Table = Table::named("work_order");

/// Searches what is written for secrets. What the enforcement layer writes itself comes from what was searched, but
/// for the reason of a migration.
///
/// # Errors
/// 22023 `secret_in_the_open`.
pub fn search(
    trigger: &PgTrigger<'_>,
    old: Option<&WorkOrderRow<'_>>,
    new: &WorkOrderRow<'_>,
    consequence: Option<&SystemWrite>,
) -> Result<(), Refusal> {
    match consequence {
        None | Some(SystemWrite::Migration(_)) => {
            secret::check_row(trigger, TABLE, old.map(|old| old.row), new.row)
        }
        Some(_) => Ok(()),
    }
}

/// Checks that the reason is not too long, that our functions can read the JSON again, and that the times can be.
///
/// # Errors
/// 22023 with the code of the value that cannot be.
pub fn check_given(
    old: Option<&WorkOrderRow<'_>>,
    new: &WorkOrderRow<'_>,
    reason: Option<&str>,
) -> Result<(), Refusal> {
    check_reason(reason)?;
    let is_changed = |index: usize| old.is_none_or(|old| !new.row.same(old.row, index));
    let metadata = new.layout.field(Field::Metadata);
    for index in [metadata, new.layout.column(Column::HierarchyPolicy)] {
        if is_changed(index)
            && let Some(text) = new.row.json(index)
        {
            wo_rules::json::parse(&text)?;
        }
    }
    let times = Field::ALL.iter().filter(|field| field.kind() == FieldKind::Time);
    for field in times {
        let index = new.layout.field(*field);
        if is_changed(index)
            && let Some(at) = new.row.timestamp(index)
        {
            check_time(*field, at, identity::now())?;
        }
    }
    Ok(())
}
