-- Concept: the register of documents. A document is registered by administrators; its versions come by work orders, and
-- each holds from its day until the day of the next one, so that no two of them hold at once.

-- == tables ==

create table wo.registered_document (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    document wo.short_text not null,
    title wo.title not null,
    kind wo.short_text not null,
    controlled boolean not null default true,
    primary key (tenant_id, document),
    constraint registered_document_has_a_name check (length(btrim(document)) > 0)
);
comment on table wo.registered_document is 'The documents of a tenant whose versions change by work orders: procedures, manuals, specifications.';
comment on column wo.registered_document.tenant_id is 'The tenant.';
comment on column wo.registered_document.document is 'Its identifier: SOP-12.';
comment on column wo.registered_document.title is 'Its title.';
comment on column wo.registered_document.kind is 'What it is: procedure, manual, specification, …';
comment on column wo.registered_document.controlled is 'Whether regulatory work orders alone change it.';

create table wo.document_version (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    id uuid not null default gen_random_uuid(),
    document wo.short_text not null,
    version integer not null,
    change text not null default 'new_version',
    uri wo.document,
    sha256 wo.sha256,
    effective date not null,
    reason wo.remark not null,
    added_by text not null,
    added_at timestamptz not null,
    primary key (tenant_id, work_order_id, id),
    unique (tenant_id, document, version),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, document) references wo.registered_document (tenant_id, document),
    foreign key (tenant_id, added_by) references wo.principal (tenant_id, id),
    constraint document_version_is_positive check (version > 0),
    constraint document_version_change_is_known check (change in ('new_version', 'archive')),
    constraint document_version_has_its_bytes check (
        (change = 'new_version') = (uri is not null) and (change = 'new_version') = (sha256 is not null)),
    constraint document_version_uri_has_a_scheme check (uri ~ '^[A-Za-z][A-Za-z0-9+.-]*:.')
);
comment on table wo.document_version is 'What became of the registered documents: a row for each version and for each end, which never changes. Part of the work order that made it: written into its trail, locked with it.';
comment on column wo.document_version.tenant_id is 'The tenant.';
comment on column wo.document_version.work_order_id is 'The work order by which it came.';
comment on column wo.document_version.id is 'The row.';
comment on column wo.document_version.document is 'The document.';
comment on column wo.document_version.version is 'One more for each row of the document; set by the server.';
comment on column wo.document_version.change is 'new_version, or archive: the document holds no more.';
comment on column wo.document_version.uri is 'Where the bytes of the version are.';
comment on column wo.document_version.sha256 is 'Their SHA-256.';
comment on column wo.document_version.effective is 'The day from which it holds, later than that of the row before; that one ends on it.';
comment on column wo.document_version.reason is 'Why.';
comment on column wo.document_version.added_by is 'Who added it; set by the server.';
comment on column wo.document_version.added_at is 'When, by the server''s clock.';

-- == enforcement ==

create or replace function wo.register_document(document text, title text, kind text, controlled boolean default true) returns text
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.registered_document as registered (tenant_id, document, title, kind, controlled)
            values (wo.current_tenant(), $1, $2, $3, coalesce($4, true))
            returning registered.document::text as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('registered_document') #>> '{}')
    $$;
comment on function wo.register_document(text, text, text, boolean) is
    'Registers a document, and returns its identifier. For administrators. A controlled document is changed by regulatory work orders alone.';

create or replace function wo.add_document_version(work_order text, document text, uri text, sha256 bytea, reason text, effective date default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.document_version as added (tenant_id, work_order_id, document, uri, sha256, reason, effective)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, $3, $4, $5,
                coalesce($6, (now() at time zone 'UTC')::date))
            returning jsonb_build_object('id', added.id, 'document', added.document, 'version', added.version,
                'effective', added.effective) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('document_version'))
    $$;
comment on function wo.add_document_version(text, text, text, bytea, text, date) is
    'Adds a version of a registered document by a work order: where its bytes are, their SHA-256, the day from which it holds (today in UTC where none is given) and a reason. The version before ends on that day, which is later than its own. For the assignee, and for those who may change what the work order is made of; of a controlled document by a regulatory work order. Returns {id, document, version, effective}.';

create or replace function wo.archive_document(work_order text, document text, reason text, effective date default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.document_version as added (tenant_id, work_order_id, document, change, reason, effective)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, 'archive', $3,
                coalesce($4, (now() at time zone 'UTC')::date))
            returning jsonb_build_object('id', added.id, 'document', added.document, 'version', added.version,
                'effective', added.effective) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('document_version'))
    $$;
comment on function wo.archive_document(text, text, text, date) is
    'Archives a registered document by a work order: from that day (today in UTC where none is given) no version of it holds, until another one is added. For those who may add versions. Returns {id, document, version, effective}.';

create or replace function wo.document_versions(document text)
    returns table (version integer, uri text, sha256 bytea, effective date, archived date, wo_number text, reason text,
        added_by text, added_at timestamptz)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select known.version, known.uri, known.sha256, known.effective, known.archived, held.wo_number::text, known.reason,
            known.added_by, known.added_at
        from (
            select one.version, one.uri::text, one.sha256::bytea, one.effective, one.change, one.work_order_id,
                one.reason::text, one.added_by, one.added_at,
                lead(one.effective) over (order by one.version) as archived
            from wo.document_version as one
            where one.tenant_id = wo.current_tenant() and one.document = $1
        ) as known
        join wo.work_order as held on held.tenant_id = wo.current_tenant() and held.id = known.work_order_id
        where known.change = 'new_version'
        order by known.version
    $$;
comment on function wo.document_versions(text) is
    'Lists the versions of a registered document, the oldest first: each holds from the day effective until the day archived, which is that of the next version or of the end of the document, and NULL for the one that holds without an end.';
