-- Concept: the check before work begins. What it finds is read from the rows; that it was done is an entry of the
-- work order's trail, for which the guard preflight_done asks where a lifecycle names it.

-- == enforcement ==

create or replace function wo.preflight(work_order text) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres'
    set timezone = 'UTC'
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        with recursive held as (
            select found.* from wo.work_order as found
            where found.tenant_id = wo.current_tenant() and found.id = wo_private.work_order_id_or_refuse($1)
        ), children (id, depth) as (
            select child.id, 1 from held
            join wo.work_order as child on child.tenant_id = held.tenant_id and child.master_id = held.id
            union
            select child.id, children.depth + 1 from children
            join wo.work_order as child on child.tenant_id = wo.current_tenant() and child.master_id = children.id
            where children.depth < 100
        ), dependents (id, depth) as (
            select edge.successor_id, 1 from held
            join wo.dependency as edge on edge.tenant_id = held.tenant_id
                and edge.predecessor_id in (select held.id union all select children.id from children)
            where edge.successor_id <> held.id and edge.successor_id not in (select children.id from children)
            union
            select following.id, dependents.depth + 1 from dependents
            cross join lateral (
                select edge.successor_id as id from wo.dependency as edge
                where edge.tenant_id = wo.current_tenant() and edge.predecessor_id = dependents.id
                union all
                select child.id from wo.work_order as child
                where child.tenant_id = wo.current_tenant() and child.master_id = dependents.id
            ) as following
            where dependents.depth < 100
        ), affected as (
            select 'child' as relation, nearest.id, nearest.depth, other.wo_number, other.title, other.status, other.assignee,
                other.locked_at is not null as ended
            from (select children.id, min(children.depth) as depth from children group by children.id) as nearest
            join wo.work_order as other on other.tenant_id = wo.current_tenant() and other.id = nearest.id
            union all
            select 'dependent', nearest.id, nearest.depth, other.wo_number, other.title, other.status, other.assignee,
                other.locked_at is not null
            from (select dependents.id, min(dependents.depth) as depth from dependents group by dependents.id) as nearest
            join wo.work_order as other on other.tenant_id = wo.current_tenant() and other.id = nearest.id
        ), listed as (
            select affected.*, row_number() over (partition by affected.relation order by affected.depth, affected.id) as place
            from affected
            where not affected.ended
        )
        select jsonb_build_object(
            'wo_number', held.wo_number,
            'id', held.id,
            'title', held.title,
            'status', held.status,
            'assignee', held.assignee,
            'regulatory', held.regulatory,
            'start', (
                select jsonb_build_object('action', edge.action, 'to_status', edge.to_status, 'allowed', edge.allowed,
                    'permitted', edge.permitted, 'missing_fields', edge.missing_fields, 'guards', edge.guards,
                    'approvals', edge.approvals, 'who', edge.who, 'why', edge.why)
                from wo.allowed_transitions($1) as edge
                where edge.to_status = wo_private.beginning_of_work($1)
            ),
            'master', (
                select jsonb_build_object('wo_number', master.wo_number, 'title', master.title, 'status', master.status)
                from wo.work_order as master
                where master.tenant_id = held.tenant_id and master.id = held.master_id
            ),
            'critical', (
                select jsonb_build_object('is_critical', planned.critical, 'total_slack', planned.total_slack,
                    'latest_start', to_char(planned.latest_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
                from wo.work_order as master
                cross join lateral wo.critical_path(master.id::text) as planned
                where master.tenant_id = held.tenant_id and master.id = held.master_id and planned.id = held.id
            ),
            'children', coalesce((
                select jsonb_agg(jsonb_build_object('wo_number', one.wo_number, 'title', one.title, 'status', one.status,
                    'assignee', one.assignee) order by one.place)
                from listed as one where one.relation = 'child' and one.place <= 50), '[]'),
            'dependents', coalesce((
                select jsonb_agg(jsonb_build_object('wo_number', one.wo_number, 'title', one.title, 'status', one.status,
                    'assignee', one.assignee) order by one.place)
                from listed as one where one.relation = 'dependent' and one.place <= 50), '[]'),
            'open_children', (select count(*) from listed as one where one.relation = 'child'),
            'open_dependents', (select count(*) from listed as one where one.relation = 'dependent'),
            'deliverables', coalesce((
                select jsonb_agg(jsonb_build_object('name', one -> 'name', 'kind', one -> 'kind', 'state', one -> 'state') order by place)
                from jsonb_array_elements(wo_private.deliverables($1)) with ordinality as listed_one (one, place)
                where (one ->> 'required')::boolean and one ->> 'state' <> 'accepted'), '[]'),
            'open_findings', (
                select count(*) from wo.finding as opened
                where opened.tenant_id = held.tenant_id and opened.closed_at is null
                    and opened.work_order_id in (select held.id union select children.id from children)
            )
        )
        from held
    $$;
comment on function wo.preflight(text) is
    'Returns what to know before work begins, as one JSON object: start (the edge that begins the work, and what it would refuse now; null where no edge from the present state does), the master, critical (whether it is on its master''s critical path, and its slack), the open children and the open work orders that wait for it, at any depth (50 of each are listed, all are counted), the required deliverables that are not accepted yet, and how many findings of it and of its children at any depth are open. Writes nothing; wo.record_preflight records that the check was done.';

create or replace function wo.record_preflight(work_order text, notes text default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.record_preflight($1, $2) $$;
comment on function wo.record_preflight(text, text) is
    'Does the check of wo.preflight, records in the work order''s trail that it was done (action preflight_done, the notes as its reason, with an event), and returns what it found. For those who may start the work. Where the lifecycle names the guard preflight_done, the start needs a check of what there is: a later change of the record, of its children at any depth, or of what it and they wait for, and a finding of it or of them that was opened since, ask for another one.';
