//! The next link of a work order's chain, made from the row as it will be stored.

use crate::kernel::audit::{Act, Link};
use crate::kernel::concept::FollowUp;
use crate::kernel::identity::memory::Identity;
use crate::kernel::work_order::record::child_change::ChildChange;
use crate::kernel::work_order::record::layout::Column;
use crate::kernel::work_order::record::pending::{Pending, Written};
use crate::kernel::work_order::record::row::WorkOrderRow;
use crate::kernel::work_order::record::unfinished;
use crate::pg::statement::{Argument, bigint, bytes};
use pgrx::pg_sys;
use wo_rules::audit::changes;
use wo_rules::event::child_event_type;
use wo_rules::lifecycle::Along;

/// A column's position, and its value.
pub type Change = (usize, Argument);

/// What [`link_and_store`] needs beside the rows.
pub struct LinkParts<'a> {
    pub sequence: i64,
    pub hash: &'a [u8],
    pub at: i64,
    pub reason: Option<String>,
    pub may_follow: bool,
    /// What happened to something that belongs to the work order, instead of a change of its own.
    pub change_of_child: Option<&'a ChildChange>,
    /// Whether what happened is a change of the record's own columns after all.
    pub upkeep: bool,
    /// Whether its place among others changes.
    pub place_changed: bool,
    /// What follows.
    pub follow_ups: Vec<Box<dyn FollowUp>>,
    /// With what it moves along.
    pub along: Along,
    /// Whether its record is locked from now on.
    pub ended: bool,
    /// Whether it changes what a signature may cover.
    pub content_changed: bool,
}

/// Makes the chain's next link from the row as it will be stored, leaves it for the trigger after
/// the write, and gives that row.
pub fn link_and_store(
    acting: &Identity,
    old: Option<&WorkOrderRow<'_>>,
    new: &WorkOrderRow<'_>,
    mut columns: Vec<Change>,
    written: Written,
    parts: LinkParts<'_>,
) -> *mut pg_sys::HeapTupleData {
    let stored = new.row.replaced(&columns);
    let compared: Vec<(&str, Option<String>, Option<String>)> = new
        .layout
        .audited
        .iter()
        .filter(|(index, _)| old.is_none_or(|old| !stored.same(old.row, *index)))
        .map(|(index, name)| {
            (name.as_str(), old.and_then(|old| old.row.json(*index)), stored.json(*index))
        })
        .filter(|(_, before, after)| before != after)
        .collect();
    let changes = match parts.change_of_child {
        Some(change_of_child) if !parts.upkeep => change_of_child.changes.clone(),
        _ => {
            changes(compared.iter().map(|(name, old, new)| (*name, old.as_deref(), new.as_deref())))
        }
    };
    let event_data = event_data(
        &written,
        acting,
        parts.sequence + 1,
        parts.change_of_child.map(|change_of_child| &change_of_child.data),
    );
    let link = Link::new(
        acting,
        Act {
            subject: "work_order",
            subject_id: written.id,
            after_sequence: parts.sequence,
            after_hash: parts.hash,
            at: parts.at,
            action: written.action.clone(),
            reason: parts.reason,
            from_status: written.from_status.clone(),
            to_status: Some(written.status.clone()),
            record_version: Some(written.version),
            changes,
        },
    );
    let column = |column: Column| new.layout.column(column);
    columns.push((column(Column::ChainSequence), bigint(link.sequence())));
    columns.push((column(Column::ChainHash), bytes(&link.hash)));
    let tuple = new.row.with(&columns);
    let kind =
        parts.change_of_child.map(|change_of_child| child_event_type(change_of_child.action));
    unfinished::leave(
        acting.tenant,
        Pending {
            link,
            event_data,
            kind,
            place_changed: parts.place_changed,
            follow_ups: parts.follow_ups,
            along: parts.along,
            ended: parts.ended,
            content_changed: parts.content_changed,
            may_follow: parts.may_follow,
            written,
        },
    );
    tuple
}

/// The members of an event's `data`.
#[derive(serde::Serialize)]
struct EventData<'a> {
    work_order: &'a str,
    lifecycle: &'a str,
    lifecycle_version: i32,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_status: Option<&'a str>,
    status: &'a str,
    version: i64,
    sequence: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(flatten)]
    more: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

/// The `data` of an event: what happened, small enough to be carried everywhere.
fn event_data(
    written: &Written,
    acting: &Identity,
    sequence: i64,
    more: Option<&serde_json::Map<String, serde_json::Value>>,
) -> String {
    let data = EventData {
        work_order: &written.number,
        lifecycle: &written.lifecycle.0,
        lifecycle_version: written.lifecycle.1,
        action: &written.action,
        from_status: written.from_status.as_deref().filter(|_| written.moved),
        status: &written.status,
        version: written.version,
        sequence,
        actor: acting.principal.as_deref(),
        more,
    };
    serde_json::to_string(&data).unwrap_or_default()
}
