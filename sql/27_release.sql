-- Concept: release by change control. A work order names the versions of definitions that its end releases; what it names
-- is part of what its signatures cover.

-- == tables ==

create table wo.release_item (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    id uuid not null default gen_random_uuid(),
    kind text not null,
    name wo.short_text not null,
    version integer not null,
    sha256 wo.sha256 not null,
    added_by text not null,
    added_at timestamptz not null,
    primary key (tenant_id, work_order_id, id),
    unique (tenant_id, work_order_id, kind, name, version),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    constraint release_item_version_is_positive check (version > 0)
);
comment on table wo.release_item is 'The versions of definitions that a work order releases when it is closed with its signatures. Child of the work order; signatures of the plan cover it.';
comment on column wo.release_item.tenant_id is 'The tenant.';
comment on column wo.release_item.work_order_id is 'The work order.';
comment on column wo.release_item.id is 'Distinguishes the items of a work order.';
comment on column wo.release_item.kind is 'The kind of definition: lifecycle, job_plan, …';
comment on column wo.release_item.name is 'The name of the definition.';
comment on column wo.release_item.version is 'The version.';
comment on column wo.release_item.sha256 is 'SHA-256 of the JCS bytes of the version''s document, as wo.definition has it; wo.add_release_item fills it.';
comment on column wo.release_item.added_by is 'Who added the item.';
comment on column wo.release_item.added_at is 'When the item was added, by the server''s clock.';

-- == enforcement ==

create or replace function wo.add_release_item(work_order text, kind text, name text, version integer) returns uuid
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.add_release_item($1, $2, $3, $4) $$;
comment on function wo.add_release_item(text, text, text, integer) is
    'Adds a version of a definition to what a work order releases, and returns the item. The version waits for its release. Signatures that the work order has by then are amended.';

create or replace function wo.remove_release_item(work_order text, kind text, name text, version integer) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with removed as (
            delete from wo.release_item as item
            where item.tenant_id = wo.current_tenant() and item.work_order_id = wo_private.work_order_id_or_refuse($1)
                and item.kind = $2 and item.name = $3 and item.version = $4
            returning item.id
        )
        select exists (select from removed)
    $$;
comment on function wo.remove_release_item(text, text, text, integer) is
    'Removes a version of a definition from what a work order releases. Returns false where the work order does not name it.';

create or replace function wo.release_items(work_order text)
    returns table (kind text, name text, version integer, sha256 bytea, released_at timestamptz, added_by text, added_at timestamptz)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select item.kind, item.name::text, item.version, item.sha256::bytea, known.released_at, item.added_by, item.added_at
        from wo.release_item as item
        left join wo.definition as known on known.tenant_id = item.tenant_id and known.kind = item.kind
            and known.name = item.name and known.version = item.version
        where item.tenant_id = wo.current_tenant() and item.work_order_id = wo_private.work_order_id_or_refuse($1)
        order by item.kind, item.name, item.version
    $$;
comment on function wo.release_items(text) is
    'Lists the versions of definitions that a work order releases, and since when each is released.';
