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

create table wo.event_consumer (
    tenant_id uuid not null,
    consumer text not null,
    position bigint not null,
    acknowledged_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, consumer),
    constraint event_consumer_is_plain check (consumer ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    constraint event_consumer_position_is_not_negative check (position >= 0)
);
comment on table wo.event_consumer is 'Who reads the outbox, and how far each has got.';
comment on column wo.event_consumer.tenant_id is 'The tenant; the nil UUID for a consumer of wo_bridge, which reads all tenants.';
comment on column wo.event_consumer.consumer is 'The consumer''s name.';
comment on column wo.event_consumer.position is 'The last position that it has acknowledged.';
comment on column wo.event_consumer.acknowledged_at is 'When it last did.';

-- == enforcement ==

create or replace function wo.create_consumer(consumer text, from_position bigint default 0) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        insert into wo.event_consumer (tenant_id, consumer, position)
        values (wo_private.consumer_tenant(), $1, $2)
        on conflict (tenant_id, consumer) do update set consumer = excluded.consumer
        returning position
    $$;
comment on function wo.create_consumer(text, bigint) is
    'Makes a consumer of the tenant''s events, or for a member of wo_bridge of all tenants'', and returns its position; one that exists already keeps its own.';

create or replace function wo.drop_consumer(consumer text) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with dropped as (
            delete from wo.event_consumer as reading
            where reading.tenant_id = wo_private.consumer_tenant() and reading.consumer = $1
            returning 1
        )
        select exists (select from dropped)
    $$;
comment on function wo.drop_consumer(text) is 'Forgets a consumer; false where there was none.';

create or replace function wo.fetch_events(consumer text, "limit" integer default 100) returns table ("position" bigint, event jsonb)
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select fetched.position, fetched.event from wo_private.fetch_events($1, $2) as fetched $$;
comment on function wo.fetch_events(text, integer) is
    'The next events after the consumer''s position, in order, as CloudEvents 1.0; the same ones again until they are acknowledged. No late commit is skipped, and the order per work order holds.';

create or replace function wo.acknowledge(consumer text, "position" bigint) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.acknowledge($1, $2) $$;
comment on function wo.acknowledge(text, bigint) is 'Says that everything up to this position is done with; never moves back. Returns the consumer''s position.';

create or replace function wo.begin_timeline(reason text) returns integer
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.begin_timeline($1) $$;
comment on function wo.begin_timeline(text) is
    'Begins a new timeline of events after a restore or a recovery to a point in time, so that ids of the two histories never meet. Returns it. For members of wo_admin.';
