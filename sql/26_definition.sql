-- Concept: controlled definitions. Lifecycles, job plans and the other kinds are documents that are published as numbered
-- versions, released and retired by one set of functions. Their tables are generated from the registry
-- (wo_rules::definition), one for each kind, so that foreign keys refer to a kind.

-- == tables ==

create table wo.definition_policy (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    kind text not null,
    release text not null default 'work_order',
    author_role text,
    release_role text,
    primary key (tenant_id, kind),
    foreign key (tenant_id, author_role) references wo.role (tenant_id, role),
    foreign key (tenant_id, release_role) references wo.role (tenant_id, role),
    constraint definition_policy_kind_is_plain check (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint definition_policy_release_is_known check (release in ('publication', 'role', 'work_order'))
);
comment on table wo.definition_policy is 'What releases the versions of a kind of definitions, and who writes them. A kind without a row is released by a regulatory work order, and published by administrators alone.';
comment on column wo.definition_policy.tenant_id is 'The tenant.';
comment on column wo.definition_policy.kind is 'The kind: lifecycle, job_plan, …; see wo.definition.';
comment on column wo.definition_policy.release is 'What releases a version: its publication; a role (a holder of release_role who did not publish it); or work_order, the end of a regulatory work order that names it.';
comment on column wo.definition_policy.author_role is 'The role whose holders publish and retire versions beside administrators; NULL where administrators alone do.';
comment on column wo.definition_policy.release_role is 'The role whose holders release versions, where release is role.';

-- == enforcement ==

create or replace function wo.validate_definition(kind text, document jsonb) returns table (pointer text, problem text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select found.pointer, found.problem from wo_private.validate_definition($1, $2::text) as found $$;
comment on function wo.validate_definition(text, jsonb) is
    'Lists every problem of a document of a kind (lifecycle, job_plan, …), each with its JSON pointer; no row where it could be published. Where nobody is acting, what the tenant has is not looked up.';

create or replace function wo.publish_definition(
    kind text, document jsonb, major boolean default null, effective_from date default null, effective_until date default null
) returns integer
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.publish_definition($1, $2::text, $3, $4, $5) $$;
comment on function wo.publish_definition(text, jsonb, boolean, date, date) is
    'Stores a document as the next version of its name and returns that version. It is a major version unless major is false. New work uses it when it is released (wo.definition_policy says by what) and its days have come. Refuses with 22023 and all problems at once. For administrators and those with the author_role of the policy.';

create or replace function wo.release_definition(kind text, name text, version integer, work_order text default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    set datestyle = 'ISO, YMD'
    set timezone = 'UTC'
    as $$ select wo_private.release_definition($1, $2, $3, $4) $$;
comment on function wo.release_definition(text, text, integer, text) is
    'Releases a version, so that new work uses it, and returns what is recorded of it. With a work order: one that is regulatory, names the version as a release item and was closed with its signatures (its end releases the version by itself; call this where that was not possible then). Without one: as the policy of the kind allows, and never for a version of one''s own.';

create or replace function wo.retire_definition(kind text, name text, version integer, reason text) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    set datestyle = 'ISO, YMD'
    set timezone = 'UTC'
    as $$ select wo_private.retire_definition($1, $2, $3, $4) $$;
comment on function wo.retire_definition(text, text, integer, text) is
    'Retires a version: new work does not use it any more, and work that has it keeps it. Returns what is recorded of it. For administrators and those with the author_role of the policy.';

create or replace function wo.definition_diff(kind text, name text, from_version integer, to_version integer)
    returns table (pointer text, change text, before jsonb, after jsonb)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select found.pointer, found.change, found.before, found.after from wo_private.definition_diff($1, $2, $3, $4) as found $$;
comment on function wo.definition_diff(text, text, integer, integer) is
    'Lists the places where two versions of a definition differ: added, removed, changed or moved, each with its JSON pointer. Elements of a list that have names (key, name, action, id) are compared by them: /steps/[torque]/limits.';

create or replace function wo.newest_definition(kind text, name text) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.newest_definition($1, $2) $$;
comment on function wo.newest_definition(text, text) is
    'Returns the newest version of a definition that new work may use today: {kind, name, version, sha256, major, document}. Refuses with 55000 definition_not_released where there is none, and with 22023 definition_unknown where there is no such name.';

create or replace function wo.set_definition_policy(
    kind text, release text, author_role text default null, release_role text default null
) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        #variable_conflict use_column
        begin
            perform wo_private.refuse_rules('definition_policy');
            insert into wo.definition_policy as known (tenant_id, kind, release, author_role, release_role)
            values (wo.current_tenant(), $1, $2, $3, $4)
            on conflict (tenant_id, kind) do update
            set release = excluded.release, author_role = coalesce($3, known.author_role),
                release_role = coalesce($4, known.release_role);
            if not found then
                perform wo_private.refuse_suppressed('definition_policy');
            end if;
        end
    $$;
comment on function wo.set_definition_policy(text, text, text, text) is
    'Sets what releases the versions of a kind of definitions (publication, role or work_order), the role whose holders publish them beside administrators, and the role whose holders release them. NULL leaves a role as it is. For members of wo_admin.';
