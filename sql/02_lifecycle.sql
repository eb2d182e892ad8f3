-- Concept: lifecycles. A state machine is data: a published version never changes, and a work order
-- keeps the version it was born with. The table is that of every kind of definitions (02_definition).

-- == tables ==

-- wo.current_tenant() is made after the tables of the identity.
alter table wo.role alter column tenant_id set default wo.current_tenant();
alter table wo.principal alter column tenant_id set default wo.current_tenant();
alter table wo.principal_role alter column tenant_id set default wo.current_tenant();
alter table wo.trusted_issuer alter column tenant_id set default wo.current_tenant();

create table wo.guard_function (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    name text not null,
    function_name wo.short_text not null,
    description wo.remark not null default '',
    primary key (tenant_id, name),
    constraint guard_function_name_is_plain check (name ~ '^[a-z][a-z0-9_]{0,62}$')
);
comment on table wo.guard_function is 'Functions that lifecycles may call as guards, by the name sql:<name>.';
comment on column wo.guard_function.tenant_id is 'The tenant.';
comment on column wo.guard_function.name is 'The name that a definition uses after sql:.';
comment on column wo.guard_function.function_name is 'The function, as schema.name; it takes the uuids of tenant and work order, returns boolean, and runs as wo_guard.';
comment on column wo.guard_function.description is 'What it checks, in words for the person whom it stops.';

create table wo.state_limit (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    lifecycle wo.short_text not null,
    state wo.short_text not null,
    maximum_hours numeric,
    primary key (tenant_id, lifecycle, state),
    constraint state_limit_is_positive check (maximum_hours > 0 and maximum_hours < 1000000)
);
comment on table wo.state_limit is 'How long work orders of the tenant may stay in a state, in place of what the lifecycle says (maximum_hours). It holds for those that come into the state from then on; those that are in it keep the deadline and the rule that they came under.';
comment on column wo.state_limit.tenant_id is 'The tenant.';
comment on column wo.state_limit.lifecycle is 'The lifecycle, in any of its versions.';
comment on column wo.state_limit.state is 'The state; not a terminal one.';
comment on column wo.state_limit.maximum_hours is 'The hours that a work order may stay in the state until an event notifies; NULL where it may stay for ever.';

-- == enforcement ==

create or replace function wo.validate_lifecycle(definition jsonb) returns table (pointer text, problem text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select found.pointer, found.problem from wo_private.validate_definition('lifecycle', $1::text) as found $$;
comment on function wo.validate_lifecycle(jsonb) is 'Lists every problem of a lifecycle document, each with its JSON pointer; no row where it could be published. Where nobody is acting, the names of roles and guards are not looked up.';

create or replace function wo.publish_lifecycle(definition jsonb) returns integer
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.publish_definition('lifecycle', $1::text, true, null, null) $$;
comment on function wo.publish_lifecycle(jsonb) is
    'Stores the document as the next version of its name and returns that version. Refuses with 22023 and all problems at once. Whether new work uses it at once is the policy of the tenant (wo.definition_policy). For members of wo_admin and those with the role that the policy names.';

create or replace function wo.register_guard(name text, function regprocedure, description text default null) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    -- The name is stored, and compared with names that are quoted only where they must be.
    set quote_all_identifiers = off
    as $$
        #variable_conflict use_column
        begin
            perform wo_private.refuse_rules('guard_function');
            insert into wo.guard_function as known (tenant_id, name, function_name, description)
            select wo.current_tenant(), $1, format('%I.%I', home.nspname, routine.proname), coalesce($3, '')
            from pg_catalog.pg_proc as routine
            join pg_catalog.pg_namespace as home on home.oid = routine.pronamespace
            where routine.oid = $2
            on conflict (tenant_id, name) do update
            set function_name = excluded.function_name, description = coalesce($3, known.description);
            if not found then
                perform wo_private.refuse_suppressed('guard_function');
            end if;
        end
    $$;
comment on function wo.register_guard(text, regprocedure, text) is
    'Lets lifecycles use a function (uuid tenant, uuid work order) returns boolean as the guard sql:<name>. wo_guard needs USAGE on its schema and EXECUTE on it. For members of wo_admin.';

create or replace function wo.lock_for_guard(name text) returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.lock_for_guard($1) $$;
comment on function wo.lock_for_guard(text) is
    'Waits until no other transaction of the tenant holds the lock of that name, and holds it until the transaction ends. For guard functions that count other rows: call it first, in a VOLATILE function. Refused at REPEATABLE READ, where the rows of the transaction that was waited for are not seen.';

create or replace function wo.lifecycle_diagram(name text, version integer default null, format text default 'mermaid') returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.lifecycle_diagram($1, (
            select published.definition::text
            from wo.lifecycle as published
            where published.tenant_id = wo.current_tenant() and published.name = $1
                and ($2 is null or published.version = $2)
            order by published.version desc
            limit 1
        ), $3)
    $$;
comment on function wo.lifecycle_diagram(text, integer, text) is
    'Draws a version of a lifecycle (the newest by default): its states with their icons, and each edge with who may take it and the fields, guards and signatures that it needs. The formats are mermaid, dot and svg. Refuses a lifecycle that the tenant does not have with 22023.';

create or replace function wo.allowed_transitions(work_order text)
    returns table (
        action text, to_status text, allowed boolean, permitted boolean, reason_required boolean,
        missing_fields text[], guards jsonb, approvals jsonb, who text[], why text
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select edge.action, edge.to_status, edge.allowed, edge.permitted, edge.reason_required,
            edge.missing_fields, edge.guards, edge.approvals, edge.who, edge.why
        from wo_private.allowed_transitions($1) as edge
    $$;
comment on function wo.allowed_transitions(text) is
    'Every edge from the work order''s state: whether the caller may take it now, and if not, what is missing.';

create or replace function wo.migrate_lifecycle(work_order text, to_version integer, reason text, state_map jsonb default '{}') returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.migrate_lifecycle($1, $2, $3, coalesce($4, '{}')::text) $$;
comment on function wo.migrate_lifecycle(text, integer, text, jsonb) is
    'Moves a work order to another version of its lifecycle: its state keeps its name or is mapped ({"old": "new"}). Refused for locked records. For members of wo_admin.';

create or replace function wo.set_state_limit(lifecycle text, state text, maximum_hours numeric) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        #variable_conflict use_column
        begin
            perform wo_private.refuse_rules('state_limit');
            insert into wo.state_limit (tenant_id, lifecycle, state, maximum_hours)
            values (wo.current_tenant(), $1, $2, $3)
            on conflict (tenant_id, lifecycle, state) do update set maximum_hours = excluded.maximum_hours;
            if not found then
                perform wo_private.refuse_suppressed('state_limit');
            end if;
        end
    $$;
comment on function wo.set_state_limit(text, text, numeric) is
    'Sets how many hours work orders of the tenant may stay in a state, in place of what the lifecycle says; NULL lets them stay for ever. It holds for those that come into the state from then on, in every version of the lifecycle; those that are in the state keep the deadline and the rule that they came under. The state is one of the newest version or of one that an open work order is in. DELETE FROM wo.state_limit gives the state back to the lifecycle. For members of wo_admin.';

create or replace function wo.lifecycle_states(name text, version integer default null)
    returns table (
        place bigint, state text, description text, icon text, color text, initial boolean, terminal boolean, blocked boolean,
        settles_master boolean, satisfies_dependents boolean, maximum_hours numeric
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select known.place, known.state ->> 'name', known.state ->> 'description', known.state ->> 'icon', known.state ->> 'color',
            coalesce((known.state ->> 'initial')::boolean, false), coalesce((known.state ->> 'terminal')::boolean, false),
            coalesce((known.state ->> 'blocked')::boolean, false),
            coalesce((known.state ->> 'settles_master')::boolean, false),
            coalesce((known.state ->> 'satisfies_dependents')::boolean, false),
            case when limited.state is null then (known.state ->> 'maximum_hours')::numeric else limited.maximum_hours end
        from (
            select published.* from wo.lifecycle as published
            where published.tenant_id = wo.current_tenant() and published.name = $1
                and ($2 is null or published.version = $2)
            order by published.version desc
            limit 1
        ) as newest
        cross join lateral jsonb_array_elements(newest.definition -> 'states') with ordinality as known (state, place)
        left join wo.state_limit as limited on limited.tenant_id = newest.tenant_id and limited.lifecycle = newest.name
            and limited.state = known.state ->> 'name'
        order by known.place
    $$;
comment on function wo.lifecycle_states(text, integer) is
    'Lists the states of a version of a lifecycle (the newest by default) in their order, for user interfaces: description, icon, color, what kind of state it is, and how many hours a work order may stay there, as the tenant has set it (wo.state_limit) or the lifecycle says.';
