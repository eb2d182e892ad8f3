-- Concept: deliverables. What the work hands over stays outside; each version is a row that binds the SHA-256 of its
-- bytes, and each review is a row that names the version.

-- == tables ==

create table wo.deliverable (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    id uuid not null default gen_random_uuid(),
    ordinal wo.ordinal not null,
    name wo.short_text not null,
    kind text not null,
    required boolean not null,
    uri wo.document not null,
    sha256 wo.sha256 not null,
    size bigint,
    media_type wo.short_text,
    supersedes uuid,
    reason wo.remark,
    received_from text not null,
    received_at timestamptz not null,
    primary key (tenant_id, work_order_id, id),
    unique (tenant_id, work_order_id, ordinal),
    unique (tenant_id, work_order_id, supersedes),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, work_order_id, supersedes) references wo.deliverable (tenant_id, work_order_id, id),
    foreign key (tenant_id, received_from) references wo.principal (tenant_id, id),
    constraint deliverable_has_a_name check (length(btrim(name)) > 0),
    constraint deliverable_kind_is_known check (kind in
        ('iq', 'oq', 'pq', 'certificate', 'report', 'photo', 'document', 'golden_image', 'evidence', 'other')),
    constraint deliverable_uri_has_a_scheme check (uri ~ '^[A-Za-z][A-Za-z0-9+.-]*:.'),
    constraint deliverable_size_is_no_negative_number check (size >= 0),
    constraint deliverable_media_type_is_one check (media_type ~ '^[!-.0-~]+/[!-~]+( *;.*)?$')
);
comment on table wo.deliverable is 'What work orders handed over: one row for each version that was received, which never changes. Part of the work order: written into its trail, locked with it.';
comment on column wo.deliverable.tenant_id is 'The tenant.';
comment on column wo.deliverable.work_order_id is 'The work order.';
comment on column wo.deliverable.id is 'The version.';
comment on column wo.deliverable.ordinal is 'Its place in the order of the work order''s rows; set by the server.';
comment on column wo.deliverable.name is 'The name of the deliverable: one that the job plan names, or another one.';
comment on column wo.deliverable.kind is 'iq, oq, pq, certificate, report, photo, document, golden_image, evidence or other; each version of a deliverable has the same.';
comment on column wo.deliverable.required is 'Whether the work is not done without it. As the job plan says; of another deliverable as those say who may change what the work order is made of, and false without a word; the assignee does not take it back.';
comment on column wo.deliverable.uri is 'Where the bytes are.';
comment on column wo.deliverable.sha256 is 'The SHA-256 of the bytes.';
comment on column wo.deliverable.size is 'How many bytes they are.';
comment on column wo.deliverable.media_type is 'What they are: application/pdf, image/png, …';
comment on column wo.deliverable.supersedes is 'The version before; set by the server.';
comment on column wo.deliverable.reason is 'Why there is another version: required where one was accepted before.';
comment on column wo.deliverable.received_from is 'Who delivered it, by their own identity; set by the server.';
comment on column wo.deliverable.received_at is 'When, by the server''s clock.';

create table wo.deliverable_review (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    id uuid not null default gen_random_uuid(),
    ordinal wo.ordinal not null,
    deliverable_id uuid not null,
    verdict text not null,
    reason wo.remark not null,
    reviewed_by text not null,
    reviewed_at timestamptz not null,
    primary key (tenant_id, work_order_id, id),
    unique (tenant_id, work_order_id, ordinal),
    foreign key (tenant_id, work_order_id, deliverable_id) references wo.deliverable (tenant_id, work_order_id, id),
    foreign key (tenant_id, reviewed_by) references wo.principal (tenant_id, id),
    constraint deliverable_review_verdict_is_known check (verdict in ('accepted', 'rejected'))
);
create index deliverable_review_deliverable on wo.deliverable_review (tenant_id, work_order_id, deliverable_id);
comment on table wo.deliverable_review is 'The reviews of deliverables: the newest review of a version counts, and a row never changes. Part of the work order: written into its trail, locked with it.';
comment on column wo.deliverable_review.tenant_id is 'The tenant.';
comment on column wo.deliverable_review.work_order_id is 'The work order.';
comment on column wo.deliverable_review.id is 'The review.';
comment on column wo.deliverable_review.ordinal is 'Its place in the order of the work order''s reviews; set by the server.';
comment on column wo.deliverable_review.deliverable_id is 'The version that it is about.';
comment on column wo.deliverable_review.verdict is 'accepted or rejected.';
comment on column wo.deliverable_review.reason is 'Why.';
comment on column wo.deliverable_review.reviewed_by is 'Who reviewed it, by their own identity; set by the server.';
comment on column wo.deliverable_review.reviewed_at is 'When, by the server''s clock.';

-- == enforcement ==

create or replace function wo.deliverables(work_order text)
    returns table (name text, kind text, required boolean, planned boolean, state text, versions integer, deliverable uuid,
        uri text, sha256 text, size bigint, media_type text, supersedes uuid, reason text, received_from text,
        received_at timestamptz, verdict text, review_reason text, reviewed_by text, reviewed_at timestamptz)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select one.name, one.kind, one.required, one.planned, one.state, one.versions, one.deliverable, one.uri, one.sha256,
            one.size, one.media_type, one.supersedes, one.reason, one.received_from, one.received_at, one.verdict,
            one.review_reason, one.reviewed_by, one.reviewed_at
        from rows from (jsonb_to_recordset(wo_private.deliverables($1)) as (name text, kind text, required boolean,
            planned boolean, state text, versions integer, deliverable uuid, uri text, sha256 text, size bigint,
            media_type text, supersedes uuid, reason text, received_from text, received_at timestamptz, verdict text,
            review_reason text, reviewed_by text, reviewed_at timestamptz)) with ordinality
            as one (name, kind, required, planned, state, versions, deliverable, uri, sha256, size, media_type, supersedes,
                reason, received_from, received_at, verdict, review_reason, reviewed_by, reviewed_at, place)
        order by one.place
    $$;
comment on function wo.deliverables(text) is
    'The deliverables of a work order, those that its job plan names first: whether each is required, its state (missing, received, accepted, rejected; amended where a version after an accepted one waits for its review), how many versions there are, and the newest version with its newest review.';

create or replace function wo.add_deliverable(work_order text, name text, kind text, uri text, sha256 bytea, size bigint default null, media_type text default null, required boolean default null, reason text default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.deliverable as received
                (tenant_id, work_order_id, name, kind, uri, sha256, size, media_type, required, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, $3, $4, $5, $6, $7, $8, $9)
            returning jsonb_build_object('id', received.id, 'name', received.name, 'ordinal', received.ordinal,
                'required', received.required, 'supersedes', received.supersedes) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('deliverable'))
    $$;
comment on function wo.add_deliverable(text, text, text, text, bytea, bigint, text, boolean, text) is
    'Records that a version of a deliverable was received: where its bytes are, and their SHA-256. For the assignee, and for those who may change what the work order is made of; they alone say that a deliverable which the job plan does not name is required. A later version takes the place of the one before, and needs a reason where one was accepted. Returns {id, name, ordinal, required, supersedes}.';

create or replace function wo.review_deliverable(work_order text, deliverable uuid, verdict text, reason text) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.deliverable_review as review (tenant_id, work_order_id, deliverable_id, verdict, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, $3, $4)
            returning jsonb_build_object('id', review.id, 'deliverable', review.deliverable_id, 'verdict', review.verdict,
                'ordinal', review.ordinal) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('deliverable_review'))
    $$;
comment on function wo.review_deliverable(text, uuid, text, text) is
    'Accepts or rejects a version of a deliverable, with a reason: a person who delivered none of its versions. Of regulatory work this is somebody of QA who does not do the work; of other work somebody of QA, the assignee, or those who may change what the work order is made of. Refuses a version that another one took the place of. Returns {id, deliverable, verdict, ordinal}.';
