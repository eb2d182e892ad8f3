-- Concept: fleet. The seven functions of the fleet's guide, and how its people look at their work.
-- No rule lives here: what each may do stands in the lifecycle and in the tenant's settings.

-- == enforcement ==

create or replace function wo.accept_work_order(order_id text) returns jsonb
    language sql volatile
    as $$ select wo_private.take_action($1, 'accept', null, null) $$;
comment on function wo.accept_work_order(text) is 'Accepts a work order: the lifecycle''s action accept. Returns what wo.transition does.';

create or replace function wo.update_work_order_status(order_id text, new_status text, notes text default null) returns jsonb
    language sql volatile
    as $$ select wo_private.update_work_order_status($1, $2, $3) $$;
comment on function wo.update_work_order_status(text, text, text) is
    'Moves a work order to a state. The notes are the reason, and are kept in the field that the edge says; in notes where it says none.';

create or replace function wo.complete_work_order(order_id text, summary text default null, actual_hours numeric default null) returns jsonb
    language sql volatile
    as $$
        select wo_private.take_action($1, 'submit', null, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
            'completion_summary', $2, 'actual_hours', $3))::pg_catalog.text)
    $$;
comment on function wo.complete_work_order(text, text, numeric) is 'Submits a work order for review with its summary and hours: the lifecycle''s action submit. NULL leaves a value as it is in the work order.';

create or replace function wo.verify_work_order(order_id text, approved boolean, notes text default null) returns jsonb
    language sql volatile
    as $$ select wo_private.take_action($1, case when $2 then 'approve' when not $2 then 'reject' end, $3, null) $$;
comment on function wo.verify_work_order(text, boolean, text) is 'Approves a work order in review, or rejects it: the lifecycle''s actions approve and reject. The notes are the review notes.';

-- Without SET, so that PostgreSQL inlines it: a filter that is not given costs nothing, and each half
-- has partial indexes of its own. status stands in none (see 03_work_order.sql). Each half reads one row more than
-- the page holds, so that the page knows whether there are more. The last limit is evaluated where no row is read,
-- too: it refuses filters that name nothing.
-- The limit of both halves together tells the planner that the rows are not all read, though they are counted.
create or replace function wo.list_work_orders(
    status text default null, project text default null, category text default null, assignee text default null,
    include_completed boolean default false, page_size integer default 50, after_work_order text default null,
    lifecycle text default null
) returns table (
        wo_number text, id uuid, title text, status text, priority text, project text, category text, assignee text,
        requester text, due_date date, estimated_hours numeric, actual_hours numeric, blocker text, lifecycle text,
        regulatory boolean, created_at timestamptz, updated_at timestamptz, version bigint, has_more boolean
    )
    language sql stable
    as $$
        select page.wo_number, page.id, page.title, page.status, page.priority, page.project, page.category,
            page.assignee, page.requester, page.due_date, page.estimated_hours, page.actual_hours, page.blocker,
            page.lifecycle, page.regulatory, page.created_at, page.updated_at, page.version,
            pg_catalog.count(*) over () operator(pg_catalog.>) coalesce($6, 50)
        from (
            (select going.wo_number::pg_catalog.text as wo_number, going.id, going.title::pg_catalog.text as title,
                going.status, going.priority, going.project::pg_catalog.text as project,
                pg_catalog.substring(going.title, '^[[][^]-]*-([^]]*)[]]') as category, going.assignee,
                going.requester, going.due_date, going.estimated_hours::pg_catalog.numeric as estimated_hours,
                going.actual_hours::pg_catalog.numeric as actual_hours,
                wo_private.blocker(going.id, going.lifecycle, going.lifecycle_version, going.status) as blocker,
                going.lifecycle, going.regulatory, going.created_at, going.updated_at, going.version
            from wo.work_order as going
            where going.tenant_id operator(pg_catalog.=) (select wo.current_tenant()) and going.locked_at is null and ($1 is null or wo_private.is_open_state($1))
                and ($1 is null or going.status operator(pg_catalog.=) $1)
                and ($2 is null or going.project operator(pg_catalog.=) $2)
                and ($3 is null or pg_catalog.substring(going.title, '^[[][^]-]*-([^]]*)[]]') operator(pg_catalog.=) $3)
                and ($4 is null or going.assignee operator(pg_catalog.=) $4)
                and ($7 is null or going.id operator(pg_catalog.<) (select wo_private.work_order_id_or_refuse($7)))
                and ($8 is null or going.lifecycle operator(pg_catalog.=) $8)
            order by going.id desc
            limit coalesce($6, 50) operator(pg_catalog.+) 1)
            union all
            (select ended.wo_number::pg_catalog.text, ended.id, ended.title::pg_catalog.text,
                ended.status, ended.priority, ended.project::pg_catalog.text,
                pg_catalog.substring(ended.title, '^[[][^]-]*-([^]]*)[]]'), ended.assignee,
                ended.requester, ended.due_date, ended.estimated_hours::pg_catalog.numeric,
                ended.actual_hours::pg_catalog.numeric,
                wo_private.blocker(ended.id, ended.lifecycle, ended.lifecycle_version, ended.status),
                ended.lifecycle, ended.regulatory, ended.created_at, ended.updated_at, ended.version
            from wo.work_order as ended
            where ended.tenant_id operator(pg_catalog.=) (select wo.current_tenant()) and ended.locked_at is not null
                and ($5 or wo_private.is_end_state($1))
                and ($1 is null or ended.status operator(pg_catalog.=) $1)
                and ($2 is null or ended.project operator(pg_catalog.=) $2)
                and ($3 is null or pg_catalog.substring(ended.title, '^[[][^]-]*-([^]]*)[]]') operator(pg_catalog.=) $3)
                and ($4 is null or ended.assignee operator(pg_catalog.=) $4)
                and ($7 is null or ended.id operator(pg_catalog.<) (select wo_private.work_order_id_or_refuse($7)))
                and ($8 is null or ended.lifecycle operator(pg_catalog.=) $8)
            order by ended.id desc
            limit coalesce($6, 50) operator(pg_catalog.+) 1)
            order by 2 desc
            limit coalesce($6, 50) operator(pg_catalog.+) 1
        ) as page
        order by page.id desc
        limit wo_private.checked_page_size($6, $1, $4, $8, $7)
    $$;
comment on function wo.list_work_orders(text, text, text, text, boolean, integer, text, text) is
    'Lists the tenant''s work orders, newest first, those at their end only where asked for (include_completed) or named by their status. A page has page_size rows, 1 to 100,000; has_more says in each of its rows whether there are more. The next page: after_work_order => the last wo_number of this one. The category is that of the title''s prefix. A status, assignee or lifecycle that the tenant does not have is refused.';

create or replace function wo.get_work_order_detail(order_id text) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres'
    set timezone = 'UTC'
    set extra_float_digits = 1
    set bytea_output = 'hex'
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        select to_jsonb(held) - array['tenant_id', 'reason', 'chain_hash', 'chain_sequence', 'idempotency_key', 'request_sha256']
            -- Times as every answer writes them.
            || (
                select jsonb_object_agg(moment.name, case when isfinite(moment.at)
                    then to_char(moment.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else moment.at::text end)
                from (values
                    ('planned_start', held.planned_start), ('planned_end', held.planned_end), ('actual_start',
                    held.actual_start), ('actual_end', held.actual_end), ('created_at', held.created_at), ('updated_at',
                    held.updated_at), ('locked_at', held.locked_at), ('archived_at', held.archived_at), ('state_deadline',
                    held.state_deadline), ('state_deadline_notified_at', held.state_deadline_notified_at)
                ) as moment (name, at)
            )
            || jsonb_build_object(
                'category', substring(held.title, '^[[][^]-]*-([^]]*)[]]'),
                'blocker', wo_private.blocker(held.id, held.lifecycle, held.lifecycle_version, held.status),
                'overdue', coalesce((
                    select jsonb_agg(late.rule order by late.since)
                    from wo.overdue as late where late.id = held.id), '[]'),
                'history', coalesce((
                    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                        'at', to_char(entry.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'actor', entry.actor, 'action', entry.action, 'reason', entry.reason,
                        'from_status', entry.from_status, 'to_status', entry.to_status,
                        'changes', nullif(entry.changes::jsonb - array['tenant_id', 'request_sha256'], '{}'))) order by entry.sequence)
                    from wo.audit_entry as entry
                    where entry.tenant_id = held.tenant_id and entry.subject_id = held.id and entry.subject = 'work_order'), '[]'))
        from wo.work_order as held
        where held.tenant_id = wo.current_tenant() and held.id = wo_private.work_order_id_or_refuse($1)
    $$;
comment on function wo.get_work_order_detail(text) is
    'Everything about a work order as one JSON object: its fields, what blocks it, the rules that it breaks, and its history, oldest first.';

create or replace function wo.list_identities() returns table (
        identity text, name text, kind text, ship text, platform text, roles text[], assignable boolean
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select known.id, known.name, known.kind, known.attributes ->> 'ship', known.attributes ->> 'platform',
            array(
                select held.role from wo.principal_role as held
                where held.tenant_id = known.tenant_id and held.principal = known.id
                order by held.role
            ),
            known.assignable
        from wo.principal as known
        where known.tenant_id = wo.current_tenant() and known.disabled_at is null
        order by known.attributes ->> 'ship', known.id
    $$;
comment on function wo.list_identities() is 'Who can act in the tenant and is not disabled: ship, platform, roles, and whether work can be assigned to them.';

create or replace function wo.blocker(work_order uuid, lifecycle text, version integer, status text) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.blocker($1, $2, $3, $4) $$;
comment on function wo.blocker(uuid, text, integer, text) is 'What blocks a work order that is in that state: the reason that was given with the transition into it (the field that the lifecycle keeps the reason in, where it names one), and the cause where it is not "other". NULL where the state is not a blocked one.';

create or replace function wo.state_rule(lifecycle text, version integer, status text, work_order uuid default null) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.state_rule($1, $2, $3, $4) $$;
comment on function wo.state_rule(text, integer, text, uuid) is 'How long a work order may stay in that state, in words; NULL where neither the lifecycle nor the tenant sets a maximum. Of a work order that is in the state it is the rule that was in force when it came into it.';

create or replace view wo.overdue with (security_invoker = true) as
    select held.tenant_id, held.id, held.wo_number, held.title, held.status, held.assignee, late.since, late.rule,
        wo.blocker(held.id, held.lifecycle, held.lifecycle_version, held.status) as blocker
    from wo.work_order as held
    cross join lateral (
        select held.state_deadline as since,
            wo.state_rule(held.lifecycle, held.lifecycle_version, held.status, held.id) as rule
        where held.state_deadline < pg_catalog.now()
        union all
        select (held.due_date + 1)::pg_catalog.timestamp at time zone 'UTC', 'due on ' || held.due_date
        where held.due_date < (pg_catalog.now() at time zone 'UTC')::pg_catalog.date
    ) as late
    where held.tenant_id = (select wo.current_tenant()) and held.locked_at is null
        and (held.state_deadline_notified_at is not null
            or (held.state_deadline_notified_at is null and held.state_deadline < pg_catalog.now())
            or held.due_date < (pg_catalog.now() at time zone 'UTC')::pg_catalog.date)
    union all
    select held.tenant_id, held.id, held.wo_number, held.title, held.status, held.assignee,
        (opened.due_date + 1)::pg_catalog.timestamp at time zone 'UTC',
        'finding due on ' || opened.due_date || ': ' || opened.title,
        wo.blocker(held.id, held.lifecycle, held.lifecycle_version, held.status)
    from wo.finding as opened
    join wo.work_order as held on held.tenant_id = opened.tenant_id and held.id = opened.work_order_id
    where opened.tenant_id = (select wo.current_tenant()) and opened.closed_at is null
        and opened.due_date < (pg_catalog.now() at time zone 'UTC')::pg_catalog.date;
comment on view wo.overdue is 'Work orders that break a rule of time: open ones that are too long in their state or past their due date, and those with a finding that is open past its due date. One row for each rule.';
comment on column wo.overdue.tenant_id is 'The tenant; the caller''s own.';
comment on column wo.overdue.id is 'The work order''s UUID.';
comment on column wo.overdue.wo_number is 'The work order''s number.';
comment on column wo.overdue.title is 'What is to be done.';
comment on column wo.overdue.status is 'The state that it is in.';
comment on column wo.overdue.assignee is 'Who is to do it.';
comment on column wo.overdue.since is 'Since when it breaks the rule.';
comment on column wo.overdue.rule is 'The rule, in words; of the time in a state the one that was in force when the work order came into it.';
comment on column wo.overdue.blocker is 'What blocks it, where it is blocked: the reason that was given, and the cause.';
