//! After a work order was written: the trail, the event, and the edges that the system takes.

use super::end::ended;
use super::facts::facts_for;
use super::generated::{Generated, WithGenerated};
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
use crate::pg::statement::{argument, optional_text, statement, text, uuid as uuid_argument};
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use wo_rules::event::event_type;
use wo_rules::lifecycle::{Along, Transition};

statement!(
    FOLLOW,
    "update wo.work_order as held set status = $3, reason = $4,
        completion_summary = coalesce(held.completion_summary, $5), actual_hours = coalesce(held.actual_hours, $6)
     where held.tenant_id = $1 and held.id = $2",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID]
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
            false => take_auto_edge(&seen, pending.along),
            // The entry that recorded its signatures looks for the edge once our effects are carried
            // out, but does not know that the work order moves along.
            true if pending.along != Along::Alone => wait_for_edge(&seen, pending.along),
            true => {}
        }
    }
    finishing.end();
    Ok(None)
}

/// Whether the system takes that edge of a work order that moves along so.
fn is_taken(edge: &Transition, along: Along) -> bool {
    edge.auto && (!edge.of_masters || along == Along::Children)
}

/// Takes the edge when everything around is finished, if the work order is still where it came to.
fn wait_for_edge(seen: &WorkOrderRow<'_>, along: Along) {
    let (Some(tenant), id) = (seen.tenant(), seen.id()) else { return };
    if let Some(holder) = holder::holder_of_edge(tenant, id) {
        look_again_after(&holder, seen, along);
    } else {
        take_auto_edge(seen, along);
    }
}

fn look_again_after(holder: &Holder, seen: &WorkOrderRow<'_>, along: Along) {
    let (Some(tenant), id) = (seen.tenant(), seen.id()) else { return };
    let status = seen.text(Column::Status);
    unfinished::wait(holder, move |_| {
        with_work_order(tenant, id, |view| {
            if view.facets.status == status {
                take_auto_edge(view.seen, along);
            }
            Ok(())
        })
        .or_refuse();
    });
}

/// Takes the edge that the system takes by itself, if its gates are met. The actor is the one
/// whose write made them true.
fn take_auto_edge(seen: &WorkOrderRow<'_>, along: Along) {
    let Some(tenant) = seen.tenant() else { return };
    if let Some(holder) = holder::holder_of_edge(tenant, seen.id()) {
        return look_again_after(&holder, seen, along);
    }
    let lifecycle = lifecycle_of(tenant, seen);
    let facets = RecordView::of(seen);
    let record = facets.record();
    let edges: Vec<&Transition> =
        lifecycle.edges_from(record.status).filter(|edge| is_taken(edge, along)).collect();
    let mut facts = match facts_for(tenant, seen, &lifecycle, &edges, true) {
        Ok(facts) => facts,
        Err(judged_by) => {
            let holder = holder::holder_of(tenant, judged_by)
                .unwrap_or_else(|| refuse(unfinished::refusal(judged_by)));
            return look_again_after(&holder, seen, along);
        }
    };
    facts.along = along;
    let generated = match edges.iter().any(|edge| edge.of_masters) {
        true => Generated::of(tenant, seen),
        false => Generated::default(),
    };
    let values = WithGenerated { seen, generated: &generated };
    let filled = seen.filled().union(generated.filled());
    let Some(edge) = lifecycle.auto_edge(&record, filled, &values, &facts) else { return };
    let reason = format!("taken by the system: the gates of {} are met", edge.action);
    let generated = if edge.of_masters { generated } else { Generated::default() };
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(seen.id()),
        text(&edge.to),
        text(&reason),
        optional_text(generated.summary.as_deref()),
        argument(generated.hours),
    ];
    pending::as_system_write(SystemWrite::Auto(seen.id(), along), || {
        as_trail(|| FOLLOW.with(|statement| statement.store(&arguments)));
    });
}
