-- Concept: events. The outbox is the truth, written in the transaction of what it tells of; NOTIFY
-- only wakes.
--
-- Positions come from a sequence. Before its first position a transaction takes a shared advisory
-- lock that is named after the sequence's last value, so a reader that reads the last value, then the
-- lowest such lock, then takes a snapshot, knows below which position nothing can still appear.
-- Ordering by transaction id was tried and is wrong: commits overtake each other per work order, and
-- after a restore the old ids lie above the new.

-- == tables ==

create sequence wo.event_position as bigint cache 1;
comment on sequence wo.event_position is 'Positions of events; one more for each, gaps allowed.';
create sequence wo.event_timeline as integer cache 1;
comment on sequence wo.event_timeline is 'The timeline: one more after each recovery to a point in time, so that ids of two histories never meet.';
select setval('wo.event_timeline'::regclass, 1, true);

create table wo.event (
    tenant_id uuid not null,
    position bigint not null,
    timeline integer not null,
    type text not null,
    subject_id uuid not null,
    recorded_at timestamptz not null,
    traceparent text,
    data json not null,
    primary key (tenant_id, position, recorded_at)
) partition by range (recorded_at);
create index event_by_position on wo.event (position);
comment on table wo.event is 'The outbox: one row for each thing that happened, written in its transaction.';
comment on column wo.event.tenant_id is 'The tenant.';
comment on column wo.event.position is 'Where it stands: larger means later for the same work order.';
comment on column wo.event.timeline is 'The number of its timeline; see wo.begin_timeline.';
comment on column wo.event.type is 'The CloudEvents type: wo.created, wo.transitioned, wo.updated, wo.migrated.';
comment on column wo.event.subject_id is 'The work order.';
comment on column wo.event.recorded_at is 'When, by the server''s clock.';
comment on column wo.event.traceparent is 'The W3C trace context of the writer (wo_core.traceparent).';
comment on column wo.event.data is 'What happened: number, action, states, version, actor.';

-- == enforcement ==

create or replace function wo.begin_timeline(reason text) returns integer
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.begin_timeline($1) $$;
comment on function wo.begin_timeline(text) is
    'Begins a new timeline of events after a restore or a recovery to a point in time, so that ids of the two histories never meet. Returns it. For members of wo_admin.';
