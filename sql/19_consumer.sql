-- Concept: consumers of events. Each has an owner; its position moves by the functions below alone, and every
-- creation, removal, move and change of the owner is in the trail. Acknowledgements are not: they are as many
-- as the events themselves, and the row shows the last one.

-- == tables ==

create table wo.event_consumer (
    tenant_id uuid not null,
    consumer text not null,
    owner text,
    owner_role text,
    position bigint not null,
    fetched_position bigint not null,
    start_position bigint not null,
    moved_from bigint,
    acknowledged_at timestamptz not null,
    primary key (tenant_id, consumer),
    constraint event_consumer_is_plain check (consumer ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    constraint event_consumer_has_one_owner check (num_nonnulls(owner, owner_role) = 1),
    constraint event_consumer_positions_ascend check (position between 0 and fetched_position)
);
comment on table wo.event_consumer is 'The consumers of the outbox: whose each is, and how far it has got. Written by the functions of consumers alone.';
comment on column wo.event_consumer.tenant_id is 'The tenant; the nil UUID for a consumer of wo_bridge, which reads all tenants.';
comment on column wo.event_consumer.consumer is 'The consumer''s name.';
comment on column wo.event_consumer.owner is 'The principal that owns it; NULL where a login role does.';
comment on column wo.event_consumer.owner_role is 'The login role that owns it, one that administers or a member of wo_bridge; NULL where a principal does.';
comment on column wo.event_consumer.position is 'The last position that it has acknowledged.';
comment on column wo.event_consumer.fetched_position is 'The last position that a fetch returned to it; an acknowledgement goes no further.';
comment on column wo.event_consumer.start_position is 'Where it was put when it was created or last moved.';
comment on column wo.event_consumer.moved_from is 'The position from which it was last moved; NULL if it never was.';
comment on column wo.event_consumer.acknowledged_at is 'When it acknowledged last, or was created or moved.';

-- == enforcement ==

create or replace function wo.create_consumer(consumer text, from_position bigint default 0) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.create_consumer($1, coalesce($2, 0)) $$;
comment on function wo.create_consumer(text, bigint) is
    'Adds a consumer of the tenant''s events that the caller owns, or for a member of wo_bridge of all tenants'', and returns its position. One that the caller owns already keeps its position.';

create or replace function wo.drop_consumer(consumer text) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.drop_consumer($1) $$;
comment on function wo.drop_consumer(text) is 'Removes a consumer of one''s own, or as an administrator any; returns false where there was none.';

create or replace function wo.fetch_events(consumer text, page_size integer default 100) returns table ("position" bigint, event jsonb)
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select fetched.position, fetched.event from wo_private.fetch_events($1, coalesce($2, 100)) as fetched $$;
comment on function wo.fetch_events(text, integer) is
    'Returns the next events after the position of a consumer of one''s own, in order, as CloudEvents 1.0; the same ones again until they are acknowledged. No late commit is skipped, and the order per work order holds.';

create or replace function wo.acknowledge(consumer text, up_to bigint) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.acknowledge($1, $2) $$;
comment on function wo.acknowledge(text, bigint) is
    'Records that everything up to this position, which a fetch has returned, is processed; never moves back. Returns the consumer''s position.';

create or replace function wo.move_consumer(consumer text, to_position bigint, reason text) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.move_consumer($1, $2, $3) $$;
comment on function wo.move_consumer(text, bigint, text) is
    'Moves a consumer of one''s own, or as an administrator any, back to read events again or forward to skip them. The trail keeps both positions and the reason.';

create or replace function wo.assign_consumer(consumer text, owner text, reason text) returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.assign_consumer($1, $2, $3) $$;
comment on function wo.assign_consumer(text, text, text) is
    'Makes another principal of the tenant the owner of a consumer. For members of wo_admin. The trail keeps the reason.';
