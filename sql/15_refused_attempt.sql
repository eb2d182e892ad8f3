-- Concept: refused attempts, and the findings that they open.
--
-- A refusal rolls its transaction back, so it is kept in shared memory before the error is raised; the
-- worker, or wo.tick(), writes it into the trail: one chain a tenant, sealed and kept like everything
-- else. The same attempt counts up instead of filling the trail. What finds no room is counted, and the
-- count is written too. Without shared_preload_libraries nothing is kept; the server's log has the ERROR.

-- == tables ==

create table wo.finding (
    tenant_id uuid not null references wo.tenant,
    id uuid not null,
    work_order_id uuid not null,
    code text not null,
    guard text not null,
    opened_at timestamptz not null,
    opened_for text,
    actors wo.text_list not null,
    attempts bigint not null,
    summary text not null,
    entry_sequence bigint not null,
    closed_at timestamptz,
    closed_by text,
    resolution text,
    primary key (tenant_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, closed_by) references wo.principal (tenant_id, id),
    constraint finding_attempts_are_positive check (attempts > 0),
    constraint finding_is_closed_whole
        check (num_nulls(closed_at, closed_by, resolution) in (0, 3)),
    constraint finding_resolution_is_not_blank check (resolution ~ '[^[:space:]]'),
    constraint finding_resolution_is_short check (length(resolution) <= 10000)
);
create unique index finding_open on wo.finding (tenant_id, work_order_id, code) where closed_at is null;
create index finding_by_work_order on wo.finding (tenant_id, work_order_id);
comment on table wo.finding is 'What QA has to look at: somebody attempted on a regulatory work order what its rules refuse. The enforcement layer opens it, and QA closes it with a resolution.';
comment on column wo.finding.tenant_id is 'The tenant.';
comment on column wo.finding.id is 'The finding.';
comment on column wo.finding.work_order_id is 'The work order.';
comment on column wo.finding.code is 'Why it was refused, for programs. At most one finding of a work order and code is open; more attempts count up.';
comment on column wo.finding.guard is 'The guards that refused, with commas.';
comment on column wo.finding.opened_at is 'When it was opened.';
comment on column wo.finding.opened_for is 'Whose attempt opened it; NULL where nobody was acting.';
comment on column wo.finding.actors is 'Everybody who attempted it, up to a hundred of them: none of them may close it.';
comment on column wo.finding.attempts is 'How often it was attempted.';
comment on column wo.finding.summary is 'Why the first attempt was refused, in words.';
comment on column wo.finding.entry_sequence is 'The first attempt''s entry in the chain of the tenant''s refused attempts.';
comment on column wo.finding.closed_at is 'When QA closed it; NULL while it is open.';
comment on column wo.finding.closed_by is 'Who closed it.';
comment on column wo.finding.resolution is 'What was found and done about it.';

-- == enforcement ==

create or replace view wo.refused_attempt with (security_invoker = true) as
    select entry.tenant_id, entry.sequence, entry.recorded_at,
        coalesce(entry.changes ->> 'attempts', entry.changes ->> 'dropped')::bigint as attempts,
        (entry.changes ->> 'first_at')::timestamptz as first_at,
        (entry.changes ->> 'last_at')::timestamptz as last_at,
        entry.actor,
        entry.changes ->> 'login_role' as login_role,
        entry.changes ->> 'client_address' as client_address,
        entry.changes ->> 'application' as application,
        entry.changes ->> 'authenticated_by' as authenticated_by,
        entry.action as code,
        entry.changes ->> 'sqlstate' as sqlstate,
        entry.reason as why,
        (entry.changes ->> 'work_order_id')::uuid as work_order_id,
        entry.changes ->> 'wo_number' as wo_number,
        array(select json_array_elements_text(entry.changes -> 'guards')) as guards,
        entry.changes ->> 'action' as action,
        entry.changes ->> 'from_status' as from_status,
        entry.changes ->> 'to_status' as to_status,
        entry.changes ->> 'hint' as hint
    from wo.audit_entry as entry
    where entry.subject = 'refused_attempt';
comment on view wo.refused_attempt is 'What was attempted and refused: who, from where, what and why, as the trail has it. For QA, administrators and auditors.';
comment on column wo.refused_attempt.tenant_id is 'The tenant; the nil UUID where nobody was acting.';
comment on column wo.refused_attempt.sequence is 'Its place in the chain of the tenant''s refused attempts.';
comment on column wo.refused_attempt.recorded_at is 'When it was written down.';
comment on column wo.refused_attempt.attempts is 'How often the same was attempted, or how many attempts found no room (code attempts_dropped).';
comment on column wo.refused_attempt.first_at is 'When first.';
comment on column wo.refused_attempt.last_at is 'When last.';
comment on column wo.refused_attempt.actor is 'The principal; NULL where nobody was acting.';
comment on column wo.refused_attempt.login_role is 'The role that logged in.';
comment on column wo.refused_attempt.client_address is 'The client''s address; NULL for a local socket.';
comment on column wo.refused_attempt.application is 'What the client calls itself.';
comment on column wo.refused_attempt.authenticated_by is 'How the principal was proven.';
comment on column wo.refused_attempt.code is 'Why it was refused, for programs.';
comment on column wo.refused_attempt.sqlstate is 'The class of the error.';
comment on column wo.refused_attempt.why is 'Why it was refused, in words.';
comment on column wo.refused_attempt.work_order_id is 'The work order that it was about, if any; it need not exist.';
comment on column wo.refused_attempt.wo_number is 'Its number.';
comment on column wo.refused_attempt.guards is 'The guards that refused.';
comment on column wo.refused_attempt.action is 'What was to be done.';
comment on column wo.refused_attempt.from_status is 'From which state.';
comment on column wo.refused_attempt.to_status is 'To which state.';
comment on column wo.refused_attempt.hint is 'What was suggested instead.';

create or replace function wo.findings(open boolean default true)
    returns table (
        finding uuid, wo_number text, code text, guard text, opened_at timestamptz, opened_for text, attempts bigint,
        summary text, closed_at timestamptz, closed_by text, resolution text
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select found.id, held.wo_number, found.code, found.guard, found.opened_at, found.opened_for, found.attempts,
            found.summary, found.closed_at, found.closed_by, found.resolution
        from wo.finding as found
        join wo.work_order as held on held.tenant_id = found.tenant_id and held.id = found.work_order_id
        where found.tenant_id = wo.current_tenant() and ($1 is null or (found.closed_at is null) = $1)
        order by found.opened_at, found.id
    $$;
comment on function wo.findings(boolean) is
    'The findings of the tenant, the oldest first: those that are open, those that are closed (false), or all of them (null).';

create or replace function wo.close_finding(finding uuid, resolution text) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.close_finding($1, $2) $$;
comment on function wo.close_finding(uuid, text) is
    'Closes a finding with what was found and done. For QA, except the person whose attempt it is about.';
