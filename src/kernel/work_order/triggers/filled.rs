//! What the server fills in or takes out of a row that it stores.

use super::link::Change;
use crate::kernel::lifecycle::time_limit;
use crate::kernel::work_order::record::row::WorkOrderRow;
use crate::pg::statement::{Argument, optional_text, optional_timestamp, text};
use wo_rules::field::{Field, FieldKind, FieldSet};
use wo_rules::lifecycle::{Along, Captured, Lifecycle};

/// Until when a work order that comes into the state now may stay there.
pub fn deadline(tenant: uuid::Uuid, lifecycle: &Lifecycle, status: &str, at: i64) -> Argument {
    let maximum = lifecycle
        .state(status)
        .and_then(|state| time_limit::maximum_hours(tenant, lifecycle.name(), state));
    optional_timestamp(wo_rules::lifecycle::deadline(maximum, at))
}

/// A blank text is no text: it is stored as NULL, so that a stored text need not be read again to
/// know that a gate may count it. Title and source may not be NULL and have checks of their own.
pub fn blank_texts(new: &WorkOrderRow<'_>, written: FieldSet, filled: FieldSet) -> Vec<Change> {
    written
        .minus(filled)
        .iter()
        .filter(|field| field.kind() == FieldKind::Text)
        .filter(|field| !matches!(field, Field::Title | Field::Source))
        .filter(|field| !new.row.is_null(new.layout.field(*field)))
        .map(|field| (new.layout.field(field), optional_text(None)))
        .collect()
}

/// Whether the system may take an edge from that state of a work order that moves along so.
pub fn has_auto_edge(lifecycle: &Lifecycle, status: &str, along: Along) -> bool {
    lifecycle
        .edges_from(status)
        .any(|edge| edge.auto && (!edge.of_masters || along == Along::Children))
}

/// What the server fills in on the way to a state, as columns of the row.
pub fn captured_values(
    new: &WorkOrderRow<'_>,
    captured: &[(Field, Captured)],
    time: Argument,
) -> Vec<Change> {
    let value = |field: Field, value: Captured| match value {
        Captured::Now => time,
        Captured::Text(given) => text(given),
        Captured::Nothing if field.kind() == FieldKind::Time => optional_timestamp(None),
        Captured::Nothing => optional_text(None),
    };
    captured
        .iter()
        .map(|(field, given)| (new.layout.field(*field), value(*field, *given)))
        .collect()
}
