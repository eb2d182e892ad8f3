-- Concept: dispatch. Which engine executes a task: the cheapest one that is for it, and never a
-- dearer one than the kind of task may cost, unless somebody with the right to it says otherwise.

-- == tables ==

create table wo.engine (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    engine text not null,
    cost_class text not null,
    capabilities wo.text_list not null default '{}',
    description wo.remark not null default '',
    disabled_at timestamptz,
    primary key (tenant_id, engine),
    constraint engine_is_plain check (engine ~ '^[a-z][a-z0-9_.-]{0,62}$'),
    constraint engine_cost_class_is_known check (cost_class in ('free', 'cheap', 'expensive'))
);
comment on table wo.engine is 'What executes tasks.';
comment on column wo.engine.tenant_id is 'The tenant.';
comment on column wo.engine.engine is 'Its name.';
comment on column wo.engine.cost_class is 'What it costs: free, cheap or expensive.';
comment on column wo.engine.capabilities is 'The task types that it is for, each in wo.task_type.';
comment on column wo.engine.description is 'What it is.';
comment on column wo.engine.disabled_at is 'Since when it is not chosen; NULL while it may be.';

create table wo.engine_override (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    engine text not null,
    reason text not null,
    overridden_by text not null,
    overridden_at timestamptz not null,
    primary key (tenant_id, work_order_id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, engine) references wo.engine (tenant_id, engine),
    foreign key (tenant_id, overridden_by) references wo.principal (tenant_id, id),
    constraint engine_override_has_a_reason check (length(btrim(reason)) between 1 and 2000)
);
comment on table wo.engine_override is 'Work orders whose engine somebody chose instead of the cost rules. Part of the work order: written into its trail, locked with it.';
comment on column wo.engine_override.tenant_id is 'The tenant.';
comment on column wo.engine_override.work_order_id is 'The work order.';
comment on column wo.engine_override.engine is 'The engine that is to execute it.';
comment on column wo.engine_override.reason is 'Why.';
comment on column wo.engine_override.overridden_by is 'The principal who chose the engine; the server sets it.';
comment on column wo.engine_override.overridden_at is 'When, by the server''s clock.';

-- == enforcement ==

create or replace function wo.choose_engine(work_order text) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.choose_engine($1) $$;
comment on function wo.choose_engine(text) is
    'Which engine executes the work order, and why: {wo_number, engine, cost_class, task_type, overridden, why}. The task type is that of the work order. Refuses with 23514 where it has none, or where no engine that it may cost is for it.';

create or replace function wo.override_engine(work_order text, engine text, reason text) returns jsonb
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        #variable_conflict use_column
        begin
            perform wo_private.refuse_rules('engine_override');
            insert into wo.engine_override (tenant_id, work_order_id, engine, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, $3)
            on conflict (tenant_id, work_order_id) do update set engine = excluded.engine, reason = excluded.reason;
            if not found then
                perform wo_private.refuse_suppressed('engine_override');
            end if;
            return wo_private.choose_engine($1);
        end
    $$;
comment on function wo.override_engine(text, text, text) is
    'Names the engine that executes the work order, with a reason, instead of the cost rules. Its lifecycle says who may call it (dispatch.override; in fleet_task the captains). Returns what wo.choose_engine then says.';

create or replace function wo.withdraw_engine_override(work_order text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            -- A scan that meets no row would not ask.
            owner uuid := wo_private.work_order_id_or_refuse($1);
            place tid;
            maker xid;
        begin
            loop
                select named.ctid, named.xmin into place, maker from wo.engine_override as named
                where named.tenant_id = wo.current_tenant() and named.work_order_id = owner;
                if not found then
                    return false;
                end if;
                delete from wo.engine_override as named
                where named.tenant_id = wo.current_tenant() and named.work_order_id = owner;
                if found then
                    return true;
                end if;
                -- The same version of the row: nobody else has changed it.
                if exists (
                    select from wo.engine_override as named
                    where named.ctid = place and named.xmin = maker
                        and named.tenant_id = wo.current_tenant() and named.work_order_id = owner
                ) then
                    perform wo_private.refuse_suppressed('engine_override');
                end if;
            end loop;
        end
    $$;
comment on function wo.withdraw_engine_override(text) is 'Leaves the choice to the cost rules again; false where nobody had made another.';
