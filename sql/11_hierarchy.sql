-- Concept: hierarchy. Masters, the work orders that are children of them, and what waits for what.
--
-- A master finishes after its children, a successor starts after its predecessors, and so do the
-- successor's children at every depth; all of this forms one graph, in which no cycle is ever
-- committed. A transaction that adds to what others can see of the graph writes the tenant's row in
-- wo.hierarchy_head first: two halves of a cycle then wait for each other, or fail as the isolation
-- level says, and the second is refused.

-- == tables ==

create table wo.dependency (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    successor_id uuid not null,
    predecessor_id uuid not null,
    kind text not null default 'finish_to_start',
    lag interval not null default '0',
    holds_children boolean not null default true,
    added_by text not null,
    added_at timestamptz not null,
    primary key (tenant_id, successor_id, predecessor_id),
    foreign key (tenant_id, successor_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, predecessor_id) references wo.work_order (tenant_id, id),
    constraint dependency_is_not_on_itself check (successor_id <> predecessor_id),
    constraint dependency_kind_is_known check (kind in ('finish_to_start')),
    constraint dependency_lag_is_not_negative check (lag >= '0'::interval and lag <= '100 years'::interval)
);
create index dependency_predecessor on wo.dependency (tenant_id, predecessor_id);
comment on table wo.dependency is 'Which work order waits for which. A dependency of a master holds its children at every depth too, unless holds_children is false. Its changes are in the trail of the successor, and it is locked with the successor.';
comment on column wo.dependency.tenant_id is 'The tenant.';
comment on column wo.dependency.successor_id is 'The work order that waits.';
comment on column wo.dependency.predecessor_id is 'The work order that it waits for.';
comment on column wo.dependency.kind is 'finish_to_start: the successor, and every child of it that it holds, starts when the predecessor satisfies its dependents.';
comment on column wo.dependency.lag is 'How long after that it may start at the earliest.';
comment on column wo.dependency.holds_children is 'Whether the children of the successor wait too, at every depth. Where it is false, they may start before it.';
comment on column wo.dependency.added_by is 'Who added or changed the edge; set by the server.';
comment on column wo.dependency.added_at is 'When, by the server''s clock.';

create table wo.hierarchy_head (
    tenant_id uuid not null primary key references wo.tenant,
    changes bigint not null
);
comment on table wo.hierarchy_head is 'One row for the dependency graph of each tenant. A transaction writes it before it adds to a part of the graph that other transactions can see.';
comment on column wo.hierarchy_head.tenant_id is 'The tenant.';
comment on column wo.hierarchy_head.changes is 'How often that was; it serves as a lock that every isolation level respects.';

create table wo.hierarchy_check (
    tenant_id uuid not null primary key references wo.tenant,
    checked_at timestamptz not null,
    problems jsonb not null
);
comment on table wo.hierarchy_check is 'When each tenant''s hierarchy was last checked by itself, and what was found: things that only writes past the rules can bring about.';
comment on column wo.hierarchy_check.tenant_id is 'The tenant.';
comment on column wo.hierarchy_check.checked_at is 'When, by the server''s clock.';
comment on column wo.hierarchy_check.problems is 'The problems, as a JSON array; an event notifies each when it is first found.';

-- == enforcement ==

create or replace function wo.link_work_order(work_order text, master text, required boolean default null, reason text default null,
    job_plan text default null, plan_version integer default null, parameters jsonb default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        -- A job plan is applied by a statement of its own, after that which links has run its triggers.
        with linked as (
            update wo.work_order as held
            set master_id = wo_private.work_order_id_or_refuse($2), required = coalesce($3, held.required), reason = $4
            where held.tenant_id = wo.current_tenant() and held.id = wo_private.work_order_id_or_refuse($1)
            returning to_jsonb(held.id) as answer
        )
        select coalesce((select answer from linked), wo_private.refuse_suppressed('work_order'));
        select wo_private.with_job_plan(jsonb_build_object('id', held.id, 'wo_number', held.wo_number,
            'master_id', held.master_id, 'required', held.required, 'version', held.version)::text, $5, $6, $7::text)
        from wo.work_order as held
        where held.tenant_id = wo.current_tenant() and held.id = wo_private.work_order_id_or_refuse($1)
    $$;
comment on function wo.link_work_order(text, text, boolean, text, text, integer, jsonb) is
    'Makes a work order a child of a master, or moves it to another one, and applies a job plan where one is named. For those whom the masters'' lifecycle lets (hierarchy.link). Refuses a cycle with its path, and a master that has passed the gate which looks at its children.';

create or replace function wo.unlink_work_order(work_order text, reason text default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        with unlinked as (
            update wo.work_order as held set master_id = null, reason = $2
            where held.tenant_id = wo.current_tenant() and held.id = wo_private.work_order_id_or_refuse($1)
            returning jsonb_build_object('id', held.id, 'wo_number', held.wo_number, 'master_id', held.master_id,
                'required', held.required, 'version', held.version) as answer
        )
        select coalesce((select answer from unlinked), wo_private.refuse_suppressed('work_order'))
    $$;
comment on function wo.unlink_work_order(text, text) is 'Takes a work order out of its master.';

create or replace function wo.set_hierarchy_policy(work_order text, policy jsonb, reason text default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        with changed as (
            update wo.work_order as held set hierarchy_policy = $2, reason = $3
            where held.tenant_id = wo.current_tenant() and held.id = wo_private.work_order_id_or_refuse($1)
            returning jsonb_build_object('id', held.id, 'wo_number', held.wo_number,
                'hierarchy_policy', held.hierarchy_policy, 'version', held.version) as answer
        )
        select coalesce((select answer from changed), wo_private.refuse_suppressed('work_order'))
    $$;
comment on function wo.set_hierarchy_policy(text, jsonb, text) is
    'Says what a master does with its children: {"completion": "all" | "required" | {"count": n} | {"percent": p}, "cancel_cascades": boolean, "failure_halts_siblings": boolean}; NULL leaves it to its lifecycle and its tenant.';

create or replace function wo.add_dependency(successor text, predecessor text, lag interval default null, kind text default null,
    holds_children boolean default null) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        #variable_conflict use_column
        begin
            perform wo_private.refuse_rules('dependency');
            insert into wo.dependency as known (tenant_id, successor_id, predecessor_id, lag, kind, holds_children)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1),
                wo_private.work_order_id_or_refuse($2), coalesce($3, '0'), coalesce($4, 'finish_to_start'), coalesce($5, true))
            on conflict (tenant_id, successor_id, predecessor_id) do update
            set lag = coalesce($3, known.lag), kind = coalesce($4, known.kind),
                holds_children = coalesce($5, known.holds_children);
            if not found then
                perform wo_private.refuse_suppressed('dependency');
            end if;
        end
    $$;
comment on function wo.add_dependency(text, text, interval, text, boolean) is
    'Makes a work order wait for another one, without a lag unless one is given; where it waits already, changes what is given. Where the successor is a master, its children wait too, at every depth, unless holds_children is false. Refuses a cycle with its path. The successor''s lifecycle says who may call it (hierarchy.link).';

create or replace function wo.remove_dependency(successor text, predecessor text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            -- A scan that meets no row would not ask.
            waiting uuid := wo_private.work_order_id_or_refuse($1);
            awaited uuid := wo_private.work_order_id_or_refuse($2);
            place tid;
            maker xid;
        begin
            loop
                select edge.ctid, edge.xmin into place, maker from wo.dependency as edge
                where edge.tenant_id = wo.current_tenant() and edge.successor_id = waiting and edge.predecessor_id = awaited;
                if not found then
                    return false;
                end if;
                delete from wo.dependency as edge
                where edge.tenant_id = wo.current_tenant() and edge.successor_id = waiting and edge.predecessor_id = awaited;
                if found then
                    return true;
                end if;
                -- The same version of the row: nobody else has changed it.
                if exists (
                    select from wo.dependency as edge
                    where edge.ctid = place and edge.xmin = maker and edge.tenant_id = wo.current_tenant()
                        and edge.successor_id = waiting and edge.predecessor_id = awaited
                ) then
                    perform wo_private.refuse_suppressed('dependency');
                end if;
            end loop;
        end
    $$;
comment on function wo.remove_dependency(text, text) is 'Has a work order wait no longer for another one; false where it did not.';

create or replace function wo.add_dependencies(dependencies jsonb) returns integer
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        #variable_conflict use_column
        declare
            answer integer;
        begin
            perform wo_private.refuse_rules('dependency');
            with asked as (
                select distinct wo_private.work_order_id_or_refuse(edge.successor) as successor_id,
                    wo_private.work_order_id_or_refuse(edge.predecessor) as predecessor_id, edge.lag::interval as lag,
                    edge.holds_children as holds_children
                from wo_private.dependencies($1::text) as edge
            ), given as (
                select asked.successor_id, asked.predecessor_id, coalesce(asked.lag, known.lag, '0') as lag,
                    coalesce(asked.holds_children, known.holds_children, true) as holds_children
                from asked
                left join wo.dependency as known on known.tenant_id = wo.current_tenant()
                    and known.successor_id = asked.successor_id and known.predecessor_id = asked.predecessor_id
            ), added as (
                insert into wo.dependency (tenant_id, successor_id, predecessor_id, lag, holds_children)
                select wo.current_tenant(), given.successor_id, given.predecessor_id, given.lag, given.holds_children
                from given
                order by given.successor_id, given.predecessor_id
                on conflict (tenant_id, successor_id, predecessor_id) do update
                set lag = excluded.lag, holds_children = excluded.holds_children
                returning 1
            )
            select case when count(*) = (select count(*) from given) then count(*)::integer
                else (wo_private.refuse_suppressed('dependency') ->> 0)::integer end
            into answer
            from added;
            return answer;
        end
    $$;
comment on function wo.add_dependencies(jsonb) is 'Adds many edges at once, all or none, and changes what is given of those that there are: [{"successor": ..., "predecessor": ..., "lag": "2 hours", "holds_children": true}].';

create or replace function wo.remove_dependencies(dependencies jsonb) returns integer
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            successors uuid[];
            predecessors uuid[];
            places tid[];
            makers xid[];
            removed integer;
        begin
            -- A scan that meets no row would not ask.
            select array_agg(wo_private.work_order_id_or_refuse(edge.successor)),
                array_agg(wo_private.work_order_id_or_refuse(edge.predecessor))
            into successors, predecessors
            from wo_private.dependencies($1::text) as edge;
            select array_agg(edge.ctid), array_agg(edge.xmin) into places, makers
            from wo.dependency as edge
            join unnest(successors, predecessors) as given (successor_id, predecessor_id)
                on edge.successor_id = given.successor_id and edge.predecessor_id = given.predecessor_id
            where edge.tenant_id = wo.current_tenant();
            delete from wo.dependency as edge using unnest(successors, predecessors) as given (successor_id, predecessor_id)
            where edge.tenant_id = wo.current_tenant() and edge.successor_id = given.successor_id
                and edge.predecessor_id = given.predecessor_id;
            get diagnostics removed = row_count;
            -- The same version of a row: nobody else has changed it.
            if exists (
                select from wo.dependency as edge
                join unnest(successors, predecessors) as given (successor_id, predecessor_id)
                    on edge.successor_id = given.successor_id and edge.predecessor_id = given.predecessor_id
                join unnest(places, makers) as before (place, maker)
                    on edge.ctid = before.place and edge.xmin = before.maker
                where edge.tenant_id = wo.current_tenant()
            ) then
                perform wo_private.refuse_suppressed('dependency');
            end if;
            return removed;
        end
    $$;
comment on function wo.remove_dependencies(jsonb) is 'Removes many edges at once: [{"successor": ..., "predecessor": ...}]. Returns how many there were.';

create or replace function wo.create_from_plan(plan jsonb) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.apply_planned(wo_private.create_from_plan(expanded.plan)::text, expanded.applications::text)
        from wo_private.expand_plan($1::text) as expanded
    $$;
comment on function wo.create_from_plan(jsonb) is
    'Makes a master with its children and what they wait for, in one act: {"key": ..., "master": {"title": ..., ...}, "children": [{"name": "build", "title": ..., "after": ["remove", {"name": "x", "lag": "2 hours", "holds_children": false}], "children": [...]}]}. Names are the plan''s own. Each may name its job plan (job_plan, plan_version, parameters); a job plan that has children gives them: {"job_plan": ..., "parameters": {...}, "master": {...}}. Every problem is reported at once; the same key never makes a second one.';

create or replace function wo.ready_work_orders(master text)
    returns table (wo_number text, id uuid, title text, status text, assignee text, priority text, planned_start timestamptz)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select held.wo_number::text, held.id, held.title::text, held.status, held.assignee, held.priority, held.planned_start
        from wo_private.ready_work_orders($1) as ready
        -- One by one, by their key: the planner knows not how few they are, and would read the whole table.
        cross join lateral (
            select found.* from wo.work_order as found
            where found.tenant_id = (select wo.current_tenant()) and found.id = ready.id
            limit 1
        ) as held
        order by held.planned_start nulls last, held.id
    $$;
comment on function wo.ready_work_orders(text) is 'Lists the children of a master (at any depth) that have not started and wait for nothing any more, neither themselves nor through a master of theirs.';

create or replace function wo.critical_path(master text)
    returns table (
        wo_number text, id uuid, title text, status text, earliest_start timestamptz, earliest_finish timestamptz,
        latest_start timestamptz, latest_finish timestamptz, total_slack interval, free_slack interval, critical boolean
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select found.number, found.id, found.title, found.status, to_timestamp(found.earliest_start), to_timestamp(found.earliest_finish),
            to_timestamp(found.latest_start), to_timestamp(found.latest_finish), make_interval(secs => found.total_slack),
            make_interval(secs => found.free_slack), found.critical
        from wo_private.critical_path($1) as found
    $$;
comment on function wo.critical_path(text) is
    'Returns the schedule of a master''s children in order of their earliest start: earliest and latest start and finish, slack, and which are critical. Actual times replace estimates as they come in; an estimate of 0 hours is a milestone; without an estimate or planned times a work order counts as one hour. Children wait for whatever their masters wait for.';

create or replace function wo.progress(master text) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.progress($1) $$;
comment on function wo.progress(text) is
    'Returns how far a master is: percent complete weighted by estimate, counts, which children are blocked (since when and for what reason), what waits for a predecessor that was reopened, and when it is expected to be complete. Children that were cancelled or waived do not count.';

create or replace function wo.execution_pattern(master text) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.execution_pattern($1) $$;
comment on function wo.execution_pattern(text) is 'How agents should execute a master''s children: {pattern: prompt_chaining | parallelization | orchestrator_workers | single, reason}.';

create or replace function wo.dependency_diagram(master text, format text default 'mermaid') returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.dependency_diagram($1, $2) $$;
comment on function wo.dependency_diagram(text, text) is 'A master''s children, what they wait for, their states and the critical path, as mermaid, dot or svg.';

create or replace function wo.check_hierarchy()
    returns table (problem text, work_orders text[], what_to_do text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select found.problem, found.work_orders, found.what_to_do from wo_private.check_hierarchy() as found $$;
comment on function wo.check_hierarchy() is
    'Finds what the rules do not allow: cycles, children without their master, dependencies without their work orders, locked masters that wait for open children. Returns no row where everything is well.';
