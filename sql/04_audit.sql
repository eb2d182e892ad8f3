-- Concept: the audit trail. Append-only, a hash chain for each work order and each configured object.
--
-- Partitioned by month, with no foreign key in or out: the trail outlives what it describes. The
-- first partition takes everything past; partitions are made ahead by wo.make_partitions; there is no
-- DEFAULT partition, because adding the next partition would have to read it.

-- == tables ==

create table wo.audit_entry (
    tenant_id uuid not null,
    subject text not null,
    subject_id uuid not null,
    sequence wo.ordinal not null,
    recorded_at timestamptz not null,
    action text not null,
    actor text,
    reason text,
    from_status text,
    to_status text,
    record_version bigint,
    changes json not null,
    client_address text,
    application text,
    login_role text not null,
    authenticated_by text not null,
    transaction_id text not null,
    previous_hash wo.sha256 not null,
    entry_hash wo.sha256 not null,
    position bigint not null,
    primary key (tenant_id, subject_id, sequence, recorded_at)
) partition by range (recorded_at);
-- The sealer reads the newest stretch of positions, which lie side by side: an index of ranges costs a
-- transition next to nothing. What is not summarized yet is read whole, so that must not wait for a
-- vacuum.
create index audit_entry_by_position on wo.audit_entry using brin (position) with (pages_per_range = 32, autosummarize = on);
comment on table wo.audit_entry is 'The audit trail: who did what, when, from where, why, and old → new. Append-only; each entry carries the hash of the one before it.';
comment on column wo.audit_entry.tenant_id is 'The tenant; the nil UUID for rows of the installation: the ledger, archives, timelines, and attempts without an identity.';
comment on column wo.audit_entry.subject is 'What kind of thing changed: work_order, principal, lifecycle, …';
comment on column wo.audit_entry.subject_id is 'Which one: the work order''s id, or the id of the object''s chain in wo.audit_chain.';
comment on column wo.audit_entry.sequence is 'Its place in the chain, from 1 without a gap. Order by this, not by time: clocks can be set back.';
comment on column wo.audit_entry.recorded_at is 'When, by the server''s clock; nobody can set it.';
comment on column wo.audit_entry.action is 'The transition''s action, or created, changed, deleted, migrated.';
comment on column wo.audit_entry.actor is 'The principal who did it; NULL where a database role administered.';
comment on column wo.audit_entry.reason is 'Why, in the writer''s words.';
comment on column wo.audit_entry.from_status is 'The state before, where the work order moved.';
comment on column wo.audit_entry.to_status is 'The state after.';
comment on column wo.audit_entry.record_version is 'The work order''s version after the write.';
comment on column wo.audit_entry.changes is 'Each changed column with its old and new value. json, not jsonb: the very text is hashed.';
comment on column wo.audit_entry.client_address is 'The client''s address; NULL for a local socket.';
comment on column wo.audit_entry.application is 'What the client calls itself (application_name).';
comment on column wo.audit_entry.login_role is 'The role that logged in.';
comment on column wo.audit_entry.authenticated_by is 'How the actor was proven: token:<jti>, login, or administration; worker or job for what the worker, or a call of wo.tick(), did by itself.';
comment on column wo.audit_entry.transaction_id is 'The transaction that wrote it.';
comment on column wo.audit_entry.previous_hash is 'The hash of the entry before; 32 zero bytes for the first.';
comment on column wo.audit_entry.entry_hash is 'SHA-256 of the entry''s canonical bytes (JCS), the previous hash among them.';
comment on column wo.audit_entry.position is 'Where it stands among all entries and events: entries are sealed into the ledger in this order. Not hashed; its place in the ledger holds it.';

create table wo.audit_chain (
    tenant_id uuid not null,
    subject text not null,
    subject_key text not null,
    subject_id uuid not null,
    chain_sequence bigint not null,
    chain_hash wo.sha256 not null,
    primary key (tenant_id, subject, subject_key),
    unique (tenant_id, subject_id),
    constraint audit_chain_sequence_is_not_negative check (chain_sequence >= 0)
);
comment on table wo.audit_chain is 'The heads of the chains of configured objects, and of what has no record of its own. A work order''s head stands on its own row.';
comment on column wo.audit_chain.tenant_id is 'The tenant; the nil UUID for rows of the installation: the ledger, archives, timelines, and attempts without an identity.';
comment on column wo.audit_chain.subject is 'What kind of object: tenant, role, principal, principal_role, trusted_issuer, lifecycle, guard_function, …; or what happened beside all records: refused_attempt, ledger, archive, timeline, schema.';
comment on column wo.audit_chain.subject_key is 'Which one: its key in its own table, as a JSON array.';
comment on column wo.audit_chain.subject_id is 'The id under which its entries stand in wo.audit_entry.';
comment on column wo.audit_chain.chain_sequence is 'The sequence of the newest entry.';
comment on column wo.audit_chain.chain_hash is 'The hash of the newest entry.';

-- == enforcement ==

create or replace function wo.audit_trail(work_order text)
    returns table (sequence bigint, at timestamptz, who text, action text, why text, what text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        -- A statement of its own, so that nobody and an unknown work order are refused: inside the
        -- query below the planner may find that it need not be looked for.
        select wo_private.work_order_id_or_refuse($1);
        select entry.sequence, entry.recorded_at,
            coalesce(acting.name || case when acting.name <> acting.id then ' (' || acting.id || ')' else '' end,
                entry.actor,
                case entry.authenticated_by
                    when 'worker' then 'the worker'
                    when 'job' then 'a job, called by database role ' || entry.login_role
                    when 'administration' then 'administrator, as database role ' || entry.login_role
                    else 'database role ' || entry.login_role
                end),
            entry.action, entry.reason,
            concat_ws('; ',
                case when entry.from_status is distinct from entry.to_status
                    then 'status: ' || coalesce(entry.from_status, '(none)') || ' → ' || entry.to_status end,
                (
                    select string_agg(
                        case when in_words.what is not null then in_words.what
                            when change.value -> 'old' is null then change.key || ': ' || (change.value ->> 'new')
                            else change.key || ': ' || (change.value ->> 'old') || ' → '
                                || coalesce(change.value ->> 'new', '(none)')
                        end, '; ')
                    from json_each(entry.changes) as change
                    -- A record that belongs to the work order, such as a signature: what it is, and the members that
                    -- were set or changed. Ids, hashes and signed bytes are for programs.
                    left join lateral (
                        select replace(replace(split_part(change.key, ':', 1), 'work_order_', ''), '_', ' ')
                            || coalesce(' ' || (
                                select named.wo_number from wo.work_order as named
                                where named.tenant_id = entry.tenant_id
                                    and named.id = case when split_part(change.key, ':', 2) ~ '^[0-9a-f-]{36}$'
                                        then split_part(change.key, ':', 2)::uuid end
                            ), '')
                            || case when change.value -> 'old' is null then ' added'
                                when change.value -> 'new' is null then ' removed' else ' changed' end
                            || coalesce(' (' || string_agg(
                                replace(member.key, '_', ' ') || ' '
                                || case when change.value -> 'new' is null or before.value is null then '' else before.value || ' → ' end
                                || coalesce(
                                    case when pg_catalog.left(member.value, 1) = '{' then (
                                        -- Such as the values of the parameters of a plan.
                                        select '(' || string_agg(inner_one.key || ' ' || inner_one.value, ', ') || ')'
                                        from json_each_text(coalesce(change.value -> 'new', change.value -> 'old') -> member.key) as inner_one
                                        where json_typeof(coalesce(change.value -> 'new', change.value -> 'old') -> member.key) = 'object'
                                    ) end,
                                    member.value, '(none)'), ', ' order by member.place) || ')', '')
                        from json_each_text(
                            case when json_typeof(coalesce(change.value -> 'new', change.value -> 'old')) = 'object'
                                then coalesce(change.value -> 'new', change.value -> 'old') end
                        ) with ordinality as member (key, value, place)
                        left join json_each_text(
                            case when json_typeof(change.value -> 'old') = 'object' then change.value -> 'old' end
                        ) as before on before.key = member.key
                        where (change.value -> 'new' is null or before.value is distinct from member.value)
                            and coalesce(member.value, before.value) is not null
                            and coalesce(member.value, before.value) !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                            and member.key not in ('id', 'tenant_id', 'work_order_id', 'payload', 'signature',
                                'sha256', 'content_sha256', 'key_id', 'record_version', 'challenge_id')
                    ) as in_words (what) on (change.key like '%:%' or change.key in ('work_order_job_plan', 'engine_override'))
                        and json_typeof(coalesce(change.value -> 'new', change.value -> 'old')) = 'object'
                    where change.key not in ('tenant_id', 'id', 'created_at', 'revision', 'lifecycle_version', 'preflight:basis')
                        and coalesce(change.value ->> 'old', '') || coalesce(change.value ->> 'new', '') not in ('[]', '{}')
                ))
        from wo.audit_entry as entry
        left join wo.principal as acting on acting.tenant_id = entry.tenant_id and acting.id = entry.actor
        where entry.tenant_id = wo.current_tenant() and entry.subject = 'work_order'
            and entry.subject_id = wo_private.work_order_id_or_refuse($1)
        union all
        select stayed.sequence, null, null, 'archived',
            'the entries up to ' || stayed.sequence || ' are in the archive ' || stayed.archive, null
        from wo.archived_chain as stayed
        where stayed.tenant_id = wo.current_tenant()
            and stayed.subject_id = wo_private.work_order_id_or_refuse($1)
            and not exists (
                select from wo.audit_entry as entry
                where entry.tenant_id = stayed.tenant_id and entry.subject_id = stayed.subject_id
                    and entry.sequence = stayed.sequence
            )
        order by 1
    $$;
comment on function wo.audit_trail(text) is 'The history of a work order as people read it: who, when, what, why, old → new. Oldest first. One row stands for entries that were archived, and says where they are.';

create or replace function wo.verify_audit(work_order text default null)
    returns table (intact boolean, chains bigint, entries bigint, subject text, subject_key text, broken_sequence bigint, problem text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select verdict.intact, verdict.chains, verdict.entries, verdict.subject, verdict.subject_key,
            verdict.broken_sequence, verdict.problem
        from wo_private.verify_audit($1) as verdict
    $$;
comment on function wo.verify_audit(text) is
    'Recomputes every hash from the rows, and holds every record against its trail: of one work order, or of the whole tenant. One row if all is intact; otherwise one for each broken chain, with its first broken link and why.';
