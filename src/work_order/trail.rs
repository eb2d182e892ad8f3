//! After a work order was written: the trail, the event, and the edges that the system takes.

use super::facts_for;
use super::layout::{Column, Layout};
use super::pending::{self, Consequence, Written};
use super::seen::{Facets, Seen, lifecycle_of};
use crate::duty::as_trail;
use crate::event::Event;
use crate::hierarchy::effects::carry_out;
use crate::hierarchy::graph;
use crate::identity::memory;
use crate::raise::{damaged, refuse};
use crate::row::Row;
use crate::statement::{Mode, statement, text, uuid as uuid_argument};
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use wo_rules::event::event_type;
use wo_rules::lifecycle::Guard;

statement!(
    FOLLOW,
    "update wo.work_order set status = $3, reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);

/// After INSERT and UPDATE of a work order.
#[pg_trigger(sql = r#"
create function wo_private.work_order_trail() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn work_order_trail<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    let Some(new) = Row::new_of(trigger) else { return Ok(None) };
    let layout = Layout::of(trigger, &new);
    let seen = Seen::new(&new, &layout);
    let sequence = new.get(layout.column(Column::ChainSequence)).unwrap_or(0);
    let Some(pending) = pending::take(seen.id(), sequence) else {
        let unchanged = Row::old_of(trigger)
            .is_some_and(|old| (0..new.len()).all(|index| new.same(&old, index)));
        if unchanged {
            return Ok(None);
        }
        refuse(damaged("a work order was written without having been checked"));
    };
    if new.get::<Vec<u8>>(layout.column(Column::ChainHash)).as_deref() != Some(&pending.link.hash) {
        refuse(damaged("another trigger changed a work order after it had been checked"));
    }
    memory::as_law(|| {
        let Written { action, moved, .. } = &pending.written;
        let kind = pending.kind.unwrap_or_else(|| event_type(action, *moved));
        let event = Event::new(kind, pending.event_data);
        pending.link.write_with_event(&event);
    });
    if pending.written.from_status.is_none() {
        graph::made(pending.written.id);
    }
    if !pending.aftermath.is_empty()
        && let Some(tenant) = seen.tenant()
    {
        carry_out(tenant, pending.written.id, &pending.written.number, &pending.aftermath);
    }
    if pending.may_follow {
        take_auto_edge(&seen);
    }
    Ok(None)
}

/// Takes the edge that the system takes by itself, if its gates are met. The actor is the one
/// whose write made them true.
fn take_auto_edge(seen: &Seen<'_>) {
    let Some(tenant) = seen.tenant() else { return };
    let lifecycle = lifecycle_of(tenant, seen);
    let facets = Facets::of(seen);
    let record = facets.record();
    let edges = || lifecycle.edges_from(record.status).filter(|edge| edge.auto);
    let guards: Vec<Guard> = edges().flat_map(|edge| edge.guards.iter().cloned()).collect();
    let sql: Vec<String> = edges().flat_map(|edge| edge.sql_guards.iter().cloned()).collect();
    let facts = facts_for(tenant, seen, &lifecycle, &guards, &sql, true);
    let Some(edge) = lifecycle.auto_edge(&record, seen.filled(), seen, &facts) else { return };
    let reason = format!("taken by the system: the gates of {} are met", edge.action);
    let arguments =
        [uuid_argument(tenant), uuid_argument(seen.id()), text(&edge.to), text(&reason)];
    pending::as_consequence(Consequence::Auto(seen.id()), || {
        as_trail(|| FOLLOW.with(|statement| statement.run(Mode::Write, &arguments, |_| ())));
    });
}
