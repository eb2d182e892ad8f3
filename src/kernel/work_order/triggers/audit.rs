//! After a work order was written: the trail, the event, and the edges that the system takes.

use super::end::ended;
use super::facts::facts_for;
use crate::kernel::concept::{self, StoredWrite};
use crate::kernel::event::Event;
use crate::kernel::identity::memory;
use crate::kernel::work_order::record::holder;
use crate::kernel::work_order::record::layout::{Column, Layout};
use crate::kernel::work_order::record::pending::{self, SystemWrite, Written};
use crate::kernel::work_order::record::row::{RecordView, WorkOrderRow, lifecycle_of};
use crate::kernel::work_order::record::unfinished::{self, Holder};
use crate::kernel::work_order::record::view::with_work_order;
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{statement, text, uuid as uuid_argument};
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use wo_rules::event::event_type;
use wo_rules::lifecycle::Transition;

statement!(
    FOLLOW,
    "update wo.work_order set status = $3, reason = $4 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);

/// After INSERT and UPDATE of a work order.
#[pg_trigger(sql = r#"
create function wo_private.work_order_audit() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn work_order_audit<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    let Some(new) = Row::new_of(trigger) else { return Ok(None) };
    let layout = Layout::of(trigger, &new);
    let seen = WorkOrderRow::new(&new, &layout);
    let hash: Vec<u8> = seen.required(Column::ChainHash);
    let Some((pending, finishing)) = unfinished::begin(seen.id(), &hash) else {
        let unchanged = Row::old_of(trigger)
            .is_some_and(|old| (0..new.len()).all(|index| new.same(&old, index)));
        if unchanged {
            pending::heard_unchanged();
            return Ok(None);
        }
        refuse(damaged("a work order was written without having been checked"));
    };
    pending::heard(&pending);
    let why = match pending.link.reason() {
        Some(reason) => format!("{}: {reason}", pending.written.action),
        None => pending.written.action.clone(),
    };
    memory::as_enforcement(|| {
        let Written { action, moved, .. } = &pending.written;
        let kind = pending.kind.unwrap_or_else(|| event_type(action, *moved));
        let event = Event::new(kind, pending.event_data);
        pending.link.write_with_event(&event);
    });
    if pending.ended && seen.regulatory() {
        ended(pending.written.id);
    }
    if pending.written.from_status.is_none() {
        concept::all().for_each(|concept| concept.created(pending.written.id));
    }
    let mut has_looked = false;
    if let Some(tenant) = seen.tenant() {
        let number = pending.written.number.as_str();
        let write = StoredWrite { tenant, seen: &seen, number, why: &why };
        for follow_up in &pending.follow_ups {
            has_looked |= follow_up.carry_out(&write);
        }
    }
    if pending.may_follow {
        match has_looked {
            false => take_auto_edge(&seen, pending.moves_along),
            // The entry that recorded its signatures looks for the edge once our effects are carried
            // out, but does not know that the work order moves along.
            true if pending.moves_along => wait_for_edge(&seen, pending.moves_along),
            true => {}
        }
    }
    finishing.end();
    Ok(None)
}

/// Takes the edge when everything around is finished, if the work order is still where it came to.
fn wait_for_edge(seen: &WorkOrderRow<'_>, moves_along: bool) {
    let (Some(tenant), id) = (seen.tenant(), seen.id()) else { return };
    if let Some(holder) = holder::holder_of_edge(tenant, id) {
        look_again_after(&holder, seen, moves_along);
    } else {
        take_auto_edge(seen, moves_along);
    }
}

fn look_again_after(holder: &Holder, seen: &WorkOrderRow<'_>, moves_along: bool) {
    let (Some(tenant), id) = (seen.tenant(), seen.id()) else { return };
    let status = seen.text(Column::Status);
    unfinished::wait(holder, move |_| {
        with_work_order(tenant, id, |view| {
            if view.facets.status == status {
                take_auto_edge(view.seen, moves_along);
            }
            Ok(())
        })
        .or_refuse();
    });
}

/// Takes the edge that the system takes by itself, if its gates are met. The actor is the one
/// whose write made them true.
fn take_auto_edge(seen: &WorkOrderRow<'_>, moves_along: bool) {
    let Some(tenant) = seen.tenant() else { return };
    if let Some(holder) = holder::holder_of_edge(tenant, seen.id()) {
        return look_again_after(&holder, seen, moves_along);
    }
    let lifecycle = lifecycle_of(tenant, seen);
    let facets = RecordView::of(seen);
    let record = facets.record();
    let edges: Vec<&Transition> =
        lifecycle.edges_from(record.status).filter(|edge| edge.auto).collect();
    let mut facts = match facts_for(tenant, seen, &lifecycle, &edges, true) {
        Ok(facts) => facts,
        Err(judged_by) => {
            let holder = holder::holder_of(tenant, judged_by)
                .unwrap_or_else(|| refuse(unfinished::refusal(judged_by)));
            return look_again_after(&holder, seen, moves_along);
        }
    };
    facts.moves_along = moves_along;
    let Some(edge) = lifecycle.auto_edge(&record, seen.filled(), seen, &facts) else { return };
    let reason = format!("taken by the system: the gates of {} are met", edge.action);
    let arguments =
        [uuid_argument(tenant), uuid_argument(seen.id()), text(&edge.to), text(&reason)];
    pending::as_system_write(SystemWrite::Auto(seen.id(), moves_along), || {
        as_trail(|| FOLLOW.with(|statement| statement.store(&arguments)));
    });
}
