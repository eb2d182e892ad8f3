-- Concept: the overview of a fleet. What waits for somebody, and how the work of all stands.

-- == enforcement ==

create or replace function wo.my_work()
    returns table (
        waits_for text, wo_number text, id uuid, title text, status text, icon text, priority text, due_date date, due timestamptz,
        overdue text[], blocker text
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select mine.waits_for, held.wo_number::text, held.id, held.title::text, held.status,
            (select state ->> 'icon' from jsonb_array_elements(published.definition -> 'states') as state
             where state ->> 'name' = held.status),
            held.priority, held.due_date, coalesce(mine.deadline, held.state_deadline),
            array(select late.rule from wo.overdue as late where late.id = held.id order by late.since),
            wo.blocker(held.id, held.lifecycle, held.lifecycle_version, held.status)
        from (
            select 'work' as waits_for, working.id, null::timestamptz as deadline
            from wo.work_order as working
            where working.tenant_id = wo.current_tenant() and working.locked_at is null
                and working.assignee = wo.current_principal()
            union all
            select 'signature: ' || wanted.role, wanted.work_order_id, wanted.deadline
            from wo.approval_request as wanted
            where wanted.tenant_id = wo.current_tenant() and wanted.closed_at is null
                and wo.current_principal() = any (wo_private.approvers(wanted.work_order_id, wanted.action, wanted.role, wanted.meaning))
            union all
            select 'finding: ' || opened.title, opened.work_order_id,
                (least(opened.due_date, date '9999-12-30') + 1)::timestamp at time zone 'UTC'
            from wo_private.findings_for_caller() as waiting
            join wo.finding as opened on opened.tenant_id = wo.current_tenant() and opened.id = waiting.finding
        ) as mine
        join wo.work_order as held on held.tenant_id = wo.current_tenant() and held.id = mine.id
        join wo.lifecycle as published on published.tenant_id = held.tenant_id and published.name = held.lifecycle
            and published.version = held.lifecycle_version
        order by coalesce(mine.deadline, held.state_deadline, (least(held.due_date, date '9999-12-30') + 1)::timestamp at time zone 'UTC') nulls last, held.id
    $$;
comment on function wo.my_work() is
    'Lists what waits for the caller, the most urgent first: open work orders that they are assigned to (waits_for is work) signatures that they may give (signature: and the role), and open findings that they may close (finding: and its title), with the time that it is due, the rules of time that it breaks, and what blocks it.';

create or replace function wo.fleet_overview()
    returns table (
        ship text, platform text, assignee text, open bigint, by_status jsonb, overdue bigint, oldest text, oldest_since timestamptz,
        blocked jsonb
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select known.attributes ->> 'ship', known.attributes ->> 'platform', going.assignee, sum(going.count)::bigint,
            coalesce(jsonb_object_agg(going.status, going.count) filter (where going.count > 0), '{}'),
            sum(going.overdue)::bigint, (array_agg(going.oldest order by going.oldest_id))[1], min(going.oldest_since),
            jsonb_path_query_array(coalesce(jsonb_agg(going.blocked) filter (where going.blocked is not null), '[]'), '$[*][*]')
        from (
            select held.assignee, held.status, count(*) filter (where held.open) as count,
                count(*) filter (where held.overdue) as overdue,
                (array_agg(held.wo_number::text order by held.id) filter (where held.open))[1] as oldest,
                (array_agg(held.id order by held.id) filter (where held.open))[1] as oldest_id,
                (array_agg(held.created_at order by held.id) filter (where held.open))[1] as oldest_since,
                jsonb_agg(jsonb_build_object('wo_number', held.wo_number, 'title', held.title, 'blocker', stuck.blocker) order by held.id)
                    filter (where stuck.blocker is not null) as blocked
            from (
                with late as (
                    select distinct opened.work_order_id as id from wo.finding as opened
                    where opened.tenant_id = wo.current_tenant() and opened.closed_at is null
                        and opened.due_date < (now() at time zone 'UTC')::date
                )
                select going.id, going.wo_number, going.title, going.lifecycle, going.lifecycle_version, going.status,
                    going.assignee, going.created_at, true as open,
                    coalesce(going.state_deadline < now(), false)
                        or coalesce(going.due_date < (now() at time zone 'UTC')::date, false)
                        or going.id in (select late.id from late) as overdue
                from wo.work_order as going
                where going.tenant_id = wo.current_tenant() and going.locked_at is null
                union all
                select ended.id, ended.wo_number, ended.title, ended.lifecycle, ended.lifecycle_version, ended.status,
                    ended.assignee, ended.created_at, false, true
                from late join wo.work_order as ended on ended.tenant_id = wo.current_tenant() and ended.id = late.id
                where ended.locked_at is not null
            ) as held
            cross join lateral wo.blocker(held.id, held.lifecycle, held.lifecycle_version, held.status) as stuck (blocker)
            group by held.assignee, held.status
        ) as going
        left join wo.principal as known on known.tenant_id = wo.current_tenant() and known.id = going.assignee
        group by known.attributes ->> 'ship', known.attributes ->> 'platform', going.assignee
        order by known.attributes ->> 'ship' nulls last, known.attributes ->> 'platform' nulls last, going.assignee nulls last
    $$;
comment on function wo.fleet_overview() is
    'Shows how the open work of the tenant stands, one row for each ship, platform and assignee (NULL for work that nobody is assigned to): how many work orders are open, how many are in each state, how many break a rule of time (those with a finding that is open past its due date count too, also where the work has ended), the oldest one and since when it is there, and which ones are blocked by what.';
