//! What a title says of its work order.

use crate::kernel::work_order::record::row::WorkOrderRow;
use wo_rules::field::{Field, FieldSet};
use wo_rules::lifecycle::Lifecycle;

/// The project that the title names, where the lifecycle has a convention for titles.
pub fn project(lifecycle: &Lifecycle, new: &WorkOrderRow<'_>) -> Option<String> {
    let title: String = new.field(Field::Title)?;
    lifecycle.project_of(&title).map(str::to_owned)
}

/// The project that a new title names, where the project was that of the title before: both come from the title
/// then, and stay together.
pub fn new_project(
    lifecycle: &Lifecycle,
    old: &WorkOrderRow<'_>,
    new: &WorkOrderRow<'_>,
    changed: FieldSet,
) -> Option<String> {
    if !changed.contains(Field::Title) || changed.contains(Field::Project) {
        return None;
    }
    let title = |row: &WorkOrderRow<'_>| row.field::<String>(Field::Title);
    let (before, after) = (title(old)?, title(new)?);
    let (before, after) = (lifecycle.project_of(&before)?, lifecycle.project_of(&after)?);
    let stored: Option<String> = old.field(Field::Project);
    (before != after && stored.as_deref() == Some(before)).then(|| after.to_owned())
}
