-- Concept: rollups. Figures that are derived from the outbox: the worker counts each event once, and they can be
-- rebuilt to the same numbers.

-- == tables ==

create table wo.rollup_cursor (
    cursor text primary key,
    position bigint not null,
    moved_at timestamptz not null,
    constraint rollup_cursor_is_of_the_outbox check (cursor = 'outbox')
);
comment on table wo.rollup_cursor is 'Up to which position of the outbox events are counted in the rollups. The worker moves it in the transaction that writes the figures.';
comment on column wo.rollup_cursor.cursor is 'The cursor: outbox.';
comment on column wo.rollup_cursor.position is 'The position of the last event that is counted; 0 where none is.';
comment on column wo.rollup_cursor.moved_at is 'When it moved last.';

-- == enforcement ==

create or replace function wo.rebuild_rollups() returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.rebuild_rollups() $$;
comment on function wo.rebuild_rollups() is
    'Removes the figures of every rollup and counts all events of the outbox again, in one transaction. Returns how many events were counted. Refuses where events have left the database for an archive. For members of wo_admin.';
