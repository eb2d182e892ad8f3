-- Concept: schema changes. DDL on the objects of wo_core is marked in the transaction that does it; a job puts the marks
-- into the audit trail. The event triggers take no lock of ours, so that DDL waits for nobody and nobody for DDL.

-- == tables ==

create table wo.ddl_mark (
    mark uuid primary key,
    changed_at timestamptz not null,
    transaction_id text not null,
    command text not null,
    object_type text not null,
    object text not null,
    login_role text not null,
    client_address text,
    application text
);
comment on table wo.ddl_mark is 'DDL on objects of the schemas wo and wo_private that is not in the audit trail yet. Event triggers add a row for each altered object; a job of the worker moves the rows into the chain "schema" of the installation within seconds.';
comment on column wo.ddl_mark.mark is 'The key of the row.';
comment on column wo.ddl_mark.changed_at is 'When the command ran, by the server''s clock.';
comment on column wo.ddl_mark.transaction_id is 'The transaction that ran the command. Its marks become one entry of the audit trail.';
comment on column wo.ddl_mark.command is 'The command''s tag: ALTER TABLE, CREATE POLICY, DROP TRIGGER, GRANT, …';
comment on column wo.ddl_mark.object_type is 'What kind of object the command altered: table, policy, trigger, function, …';
comment on column wo.ddl_mark.object is 'The identity of the object, with its schema.';
comment on column wo.ddl_mark.login_role is 'The role that logged in, or that a superuser took with SET SESSION AUTHORIZATION.';
comment on column wo.ddl_mark.client_address is 'The client''s address; NULL for a local socket.';
comment on column wo.ddl_mark.application is 'The name that the client gave itself (application_name).';

-- == enforcement ==

create or replace function wo.schema_changes(since timestamptz default '-infinity', until timestamptz default 'infinity')
    returns table (changed_at timestamptz, login_role text, command text, object_type text, object text,
        times integer, application text, client_address text, transaction_id text, entry bigint)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select (done.command ->> 'at')::timestamptz, entry.changes ->> 'login_role', done.command ->> 'command',
            done.command ->> 'object_type', done.command ->> 'object',
            (done.command ->> 'times')::integer, entry.changes ->> 'application',
            entry.changes ->> 'client_address', entry.changes ->> 'transaction_id', entry.sequence
        from wo_private.schema_entries(coalesce(since, '-infinity')) as found (sequence, changes)
        cross join lateral (select found.sequence, found.changes::json as changes) as entry
        cross join lateral json_array_elements(entry.changes -> 'commands') with ordinality as done (command, place)
        where (done.command ->> 'at')::timestamptz >= coalesce(since, '-infinity')
            and (done.command ->> 'at')::timestamptz <= coalesce(until, 'infinity')
        order by entry.sequence, done.place
    $$;
comment on function wo.schema_changes(timestamptz, timestamptz) is
    'DDL on the objects of wo_core, from the audit trail: when, by which login role, which command on which object. A row for each command and object, with how often the transaction gave it, oldest first; entry is its place in the chain "schema" of the installation. For members of wo_admin and wo_auditor.';
